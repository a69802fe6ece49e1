#pragma once
// Unit vectors in whole numbers of 16 bits, and half the squared distances between them: integers, so exact, the same
// on every machine, zero for equal points, and two products an instruction where floats have one. A point moves by a
// few 1e-4 when it is rounded so; by how much exactly is known, and what that does to a transport cost is bounded.
// Builds on simd.hpp. Leaves out points that are not of unit length.

#include <holdfast/transport/detail/aligned.hpp>
#include <holdfast/transport/detail/simd.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#if HOLDFAST_TRANSPORT_X86
#include <immintrin.h>
#endif

namespace holdfast::transport::detail {

/// x = q / fixed_one: so that neither half a squared distance of two unit vectors nor a part of a product leaves 31
/// bits.
inline constexpr double fixed_one = 32000;

#if HOLDFAST_TRANSPORT_SIMD

/// q = x fixed_one to the nearest for d coordinates, d a multiple of 16; Σ q^2 and Σ (q − x fixed_one)^2.
template <std::size_t Bytes>
[[gnu::always_inline]] inline void fix_row(const float* x, std::size_t d, std::int16_t* q, std::int32_t& square,
                                           float& away) {
    using v = vec<float, Bytes>;
    using ints = typename vec<std::int32_t, Bytes>::type;
    using narrow = typename vec<std::int16_t, Bytes / 2>::type;
    constexpr std::size_t parts = 64 / Bytes;
    constexpr float half_range = 12582912.0F;  // 1.5 2^23: a sum with it is rounded to a whole number
    ints squares = {};
    typename v::type sum[parts] = {};
    for (std::size_t k = 0; k < d; k += 16)
#pragma GCC unroll 4
        for (std::size_t p = 0; p < parts; ++p) {
            typename v::type t;
            v::load(t, x + k + p * v::lanes);
            t *= static_cast<float>(fixed_one);
            const typename v::type rounded = t + half_range;
            ints whole;
            std::memcpy(&whole, &rounded, sizeof whole);
            whole -= 0x4b400000;
            squares += whole * whole;
            t -= __builtin_convertvector(whole, typename v::type);
            sum[p] += t * t;
            const narrow code = __builtin_convertvector(whole, narrow);
            std::memcpy(q + k + p * v::lanes, &code, sizeof code);
        }
    square = 0;
    for (std::size_t l = 0; l < v::lanes; ++l) square += squares[l];
    away = sum_parts<float, Bytes>(sum);
}

#else

template <std::size_t>
void fix_row(const float* x, std::size_t d, std::int16_t* q, std::int32_t& square, float& away) {
    square = 0;
    away = 0;
    for (std::size_t k = 0; k < d; ++k) {
        const float t = x[k] * static_cast<float>(fixed_one), rounded = std::nearbyint(t);
        q[k] = static_cast<std::int16_t>(rounded);
        square += q[k] * q[k];
        away += (t - rounded) * (t - rounded);
    }
}

#endif

struct fixed_rows {
    HOLDFAST_TRANSPORT_LEVELS(machine_level(), void, fix,
                              (const float* x, std::size_t d, std::int16_t* q, std::int32_t& square, float& away),
                              (x, d, q, square, away), (fix_row<Bytes>))
};

/// Points by sixteens, coordinates by twos: of a panel all first two coordinates, then all second two, ... Ends are
/// zeros.
class fixed_points {
  public:
    static constexpr std::size_t panel = 16;

    /// @param points   of unit length up to single precision, rows zero up to the stride
    /// @param weights  [n]
    fixed_points(const aligned_rows<float>& points, std::span<const double> weights)
        : n_(points.rows()),
          pairs_((points.cols() + 1) / 2),
          values_((n_ + panel - 1) / panel, pairs_ * 2 * panel),
          half_(values_.rows() * panel, 0) {
        aligned_rows<std::int16_t> rows(panel, points.stride());
        double moved = 0, most = 0;
        for (std::size_t p = 0; p < values_.rows(); ++p) {
            std::fill(rows.data(), rows.data() + panel * rows.stride(), std::int16_t{0});
            for (std::size_t i = p * panel; i < std::min(n_, (p + 1) * panel); ++i) {
                std::int32_t square;
                float away;
                fixed_rows::fix(&points(i, 0), points.stride(), &rows(i % panel, 0), square, away);
                half_[i] = square / 2;
                most = std::max(most, static_cast<double>(away));
                moved += weights[i] * static_cast<double>(away);
            }
            std::int16_t* to = &values_(p, 0);
            for (std::size_t k = 0; k < pairs_; ++k)
                for (std::size_t r = 0; r < panel; ++r, to += 2) std::memcpy(to, &rows(r, 2 * k), 2 * sizeof *to);
        }
        // With room for what single precision moved them before, and for the rounding of these very sums.
        largest_move_ = 1.01 * std::sqrt(most) / fixed_one + 1e-7;
        mean_move_ = 1.01 * std::sqrt(moved) / fixed_one + 1e-7;
    }

