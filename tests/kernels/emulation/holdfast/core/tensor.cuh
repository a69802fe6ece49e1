#pragma once
// include/holdfast/core/tensor.cuh on the emulated GPU: found before the real header on the tests' include path.
// Fragment layouts as the PTX manual draws them (ldmatrix; mma.m16n8k32).

#include <holdfast/core/warp.cuh>

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace holdfast::detail {

using gpu_emulation::machine;

inline void copy_async(void* shared, const void* global, int bytes) {
    machine& m = machine::instance();
    m.check_shared(shared, 16, 16);
    if (reinterpret_cast<std::uintptr_t>(global) % 16 != 0) gpu_emulation::fail("cp.async from a misaligned address");
    if (bytes < 0 || bytes > 16) gpu_emulation::fail("cp.async of more than 16 bytes");
    gpu_emulation::copy c{shared, {}};
    if (bytes > 0) std::memcpy(c.data, global, static_cast<std::size_t>(bytes));
    std::memset(shared, 0xFF, 16);
    m.self().groups.back().push_back(c);
}

inline void copy_async_commit() { machine::instance().self().groups.emplace_back(); }

template <int Pending>
void copy_async_wait() {
    auto& groups = machine::instance().self().groups;
    while (groups.size() > Pending + 1) {
        for (const auto& c : groups.front()) std::memcpy(c.to, c.data, 16);
        groups.erase(groups.begin());
    }
}

namespace emulation {

inline const gpu_emulation::exchange& show_rows(const void* row) {
    machine& m = machine::instance();
    m.check_shared(row, 16, 16);
    const auto& e = m.meet([&](gpu_emulation::exchange& to, unsigned lane) { to.pointer[lane] = row; });
    if (m.lane() == 0)  // the eight rows of each matrix must lie in eight different groups of four banks
        for (unsigned matrix = 0; matrix < 4; ++matrix) {
            unsigned seen = 0;
            for (unsigned i = 0; i < 8; ++i)
                seen |= 1u << (reinterpret_cast<std::uintptr_t>(e.pointer[8 * matrix + i]) / 16 % 8);
            m.bank_conflicts += seen != 0xFFu;
        }
    return e;
}

inline std::uint16_t element(const void* row, unsigned i) {
    std::uint16_t value;
    std::memcpy(&value, static_cast<const unsigned char*>(row) + 2 * i, 2);
    return value;
}

}  // namespace emulation

inline void load_matrices(std::uint32_t (&to)[4], const void* row) {
    const auto& e = emulation::show_rows(row);
    const unsigned lane = machine::instance().lane(), g = lane / 4, t = 2 * (lane % 4);
    for (unsigned j = 0; j < 4; ++j)
        to[j] = emulation::element(e.pointer[8 * j + g], t) |
                static_cast<std::uint32_t>(emulation::element(e.pointer[8 * j + g], t + 1)) << 16;
}

inline void multiply_add_bytes(std::int32_t (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1) {
    machine& m = machine::instance();
    const auto& e = m.meet([&](gpu_emulation::exchange& to, unsigned lane) {
        for (unsigned i = 0; i < 4; ++i) to.word[lane][i] = a[i];
        to.word[lane][4] = b0, to.word[lane][5] = b1;
    });
    const auto bytes = [&](std::int8_t(&to)[32], unsigned lane, unsigned first, unsigned second) {
        for (unsigned t = 0; t < 4; ++t) {
            std::memcpy(to + 4 * t, &e.word[lane + t][first], 4);
            std::memcpy(to + 16 + 4 * t, &e.word[lane + t][second], 4);
        }
    };
    const unsigned g = m.lane() / 4, t = 2 * (m.lane() % 4);
    std::int8_t rows[2][32], columns[2][32];
    for (unsigned i = 0; i < 2; ++i) {
        bytes(rows[i], g * 4, i, i + 2);
        bytes(columns[i], (t + i) * 4, 4, 5);
    }
    for (unsigned i = 0; i < 4; ++i)
        for (unsigned k = 0; k < 32; ++k) c[i] += rows[i / 2][k] * columns[i % 2][k];
}

}  // namespace holdfast::detail
