#pragma once
// The indel ratio of every text with every other: sixteen pairs at a time in the vector registers of the machine that
// runs it, each pair a lane of the bit-parallel row of lcs.hpp. Builds on text.hpp, core's matrix and parallel loop.
// GCC's vector extension where it is, plain loops elsewhere; the same numbers everywhere. One pair is
// edit_similarity.hpp's.

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <holdfast/core/matrix.hpp>
#include <holdfast/core/parallel.hpp>
#include <holdfast/scoring/simd.hpp>
#include <holdfast/scoring/text.hpp>

namespace holdfast::scoring {

namespace detail {

/// Sixteen texts as columns: a mask of 64 columns for each symbol, word of columns and text.
struct lane_group {
    static constexpr std::size_t lanes = 16;
    std::size_t words = 1;
    std::vector<std::uint64_t> masks;  // [symbols][words][lanes]; symbol 0 is in none of the texts
    std::vector<std::uint32_t> local;  // [global symbols] its number here
};

/// The rows of one text against a group: state[words][lanes], all ones before, a zero for every symbol of the longest
/// common subsequence after. Plain loops.
struct lanes_plain {
    static void run(std::span<const std::uint32_t> rows, const lane_group& g, std::uint64_t* state) {
        for (const std::uint32_t symbol : rows) {
            if (symbol == 0) continue;
            const std::uint64_t* mask = g.masks.data() + symbol * g.words * lane_group::lanes;
            std::uint64_t carry[lane_group::lanes] = {};
            for (std::size_t w = 0; w < g.words; ++w)
                for (std::size_t l = 0; l < lane_group::lanes; ++l) {
                    std::uint64_t& s = state[w * lane_group::lanes + l];
                    const std::uint64_t u = s & mask[w * lane_group::lanes + l], total = s + u + carry[l];
                    carry[l] = (u | (s & ~total)) >> 63;
                    s = total | (s ^ u);
                }
        }
    }
};

#if HOLDFAST_SCORING_VECTORS

/// The same in vectors of `Bytes`.
template <std::size_t Bytes>
struct lanes_vectors {
    using vector = typename lane_vector<Bytes>::type;
    static constexpr std::size_t step = Bytes / 8, parts = lane_group::lanes / step;

    [[gnu::always_inline]] static void load(vector& to, const std::uint64_t* from) {
        __builtin_memcpy(&to, from, Bytes);
    }
    [[gnu::always_inline]] static void store(std::uint64_t* to, const vector& from) {
        __builtin_memcpy(to, &from, Bytes);
    }

    [[gnu::always_inline]] static void run(std::span<const std::uint32_t> rows, const lane_group& g,
                                           std::uint64_t* state) {
        if (g.words == 1) return narrow(rows, g, state);
        for (const std::uint32_t symbol : rows) {
            if (symbol == 0) continue;
            const std::uint64_t* mask = g.masks.data() + symbol * g.words * lane_group::lanes;
            vector carry[parts] = {};
            for (std::size_t w = 0; w < g.words; ++w) {
#pragma GCC unroll 8
                for (std::size_t p = 0; p < parts; ++p) {
                    vector s, m;
                    load(s, state + w * lane_group::lanes + p * step);
                    load(m, mask + w * lane_group::lanes + p * step);
                    const vector u = s & m, total = s + u + carry[p];
                    carry[p] = (u | (s & ~total)) >> 63;
                    store(state + w * lane_group::lanes + p * step, total | (s ^ u));
                }
            }
        }
    }

    /// Up to 64 columns: the row stays in registers.
    [[gnu::always_inline]] static void narrow(std::span<const std::uint32_t> rows, const lane_group& g,
                                              std::uint64_t* state) {
        vector s[parts];
#pragma GCC unroll 8
        for (std::size_t p = 0; p < parts; ++p) load(s[p], state + p * step);
        for (const std::uint32_t symbol : rows) {
            const std::uint64_t* mask = g.masks.data() + symbol * lane_group::lanes;
#pragma GCC unroll 8
            for (std::size_t p = 0; p < parts; ++p) {
                vector m;
                load(m, mask + p * step);
                const vector u = s[p] & m;
                s[p] = (s[p] + u) | (s[p] ^ u);
            }
        }
#pragma GCC unroll 8
        for (std::size_t p = 0; p < parts; ++p) store(state + p * step, s[p]);
    }
};

HOLDFAST_SCORING_AVX512 inline void run_lanes_avx512(std::span<const std::uint32_t> rows, const lane_group& g,
                                                     std::uint64_t* state) {
    lanes_vectors<64>::run(rows, g, state);
}
HOLDFAST_SCORING_AVX2 inline void run_lanes_avx2(std::span<const std::uint32_t> rows, const lane_group& g,
                                                 std::uint64_t* state) {
    lanes_vectors<32>::run(rows, g, state);
}
inline void run_lanes_sse2(std::span<const std::uint32_t> rows, const lane_group& g, std::uint64_t* state) {
    lanes_vectors<16>::run(rows, g, state);
}

inline void run_lanes(std::span<const std::uint32_t> rows, const lane_group& g, std::uint64_t* state) {
    static const auto best = [] {
        const simd_level level = machine_level();
        return level == simd_level::avx512 ? run_lanes_avx512
               : level == simd_level::avx2 ? run_lanes_avx2
                                           : run_lanes_sse2;
    }();
    best(rows, g, state);
}

#else

inline void run_lanes(std::span<const std::uint32_t> rows, const lane_group& g, std::uint64_t* state) {
    lanes_plain::run(rows, g, state);
}

#endif

/// Code points of many texts as symbols 1, 2 ... numbered together; an ASCII sign c is c + 1.
class symbol_texts {
  public:
    std::vector<std::vector<std::uint32_t>> operator()(std::span<const std::string> texts) {
        std::vector<std::vector<std::uint32_t>> numbered(texts.size());
        for (std::size_t i = 0; i < texts.size(); ++i) {
            numbered[i].resize(texts[i].size());
            std::uint32_t* next = numbered[i].data();
            for (std::size_t at = 0; at < texts[i].size();) {
                const auto byte = static_cast<unsigned char>(texts[i][at]);
                if (byte < 128) {
                    *next++ = byte + 1u, ++at;
                    continue;
                }
                const code_point c = decode(texts[i], at);
                at += c.bytes;
                *next++ = number(c.value);
            }
            numbered[i].resize(static_cast<std::size_t>(next - numbered[i].data()));
        }
        return numbered;
    }
    std::size_t alphabet() const { return 129 + beyond_.size(); }

