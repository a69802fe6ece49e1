#pragma once
// What an absorbed iteration (absorbed_kernel.hpp) does to the sums of rows and columns, at the width of the machine:
// logarithms, exponentials, and a step beyond 1. GCC's vector extension alone; without it the same loops run as plain
// code. Builds on exponentials.hpp.

#include <holdfast/transport/detail/exponentials.hpp>
#include <holdfast/transport/detail/simd.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>

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
};

}  // namespace holdfast::transport::detail
