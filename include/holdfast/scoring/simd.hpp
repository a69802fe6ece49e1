#pragma once
// What the scorers' vector loops are compiled with: GCC's vector extension where it is, one function per level of
// core/cpu.hpp, chosen at run time whatever flags the user gives. Builds on core. Leaves out the loops; each of them
// has a plain form with the same results.

#include <cstddef>
#include <cstdint>

#include <holdfast/core/cpu.hpp>

#if HOLDFAST_X86_LEVELS
#define HOLDFAST_SCORING_VECTORS 1
#define HOLDFAST_SCORING_AVX512 __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2")))
#define HOLDFAST_SCORING_VBMI2 \
    __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,popcnt,bmi2")))
#define HOLDFAST_SCORING_AVX2 __attribute__((target("avx2")))
#else
#define HOLDFAST_SCORING_VECTORS 0
#endif

namespace holdfast::scoring::detail {

using holdfast::detail::machine_level;
using holdfast::detail::simd_level;

#if HOLDFAST_SCORING_VECTORS
/// Can the machine compress bytes (AVX-512 VBMI2: Ice Lake, Zen 4 and newer)?
inline bool machine_has_vbmi2() {
    static const bool has = machine_level() == simd_level::avx512 && __builtin_cpu_supports("avx512vbmi") &&
                            __builtin_cpu_supports("avx512vbmi2");
    return has;
}

/// `Bytes` of 64-bit words in a register.
template <std::size_t Bytes>
struct lane_vector {
    typedef std::uint64_t type __attribute__((vector_size(Bytes)));
};
#endif

}  // namespace holdfast::scoring::detail
