#pragma once
// What a Sinkhorn iteration does to one row, at the width of the machine: exponentials, sums, minima. GCC's vector
// extension alone; without it the same loops run as plain code. Builds on exponentials.hpp.

#include <holdfast/transport/detail/exponentials.hpp>
#include <holdfast/transport/detail/simd.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace holdfast::transport::detail {

#if HOLDFAST_TRANSPORT_SIMD

/// The kernels of rows_engine in steps of 64 bytes, each step in parts of `Bytes`; what is left over of a row goes
/// through a padded copy.
template <class Real, std::size_t Bytes>
struct row_loops {
    using vector = typename vec<Real, Bytes>::type;
    using v = vec<Real, Bytes>;
    static constexpr std::size_t lanes = vec<Real, Bytes>::lanes, step = 64 / sizeof(Real);
    static constexpr std::size_t parts = 64 / Bytes;

    /// A step's worth of a row that ends inside it.
    struct rest {
        alignas(64) Real x[step];
        [[gnu::always_inline]] rest(const Real* from, std::size_t count, Real pad) {
            for (std::size_t l = 0; l < step; ++l) x[l] = l < count ? from[l] : pad;
        }
        [[gnu::always_inline]] void put(Real* to, std::size_t count) const {
            for (std::size_t l = 0; l < count; ++l) to[l] = x[l];
        }
    };
    [[gnu::always_inline]] static void exponents(Real* e, const Real* h, const Real* c, Real inv, vector* top) {
#pragma GCC unroll 4
        for (std::size_t p = 0; p < parts; ++p) {
            vector x, y;
            v::load(x, h + p * lanes);
            v::load(y, c + p * lanes);
            x -= y * inv;
            v::store(e + p * lanes, x);
            raise_to<Real, Bytes>(top[p], x);
        }
    }
    [[gnu::always_inline]] static void exponentials(Real* e, Real max, vector* sum) {
#pragma GCC unroll 4
        for (std::size_t p = 0; p < parts; ++p) {
            vector x;
            v::load(x, e + p * lanes);
            x -= max;
            exp_in_place<Real, Bytes>(x);
            v::store(e + p * lanes, x);
            sum[p] += x;
        }
    }
    [[gnu::always_inline]] static double exp_row(Real* e, const Real* h, const Real* c, Real inv, std::size_t m,
                                                 Real& max) {
        constexpr Real low = std::numeric_limits<Real>::lowest();
        vector top[parts], sum[parts] = {}, other[parts] = {};
        for (std::size_t p = 0; p < parts; ++p) top[p] = vector{} + low;
        std::size_t j = 0;
        for (; j + step <= m; j += step) exponents(e + j, h + j, c + j, inv, top);
        if (j < m) {
            rest x(h + j, m - j, low), y(c + j, m - j, 0);
            exponents(x.x, x.x, y.x, inv, top);
            x.put(e + j, m - j);
        }
        Real lane[step];
        __builtin_memcpy(lane, top, sizeof lane);
        max = *std::max_element(lane, lane + step);
        for (j = 0; j + 2 * step <= m; j += 2 * step) {
            exponentials(e + j, max, sum);
            exponentials(e + j + step, max, other);
        }
        if (j + step <= m) exponentials(e + j, max, sum), j += step;
        if (j < m) {
            rest x(e + j, m - j, low / 2);
            exponentials(x.x, max, sum);
            x.put(e + j, m - j);
        }
        for (std::size_t p = 0; p < parts; ++p) sum[p] += other[p];
        return static_cast<double>(sum_parts<Real, Bytes>(sum));
    }

    [[gnu::always_inline]] static void near_step(Real* e, const Real* h, const Real* c, Real inv, Real shift,
                                                 vector* sum) {
#pragma GCC unroll 4
        for (std::size_t p = 0; p < parts; ++p) {
            vector x, y;
            v::load(x, h + p * lanes);
            v::load(y, c + p * lanes);
            x -= y * inv;
            x -= shift;
            exp2_in_place<Bytes>(x);
            v::store(e + p * lanes, x);
            sum[p] += x;
        }
    }
    [[gnu::always_inline]] static double exp_near(Real* e, const Real* h, const Real* c, Real inv, std::size_t m,
                                                  Real shift) {
        vector sum[parts] = {}, other[parts] = {};
        std::size_t j = 0;
        for (; j + 2 * step <= m; j += 2 * step) {
            near_step(e + j, h + j, c + j, inv, shift, sum);
            near_step(e + j + step, h + j + step, c + j + step, inv, shift, other);
        }
        if (j + step <= m) near_step(e + j, h + j, c + j, inv, shift, sum), j += step;
        for (std::size_t p = 0; p < parts; ++p) sum[p] += other[p];
        double all = static_cast<double>(sum_parts<Real, Bytes>(sum));
        if (j < m) {
            rest x(h + j, m - j, 0);
            const rest y(c + j, m - j, 0);
            near_step(x.x, x.x, y.x, inv, shift, other);
            x.put(e + j, m - j);
            for (std::size_t l = 0; l < m - j; ++l) all += static_cast<double>(x.x[l]);
        }
        return all;
    }

