#pragma once
// How wide the running machine computes: what loops that are compiled once per level ask before they choose, so that a
// program built for any x86-64 uses what is there. Builds on nothing; leaves out the loops.

/// 1 where functions can be compiled for a level of their own (target attributes of GCC and Clang).
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__CUDACC__)
#define HOLDFAST_X86_LEVELS 1
#else
#define HOLDFAST_X86_LEVELS 0
#endif

namespace holdfast::detail {

/// Levels of vector instructions: AVX2 with FMA; AVX-512 F, DQ, BW and VL.
enum class simd_level { baseline, avx2, avx512 };

/// The best level of the machine that runs this; baseline where it is not x86-64, or the compiler is nvcc.
inline simd_level machine_level() {
#if HOLDFAST_X86_LEVELS
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

inline bool machine_has_avx512() { return machine_level() == simd_level::avx512; }

}  // namespace holdfast::detail
