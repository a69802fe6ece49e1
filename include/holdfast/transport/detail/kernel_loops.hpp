#pragma once
// What an absorbed iteration (absorbed_kernel.hpp) does to rows of exponentials, at the width of the machine: products
// with a vector, weighted sums, and the two ways of keeping a row: floats, or 16 bits each. GCC's vector extension
// alone; without it the same loops run as plain code. Rows begin at multiples of 64 bytes and end at multiples of 32
// entries, so nothing is left over. Builds on simd.hpp.
//
// In 16 bits a number of [2^-63, 2) is the 6 low bits of its exponent and the 10 high bits of its fraction, rounded to
// the nearest: wrong by the 2048th part at most. Entry k of a step of 32 is the low half of word k, entry 16 + k its
// high half: two operations make either a float.

#include <holdfast/transport/detail/simd.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace holdfast::transport::detail {

inline constexpr std::size_t kernel_step = 32;  // entries
inline constexpr float least_narrow = 0x1p-62F, greatest_narrow = 0x1.ffp0F;
/// Below, a float of a row is zero: far too small for any sum that it could be part of, and products with it would
/// be below the normal numbers, which some processors compute a hundred times slower.
inline constexpr float least_kept = 0x1p-80F;

/// x, between least_narrow and greatest_narrow, in 16 bits.
inline std::uint32_t narrow_code(float x) { return (std::bit_cast<std::uint32_t>(x) + 0x1000U) >> 13U & 0xffffU; }

#if HOLDFAST_TRANSPORT_SIMD

