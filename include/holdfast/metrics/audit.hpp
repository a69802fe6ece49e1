#pragma once
// What a data set does to the scores that are measured on it: repeated examples, prompts with two answers, and test
// examples that were trained on. Builds on error.hpp; texts are compared byte by byte, without copies.
// TRACE's archive has all three: 5000 training rows of NumGLUE-cm hold 282 different ones.

#include <holdfast/core/error.hpp>

#include <algorithm>
#include <cstddef>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace holdfast::metrics {

/// What an audit of one split found.
struct split_audit {
    std::size_t rows = 0;
    std::size_t different = 0;    ///< different (prompt, answer) pairs
    std::size_t prompts = 0;      ///< different prompts
    std::size_t most_copies = 0;  ///< how often the commonest pair occurs
    std::size_t conflicts = 0;    ///< prompts that come with more than one answer
    std::size_t empty_answers = 0;
};

/// What a test split shares with the training split.
struct leak_audit {
    std::size_t rows = 0;         ///< test rows
    std::size_t seen = 0;         ///< test rows whose prompt occurs in training
    std::size_t same_answer = 0;  ///< of these, rows that training had with the same answer
};

/// "5000 rows, 282 different, most copies 20, 0 prompts with two answers, 0 empty answers"
inline std::ostream& operator<<(std::ostream& out, const split_audit& a) {
    return out << sentence(a.rows, " rows, ", a.different, " different, most copies ", a.most_copies, ", ", a.conflicts,
                           a.conflicts == 1 ? " prompt" : " prompts", " with two answers, ", a.empty_answers,
                           " empty answers");
}

/// "34 of 325 test rows seen in training, 34 with the same answer"
inline std::ostream& operator<<(std::ostream& out, const leak_audit& a) {
    return out << sentence(a.seen, " of ", a.rows, " test rows seen in training, ", a.same_answer,
                           " with the same answer");
}

namespace detail {

/// prompt -> (answer, copies) of each different answer
using answers_of = std::unordered_map<std::string_view, std::vector<std::pair<std::string_view, std::size_t>>>;

inline answers_of collect(const char* function, std::span<const std::string> prompts,
                          std::span<const std::string> answers) {
    require(prompts.size() == answers.size(), function, ": needs an answer for each prompt, got ", answers.size(),
            " for ", prompts.size());
    answers_of seen;
    seen.reserve(prompts.size());
    for (std::size_t i = 0; i < prompts.size(); ++i) {
        auto& list = seen[prompts[i]];
        const auto same = std::find_if(list.begin(), list.end(), [&](const auto& a) { return a.first == answers[i]; });
        if (same == list.end())
            list.emplace_back(answers[i], 1);
        else
            ++same->second;
    }
    return seen;
}

}  // namespace detail

/// Repeats and contradictions within one split.
/// @param prompts, answers  [n], one example each
/// @cost                    O(bytes)
[[nodiscard]] inline split_audit audit(std::span<const std::string> prompts, std::span<const std::string> answers) {
    const auto seen = detail::collect("metrics::audit", prompts, answers);
    split_audit a;
    a.rows = prompts.size(), a.prompts = seen.size();
    for (const auto& [prompt, list] : seen) {
        a.different += list.size();
        a.conflicts += list.size() > 1;
        for (const auto& [answer, copies] : list) {
            a.most_copies = std::max(a.most_copies, copies);
            if (answer.empty()) a.empty_answers += copies;
        }
    }
    return a;
}

/// Test examples that were trained on.
/// @param train_prompts, train_answers  [n]
/// @param test_prompts, test_answers    [m]
[[nodiscard]] inline leak_audit leakage(std::span<const std::string> train_prompts,
                                        std::span<const std::string> train_answers,
                                        std::span<const std::string> test_prompts,
                                        std::span<const std::string> test_answers) {
    constexpr auto function = "metrics::leakage";
    const auto seen = detail::collect(function, train_prompts, train_answers);
    require(test_prompts.size() == test_answers.size(), function, ": needs an answer for each prompt, got ",
            test_answers.size(), " for ", test_prompts.size());
    leak_audit a;
    a.rows = test_prompts.size();
    for (std::size_t i = 0; i < test_prompts.size(); ++i) {
        const auto at = seen.find(test_prompts[i]);
        if (at == seen.end()) continue;
        ++a.seen;
        a.same_answer += std::any_of(at->second.begin(), at->second.end(),
                                     [&](const auto& answer) { return answer.first == test_answers[i]; });
    }
    return a;
}

}  // namespace holdfast::metrics
