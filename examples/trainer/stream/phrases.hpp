// Small tools for generated text: pick one of a list, fill the gaps of a sentence, compose instructions from parts.
//
// Everything draws from one philox, in a fixed order (never inside an argument list, whose order compilers choose).
#pragma once

#include <holdfast/core/random.hpp>
#include <holdfast/scoring/scorer.hpp>

#include <cctype>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace trainer {

using words = std::vector<std::string>;

/// A drawn question: everything of an example but its instruction.
struct drawn {
    std::string body;  ///< prompt after the instruction line
    std::string answer;
    std::string source;  ///< what SARI compares with; else empty
};

/// A generated task: its instructions, how a question is drawn, how an answer is scored.
struct generated_task {
    std::string name;
    words instructions;
    drawn (*draw)(holdfast::philox&);
    holdfast::scoring::any_scorer scorer;
};

inline std::string pick(const words& list, holdfast::philox& g) {
    return list[holdfast::uniform_index(g, list.size())];
}

/// Puts values into the gaps {0}, {1} ... of a pattern.
inline std::string fill(std::string_view pattern, const words& values) {
    std::string out;
    for (std::size_t i = 0; i < pattern.size(); ++i)
        if (pattern[i] == '{' && i + 2 < pattern.size() && pattern[i + 2] == '}') {
            out += values[static_cast<std::size_t>(pattern[i + 1] - '0')];
            i += 2;
        } else {
            out += pattern[i];
        }
    return out;
}

inline std::string capitalised(std::string text) {
    if (!text.empty()) text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
    return text;
}

/// Every combination of one part from each list, in order, joined by spaces; empty parts leave no gap.
inline words compose(const std::vector<words>& parts) {
    words out = {""};
    for (const words& list : parts) {
        words longer;
        for (const std::string& head : out)
            for (const std::string& tail : list)
                longer.push_back(head.empty() || tail.empty() ? head + tail : head + " " + tail);
        out = longer;
    }
    return out;
}

/// first .. first + count - 1 as text.
inline std::string drawn_number(int first, int count, holdfast::philox& g) {
    return std::to_string(first + static_cast<int>(holdfast::uniform_index(g, static_cast<std::size_t>(count))));
}

}  // namespace trainer
