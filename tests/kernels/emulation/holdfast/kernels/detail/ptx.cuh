#pragma once
// The instructions of include/holdfast/kernels/detail/ptx.cuh on the emulated GPU: found before the real header on the
// tests' include path. Fragment layouts as the PTX manual draws them (ldmatrix; mma.m16n8k16).

#include <holdfast/core/config.hpp>
#include <holdfast/core/launch.cuh>
#include <holdfast/core/tensor.cuh>
#include <holdfast/core/warp.cuh>

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace holdfast::kernels::detail {

using gpu_emulation::machine;

using holdfast::detail::copy_async;
using holdfast::detail::copy_async_commit;
using holdfast::detail::copy_async_wait;
using holdfast::detail::dynamic_shared;
using holdfast::detail::launch;
using holdfast::detail::load_matrices;
using holdfast::detail::sum_over_warp;
using holdfast::detail::synchronise_block;

inline void load_matrices_transposed(std::uint32_t (&to)[4], const void* row) {
    const auto& e = holdfast::detail::emulation::show_rows(row);
    const unsigned lane = machine::instance().lane(), g = lane / 4, t = 2 * (lane % 4);
    for (unsigned j = 0; j < 4; ++j)
        to[j] = holdfast::detail::emulation::element(e.pointer[8 * j + t], g) |
                static_cast<std::uint32_t>(holdfast::detail::emulation::element(e.pointer[8 * j + t + 1], g)) << 16;
}

inline void wait_for_kernel_ahead() { machine::instance().self().waited_for_ahead = true; }
inline void let_kernel_behind_begin() {}

template <class T>
void multiply_add(float (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1) {
    machine& m = machine::instance();
    const auto& e = m.meet([&](gpu_emulation::exchange& to, unsigned lane) {
        for (unsigned i = 0; i < 4; ++i) to.word[lane][i] = a[i];
        to.word[lane][4] = b0, to.word[lane][5] = b1;
    });
    const auto number = [](std::uint32_t word, unsigned half) {
        const T x{static_cast<std::uint16_t>(word >> (16 * half))};
        if constexpr (std::is_same_v<T, __half>)
            return __half2float(x);
        else
            return __bfloat162float(x);
    };
    const unsigned g = m.lane() / 4, t = 2 * (m.lane() % 4);
    for (unsigned i = 0; i < 4; ++i) {
        const unsigned row = g + i / 2 * 8, col = t + i % 2;
        for (unsigned k = 0; k < 16; ++k)
            c[i] += number(e.word[row % 8 * 4 + k % 8 / 2][row / 8 + 2 * (k / 8)], k % 2) *
                    number(e.word[col * 4 + k % 8 / 2][4 + k / 8], k % 2);
    }
}

inline std::uint32_t rounded_to_tf32(std::uint32_t bits) {
    if ((bits & 0x7F800000u) == 0x7F800000u) return bits;  // infinities and NaN stay
    return (bits + 0x1000u) & 0xFFFFE000u;
}

inline void multiply_add_tf32(float (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1) {
    machine& m = machine::instance();
    const auto& e = m.meet([&](gpu_emulation::exchange& to, unsigned lane) {
        for (unsigned i = 0; i < 4; ++i) to.word[lane][i] = a[i];
        to.word[lane][4] = b0, to.word[lane][5] = b1;
    });
    const auto number = [](std::uint32_t word) {
        word &= 0xFFFFE000u;  // the machine reads no more bits
        float x;
        std::memcpy(&x, &word, 4);
        return x;
    };
    const unsigned g = m.lane() / 4, t = 2 * (m.lane() % 4);
    for (unsigned i = 0; i < 4; ++i) {
        const unsigned row = g + i / 2 * 8, col = t + i % 2;
        for (unsigned k = 0; k < 8; ++k)
            c[i] +=
                number(e.word[row % 8 * 4 + k % 4][row / 8 + 2 * (k / 4)]) * number(e.word[col * 4 + k % 4][4 + k / 4]);
    }
}

}  // namespace holdfast::kernels::detail
