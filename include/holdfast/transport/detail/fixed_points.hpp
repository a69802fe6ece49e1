#pragma once
// Unit vectors in whole numbers of 16 bits, and half the squared distances between them: integers, so exact, the same
// on every machine, zero for equal points, and two products an instruction where floats have one. A point moves by a
// few 1e-4 when it is rounded so; by how much exactly is known, and what that does to a transport cost is bounded.
// Builds on fixed_products.hpp, fixed_tiles.hpp and core's loops. Leaves out points that are not of unit length.

#include <holdfast/core/parallel.hpp>
#include <holdfast/transport/detail/aligned.hpp>
#include <holdfast/transport/detail/fixed_products.hpp>
#include <holdfast/transport/detail/fixed_tiles.hpp>
#include <holdfast/transport/detail/simd.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

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

/// out_j = unit max(0, half_x + half_y_j − product_j) for `count` columns, a multiple of 16.
template <std::size_t Bytes>
[[gnu::always_inline]] inline void costs_of_products(const std::int32_t* product, std::int32_t half_x,
                                                     const std::int32_t* half_y, float unit, std::size_t count,
                                                     float* out) {
    using v = vec<std::int32_t, Bytes>;
    for (std::size_t j = 0; j < count; j += v::lanes) {
        typename v::type of, half;
        v::load(of, product + j);
        v::load(half, half_y + j);
        half += half_x - of;
        half = half > 0 ? half : 0;
        const typename vec<float, Bytes>::type cost = __builtin_convertvector(half, typename vec<float, Bytes>::type);
        vec<float, Bytes>::store(out + j, cost * unit);
    }
}

#else

template <std::size_t>
void costs_of_products(const std::int32_t* product, std::int32_t half_x, const std::int32_t* half_y, float unit,
                       std::size_t count, float* out) {
    for (std::size_t j = 0; j < count; ++j)
        out[j] = static_cast<float>(std::max(0, half_x + half_y[j] - product[j])) * unit;
}
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
    HOLDFAST_TRANSPORT_LEVELS(machine_level(), void, costs,
                              (const std::int32_t* product, std::int32_t half_x, const std::int32_t* half_y, float unit,
                               std::size_t count, float* out),
                              (product, half_x, half_y, unit, count, out), (costs_of_products<Bytes>))
};

/// Points by sixteens, coordinates by twos: of a panel all first two coordinates, then all second two, ... Ends are
/// zeros. Where tiles multiply, in the order of fixed_tiles.hpp instead.
class fixed_points {
  public:
    static constexpr std::size_t panel = fixed_panel;

    /// @param make     make(i, to [d]) for each of n points: of unit length up to single precision; from several
    ///                 threads
    /// @param weights  [n]
    /// @param level    how they will be multiplied, which decides how they lie
    template <class Make>
    fixed_points(std::size_t n, std::size_t d, std::span<const double> weights, const Make& make,
                 fixed_level level = machine_fixed_level())
        : n_(n),
          pairs_((d + 1) / 2),
          level_(level),
          values_((n_ + panel - 1) / panel, panel * (level == fixed_level::tiles ? 64 * steps() : 2 * pairs_)),
          half_(values_.rows() * panel, 0) {
        std::vector<float> away(n);
        const about time{0.7 * static_cast<double>(n * d)};
        parallel_chunks(values_.rows(), 4, time, [&](std::size_t begin, std::size_t end, std::size_t) {
            aligned_rows<float> point(1, d);
            aligned_rows<std::int16_t> rows(panel, std::max(point.stride(), 64 * steps()));
            std::fill(point.data(), point.data() + point.stride(), 0.0F);
            for (std::size_t p = begin; p < end; ++p) {
                std::fill(rows.data(), rows.data() + panel * rows.stride(), std::int16_t{0});
                for (std::size_t i = p * panel; i < std::min(n_, (p + 1) * panel); ++i) {
                    std::int32_t square;
                    make(i, point.data());
                    fixed_rows::fix(point.data(), point.stride(), &rows(i % panel, 0), square, away[i]);
                    half_[i] = square / 2;
                }
                put(rows, p);
            }
        });
        double moved = 0, most = 0;
        for (std::size_t i = 0; i < n; ++i) {
            most = std::max(most, static_cast<double>(away[i]));
            moved += weights[i] * static_cast<double>(away[i]);
        }
        // With room for what single precision moved them before, and for the rounding of these very sums.
        largest_move_ = 1.01 * std::sqrt(most) / fixed_one + 1e-7;
        mean_move_ = 1.01 * std::sqrt(moved) / fixed_one + 1e-7;
    }