template <std::size_t Bytes>
struct kernel_loops {
    using v = vec<float, Bytes>;
    using vector = typename v::type;
    using words = typename vec<std::uint32_t, Bytes>::type;
    static constexpr std::size_t parts = 64 / Bytes;  // vectors of 16 entries
    static constexpr std::size_t all = 2 * parts;     // and of a step
    static constexpr int together = Bytes == 64 ? 4 : 1;

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
            const words low = (x << 13U & 0x1fffe000U) | 0x20000000U, high = (x >> 3U & 0x1fffe000U) | 0x20000000U;
            std::memcpy(&to[p], &low, sizeof low);
            std::memcpy(&to[parts + p], &high, sizeof high);
        }
    }

    template <int Rows, class Cell>
    [[gnu::always_inline]] static void product(const Cell* k, std::size_t stride, const float* x, std::size_t m,
                                               float* out) {
        vector sum[std::size_t(Rows) * all] = {};
        for (std::size_t j = 0; j < m; j += kernel_step) {
            vector factor[all];
            entries(x + j, factor);
#pragma GCC unroll 4
            for (std::size_t r = 0; r < std::size_t(Rows); ++r) {
                vector of[all];
                entries(k + r * stride + j, of);
#pragma GCC unroll 8
                for (std::size_t p = 0; p < all; ++p) sum[r * all + p] += of[p] * factor[p];
            }
        }
        for (std::size_t r = 0; r < std::size_t(Rows); ++r) {
            vector part[parts];
            for (std::size_t p = 0; p < parts; ++p) part[p] = sum[r * all + p] + sum[r * all + parts + p];
            out[r] = sum_parts<float, Bytes>(part);
        }
    }
    template <int Rows, class Cell>
    [[gnu::always_inline]] static void weigh(const Cell* k, std::size_t stride, const float* w, float* s,
                                             std::size_t m) {
        for (std::size_t j = 0; j < m; j += kernel_step) {
            vector sum[all];
            entries(s + j, sum);
#pragma GCC unroll 4
            for (std::size_t r = 0; r < std::size_t(Rows); ++r) {
                vector of[all];
                const Cell* row = k + r * stride + j;
                entries(row, of);
                // The rows that come next, from the far cache, while this loop needs the near one alone.
                for (std::size_t line = 0; line < kernel_step; line += 64 / sizeof(Cell))
                    __builtin_prefetch(row + std::size_t(Rows) * stride + line);
#pragma GCC unroll 8
                for (std::size_t p = 0; p < all; ++p) sum[p] += of[p] * w[r];
            }
#pragma GCC unroll 8
            for (std::size_t p = 0; p < all; ++p) v::store(s + j + p * v::lanes, sum[p]);
        }
    }

    /// out_r = Σ_j k_rj x_j for `rows` rows.
    template <class Cell>
    [[gnu::always_inline]] static void products(const Cell* k, std::size_t stride, std::size_t rows, const float* x,
                                                std::size_t m, float* out) {
        std::size_t r = 0;
        for (; r + together <= rows; r += together) product<together>(k + r * stride, stride, x, m, out + r);
        for (; r < rows; ++r) product<1>(k + r * stride, stride, x, m, out + r);
    }
    /// s_j += Σ_r w_r k_rj, row after row.
    template <class Cell>
    [[gnu::always_inline]] static void weighted(const Cell* k, std::size_t stride, std::size_t rows, const float* w,
                                                float* s, std::size_t m) {
        std::size_t r = 0;
        for (; r + together <= rows; r += together) weigh<together>(k + r * stride, stride, w + r, s, m);
        for (; r < rows; ++r) weigh<1>(k + r * stride, stride, w + r, s, m);
    }

    /// k_j = scale e_j, or zero below least_kept
    [[gnu::always_inline]] static void keep(const float* e, float scale, std::size_t m, float* k) {
        const float least = least_kept / scale;  // compared before it is multiplied: the product itself would be slow
        std::size_t j = 0;
        for (; j + v::lanes <= m; j += v::lanes) {
            vector x;
            v::load(x, e + j);
            x = x >= least ? x : vector{};
            x *= scale;
            v::store(k + j, x);
        }
        for (; j < m; ++j) k[j] = e[j] >= least ? scale * e[j] : 0;
        std::fill(k + m, k + (m + kernel_step - 1) / kernel_step * kernel_step, 0.0F);
    }
    [[gnu::always_inline]] static void code(const float* e, float scale, words& to) {
        vector x;
        v::load(x, e);
        raise_to<float, Bytes>(x, vector{} + least_narrow / scale);
        x *= scale;
        lower_to<float, Bytes>(x, vector{} + greatest_narrow);
        std::memcpy(&to, &x, sizeof x);
        to = (to + 0x1000U) >> 13U & 0xffffU;
    }
    [[gnu::always_inline]] static void keep(const float* e, float scale, std::size_t m, std::uint16_t* k) {
        for (std::size_t j = 0; j < m; j += kernel_step) {
            float rest[kernel_step];
            const float* from = e + j;
            if (j + kernel_step > m) {
                for (std::size_t l = 0; l < kernel_step; ++l) rest[l] = j + l < m ? from[l] : 0;
                from = rest;
            }
#pragma GCC unroll 4
            for (std::size_t p = 0; p < parts; ++p) {
                words x, high;
                code(from + p * v::lanes, scale, x);
                code(from + kernel_step / 2 + p * v::lanes, scale, high);
                x |= high << 16U;
                std::memcpy(k + j + p * 2 * v::lanes, &x, sizeof x);
            }
        }
    }

    /// x_j = log x_j for positive, finite, normal x; m a multiple of 16 (Cephes, logf).
    [[gnu::always_inline]] static void logarithms(float* x, std::size_t m) {
        using ints = typename vec<std::int32_t, Bytes>::type;
        for (std::size_t j = 0; j < m; j += v::lanes) {
            ints bits;
            std::memcpy(&bits, x + j, sizeof bits);
            bits -= 0x3f3504f3;  // of the root of 1/2: what is left of x lies between it and its double
            const vector exponent = __builtin_convertvector(bits >> 23, vector);
            const ints rest = (bits & 0x7fffff) + 0x3f3504f3;
            vector t;
            std::memcpy(&t, &rest, sizeof rest);
            t -= 1.0F;
            vector p = t * 7.0376836292e-2F - 1.1514610310e-1F;
            p = p * t + 1.1676998740e-1F;
            p = p * t - 1.2420140846e-1F;
            p = p * t + 1.4249322787e-1F;
            p = p * t - 1.6668057665e-1F;
            p = p * t + 2.0000714765e-1F;
            p = p * t - 2.4999993993e-1F;
            p = p * t + 3.3333331174e-1F;
            const vector square = t * t;
            const vector y = (p * t * square - exponent * 2.12194440e-4F - square * 0.5F + t) + exponent * 0.693359375F;
            v::store(x + j, y);
        }
    }
};

