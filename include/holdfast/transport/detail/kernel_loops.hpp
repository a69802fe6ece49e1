#pragma once
// What an absorbed iteration (absorbed_kernel.hpp) does to rows of exponentials, at the width of the machine: products
// with a vector, weighted sums, and the two ways of keeping a row: floats, or 16 bits each. GCC's vector extension
// alone; without it the same loops run as plain code. Builds on simd.hpp; step_loops.hpp has what is done to sums.
//
// Rows are kept in blocks of four, step by step: 32 entries of the first row, of the second, ..., then the next 32 of
// each. So a block is one stretch of memory, and every step begins a cache line. Rows end at multiples of 32 entries.
//
// Two entries of 16 bits make a word of 32. The word, taken for a float, is one of them: what the other adds to its
// digits is allowed for when it is rounded. The other is the word shifted by 16. So one operation makes two floats;
// each is wrong by the 256th part of itself at most. Entry k of a step is the low half of word k, entry 16 + k the
// word.

#include <holdfast/transport/detail/simd.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

namespace holdfast::transport::detail {

inline constexpr std::size_t kernel_step = 32;  // entries
inline constexpr std::size_t kernel_block = 4;  // rows
/// What is kept of an entry below it: far from all that count, and products with it are numbers that machines are not
/// slow with.
inline constexpr float least_kept = 0x1p-100F;
/// The number that becomes it when it is scaled.
inline float least_scaled(float scale) { return std::max(least_kept / scale, std::numeric_limits<float>::min()); }

#if HOLDFAST_TRANSPORT_SIMD

template <std::size_t Bytes>
struct kernel_loops {
    using v = vec<float, Bytes>;
    using vector = typename v::type;
    using words = typename vec<std::uint32_t, Bytes>::type;
    static constexpr std::size_t parts = 64 / Bytes;                                // vectors of 16 entries
    static constexpr std::size_t all = 2 * parts;                                   // and of a step
    static constexpr std::size_t together = Bytes == 64 ? 4 : Bytes == 32 ? 2 : 1;  // rows that registers have room for

    /// Entries of a step, in their order.
    [[gnu::always_inline]] static void entries(const float* from, vector* to) {
#pragma GCC unroll 8
        for (std::size_t p = 0; p < all; ++p) v::load(to[p], from + p * v::lanes);
    }
    [[gnu::always_inline]] static void entries(const std::uint16_t* from, vector* to) {
#pragma GCC unroll 4
        for (std::size_t p = 0; p < parts; ++p) {
            words x;
            std::memcpy(&x, from + p * 2 * v::lanes, sizeof x);
            in_register(x);
            const words low = x << 16U;
            std::memcpy(&to[p], &low, sizeof low);
            std::memcpy(&to[parts + p], &x, sizeof x);
        }
    }
    /// sum += the products of a step of the rows of a block with x.
    template <std::size_t Rows, class Cell>
    [[gnu::always_inline]] static void multiply(const Cell* step, const vector* factor, vector* sum) {
#pragma GCC unroll 4
        for (std::size_t r = 0; r < Rows; ++r) {
            vector of[all];
            entries(step + r * kernel_step, of);
#pragma GCC unroll 8
            for (std::size_t p = 0; p < all; ++p) sum[r * all + p] += of[p] * factor[p];
        }
    }
    /// sum += a step of the rows of a block, each weighted.
    template <class Cell>
    [[gnu::always_inline]] static void weigh(const Cell* step, const vector* by, vector* sum) {
#pragma GCC unroll 4
        for (std::size_t r = 0; r < kernel_block; ++r) {
            vector of[all];
            entries(step + r * kernel_step, of);
#pragma GCC unroll 8
            for (std::size_t p = 0; p < all; ++p) sum[p] += of[p] * by[r];
        }
    }
    [[gnu::always_inline]] static void factors(const float* x, vector* to) {
        entries(x, to);
        for (std::size_t p = 0; p < all; ++p) in_register(to[p]);
    }
    /// @param w  four numbers, in memory or side by side
    template <class Four>
    [[gnu::always_inline]] static void weights(const Four& w, vector* by) {
        for (std::size_t r = 0; r < kernel_block; ++r) {
            by[r] = vector{} + w[r];
            in_register(by[r]);
        }
    }
    [[gnu::always_inline]] static void keep_sums(const vector* sum, float* s) {
#pragma GCC unroll 8
        for (std::size_t p = 0; p < all; ++p) v::store(s + p * v::lanes, sum[p]);
    }
    template <std::size_t Rows>
    [[gnu::always_inline]] static void totals(const vector* sum, float* out) {
        for (std::size_t r = 0; r < Rows; ++r) {
            vector part[parts];
            for (std::size_t p = 0; p < parts; ++p) part[p] = sum[r * all + p] + sum[r * all + parts + p];
            out[r] = sum_parts<float, Bytes>(part);
        }
    }

