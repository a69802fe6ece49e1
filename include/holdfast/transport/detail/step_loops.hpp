#pragma once
// What an absorbed iteration (absorbed_kernel.hpp) does to the sums of rows and columns, at the width of the machine:
// logarithms, exponentials, a step beyond 1, and what is done in double: sums of sums, quotients, potentials. GCC's
// vector extension alone; without it the same loops run as plain code. Builds on exponentials.hpp and row_scaling.hpp.

#include <holdfast/transport/detail/exponentials.hpp>
#include <holdfast/transport/detail/row_scaling.hpp>
#include <holdfast/transport/detail/simd.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>

namespace holdfast::transport::detail {

#if HOLDFAST_TRANSPORT_SIMD

template <std::size_t Bytes>
struct step_loops {
    using v = vec<float, Bytes>;
    using vector = typename v::type;

    /// x_j = log x_j for positive, finite, normal x; m a multiple of 16.
    [[gnu::always_inline]] static void logarithms(float* x, std::size_t m) {
        for (std::size_t j = 0; j < m; j += v::lanes) {
            vector y;
            v::load(y, x + j);
            log_in_place<Bytes>(y);
            v::store(x + j, y);
        }
    }
    /// x_j = exp x_j for |x| <= 80; m a multiple of 16.
    [[gnu::always_inline]] static void exponentials(float* x, std::size_t m) {
        for (std::size_t j = 0; j < m; j += v::lanes) {
            vector y;
            v::load(y, x + j);
            y *= 1.44269504F;
            exp2_in_place<Bytes>(y);
            v::store(x + j, y);
        }
    }
    /// For the rows of a block, d = min(max(excess (x − log s), −1), 1), the part of a step beyond 1 in units of
    /// epsilon: log = log s − d, of = a exp(d). There is room for 16 of each, of which four count.
    [[gnu::always_inline]] static void beyond(const float* s, const float* x, const float* a, float excess, float* log,
                                              float* of) {
        vector y, d, weight;
        v::load(y, s);
        log_in_place<Bytes>(y);
        v::load(d, x);
        d = (d - y) * excess;
        raise_to<float, Bytes>(d, vector{} - 1.0F);
        lower_to<float, Bytes>(d, vector{} + 1.0F);
        y -= d;
        v::store(log, y);
        d *= 1.44269504F;
        exp2_in_place<Bytes>(d);
        v::load(weight, a);
        d *= weight;
        v::store(of, d);
    }

    using wide = vec<double, Bytes>;
    using doubles = typename wide::type;
    using half = typename vec<float, Bytes / 2>::type;
    [[gnu::always_inline]] static void narrow(const doubles& x, float* to) {
        const half less = __builtin_convertvector(x, half);
        std::memcpy(to, &less, sizeof less);
    }

