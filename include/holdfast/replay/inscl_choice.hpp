#pragma once
// InsCL inside one task: which examples a quota takes, by the information of their instructions. As the paper writes it
// and as the released code does it. Builds on allocation.hpp and item_bits.hpp; the quotas are inscl.hpp's.

#include <holdfast/core/random.hpp>
#include <holdfast/replay/allocation.hpp>
#include <holdfast/replay/item_bits.hpp>
#include <holdfast/replay/memory.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

namespace holdfast::replay {

namespace detail {

/// Which examples of one task, and the clause of each (an instruction, or k + 1 of them: drawn to fill up).
struct choice {
    std::vector<std::uint32_t> examples = {}, clause = {};
};

/// Examples in a random order that depends on (generator, round, example) alone.
inline void shuffle_keyed(std::vector<std::uint32_t>& examples, const item_bits& bits, std::uint64_t round) {
    const auto key = [&](std::uint32_t e) { return std::pair(bits.word(round << 32 | e), e); };
    std::sort(examples.begin(), examples.end(), [&](std::uint32_t a, std::uint32_t b) { return key(a) < key(b); });
}

/// As published: shares by InsInfo (all 0: equal shares), whole by largest remainder, none above what an instruction
/// has; what the informative instructions cannot hold goes to the others in equal shares.
inline choice choose_as_published(const task_memory& memory, std::size_t quota, std::span<const double> scores,
                                  const philox& g) {
    const item_bits bits(g);
    auto of_instruction = memory.examples_of_instruction();
    std::vector<std::size_t> capacity(of_instruction.size());
    for (std::size_t k = 0; k < capacity.size(); ++k) capacity[k] = of_instruction[k].size();
    allocation share = allocate(scores, quota, {.rule = hamilton{}, .capacity = capacity});
    if (share.unplaced > 0) {
        std::vector<double> silent(scores.size());
        std::transform(scores.begin(), scores.end(), silent.begin(), [](double s) { return s > 0 ? 0.0 : 1.0; });
        const allocation rest = allocate(silent, share.unplaced, {.rule = hamilton{}, .capacity = capacity});
        for (std::size_t k = 0; k < capacity.size() && !share.equal_shares; ++k)
            share.quotas[k] += scores[k] > 0 ? 0 : rest[k];
    }
    choice made;
    for (std::size_t k = 0; k < capacity.size(); ++k) {
        shuffle_keyed(of_instruction[k], bits, 0);
        for (std::size_t i = 0; i < share[k]; ++i) {
            made.examples.push_back(of_instruction[k][i]);
            made.clause.push_back(static_cast<std::uint32_t>(k));
        }
    }
    return made;
}

/// As released (sample_example of InsCL_sampling.py): with fewer places than instructions one example of each of the
/// top ones; else max(1, floor(share * quota)) of each, then random ones until the quota is full, or random ones out
/// while their instruction keeps one. Where the code stops with an error (an instruction has fewer examples than its
/// share) what is there is taken.
inline choice choose_as_released(const task_memory& memory, std::size_t quota, std::span<const double> scores,
                                 const philox& g) {
    const item_bits bits(g);
    const std::size_t k = memory.instructions.size();
    auto of_instruction = memory.examples_of_instruction();
    for (auto& examples : of_instruction) shuffle_keyed(examples, bits, 0);
    std::vector<std::uint32_t> ranked(k);
    std::iota(ranked.begin(), ranked.end(), 0u);
    std::stable_sort(ranked.begin(), ranked.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return scores[a] > scores[b]; });
    double sum = 0;  // in the order of the ranking, as the code adds
    for (const std::uint32_t i : ranked) sum += scores[i];
    choice made;
    const auto take = [&](std::uint32_t instruction, std::size_t n) {
        const auto& of = of_instruction[instruction];
        for (std::size_t i = 0; i < std::min(n, of.size()); ++i) {
            made.examples.push_back(of[i]);
            made.clause.push_back(instruction);
        }
    };
    if (quota < k) {
        for (std::size_t i = 0; i < quota; ++i) take(ranked[i], 1);
        return made;
    }
    std::vector<char> taken(memory.size(), 0), keeps_one(k, 0);
    for (const std::uint32_t i : ranked) {
        const double share = sum != 0 ? scores[i] / sum : 1.0 / static_cast<double>(k);
        const double asked = std::trunc(share * static_cast<double>(quota));
        keeps_one[i] = asked < 1;
        const auto room = static_cast<double>(of_instruction[i].size());
        take(i, asked < 1 ? 1 : static_cast<std::size_t>(std::min(asked, room)));
    }
    for (const std::uint32_t e : made.examples) taken[e] = 1;
    std::vector<std::uint32_t> order(memory.size());
    std::iota(order.begin(), order.end(), 0u);
    if (made.examples.size() < quota) {
        shuffle_keyed(order, bits, 1);
        for (const std::uint32_t e : order) {
            if (made.examples.size() == quota) break;
            if (taken[e]) continue;
            made.examples.push_back(e);
            made.clause.push_back(static_cast<std::uint32_t>(k));
        }
    }
    if (made.examples.size() > quota) {
        order = made.examples;
        shuffle_keyed(order, bits, 2);
        std::vector<std::size_t> held(k, 0);
        for (const std::uint32_t e : made.examples) ++held[memory.instruction[e]];
        std::size_t left = made.examples.size();
        for (const std::uint32_t e : order) {
            const std::uint32_t i = memory.instruction[e];
            if (left == quota) break;
            if (keeps_one[i]) continue;
            taken[e] = 0;
            --left;
            if (--held[i] == 1) keeps_one[i] = 1;
        }
        choice kept;
        for (std::size_t i = 0; i < made.examples.size(); ++i)
            if (taken[made.examples[i]]) {
                kept.examples.push_back(made.examples[i]);
                kept.clause.push_back(made.clause[i]);
            }
        return kept;
    }
    return made;
}

}  // namespace detail

}  // namespace holdfast::replay