    template <std::size_t Width>
    [[gnu::always_inline]] static void to_four(const typename vec<float, Width>::type (&part)[64 / Width],
                                               typename vec<float, 16>::type& out) {
        if constexpr (Width == 16) {
            out = (part[0] + part[2]) + (part[1] + part[3]);
        } else {
            typename vec<float, 16>::type of[4];
            std::memcpy(of, part, sizeof of);
            out = (of[0] + of[2]) + (of[1] + of[3]);
        }
    }

    /// out_r = Σ_j k_rj x_j for the rows of a block.
    template <class Cell>
    [[gnu::always_inline]] static void products(const Cell* k, const float* x, std::size_t m, float* out) {
        for (std::size_t r = 0; r < kernel_block; r += together) {
            vector sum[together * all] = {};
            for (std::size_t j = 0; j < m; j += kernel_step) {
                vector factor[all];
                factors(x + j, factor);
                multiply<together>(k + kernel_block * j + r * kernel_step, factor, sum);
            }
            totals<together>(sum, out + r);
        }
    }
    /// s_j += Σ_r w_r k_rj, row after row.
    template <class Cell>
    [[gnu::always_inline]] static void weighted(const Cell* k, const float* w, float* s, std::size_t m) {
        vector by[kernel_block];
        weights(w, by);
        for (std::size_t j = 0; j < m; j += kernel_step) {
            vector sum[all];
            entries(s + j, sum);
            weigh(k + kernel_block * j, by, sum);
            keep_sums(sum, s + j);
        }
    }
    /// `weighted` of one block and `products` of another, step by step.
    template <class Cell>
    [[gnu::always_inline]] static void both(const Cell* last, const vector* by, float* s, const Cell* next,
                                            const float* x, std::size_t m, vector* sum) {
        for (std::size_t j = 0; j < m; j += kernel_step) {
            vector factor[all], column[all];
            factors(x + j, factor);
            entries(s + j, column);
            multiply<kernel_block>(next + kernel_block * j, factor, sum);
            weigh(last + kernel_block * j, by, column);
            keep_sums(column, s + j);
        }
    }
    /// `weighted` of the last block, where there is one, and `products` of the next, step by step where both blocks fit
    /// into the nearest cache (32 KB) beside the vectors: the one is multiplied while the other is on its way.
    template <class Cell>
    [[gnu::always_inline]] static void turn(const Cell* last, const float* w, float* s, const Cell* next,
                                            const float* x, std::size_t m, float* out) {
        if (together < kernel_block || last == nullptr || kernel_block * m * sizeof(Cell) > (8U << 10U)) {
            if (last != nullptr) weighted(last, w, s, m);
            products(next, x, m, out);
            return;
        }
        vector by[kernel_block], sum[kernel_block * all] = {};
        weights(w, by);
        both(last, by, s, next, x, m, sum);
        totals<kernel_block>(sum, out);
    }

    using four = typename vec<float, 16>::type;
    /// The same as `totals` of a block, side by side: what is computed from them next need not wait for memory.
    [[gnu::always_inline]] static void totals(const vector* sum, four& out) {
        four row[kernel_block];
        for (std::size_t r = 0; r < kernel_block; ++r) {
            vector part[parts];
            for (std::size_t p = 0; p < parts; ++p) part[p] = sum[r * all + p] + sum[r * all + parts + p];
            to_four<Bytes>(part, row[r]);
        }
        const four first =
            __builtin_shufflevector(row[0], row[1], 0, 4, 1, 5) + __builtin_shufflevector(row[0], row[1], 2, 6, 3, 7);
        const four second =
            __builtin_shufflevector(row[2], row[3], 0, 4, 1, 5) + __builtin_shufflevector(row[2], row[3], 2, 6, 3, 7);
        out = __builtin_shufflevector(first, second, 0, 1, 4, 5) + __builtin_shufflevector(first, second, 2, 3, 6, 7);
    }

