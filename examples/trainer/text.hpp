// Examples as tokens: how prompt and answer are laid out, and what is cut when they are long.
//
//     begin  prompt ...  answer-mark  answer ...  end
//
// The model learns to predict the answer and the end, never the prompt. A long prompt loses its beginning (as in
// TRACE), a long answer its end. Builds on the tokeniser.
#pragma once

#include "tokeniser.hpp"

#include <holdfast/experiment/concepts.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace trainer {

namespace experiment = holdfast::experiment;

/// How long a text may be, in tokens.
struct text_limits {
    std::size_t prompt = 448;
    std::size_t answer = 32;

    std::size_t sequence() const { return prompt + answer + 3; }  ///< with begin, answer-mark and end
};

/// One example in tokens.
struct encoded {
    std::vector<std::int32_t> tokens;
    std::size_t answer = 0;  ///< place of the first token that is to be learnt
};

/// begin, prompt, answer-mark: what generation starts from.
inline std::vector<std::int32_t> encode_prompt(const tokeniser& t, std::string_view prompt, const text_limits& limits) {
    const std::vector<std::int32_t> body = t.encode(prompt);
    std::vector<std::int32_t> out = {begin_token};
    const std::size_t cut = body.size() > limits.prompt ? body.size() - limits.prompt : 0;
    out.insert(out.end(), body.begin() + static_cast<std::ptrdiff_t>(cut), body.end());
    out.push_back(answer_token);
    return out;
}

/// The whole example; an answer that was cut has no end to learn.
inline encoded encode_example(const tokeniser& t, std::string_view prompt, std::string_view answer,
                              const text_limits& limits) {
    encoded e;
    e.tokens = encode_prompt(t, prompt, limits);
    e.answer = e.tokens.size();
    std::vector<std::int32_t> said = t.encode(answer);
    const bool whole = said.size() <= limits.answer;
    if (!whole) said.resize(limits.answer);
    e.tokens.insert(e.tokens.end(), said.begin(), said.end());
    if (whole) e.tokens.push_back(end_token);
    return e;
}

inline std::vector<encoded> encode_examples(const tokeniser& t, std::span<const experiment::example> examples,
                                            const text_limits& limits) {
    std::vector<encoded> out;
    out.reserve(examples.size());
    for (const experiment::example& e : examples) out.push_back(encode_example(t, e.prompt, e.answer, limits));
    return out;
}

}  // namespace trainer
