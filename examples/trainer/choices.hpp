// Multiple choice in the words of the experiment: how a question carries its options, and the scorer that says so.
//
// An example has no room for options of its own, so they travel in `source`, one after the other behind a separator
// that no text holds. The learner asks for likelihoods instead of a generated answer where it sees this scorer.
#pragma once

#include <holdfast/experiment/concepts.hpp>

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace trainer {

/// Scores the option that was found most likely: 1 if it is the answer.
struct choice_by_likelihood {
    static constexpr double best = 1;
    std::string_view name() const { return "choice_by_likelihood"; }
    double score(std::string_view prediction, std::span<const std::string> references) const {
        return std::find(references.begin(), references.end(), prediction) != references.end() ? 1 : 0;
    }
};

inline bool is_multiple_choice(const holdfast::experiment::task& t) {
    return t.scorer.name() == choice_by_likelihood{}.name();
}

inline constexpr char choice_separator = '\x1e';

inline std::string joined_choices(std::span<const std::string> choices) {
    std::string out;
    for (std::size_t i = 0; i < choices.size(); ++i) out += (i ? std::string(1, choice_separator) : "") + choices[i];
    return out;
}

inline std::vector<std::string> choices_of(const holdfast::experiment::example& e) {
    std::vector<std::string> out(1);
    for (const char c : e.source)
        if (c == choice_separator)
            out.emplace_back();
        else
            out.back() += c;
    return out;
}

}  // namespace trainer