    /// A whole iteration without over-relaxation over `blocks` blocks, one after the other in memory:
    /// sums_r = Σ_j k_rj x_j, s_j += Σ_r share_r / sums_r k_rj.
    /// @return whether all sums are within 1 / far and far
    template <class Cell>
    [[gnu::always_inline]] static bool run(const Cell* k, std::size_t blocks, const float* x, const float* share,
                                           float far, std::size_t m, float* sums, float* s) {
        const bool joined = together == kernel_block && kernel_block * m * sizeof(Cell) <= (8U << 10U);
        four w = {};
        auto within = w == w;
        const Cell* last = nullptr;
        for (std::size_t b = 0; b < blocks; ++b, k += kernel_block * m) {
            four out;
            if (joined && last != nullptr) {
                vector by[kernel_block], sum[kernel_block * all] = {};
                weights(w, by);
                both(last, by, s, k, x, m, sum);
                totals(sum, out);
            } else {
                float each[kernel_block];
                std::memcpy(each, &w, sizeof each);
                if (last != nullptr) weighted(last, each, s, m);
                products(k, x, m, each);
                std::memcpy(&out, each, sizeof out);
            }
            four of;
            std::memcpy(&of, share + b * kernel_block, sizeof of);
            std::memcpy(sums + b * kernel_block, &out, sizeof out);
            within &= (out * far >= 1.0F) & (out <= far);  // false of what is not a number
            w = of / out;
            last = k;
        }
        float each[kernel_block];
        std::memcpy(each, &w, sizeof each);
        if (last != nullptr) weighted(last, each, s, m);
        return (within[0] & within[1] & within[2] & within[3]) != 0;
    }