    [[nodiscard]] std::size_t rows() const { return n_; }
    [[nodiscard]] std::size_t pairs() const { return pairs_; }
    /// Times 64 coordinates, the last filled up with zeros.
    [[nodiscard]] std::size_t steps() const { return (pairs_ + 31) / 32; }
    [[nodiscard]] fixed_level level() const { return level_; }
    [[nodiscard]] const std::int16_t* of(std::size_t p) const { return &values_(p, 0); }
    /// The same where they lie as tiles want it.
    [[nodiscard]] const std::uint8_t* tiles(std::size_t p) const {
        return reinterpret_cast<const std::uint8_t*>(&values_(p, 0));
    }
    /// Half the square of each length, rounded down [n, and zeros to the end of a panel].
    [[nodiscard]] const std::int32_t* halves() const { return half_.data(); }
    /// How far rounding moved a point at most, and the root of the weighted mean of its square.
    [[nodiscard]] double largest_move() const { return largest_move_; }
    [[nodiscard]] double mean_move() const { return mean_move_; }

  private:
    void put(const aligned_rows<std::int16_t>& rows, std::size_t p) {
        std::int16_t* to = &values_(p, 0);
#if HOLDFAST_AMX
        if (level_ == fixed_level::tiles)
            return pack_tiles(rows.data(), rows.stride(), steps(), reinterpret_cast<std::uint8_t*>(to));
#endif
        for (std::size_t k = 0; k < pairs_; ++k)
            for (std::size_t r = 0; r < panel; ++r, to += 2) std::memcpy(to, &rows(r, 2 * k), 2 * sizeof *to);
    }

    std::size_t n_, pairs_;
    fixed_level level_;
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
    std::int32_t product = 0;
#if HOLDFAST_AMX
    if (x.level() == fixed_level::tiles) {
        for (std::size_t k = 0; k < 2 * x.pairs(); ++k)
            product += unpacked(x.tiles(i / panel), i % panel, k) * unpacked(y.tiles(j / panel), j % panel, k);
        return fixed_cost(x.halves()[i], y.halves()[j], product);
    }
#endif
    const std::int16_t* p = x.of(i / panel) + i % panel * 2;
    const std::int16_t* q = y.of(j / panel) + j % panel * 2;
    for (std::size_t k = 0; k < x.pairs(); ++k, p += 2 * panel, q += 2 * panel) product += p[0] * q[0] + p[1] * q[1];
    return fixed_cost(x.halves()[i], y.halves()[j], product);
}

/// Costs of points begin..end-1 of x against all of y, both made for one level: row i from out + (i − begin) * stride
/// on; columns up to the end of y's last panel are written.
inline void fixed_costs(const fixed_points& x, const fixed_points& y, std::size_t begin, std::size_t end, float* out,
                        std::size_t stride) {
    constexpr std::size_t panel = fixed_points::panel;
    const std::size_t panels = (y.rows() + panel - 1) / panel;
#if HOLDFAST_AMX
    if (x.level() == fixed_level::tiles)
        return tile_costs(x.tiles(begin / panel), y.tiles(0), panels, x.steps(), x.halves() + begin / panel * panel,
                          y.halves(), begin % panel, end - begin, out, stride,
                          static_cast<float>(1 / (fixed_one * fixed_one)));
#endif
    alignas(64) std::int32_t product[8 * 3 * panel];
    for (std::size_t eight = begin / 8 * 8; eight < end; eight += 8)
        for (std::size_t p = 0; p < panels; p += 3) {
            const std::size_t columns = std::min<std::size_t>(3, panels - p);
            const std::int16_t* to[3] = {};
            for (std::size_t c = 0; c < columns; ++c) to[c] = y.of(p + c);
            fixed_products(x.level(), x.of(eight / panel) + eight % panel * 2, to, x.pairs(), product, columns);
            for (std::size_t i = std::max(begin, eight); i < std::min(end, eight + 8); ++i)
                fixed_rows::costs(product + (i - eight) * columns * panel, x.halves()[i], y.halves() + p * panel,
                                  static_cast<float>(1 / (fixed_one * fixed_one)), columns * panel,
                                  out + (i - begin) * stride + p * panel);
        }
}

}  // namespace holdfast::transport::detail