  private:
    std::uint32_t number(char32_t c) {
        return beyond_.try_emplace(c, static_cast<std::uint32_t>(alphabet())).first->second;
    }
    std::unordered_map<char32_t, std::uint32_t> beyond_;
};

}  // namespace detail

/// The indel ratio, 2 LCS(a, b) / (|a| + |b|) on code points, of every text of `a` with every text of `b`; two empty
/// texts have ratio 1. Each number is that of indel::ratio. On all cores, the same on any number.
///
/// @param a, b  texts [n], [m]
/// @return      ratios [n, m], 0 ... 1
/// @cost        O(n m |a| ⌈|b| / 64⌉ / 8) with vectors of 64 bytes
inline matrix<double> indel_table(std::span<const std::string> a, std::span<const std::string> b) {
    constexpr std::size_t lanes = detail::lane_group::lanes;
    matrix<double> ratio(a.size(), b.size());
    detail::symbol_texts number;
    auto rows = number(a), columns = number(b);
    const auto symbols_of = [](const auto& texts) {
        return std::accumulate(texts.begin(), texts.end(), 0.0,
                               [](double n, const auto& t) { return n + static_cast<double>(t.size()); });
    };
    const auto words_of = [](const auto& texts) {
        return std::accumulate(texts.begin(), texts.end(), 0.0, [](double n, const auto& t) {
            const std::size_t words = (t.size() + 63) / 64;
            return n + static_cast<double>(words);
        });
    };
    const bool swapped = symbols_of(columns) * words_of(rows) < symbols_of(rows) * words_of(columns);
    if (swapped) rows.swap(columns);
    std::vector<std::size_t> order(
        columns.size());  // texts of a length side by side: a group works as long as its longest
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t i, std::size_t j) { return columns[i].size() < columns[j].size(); });
    parallel_for((columns.size() + lanes - 1) / lanes, [&](std::size_t k) {
        const std::size_t begin = k * lanes, end = std::min(begin + lanes, columns.size());
        detail::lane_group g;
        g.words = std::max<std::size_t>(1, (columns[order[end - 1]].size() + 63) / 64);
        // Where the masks of all symbols are few, the symbols keep their numbers; else those of the group get new ones.
        const bool few = number.alphabet() * g.words <= 256;
        std::size_t symbols = few ? number.alphabet() : 1;
        g.local.assign(number.alphabet(), 0);
        if (few) std::iota(g.local.begin(), g.local.end(), 0u);
        for (std::size_t l = begin; l < end; ++l)
            for (const std::uint32_t c : columns[order[l]])
                if (g.local[c] == 0) g.local[c] = static_cast<std::uint32_t>(symbols++);
        g.masks.assign(symbols * g.words * lanes, 0);
        for (std::size_t l = begin; l < end; ++l) {
            const auto& text = columns[order[l]];
            for (std::size_t j = 0; j < text.size(); ++j)
                g.masks[(g.local[text[j]] * g.words + j / 64) * lanes + (l - begin)] |= std::uint64_t{1} << (j % 64);
        }
        std::vector<std::uint32_t> here;
        std::vector<std::uint64_t> state;
        for (std::size_t i = 0; i < rows.size(); ++i) {
            if (!few) {
                here.resize(rows[i].size());
                std::transform(rows[i].begin(), rows[i].end(), here.begin(),
                               [&](std::uint32_t c) { return g.local[c]; });
            }
            state.assign(g.words * lanes, ~std::uint64_t{0});
            detail::run_lanes(few ? rows[i] : here, g, state.data());
            for (std::size_t l = begin; l < end; ++l) {
                int common = 0;
                for (std::size_t w = 0; w < g.words; ++w) common += std::popcount(~state[w * lanes + (l - begin)]);
                const std::size_t both = rows[i].size() + columns[order[l]].size();
                double& to = swapped ? ratio(order[l], i) : ratio(i, order[l]);
                to = both == 0 ? 1 : 2.0 * common / static_cast<double>(both);
            }
        }
    });
    return ratio;
}

}  // namespace holdfast::scoring