    /// 32 entries from j on, zeros beyond the m-th.
    struct padded {
        alignas(64) float rest[kernel_step];
        const float* from;
        [[gnu::always_inline]] padded(const float* e, std::size_t j, std::size_t m) : from(e + j) {
            if (j + kernel_step <= m) return;
            for (std::size_t l = 0; l < kernel_step; ++l) rest[l] = j + l < m ? from[l] : 0;
            from = rest;
        }
    };
    /// x = scale e, raised first: no product is then so small that machines are slow with it.
    [[gnu::always_inline]] static void scaled(const float* e, float scale, float least, vector& x) {
        v::load(x, e);
        raise_to<float, Bytes>(x, vector{} + least);
        x *= scale;
    }
    /// k_j = scale e_j, a row of a block.
    [[gnu::always_inline]] static void keep(const float* e, float scale, std::size_t m, float* k) {
        const float least = least_scaled(scale);
        for (std::size_t j = 0; j < m; j += kernel_step) {
            const padded step(e, j, m);
#pragma GCC unroll 8
            for (std::size_t p = 0; p < all; ++p) {
                vector x;
                scaled(step.from + p * v::lanes, scale, least, x);
                v::store(k + kernel_block * j + p * v::lanes, x);
            }
        }
    }
    [[gnu::always_inline]] static void keep(const float* e, float scale, std::size_t m, std::uint16_t* k) {
        const float least = least_scaled(scale);
        for (std::size_t j = 0; j < m; j += kernel_step) {
            const padded step(e, j, m);
#pragma GCC unroll 4
            for (std::size_t p = 0; p < parts; ++p) {
                vector first, second;
                words low, word;
                scaled(step.from + p * v::lanes, scale, least, first);
                scaled(step.from + kernel_step / 2 + p * v::lanes, scale, least, second);
                std::memcpy(&low, &first, sizeof low);
                std::memcpy(&word, &second, sizeof word);
                low = (low + 0x8000U) >> 16U;
                word = ((word - low + 0x8000U) & 0xffff0000U) | low;
                std::memcpy(k + kernel_block * j + p * 2 * v::lanes, &word, sizeof word);
            }
        }
    }
};

#else

inline float entry(const float* k, std::size_t j) {
    return k[j / kernel_step * kernel_step * kernel_block + j % kernel_step];
}
inline float entry(const std::uint16_t* k, std::size_t j) {
    const std::size_t in = j % kernel_step, word = (j - in) * kernel_block + 2 * (in % 16);
    const auto low = std::uint32_t{k[word]} << 16U;
    return std::bit_cast<float>(in < 16 ? low : std::uint32_t{k[word + 1]} << 16U | low >> 16U);
}

template <std::size_t>
struct kernel_loops {
    template <class Cell>
    static void products(const Cell* k, const float* x, std::size_t m, float* out) {
        for (std::size_t r = 0; r < kernel_block; ++r) {
            out[r] = 0;
            for (std::size_t j = 0; j < m; ++j) out[r] += entry(k + r * kernel_step, j) * x[j];
        }
    }
    template <class Cell>
    static void weighted(const Cell* k, const float* w, float* s, std::size_t m) {
        for (std::size_t r = 0; r < kernel_block; ++r)
            for (std::size_t j = 0; j < m; ++j) s[j] += w[r] * entry(k + r * kernel_step, j);
    }
    template <class Cell>
    static void turn(const Cell* last, const float* w, float* s, const Cell* next, const float* x, std::size_t m,
                     float* out) {
        if (last != nullptr) weighted(last, w, s, m);
        products(next, x, m, out);
    }
    template <class Cell>
    static bool run(const Cell* k, std::size_t blocks, const float* x, const float* share, float far, std::size_t m,
                    float* sums, float* s) {
        bool within = true;
        for (; blocks > 0; --blocks, k += kernel_block * m, share += kernel_block, sums += kernel_block) {
            float w[kernel_block];
            products(k, x, m, sums);
            for (std::size_t r = 0; r < kernel_block; ++r) {
                within = within && sums[r] * far >= 1 && sums[r] <= far;
                w[r] = share[r] / sums[r];
            }
            weighted(k, w, s, m);
        }
        return within;
    }
    static void keep(const float* e, float scale, std::size_t m, float* k) {
        for (std::size_t j = 0; j < (m + kernel_step - 1) / kernel_step * kernel_step; ++j)
            k[j / kernel_step * kernel_step * kernel_block + j % kernel_step] =
                std::max(j < m ? scale * e[j] : 0, least_kept);
    }
    static void keep(const float* e, float scale, std::size_t m, std::uint16_t* k) {
        const auto bits = [&](std::size_t j) {
            return std::bit_cast<std::uint32_t>(std::max(j < m ? scale * e[j] : 0, least_kept));
        };
        for (std::size_t j = 0; j < m; j += kernel_step)
            for (std::size_t l = 0; l < kernel_step / 2; ++l) {
                const std::uint32_t low = (bits(j + l) + 0x8000U) >> 16U;
                k[kernel_block * j + 2 * l] = static_cast<std::uint16_t>(low);
                k[kernel_block * j + 2 * l + 1] =
                    static_cast<std::uint16_t>((bits(j + kernel_step / 2 + l) - low + 0x8000U) >> 16U);
            }
    }
};

#endif

/// The loops of one level, for rows of floats or of 16 bits; `target_level` is the machine's unless a test asks for
/// less.
template <class Cell>
struct kernel_rows {
    static inline simd_level target_level = machine_level();

    HOLDFAST_TRANSPORT_LEVELS(target_level, void, products, (const Cell* k, const float* x, std::size_t m, float* out),
                              (k, x, m, out), (kernel_loops<Bytes>::products))
    HOLDFAST_TRANSPORT_LEVELS(target_level, void, weighted, (const Cell* k, const float* w, float* s, std::size_t m),
                              (k, w, s, m), (kernel_loops<Bytes>::weighted))
    HOLDFAST_TRANSPORT_LEVELS(target_level, void, turn,
                              (const Cell* last, const float* w, float* s, const Cell* next, const float* x,
                               std::size_t m, float* out),
                              (last, w, s, next, x, m, out), (kernel_loops<Bytes>::turn))
    HOLDFAST_TRANSPORT_LEVELS(target_level, bool, run,
                              (const Cell* k, std::size_t blocks, const float* x, const float* share, float far,
                               std::size_t m, float* sums, float* s),
                              (k, blocks, x, share, far, m, sums, s), (kernel_loops<Bytes>::run))
    HOLDFAST_TRANSPORT_LEVELS(target_level, void, keep, (const float* e, float scale, std::size_t m, Cell* k),
                              (e, scale, m, k), (kernel_loops<Bytes>::keep))
};

}  // namespace holdfast::transport::detail
