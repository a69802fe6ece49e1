#pragma once
// The Sinkhorn engine that similarity.hpp uses: the standard library alone, vector code for AVX-512, AVX2 or what there
// is, chosen when it runs. One polynomial exponential an entry. Builds on detail/simd.hpp and detail/rows_engine.hpp.
// Without GCC's vector extension the same loops run as plain code.

#include <holdfast/transport/detail/rows_engine.hpp>
#include <holdfast/transport/detail/simd.hpp>
#include <holdfast/transport/sinkhorn.hpp>

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace holdfast::transport {
namespace detail {

#if HOLDFAST_TRANSPORT_SIMD

/// Loads `count` numbers, the rest of the vector is `rest`.
template <class Real>
[[gnu::always_inline]] inline void load_part(typename vec<Real>::type& to, const Real* from, std::size_t count,
                                             Real rest) {
    Real lane[vec<Real>::lanes];
    for (std::size_t l = 0; l < vec<Real>::lanes; ++l) lane[l] = l < count ? from[l] : rest;
    __builtin_memcpy(&to, lane, sizeof lane);
}
template <class Real>
[[gnu::always_inline]] inline void store_part(Real* to, const typename vec<Real>::type& from, std::size_t count) {
    Real lane[vec<Real>::lanes];
    __builtin_memcpy(lane, &from, sizeof lane);
    for (std::size_t l = 0; l < count; ++l) to[l] = lane[l];
}
template <class Real>
[[gnu::always_inline]] inline void load(typename vec<Real>::type& to, const Real* from, std::size_t left, Real rest) {
    if (left >= vec<Real>::lanes)
        to = *reinterpret_cast<const typename vec<Real>::loose*>(from);
    else
        load_part<Real>(to, from, left, rest);
}
template <class Real>
[[gnu::always_inline]] inline void store(Real* to, const typename vec<Real>::type& from, std::size_t left) {
    if (left >= vec<Real>::lanes)
        *reinterpret_cast<typename vec<Real>::loose*>(to) = from;
    else
        store_part<Real>(to, from, left);
}

/// x = exp(x) for x <= 0; below the smallest normal number, that number (1e-38 or 1e-308) instead of zero.
[[gnu::always_inline]] inline void exp_in_place(vec<float>::type& x) {
    using vector = vec<float>::type;
    const vector low = vector{} - 87.0f;
    x = x > low ? x : low;
    const vec<float>::ints k = __builtin_convertvector(x * 1.44269504088896341f - 0.5f, vec<float>::ints);
    const vector r = __builtin_convertvector(k, vector);
    const vector t = (x - r * 0.693359375f) + r * 2.12194440e-4f;
    vector p = t * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * t + 8.3334519073e-3f;
    p = p * t + 4.1665795894e-2f;
    p = p * t + 1.6666665459e-1f;
    p = p * t + 5.0000001201e-1f;
    p = p * (t * t) + (t + 1.0f);
    const vec<float>::ints bits = (k + 127) << 23;
    vector scale;
    __builtin_memcpy(&scale, &bits, sizeof scale);
    x = p * scale;
}
[[gnu::always_inline]] inline void exp_in_place(vec<double>::type& x) {
    using vector = vec<double>::type;
    typedef std::int32_t narrow __attribute__((vector_size(32)));
    const vector low = vector{} - 708.0;
    x = x > low ? x : low;
    const narrow k = __builtin_convertvector(x * 1.44269504088896340736 - 0.5, narrow);
    const vector r = __builtin_convertvector(k, vector);
    const vector t = (x - r * 6.93147180369123816490e-01) - r * 1.90821492927058770002e-10;
    vector p = t * (1 / 6227020800.0) + 1 / 479001600.0;
    p = p * t + 1 / 39916800.0;
    p = p * t + 1 / 3628800.0;
    p = p * t + 1 / 362880.0;
    p = p * t + 1 / 40320.0;
    p = p * t + 1 / 5040.0;
    p = p * t + 1 / 720.0;
    p = p * t + 1 / 120.0;
    p = p * t + 1 / 24.0;
    p = p * t + 1 / 6.0;
    p = p * t + 0.5;
    p = p * (t * t) + (t + 1.0);
    const vec<double>::ints bits = (__builtin_convertvector(k, vec<double>::ints) + 1023) << 52;
    vector scale;
    __builtin_memcpy(&scale, &bits, sizeof scale);
    x = p * scale;
}

template <class Real>
[[gnu::always_inline]] inline Real sum_lanes(const typename vec<Real>::type& x) {
    Real lane[vec<Real>::lanes];
    __builtin_memcpy(lane, &x, sizeof lane);
    for (std::size_t width = vec<Real>::lanes / 2; width > 0; width /= 2)
        for (std::size_t l = 0; l < width; ++l) lane[l] += lane[l + width];
    return lane[0];
}

template <class Real>
struct row_loops {
    using vector = typename vec<Real>::type;
    static constexpr std::size_t lanes = vec<Real>::lanes;

    [[gnu::always_inline]] static double exp_row(Real* e, const Real* h, const Real* c, Real inv, std::size_t m,
                                                 Real& max) {
        constexpr Real low = std::numeric_limits<Real>::lowest();
        vector top = vector{} + low;
        for (std::size_t j = 0; j < m; j += lanes) {
            vector x, y;
            load<Real>(x, h + j, m - j, low);
            load<Real>(y, c + j, m - j, 0);
            x -= y * inv;
            store<Real>(e + j, x, m - j);
            top = x > top ? x : top;
        }
        Real lane[lanes];
        __builtin_memcpy(lane, &top, sizeof lane);
        max = lane[0];
        for (std::size_t l = 1; l < lanes; ++l) max = std::max(max, lane[l]);
        vector sum = {}, other = {};
        std::size_t j = 0;
        for (; j + 2 * lanes <= m; j += 2 * lanes) {
            vector x, y;
            load<Real>(x, e + j, lanes, 0);
            load<Real>(y, e + j + lanes, lanes, 0);
            x -= max;
            y -= max;
            exp_in_place(x);
            exp_in_place(y);
            store<Real>(e + j, x, lanes);
            store<Real>(e + j + lanes, y, lanes);
            sum += x;
            other += y;
        }
        for (; j < m; j += lanes) {
            vector x;
            load<Real>(x, e + j, m - j, max + (sizeof(Real) == 4 ? -87 : -708));
            x -= max;
            exp_in_place(x);
            store<Real>(e + j, x, m - j);
            sum += x;
        }
        sum += other;
        return static_cast<double>(sum_lanes<Real>(sum));
    }
    [[gnu::always_inline]] static void add(Real* s, const Real* e, Real w, std::size_t m) {
        for (std::size_t j = 0; j < m; j += lanes) {
            vector x, y;
            load<Real>(x, s + j, m - j, 0);
            load<Real>(y, e + j, m - j, 0);
            x += y * w;
            store<Real>(s + j, x, m - j);
        }
    }
    [[gnu::always_inline]] static double scaled_dot(const Real* e, const Real* y, const Real* c, std::size_t m,
                                                    double& mass) {
        vector sum = {}, all = {};
        for (std::size_t j = 0; j < m; j += lanes) {
            vector x, scale, cost;
            load<Real>(x, e + j, m - j, 0);
            load<Real>(scale, y + j, m - j, 0);
            load<Real>(cost, c + j, m - j, 0);
            x *= scale;
            all += x;
            sum += x * cost;
        }
        mass = static_cast<double>(sum_lanes<Real>(all));
        return static_cast<double>(sum_lanes<Real>(sum));
    }
    [[gnu::always_inline]] static Real least(const Real* c, const Real* g, std::size_t m) {
        constexpr Real high = std::numeric_limits<Real>::max();
        vector low = vector{} + high;
        for (std::size_t j = 0; j < m; j += lanes) {
            vector x, y;
            load<Real>(x, c + j, m - j, high);
            load<Real>(y, g + j, m - j, 0);
            x -= y;
            low = x < low ? x : low;
        }
        Real lane[lanes];
        __builtin_memcpy(lane, &low, sizeof lane);
        return *std::min_element(lane, lane + lanes);
    }
    [[gnu::always_inline]] static void lower(Real* t, const Real* c, Real f, std::size_t m) {
        for (std::size_t j = 0; j < m; j += lanes) {
            vector x, y;
            load<Real>(x, c + j, m - j, 0);
            load<Real>(y, t + j, m - j, 0);
            x -= f;
            x = x < y ? x : y;
            store<Real>(t + j, x, m - j);
        }
    }
};

#else

template <class Real>
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

/// The loops of one level, compiled for it; `target_level` is the machine's unless a test asks for less.
template <class Real>
struct simd_kernels {
    using real = Real;
    using loops = row_loops<Real>;
    static inline simd_level target_level = machine_level();

#if HOLDFAST_TRANSPORT_X86
#define HOLDFAST_TRANSPORT_LEVELS(RESULT, NAME, PARAMETERS, ARGUMENTS)                                 \
    HOLDFAST_TRANSPORT_AVX512 static RESULT NAME##_avx512 PARAMETERS { return loops::NAME ARGUMENTS; } \
    HOLDFAST_TRANSPORT_AVX2 static RESULT NAME##_avx2 PARAMETERS { return loops::NAME ARGUMENTS; }     \
    static RESULT NAME##_baseline PARAMETERS { return loops::NAME ARGUMENTS; }                         \
    static RESULT NAME PARAMETERS {                                                                    \
        if (target_level == simd_level::avx512) return NAME##_avx512 ARGUMENTS;                        \
        if (target_level == simd_level::avx2) return NAME##_avx2 ARGUMENTS;                            \
        return NAME##_baseline ARGUMENTS;                                                              \
    }
#else
#define HOLDFAST_TRANSPORT_LEVELS(RESULT, NAME, PARAMETERS, ARGUMENTS) \
    static RESULT NAME PARAMETERS { return loops::NAME ARGUMENTS; }
#endif
    HOLDFAST_TRANSPORT_LEVELS(double, exp_row,
                              (Real * e, const Real* h, const Real* c, Real inv, std::size_t m, Real& max),
                              (e, h, c, inv, m, max))
    HOLDFAST_TRANSPORT_LEVELS(void, add, (Real * s, const Real* e, Real w, std::size_t m), (s, e, w, m))
    HOLDFAST_TRANSPORT_LEVELS(double, scaled_dot,
                              (const Real* e, const Real* y, const Real* c, std::size_t m, double& mass),
                              (e, y, c, m, mass))
    HOLDFAST_TRANSPORT_LEVELS(Real, least, (const Real* c, const Real* g, std::size_t m), (c, g, m))
    HOLDFAST_TRANSPORT_LEVELS(void, lower, (Real * t, const Real* c, Real f, std::size_t m), (t, c, f, m))
#undef HOLDFAST_TRANSPORT_LEVELS
};

}  // namespace detail

/// Sinkhorn on the CPU with the machine's own vectors, in float or double. The cost must outlive the engine.
///
/// @cost         one pass over C and one exponential an entry for an iteration; rows in parallel
/// @determinism  same bits for any number of threads, and on AVX2 and AVX-512; without FMA the last bits differ
template <std::floating_point Real = double>
class simd_engine : public detail::rows_engine<detail::simd_kernels<Real>> {
  public:
    using detail::rows_engine<detail::simd_kernels<Real>>::rows_engine;
};

static_assert(engine<simd_engine<float>> && engine<simd_engine<double>>);

}  // namespace holdfast::transport