    [[nodiscard]] std::size_t rows() const { return n_; }
    [[nodiscard]] std::size_t pairs() const { return pairs_; }
    [[nodiscard]] const std::int16_t* of(std::size_t p) const { return &values_(p, 0); }
    /// Half the square of each length, rounded down [n, and zeros to the end of a panel].
    [[nodiscard]] const std::int32_t* halves() const { return half_.data(); }
    /// How far rounding moved a point at most, and the root of the weighted mean of its square.
    [[nodiscard]] double largest_move() const { return largest_move_; }
    [[nodiscard]] double mean_move() const { return mean_move_; }

  private:
    std::size_t n_, pairs_;
    aligned_rows<std::int16_t> values_;
    aligned_vector<std::int32_t> half_;
    double largest_move_ = 0, mean_move_ = 0;
};

/// A bound on |W − W'| where W' is the transport cost between points that were moved, by `moved` in the root of the
/// weighted mean square, both sides together: √(2 W) is a metric. And on |c − c'| of one cost where both ends moved by
/// no more than `moved` together.
inline double moved_bound(double w, double moved) {
    w = std::max(w, 0.0);
    return moved * std::sqrt(2 * w) + moved * moved / 2 + 4e-7 * w + 4 / (fixed_one * fixed_one);
}

/// half |x − y|^2 as a cost, from whole numbers.
inline float fixed_cost(std::int32_t half_x, std::int32_t half_y, std::int32_t product) {
    return static_cast<float>(std::max(0, half_x + half_y - product)) * static_cast<float>(1 / (fixed_one * fixed_one));
}

/// The same of two points.
inline float fixed_cost(const fixed_points& x, std::size_t i, const fixed_points& y, std::size_t j) {
    constexpr std::size_t panel = fixed_points::panel;
    const std::int16_t* p = x.of(i / panel) + i % panel * 2;
    const std::int16_t* q = y.of(j / panel) + j % panel * 2;
    std::int32_t product = 0;
    for (std::size_t k = 0; k < x.pairs(); ++k, p += 2 * panel, q += 2 * panel) product += p[0] * q[0] + p[1] * q[1];
    return fixed_cost(x.halves()[i], y.halves()[j], product);
}

/// out[r * 16 * columns + c] = x_r y_c for `rows` points of a panel from `x` on and for `columns` panels.
inline void fixed_products_baseline(const std::int16_t* x, const std::int16_t* const* y, std::size_t pairs,
                                    std::int32_t* out, std::size_t rows, std::size_t columns) {
    constexpr std::size_t panel = fixed_points::panel;
    for (std::size_t r = 0; r < rows; ++r)
        for (std::size_t p = 0; p < columns; ++p) {
            std::int32_t sum[panel] = {};
            for (std::size_t k = 0; k < pairs; ++k) {
                const std::int32_t first = x[k * 2 * panel + 2 * r], second = x[k * 2 * panel + 2 * r + 1];
                for (std::size_t c = 0; c < panel; ++c)
                    sum[c] += first * y[p][k * 2 * panel + 2 * c] + second * y[p][k * 2 * panel + 2 * c + 1];
            }
            std::copy_n(sum, panel, out + (r * columns + p) * panel);
        }
}

#if HOLDFAST_TRANSPORT_X86
#define HOLDFAST_TRANSPORT_VNNI __attribute__((target("avx512vnni,avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")))

template <int Rows, int Columns>
HOLDFAST_TRANSPORT_VNNI void fixed_tile_vnni(const std::int16_t* x, const std::int16_t* const* y, std::size_t pairs,
                                             std::int32_t* out) {
    constexpr std::size_t line = 2 * fixed_points::panel;
    __m512i sum[Rows * Columns];
#pragma GCC unroll 32
    for (int t = 0; t < Rows * Columns; ++t) sum[t] = _mm512_setzero_si512();
    for (std::size_t k = 0; k < pairs; ++k) {
        __m512i to[Columns];
#pragma GCC unroll 4
        for (int c = 0; c < Columns; ++c) to[c] = _mm512_load_si512(y[c] + k * line);
#pragma GCC unroll 8
        for (int r = 0; r < Rows; ++r) {
            std::int32_t two;
            std::memcpy(&two, x + k * line + 2 * r, sizeof two);
            const __m512i from = _mm512_set1_epi32(two);
#pragma GCC unroll 4
            for (int c = 0; c < Columns; ++c)
                sum[r * Columns + c] = _mm512_dpwssd_epi32(sum[r * Columns + c], from, to[c]);
        }
    }
#pragma GCC unroll 32
    for (int t = 0; t < Rows * Columns; ++t) _mm512_store_si512(out + t * 16, sum[t]);
}

template <int Rows>
HOLDFAST_TRANSPORT_AVX2 void fixed_tile_avx2(const std::int16_t* x, const std::int16_t* y, std::size_t pairs,
                                             std::int32_t* out, std::size_t stride) {
    constexpr std::size_t line = 2 * fixed_points::panel;
    __m256i sum[2 * Rows];
#pragma GCC unroll 8
    for (int t = 0; t < 2 * Rows; ++t) sum[t] = _mm256_setzero_si256();
    for (std::size_t k = 0; k < pairs; ++k) {
        const __m256i low = _mm256_load_si256(reinterpret_cast<const __m256i*>(y + k * line));
        const __m256i high = _mm256_load_si256(reinterpret_cast<const __m256i*>(y + k * line + 16));
#pragma GCC unroll 4
        for (int r = 0; r < Rows; ++r) {
            std::int32_t two;
            std::memcpy(&two, x + k * line + 2 * r, sizeof two);
            const __m256i from = _mm256_set1_epi32(two);
            sum[2 * r] = _mm256_add_epi32(sum[2 * r], _mm256_madd_epi16(from, low));
            sum[2 * r + 1] = _mm256_add_epi32(sum[2 * r + 1], _mm256_madd_epi16(from, high));
        }
    }
#pragma GCC unroll 4
    for (int r = 0; r < Rows; ++r) {
        auto* to = reinterpret_cast<__m256i*>(out + static_cast<std::size_t>(r) * stride);
        _mm256_store_si256(to, sum[2 * r]);
        _mm256_store_si256(to + 1, sum[2 * r + 1]);
    }
}

inline bool machine_has_vnni() {
    static const bool has = machine_level() == simd_level::avx512 && __builtin_cpu_supports("avx512vnni");
    return has;
}
#endif

/// How products of whole numbers are computed; the machine's best unless a test asks for less.
enum class fixed_level { baseline, avx2, vnni };
inline fixed_level machine_fixed_level() {
#if HOLDFAST_TRANSPORT_X86
    if (machine_has_vnni()) return fixed_level::vnni;
    if (machine_level() != simd_level::baseline) return fixed_level::avx2;
#endif
    return fixed_level::baseline;
}

/// Eight points of a panel against up to three panels.
inline void fixed_products([[maybe_unused]] fixed_level level, const std::int16_t* x, const std::int16_t* const* y,
                           std::size_t pairs, std::int32_t* out, std::size_t columns) {
#if HOLDFAST_TRANSPORT_X86
    if (level == fixed_level::vnni) {
        if (columns == 3) return fixed_tile_vnni<8, 3>(x, y, pairs, out);
        if (columns == 2) return fixed_tile_vnni<8, 2>(x, y, pairs, out);
        return fixed_tile_vnni<8, 1>(x, y, pairs, out);
    }
    if (level == fixed_level::avx2) {
        for (std::size_t r = 0; r < 8; r += 4)
            for (std::size_t c = 0; c < columns; ++c)
                fixed_tile_avx2<4>(x + 2 * r, y[c], pairs, out + (r * columns + c) * 16, columns * 16);
        return;
    }
#endif
    fixed_products_baseline(x, y, pairs, out, 8, columns);
}

/// Costs of points begin..end-1 of x, all of one panel, against all of y: row i from out + (i − begin) * stride on;
/// columns up to the end of y's last panel are written.
inline void fixed_costs(const fixed_points& x, const fixed_points& y, std::size_t begin, std::size_t end, float* out,
                        std::size_t stride, fixed_level level = machine_fixed_level()) {
    constexpr std::size_t panel = fixed_points::panel;
    const std::size_t panels = (y.rows() + panel - 1) / panel;
    const std::int16_t* rows = x.of(begin / panel);
    alignas(64) std::int32_t product[8 * 3 * panel];
    for (std::size_t p = 0; p < panels; p += 3) {
        const std::size_t columns = std::min<std::size_t>(3, panels - p);
        const std::int16_t* to[3] = {};
        for (std::size_t c = 0; c < columns; ++c) to[c] = y.of(p + c);
        for (std::size_t half = begin % panel / 8 * 8; half < end - begin / panel * panel; half += 8) {
            fixed_products(level, rows + 2 * half, to, x.pairs(), product, columns);
            for (std::size_t r = 0; r < 8; ++r) {
                const std::size_t i = begin / panel * panel + half + r;
                if (i < begin || i >= end) continue;
                const std::int32_t* const of = product + r * columns * panel;
                const std::int32_t* const halves = y.halves() + p * panel;
                float* const row = out + (i - begin) * stride + p * panel;
                for (std::size_t c = 0; c < columns * panel; ++c) row[c] = fixed_cost(x.halves()[i], halves[c], of[c]);
            }
        }
    }
}

}  // namespace holdfast::transport::detail
