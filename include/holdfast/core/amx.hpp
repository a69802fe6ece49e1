#pragma once
// Tiles of x86's matrix unit (AMX): whether this machine has them and this process may use them, their shapes for as
// long as an object lives, and their instructions, written in assembly so that a compiler needs neither a flag nor
// intrinsics (whose loads and stores GCC 12 does not order with others). Linux on x86-64; elsewhere the answer is no.
// Builds on cpu.hpp; leaves out the products.

#include <holdfast/core/cpu.hpp>

#include <cstddef>
#include <cstdint>

/// 1 where products on tiles are compiled.
#if HOLDFAST_X86_LEVELS && defined(__linux__) && !defined(__ILP32__)
#define HOLDFAST_AMX 1
#else
#define HOLDFAST_AMX 0
#endif

#if HOLDFAST_AMX
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#endif

namespace holdfast::detail {

/// What tiles may multiply here.
struct tile_abilities {
    bool int8 = false;      ///< whole numbers of 8 bits into sums of 32
    bool bfloat16 = false;  ///< bfloat16 into float
};

/// Asks the processor and the system once, and the system for leave to use tiles (Linux grants it to a process that
/// asks). Nothing where HOLDFAST_NO_AMX is set in the environment, or where the rest of AVX-512 is not there: loops
/// around tiles use it.
inline tile_abilities machine_tiles() {
#if HOLDFAST_AMX
    static const tile_abilities abilities = [] {
        tile_abilities none;
        if (machine_level() != simd_level::avx512 || std::getenv("HOLDFAST_NO_AMX") != nullptr) return none;
        unsigned a = 0, b = 0, c = 0, d = 0;
        constexpr unsigned os_saves = 1u << 27, bf16 = 1u << 22, tiles = 1u << 24, int8 = 1u << 25;
        if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & os_saves) == 0) return none;
        if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || (d & tiles) == 0) return none;
        unsigned low = 0, high = 0;
        __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
        if ((low >> 17 & 3u) != 3) return none;  // the system does not save tiles
        constexpr long ask = 0x1023, tile_data = 18;
        if (syscall(SYS_arch_prctl, ask, tile_data) != 0) return none;
        return tile_abilities{(d & int8) != 0, (d & bf16) != 0};
    }();
    return abilities;
#else
    return {};
#endif
}

#if HOLDFAST_AMX

/// Eight tiles of 16 rows of 64 bytes for the calling thread, as long as this lives; one at a time. Only where
/// machine_tiles() has an ability.
class tile_session {
  public:
    tile_session() {
        struct alignas(64) shapes {
            std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
            std::uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
            std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
        };
        static constexpr shapes whole;
        static_assert(sizeof whole == 64);
        __asm__ volatile("ldtilecfg %0" : : "m"(whole));
    }
    tile_session(const tile_session&) = delete;
    tile_session& operator=(const tile_session&) = delete;
    ~tile_session() { __asm__ volatile("tilerelease" : : : "memory"); }
};

/// Tile T = 16 rows of 64 bytes, `stride` bytes apart; and back.
template <int T>
[[gnu::always_inline]] inline void tile_load(const void* from, std::size_t stride) {
    __asm__ volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(from), "r"(stride), "i"(T) : "memory");
}
template <int T>
[[gnu::always_inline]] inline void tile_store(void* to, std::size_t stride) {
    __asm__ volatile("tilestored %%tmm%c2, (%0,%1,1)" : : "r"(to), "r"(stride), "i"(T) : "memory");
}
template <int T>
[[gnu::always_inline]] inline void tile_zero() {
    __asm__ volatile("tilezero %%tmm%c0" : : "i"(T));
}

/// Tile C += A B: C [16, 16] of 32 bits, A [16, 16 k], B [k, 16, k neighbours], sums of whole numbers modulo 2^32.
/// The letters: A's numbers signed (s) or not (u), B's likewise.
template <int C, int A, int B>
[[gnu::always_inline]] inline void tile_add_ss() {
    __asm__ volatile("tdpbssd %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(C), "i"(A), "i"(B));
}
template <int C, int A, int B>
[[gnu::always_inline]] inline void tile_add_su() {
    __asm__ volatile("tdpbsud %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(C), "i"(A), "i"(B));
}
template <int C, int A, int B>
[[gnu::always_inline]] inline void tile_add_us() {
    __asm__ volatile("tdpbusd %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(C), "i"(A), "i"(B));
}
template <int C, int A, int B>
[[gnu::always_inline]] inline void tile_add_uu() {
    __asm__ volatile("tdpbuud %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(C), "i"(A), "i"(B));
}
/// The same of bfloat16, two neighbours at a time, in float; denormal numbers count as zero.
template <int C, int A, int B>
[[gnu::always_inline]] inline void tile_add_bf16() {
    __asm__ volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(C), "i"(A), "i"(B));
}

#endif

}  // namespace holdfast::detail