    [[gnu::always_inline]] static void add_step(Real* s, const Real* e, Real w) {
#pragma GCC unroll 4
        for (std::size_t p = 0; p < parts; ++p) {
            vector x, y;
            v::load(x, s + p * lanes);
            v::load(y, e + p * lanes);
            x += y * w;
            v::store(s + p * lanes, x);
        }
    }
    [[gnu::always_inline]] static void add(Real* s, const Real* e, Real w, std::size_t m) {
        std::size_t j = 0;
        for (; j + step <= m; j += step) add_step(s + j, e + j, w);
        if (j == m) return;
        rest x(s + j, m - j, 0), y(e + j, m - j, 0);
        add_step(x.x, y.x, w);
        x.put(s + j, m - j);
    }

    [[gnu::always_inline]] static void dot_step(const Real* e, const Real* y, const Real* c, vector* sum, vector* all) {
#pragma GCC unroll 4
        for (std::size_t p = 0; p < parts; ++p) {
            vector x, scale, cost;
            v::load(x, e + p * lanes);
            v::load(scale, y + p * lanes);
            v::load(cost, c + p * lanes);
            x *= scale;
            all[p] += x;
            sum[p] += x * cost;
        }
    }
    [[gnu::always_inline]] static double scaled_dot(const Real* e, const Real* y, const Real* c, std::size_t m,
                                                    double& mass) {
        vector sum[parts] = {}, all[parts] = {};
        std::size_t j = 0;
        for (; j + step <= m; j += step) dot_step(e + j, y + j, c + j, sum, all);
        if (j < m) {
            const rest x(e + j, m - j, 0), scale(y + j, m - j, 0), cost(c + j, m - j, 0);
            dot_step(x.x, scale.x, cost.x, sum, all);
        }
        mass = static_cast<double>(sum_parts<Real, Bytes>(all));
        return static_cast<double>(sum_parts<Real, Bytes>(sum));
    }

    [[gnu::always_inline]] static void least_step(const Real* c, const Real* g, vector* low) {
#pragma GCC unroll 4
        for (std::size_t p = 0; p < parts; ++p) {
            vector x, y;
            v::load(x, c + p * lanes);
            v::load(y, g + p * lanes);
            x -= y;
            lower_to<Real, Bytes>(low[p], x);
        }
    }
    [[gnu::always_inline]] static Real least(const Real* c, const Real* g, std::size_t m) {
        constexpr Real high = std::numeric_limits<Real>::max();
        vector low[parts];
        for (std::size_t p = 0; p < parts; ++p) low[p] = vector{} + high;
        std::size_t j = 0;
        for (; j + step <= m; j += step) least_step(c + j, g + j, low);
        if (j < m) {
            const rest x(c + j, m - j, high), y(g + j, m - j, 0);
            least_step(x.x, y.x, low);
        }
        Real lane[step];
        __builtin_memcpy(lane, low, sizeof lane);
        return *std::min_element(lane, lane + step);
    }

    [[gnu::always_inline]] static void lower_step(Real* t, const Real* c, Real f) {
#pragma GCC unroll 4
        for (std::size_t p = 0; p < parts; ++p) {
            vector x, y;
            v::load(x, c + p * lanes);
            v::load(y, t + p * lanes);
            x -= f;
            lower_to<Real, Bytes>(x, y);
            v::store(t + p * lanes, x);
        }
    }
    [[gnu::always_inline]] static void lower(Real* t, const Real* c, Real f, std::size_t m) {
        std::size_t j = 0;
        for (; j + step <= m; j += step) lower_step(t + j, c + j, f);
        if (j == m) return;
        rest x(t + j, m - j, 0);
        const rest y(c + j, m - j, 0);
        lower_step(x.x, y.x, f);
        x.put(t + j, m - j);
    }
};

#else

template <class Real, std::size_t>
struct row_loops {
    static double exp_row(Real* e, const Real* h, const Real* c, Real inv, std::size_t m, Real& max) {
        max = std::numeric_limits<Real>::lowest();
        for (std::size_t j = 0; j < m; ++j) max = std::max(max, e[j] = h[j] - c[j] * inv);
        double sum = 0;
        for (std::size_t j = 0; j < m; ++j) sum += static_cast<double>(e[j] = std::exp(e[j] - max));
        return sum;
    }
    static void add(Real* s, const Real* e, Real w, std::size_t m) {
        for (std::size_t j = 0; j < m; ++j) s[j] += w * e[j];
    }
    static double scaled_dot(const Real* e, const Real* y, const Real* c, std::size_t m, double& mass) {
        double sum = 0;
        mass = 0;
        for (std::size_t j = 0; j < m; ++j) {
            mass += static_cast<double>(e[j] * y[j]);
            sum += static_cast<double>(e[j] * y[j] * c[j]);
        }
        return sum;
    }
    static Real least(const Real* c, const Real* g, std::size_t m) {
        Real low = std::numeric_limits<Real>::max();
        for (std::size_t j = 0; j < m; ++j) low = std::min(low, c[j] - g[j]);
        return low;
    }
    static void lower(Real* t, const Real* c, Real f, std::size_t m) {
        for (std::size_t j = 0; j < m; ++j) t[j] = std::min(t[j], c[j] - f);
    }
};

#endif

}  // namespace holdfast::transport::detail
