#pragma once
// Vectors of the width that the running machine has (core/cpu.hpp): GCC's and Clang's vector extension alone, no
// intrinsics. Loops go in steps of 64 bytes at every width (in one, two or four parts), so sums
// have the same order everywhere. Functions are compiled once per level and chosen at run time, whatever flags the user
// gives.

#include <holdfast/core/cpu.hpp>

#include <cstddef>
#include <cstdint>

#if defined(__GNUC__) && !defined(__CUDACC__)
#define HOLDFAST_TRANSPORT_SIMD 1
#else
#define HOLDFAST_TRANSPORT_SIMD 0
#endif
#if HOLDFAST_TRANSPORT_SIMD && defined(__x86_64__)
#define HOLDFAST_TRANSPORT_X86 1
#else
#define HOLDFAST_TRANSPORT_X86 0
#endif
#if HOLDFAST_TRANSPORT_X86 && !defined(__clang__)  // Clang needs no help, and checks widths before it inlines
#define HOLDFAST_TRANSPORT_ASM 1
#else
#define HOLDFAST_TRANSPORT_ASM 0
#endif

namespace holdfast::transport::detail {

using holdfast::detail::machine_level;
using holdfast::detail::simd_level;

#if HOLDFAST_TRANSPORT_X86
#define HOLDFAST_TRANSPORT_AVX2 __attribute__((target("avx2,fma")))
#define HOLDFAST_TRANSPORT_AVX512 __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")))
#endif

/// NAME for the machine: NAME_avx512, NAME_avx2 and NAME_baseline, each EXPRESSION compiled for its level with `Bytes`
/// its vectors' size, and NAME itself, which asks `LEVEL` which of them runs.
#if HOLDFAST_TRANSPORT_X86
#define HOLDFAST_TRANSPORT_LEVELS(LEVEL, RESULT, NAME, PARAMETERS, ARGUMENTS, EXPRESSION)                 \
    HOLDFAST_TRANSPORT_AVX512 static inline RESULT NAME##_avx512 PARAMETERS {                             \
        constexpr std::size_t Bytes = 64;                                                                 \
        return EXPRESSION ARGUMENTS;                                                                      \
    }                                                                                                     \
    HOLDFAST_TRANSPORT_AVX2 static inline RESULT NAME##_avx2 PARAMETERS {                                 \
        constexpr std::size_t Bytes = 32;                                                                 \
        return EXPRESSION ARGUMENTS;                                                                      \
    }                                                                                                     \
    static inline RESULT NAME##_baseline PARAMETERS {                                                     \
        constexpr std::size_t Bytes = 16;                                                                 \
        return EXPRESSION ARGUMENTS;                                                                      \
    }                                                                                                     \
    static inline RESULT NAME PARAMETERS {                                                                \
        if ((LEVEL) == ::holdfast::transport::detail::simd_level::avx512) return NAME##_avx512 ARGUMENTS; \
        if ((LEVEL) == ::holdfast::transport::detail::simd_level::avx2) return NAME##_avx2 ARGUMENTS;     \
        return NAME##_baseline ARGUMENTS;                                                                 \
    }
#else
#define HOLDFAST_TRANSPORT_LEVELS(LEVEL, RESULT, NAME, PARAMETERS, ARGUMENTS, EXPRESSION) \
    static inline RESULT NAME PARAMETERS {                                                \
        constexpr std::size_t Bytes = 16;                                                 \
        return EXPRESSION ARGUMENTS;                                                      \
    }
#endif

#if HOLDFAST_TRANSPORT_SIMD
/// A vector of `Bytes` (16, 32 or 64) of Real.
template <class Real, std::size_t Bytes>
struct vec {
    static constexpr std::size_t lanes = Bytes / sizeof(Real);
    typedef Real type __attribute__((vector_size(Bytes)));

    /// From and to any address. (By reference: how vectors are passed by value depends on the level.)
    [[gnu::always_inline]] static void load(type& to, const Real* from) { __builtin_memcpy(&to, from, sizeof to); }
    [[gnu::always_inline]] static void store(Real* to, const type& from) { __builtin_memcpy(to, &from, sizeof from); }
};

/// Keeps x in a register: what is used many times is not read from memory each time.
template <class V>
[[gnu::always_inline]] inline void in_register([[maybe_unused]] V& x) {
#if HOLDFAST_TRANSPORT_ASM
    __asm__("" : "+v"(x));
#endif
}

/// x = the greater (lesser) of x and y in every lane; y where either is not a number. One instruction, which GCC does
/// not make of `x > y ? x : y` for vectors.
template <class Real, std::size_t Bytes>
[[gnu::always_inline]] inline void raise_to(typename vec<Real, Bytes>::type& x,
                                            const typename vec<Real, Bytes>::type& y) {
#if HOLDFAST_TRANSPORT_ASM
    if constexpr (Bytes == 16 && sizeof(Real) == 4)
        __asm__("maxps %1, %0" : "+x"(x) : "x"(y));
    else if constexpr (sizeof(Real) == 4)
        __asm__("vmaxps %1, %0, %0" : "+v"(x) : "v"(y));
    else
#endif
        x = x > y ? x : y;
}
template <class Real, std::size_t Bytes>
[[gnu::always_inline]] inline void lower_to(typename vec<Real, Bytes>::type& x,
                                            const typename vec<Real, Bytes>::type& y) {
#if HOLDFAST_TRANSPORT_ASM
    if constexpr (Bytes == 16 && sizeof(Real) == 4)
        __asm__("minps %1, %0" : "+x"(x) : "x"(y));
    else if constexpr (sizeof(Real) == 4)
        __asm__("vminps %1, %0, %0" : "+v"(x) : "v"(y));
    else
#endif
        x = x < y ? x : y;
}

/// The sum of 64 bytes of lanes, halved and halved again: the same order at every width.
template <class Real, std::size_t Bytes>
[[gnu::always_inline]] inline Real sum_lanes(const typename vec<Real, Bytes>::type& x) {
    if constexpr (Bytes > 16) {
        typename vec<Real, Bytes / 2>::type half[2];
        __builtin_memcpy(half, &x, sizeof x);
        half[0] += half[1];
        return sum_lanes<Real, Bytes / 2>(half[0]);
    } else if constexpr (sizeof(Real) == 4) {
        return (x[0] + x[2]) + (x[1] + x[3]);
    } else {
        return x[0] + x[1];
    }
}
template <class Real, std::size_t Bytes>
[[gnu::always_inline]] inline Real sum_parts(const typename vec<Real, Bytes>::type (&part)[64 / Bytes]) {
    if constexpr (Bytes == 64) {
        return sum_lanes<Real, 64>(part[0]);
    } else if constexpr (Bytes == 32) {
        return sum_lanes<Real, 32>(part[0] + part[1]);
    } else {
        return sum_lanes<Real, 16>((part[0] + part[2]) + (part[1] + part[3]));
    }
}

/// The least of all lanes.
template <class T, std::size_t Bytes>
[[gnu::always_inline]] inline T least_lane(const typename vec<T, Bytes>::type& x) {
    if constexpr (Bytes > 16) {
        typename vec<T, Bytes / 2>::type half[2];
        __builtin_memcpy(half, &x, sizeof x);
        half[0] = half[0] < half[1] ? half[0] : half[1];
        return least_lane<T, Bytes / 2>(half[0]);
    } else {
        T least = x[0];
        for (std::size_t l = 1; l < vec<T, Bytes>::lanes; ++l) least = x[l] < least ? x[l] : least;
        return least;
    }
}
#endif

}  // namespace holdfast::transport::detail
