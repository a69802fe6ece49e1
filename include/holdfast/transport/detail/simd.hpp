#pragma once
// Which vector instructions the running machine has, and vectors of 64 bytes that compile to them. GCC's and Clang's
// vector extension alone, no intrinsics: the compiler splits a vector where the machine's are shorter, so sums have the
// same order everywhere. Functions are compiled once per level and chosen at run time, whatever flags the user gives.

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
/// 64 bytes of Real, and integers of the same width; `loose` may lie at any address that fits one Real.
template <class Real>
struct vec;
template <>
struct vec<float> {
    static constexpr std::size_t lanes = 16;
    typedef float type __attribute__((vector_size(64)));
    typedef float loose __attribute__((vector_size(64), aligned(4), may_alias));
    typedef std::int32_t ints __attribute__((vector_size(64)));
};
template <>
struct vec<double> {
    static constexpr std::size_t lanes = 8;
    typedef double type __attribute__((vector_size(64)));
    typedef double loose __attribute__((vector_size(64), aligned(8), may_alias));
    typedef std::int64_t ints __attribute__((vector_size(64)));
};
#endif

}  // namespace holdfast::transport::detail
