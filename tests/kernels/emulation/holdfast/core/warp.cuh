#pragma once
// include/holdfast/core/warp.cuh on the emulated GPU: found before the real header on the tests' include path.

#include <cuda_runtime.h>

#include <cmath>
#include <cstdint>
#include <cstring>

#define HOLDFAST_UNROLL
#define HOLDFAST_UNROLL_BY_FOUR
#define HOLDFAST_NO_UNROLL

namespace holdfast::detail {

[[nodiscard]] inline unsigned char* dynamic_shared() { return gpu_emulation::machine::instance().shared; }

inline float fast_exp2(float x) {
    const float y = std::exp2(x);
    return y < 0x1p-126F ? 0 : y;
}

inline std::uint32_t bits_of(float x) {
    std::uint32_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    return bits;
}

inline void synchronise_block() { gpu_emulation::machine::instance().block_barrier(); }

/// Every lane sees all 32 values and joins them as the butterfly of the real header does.
template <class T, class Join>
T over_warp(T x, Join join, unsigned apart = 1) {
    static_assert(sizeof(T) <= 8);
    auto& m = gpu_emulation::machine::instance();
    const auto& e =
        m.meet([&](gpu_emulation::exchange& to, unsigned lane) { std::memcpy(&to.word[lane][0], &x, sizeof x); });
    T all[32];
    for (unsigned i = 0; i < 32; ++i) std::memcpy(&all[i], &e.word[i][0], sizeof x);
    for (unsigned step = 16; step >= apart; step /= 2)
        for (unsigned i = 0; i < step; ++i) all[i] = join(all[i], all[i + step]);
    return all[m.lane() % apart];
}

template <class T>
T sum_over_warp(T x) {
    return over_warp(x, [](T a, T b) { return a + b; });
}

template <class T, unsigned Apart = 1>
T least_over_warp(T x) {
    return over_warp(
        x, [](T a, T b) { return b < a ? b : a; }, Apart);
}

}  // namespace holdfast::detail