    /// to_j = Σ_p parts_pj of `count` parts, `stride` apart; m a multiple of 16.
    [[gnu::always_inline]] static void sums(const float* parts, std::size_t count, std::size_t stride, std::size_t m,
                                            double* to) {
        for (std::size_t j = 0; j < m; j += wide::lanes) {
            doubles sum = {}, x;
            for (std::size_t p = 0; p < count; ++p) {
                load_wide<float, Bytes>(x, parts + p * stride + j);
                sum += x;
            }
            wide::store(to + j, sum);
        }
    }
    /// next_j = b_j / sum_j; returns Σ |sum_j x_j − b_j|, or infinity where a quotient leaves [1 / far, far].
    [[gnu::always_inline]] static double quotients(const double* b, const double* sum, const float* x, double far,
                                                   std::size_t m, float* next) {
        constexpr std::size_t ways = 64 / Bytes, step = 64 / sizeof(double);
        doubles error[ways] = {}, most[ways] = {}, least[ways];
        for (doubles& each : least) each = doubles{} + far;
        std::size_t j = 0;
        for (; j + step <= m; j += step)
#pragma GCC unroll 4
            for (std::size_t p = 0; p < ways; ++p) {
                const std::size_t k = j + p * wide::lanes;
                doubles of, has, by;
                wide::load(of, b + k);
                wide::load(has, sum + k);
                load_wide<float, Bytes>(by, x + k);
                const doubles off = has * by - of;
                error[p] += off < 0 ? -off : off;
                of /= has;
                most[p] = of > most[p] ? of : most[p];
                least[p] = of < least[p] ? of : least[p];
                narrow(of, next + k);
            }
        double wrong = sum_parts<double, Bytes>(error), high = 0, low = far;
        for (std::size_t p = 0; p < ways; ++p) {
            high = std::max(high, -least_lane<double, Bytes>(-most[p]));
            low = std::min(low, least_lane<double, Bytes>(least[p]));
        }
        for (; j < m; ++j) {
            const double of = b[j] / sum[j];
            wrong += std::abs(sum[j] * static_cast<double>(x[j]) - b[j]);
            high = std::max(high, of);
            low = std::min(low, of);
            next[j] = static_cast<float>(of);
        }
        // What is not a number is in neither extreme, but in the error.
        return low * far >= 1 && high <= far && wrong >= 0 ? wrong : std::numeric_limits<double>::infinity();
    }
    /// to_j = origin_j + eps x_j
    [[gnu::always_inline]] static void potentials(const double* origin, double eps, const float* x, std::size_t m,
                                                  float* to) {
        std::size_t j = 0;
        for (; j + wide::lanes <= m; j += wide::lanes) {
            doubles from, y;
            wide::load(from, origin + j);
            load_wide<float, Bytes>(y, x + j);
            narrow(from + y * eps, to + j);
        }
        for (; j < m; ++j) to[j] = static_cast<float>(origin[j] + static_cast<double>(x[j]) * eps);
    }
};

#else

template <std::size_t>
struct step_loops {
    static void logarithms(float* x, std::size_t m) {
        for (std::size_t j = 0; j < m; ++j) x[j] = std::log(x[j]);
    }
    static void exponentials(float* x, std::size_t m) {
        for (std::size_t j = 0; j < m; ++j) x[j] = std::exp(x[j]);
    }
    static void beyond(const float* s, const float* x, const float* a, float excess, float* log, float* of) {
        for (std::size_t r = 0; r < kernel_block; ++r) {
            const float y = std::log(s[r]), d = std::clamp(excess * (x[r] - y), -1.0F, 1.0F);
            log[r] = y - d;
            of[r] = a[r] * std::exp(d);
        }
    }
    static void sums(const float* parts, std::size_t count, std::size_t stride, std::size_t m, double* to) {
        for (std::size_t j = 0; j < m; ++j) {
            to[j] = 0;
            for (std::size_t p = 0; p < count; ++p) to[j] += static_cast<double>(parts[p * stride + j]);
        }
    }
    static double quotients(const double* b, const double* sum, const float* v, double far, std::size_t m,
                            float* next) {
        double wrong = 0;
        bool within = true;
        for (std::size_t j = 0; j < m; ++j) {
            const double of = b[j] / sum[j];
            within = within && of * far >= 1 && of <= far;
            wrong += std::abs(sum[j] * static_cast<double>(v[j]) - b[j]);
            next[j] = static_cast<float>(of);
        }
        return within ? wrong : std::numeric_limits<double>::infinity();
    }
    static void potentials(const double* origin, double eps, const float* x, std::size_t m, float* to) {
        for (std::size_t j = 0; j < m; ++j) to[j] = static_cast<float>(origin[j] + static_cast<double>(x[j]) * eps);
    }
};

#endif

/// The loops of one level; `target_level` is the machine's unless a test asks for less. (A template of what is always
/// float: of other classes nvcc 13 hands on the levels' functions without their `Bytes`.)
template <class Real>
struct step_rows {
    static inline simd_level target_level = machine_level();

    HOLDFAST_TRANSPORT_LEVELS(target_level, void, logarithms, (Real * x, std::size_t m), (x, m),
                              (step_loops<Bytes>::logarithms))
    HOLDFAST_TRANSPORT_LEVELS(target_level, void, exponentials, (Real * x, std::size_t m), (x, m),
                              (step_loops<Bytes>::exponentials))
    HOLDFAST_TRANSPORT_LEVELS(target_level, void, beyond,
                              (const Real* s, const Real* x, const Real* a, Real excess, Real* log, Real* of),
                              (s, x, a, excess, log, of), (step_loops<Bytes>::beyond))
    HOLDFAST_TRANSPORT_LEVELS(target_level, void, sums,
                              (const Real* parts, std::size_t count, std::size_t stride, std::size_t m, double* to),
                              (parts, count, stride, m, to), (step_loops<Bytes>::sums))
    HOLDFAST_TRANSPORT_LEVELS(target_level, double, quotients,
                              (const double* b, const double* sum, const Real* v, double far, std::size_t m,
                               Real* next),
                              (b, sum, v, far, m, next), (step_loops<Bytes>::quotients))
    HOLDFAST_TRANSPORT_LEVELS(target_level, void, potentials,
                              (const double* origin, double eps, const Real* x, std::size_t m, Real* to),
                              (origin, eps, x, m, to), (step_loops<Bytes>::potentials))
};

}  // namespace holdfast::transport::detail
