#pragma once
// Which vector instructions the running machine has, and vectors that compile to them: GCC's and Clang's vector
// extension alone, no intrinsics. Loops go in steps of 64 bytes at every width (in one, two or four parts), so sums
// have the same order everywhere. Functions are compiled once per level and chosen at run time, whatever flags the user
// gives.

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

namespace holdfast::transport::detail {

/// How wide the machine computes.
enum class simd_level { baseline, avx2, avx512 };

/// The best level of the machine that runs this.
inline simd_level machine_level() {
#if HOLDFAST_TRANSPORT_X86
    static const simd_level level = [] {
        __builtin_cpu_init();
        if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
            __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
            return simd_level::avx512;
        if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return simd_level::avx2;
        return simd_level::baseline;
    }();
    return level;
#else
    return simd_level::baseline;
#endif
}

#if HOLDFAST_TRANSPORT_X86
#define HOLDFAST_TRANSPORT_AVX2 __attribute__((target("avx2,fma")))
#define HOLDFAST_TRANSPORT_AVX512 __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")))
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
#endif

}  // namespace holdfast::transport::detail