#else

inline float entry(const float* k, std::size_t j) { return k[j]; }
inline float entry(const std::uint16_t* k, std::size_t j) {
    const std::size_t in = j % kernel_step, word = j - in + 2 * (in % 16) + (in >= 16 ? 1 : 0);
    return std::bit_cast<float>(std::uint32_t{k[word]} << 13U | 0x20000000U);
}

template <std::size_t>
struct kernel_loops {
    template <class Cell>
    static void products(const Cell* k, std::size_t stride, std::size_t rows, const float* x, std::size_t m,
                         float* out) {
        for (std::size_t r = 0; r < rows; ++r) {
            out[r] = 0;
            for (std::size_t j = 0; j < m; ++j) out[r] += entry(k + r * stride, j) * x[j];
        }
    }
    template <class Cell>
    static void weighted(const Cell* k, std::size_t stride, std::size_t rows, const float* w, float* s, std::size_t m) {
        for (std::size_t r = 0; r < rows; ++r)
            for (std::size_t j = 0; j < m; ++j) s[j] += w[r] * entry(k + r * stride, j);
    }
    static void keep(const float* e, float scale, std::size_t m, float* k) {
        for (std::size_t j = 0; j < m; ++j) k[j] = e[j] >= least_kept / scale ? scale * e[j] : 0;
        std::fill(k + m, k + (m + kernel_step - 1) / kernel_step * kernel_step, 0.0F);
    }
    static void keep(const float* e, float scale, std::size_t m, std::uint16_t* k) {
        for (std::size_t j = 0; j < (m + kernel_step - 1) / kernel_step * kernel_step; ++j) {
            const std::size_t in = j % kernel_step, word = j - in + 2 * (in % 16) + (in >= 16 ? 1 : 0);
            const float x = j < m ? scale * e[j] : 0;
            k[word] = static_cast<std::uint16_t>(narrow_code(std::clamp(x, least_narrow, greatest_narrow)));
        }
    }
    static void logarithms(float* x, std::size_t m) {
        for (std::size_t j = 0; j < m; ++j) x[j] = std::log(x[j]);
    }
};

#endif

/// The loops of one level, for rows of floats or of 16 bits; `target_level` is the machine's unless a test asks for
/// less.
template <class Cell>
struct kernel_rows {
    static inline simd_level target_level = machine_level();

    HOLDFAST_TRANSPORT_LEVELS(target_level, void, products,
                              (const Cell* k, std::size_t stride, std::size_t rows, const float* x, std::size_t m,
                               float* out),
                              (k, stride, rows, x, m, out), (kernel_loops<Bytes>::products))
    HOLDFAST_TRANSPORT_LEVELS(target_level, void, weighted,
                              (const Cell* k, std::size_t stride, std::size_t rows, const float* w, float* s,
                               std::size_t m),
                              (k, stride, rows, w, s, m), (kernel_loops<Bytes>::weighted))
    HOLDFAST_TRANSPORT_LEVELS(target_level, void, keep, (const float* e, float scale, std::size_t m, Cell* k),
                              (e, scale, m, k), (kernel_loops<Bytes>::keep))
    HOLDFAST_TRANSPORT_LEVELS(target_level, void, logarithms, (float* x, std::size_t m), (x, m),
                              (kernel_loops<Bytes>::logarithms))
};

}  // namespace holdfast::transport::detail
