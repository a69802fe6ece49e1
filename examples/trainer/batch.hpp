// Several sequences behind each other, and how they are shared out.
//
// Sequences are packed without padding. How a batch is cut into parts depends on the batch alone, never on the number
// of threads: that is what makes a training run bit-identical on any machine with the same instructions.
#pragma once

#include "network.hpp"

#include <holdfast/core/error.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace trainer {

/// Sequences to learn from, or to score: the token at place i is to predict targets[i].
struct batch {
    std::vector<std::int32_t> tokens;       // [n]
    std::vector<std::int32_t> targets;      // [n], −1 = nothing to predict here
    std::vector<std::uint32_t> offsets{0};  // [s + 1]

    std::size_t sequences() const { return offsets.size() - 1; }
    packed all() const { return {tokens, targets, offsets}; }

    void clear() {
        tokens.clear();
        targets.clear();
        offsets.assign(1, 0);
    }

    /// One sequence more. Empty targets: none at any place.
    void add(std::span<const std::int32_t> sequence, std::span<const std::int32_t> aims = {}) {
        holdfast::require(aims.empty() || aims.size() == sequence.size(), "trainer::batch: ", sequence.size(),
                          " tokens have ", aims.size(), " targets");
        tokens.insert(tokens.end(), sequence.begin(), sequence.end());
        if (aims.empty())
            targets.resize(tokens.size(), -1);
        else
            targets.insert(targets.end(), aims.begin(), aims.end());
        offsets.push_back(static_cast<std::uint32_t>(tokens.size()));
    }

    /// One sequence for next-token prediction: place i predicts token i + 1, from place `answer` − 1 on, so that the
    /// tokens before `answer` are read and not learnt.
    void add_answer(std::span<const std::int32_t> sequence, std::size_t answer) {
        const std::size_t n = sequence.size();
        tokens.insert(tokens.end(), sequence.begin(), sequence.end());
        for (std::size_t i = 0; i < n; ++i) targets.push_back(i + 1 < n && i + 1 >= answer ? sequence[i + 1] : -1);
        offsets.push_back(static_cast<std::uint32_t>(tokens.size()));
    }
};

/// @throw invalid_argument if offsets do not fit, a sequence is empty or longer than the context, or a token is unknown
inline void check(const packed& b, const model_config& c) {
    using holdfast::require;
    require(!b.offsets.empty() && b.offsets.front() == 0 && b.offsets.back() == b.tokens.size(),
            "trainer::model: the offsets must run from 0 to the number of tokens, ", b.tokens.size());
    for (std::size_t s = 0; s + 1 < b.offsets.size(); ++s) {
        require(b.offsets[s] < b.offsets[s + 1], "trainer::model: sequence ", s, " is empty");
        require(b.offsets[s + 1] - b.offsets[s] <= c.context, "trainer::model: sequence ", s, " has ",
                b.offsets[s + 1] - b.offsets[s], " tokens, the context is ", c.context);
    }
    const auto known = [&](std::int32_t t) { return t >= 0 && static_cast<std::size_t>(t) < c.vocabulary; };
    for (const std::int32_t t : b.tokens)
        require(known(t), "trainer::model: token ", t, " is outside the vocabulary of ", c.vocabulary);
    require(b.targets.empty() || b.targets.size() == b.tokens.size(), "trainer::model: ", b.tokens.size(),
            " tokens have ", b.targets.size(), " targets");
    for (const std::int32_t t : b.targets)
        require(t == -1 || known(t), "trainer::model: target ", t, " is outside the vocabulary of ", c.vocabulary);
}

inline bool has_target(const packed& b) {
    return std::any_of(b.targets.begin(), b.targets.end(), [](std::int32_t t) { return t >= 0; });
}

/// Sequences [first, last) of a batch as a batch of their own, seen in place.
struct part {
    std::size_t first = 0, last = 0;
    std::vector<std::uint32_t> offsets;  // [last − first + 1], from 0

    std::size_t start = 0;  // token of the whole batch where this part begins

    packed of(const packed& whole) const {
        const std::size_t n = offsets.back();
        return {whole.tokens.subspan(start, n), whole.targets.empty() ? whole.targets : whole.targets.subspan(start, n),
                offsets};
    }
};

inline part make_part(std::span<const std::uint32_t> offsets, std::size_t first, std::size_t last) {
    part p{first, last, {}, offsets[first]};
    for (std::size_t s = first; s <= last; ++s) p.offsets.push_back(offsets[s] - offsets[first]);
    return p;
}

/// `count` parts of about equally many tokens; some are empty where there are fewer sequences.
inline std::vector<part> in_shards(std::span<const std::uint32_t> offsets, std::size_t count) {
    std::vector<part> parts;
    const std::size_t sequences = offsets.size() - 1, total = offsets.back();
    for (std::size_t k = 0, first = 0; k < count; ++k) {
        std::size_t last = first;
        // a sequence belongs to the shard in which its middle lies
        while (last < sequences &&
               (k + 1 == count || (std::size_t{offsets[last]} + offsets[last + 1]) * count < 2 * total * (k + 1)))
            ++last;
        parts.push_back(make_part(offsets, first, last));
        first = last;
    }
    return parts;
}

/// As many parts as needed, none of more than `tokens` tokens unless one sequence alone has more.
inline std::vector<part> in_pieces(std::span<const std::uint32_t> offsets, std::size_t tokens) {
    std::vector<part> parts;
    const std::size_t sequences = offsets.size() - 1;
    for (std::size_t first = 0; first < sequences;) {
        std::size_t last = first + 1;
        while (last < sequences && offsets[last + 1] - offsets[first] <= tokens) ++last;
        parts.push_back(make_part(offsets, first, last));
        first = last;
    }
    return parts;
}

}  // namespace trainer
