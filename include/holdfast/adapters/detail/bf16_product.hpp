#pragma once
// Products of tiles of bfloat16 with sums in float, at the level of the running machine: on the matrix unit where it
// is, else by fused multiply-adds of floats (AVX-512 or AVX2), else in plain C++. Sums go along the depth, whatever the
// blocks and threads: a level has one result. Builds on bf16_tiles.hpp.

#include <holdfast/adapters/detail/bf16_tiles.hpp>
#include <holdfast/core/amx.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>

namespace holdfast::adapters {

/// What multiplies numbers of bfloat16: the best of the machine unless one asks for less.
enum class bf16_level { plain, avx2, avx512, tiles };

inline bf16_level machine_bf16_level() {
    if (holdfast::detail::machine_tiles().bfloat16) return bf16_level::tiles;
    switch (holdfast::detail::machine_level()) {
        case holdfast::detail::simd_level::avx512:
            return bf16_level::avx512;
        case holdfast::detail::simd_level::avx2:
            return bf16_level::avx2;
        default:
            return bf16_level::plain;
    }
}

namespace detail {

inline constexpr std::size_t sum_numbers = 256;  // of a tile of sums, 16 x 16 floats
inline constexpr std::size_t cut_steps = 32;     // tiles along the depth that a pass multiplies: 64 KB of the right

#if HOLDFAST_AMX
/// Rows x 2 tiles of sums in registers: c[r][2][256] += left[r] right.
template <int Rows>
inline void multiply_on_tiles(const std::uint16_t* left, std::size_t left_stride, const std::uint16_t* right,
                              std::size_t steps, float* c, bool first) {
    namespace core = holdfast::detail;
    if (first) {
        core::tile_zero<0>();
        core::tile_zero<1>();
        core::tile_zero<2>();
        core::tile_zero<3>();
    } else {
        core::tile_load<0>(c, 64);
        core::tile_load<1>(c + sum_numbers, 64);
        if constexpr (Rows == 2) {
            core::tile_load<2>(c + 2 * sum_numbers, 64);
            core::tile_load<3>(c + 3 * sum_numbers, 64);
        }
    }
    for (; steps > 0; --steps, left += tile_numbers, right += 2 * tile_numbers) {
        core::tile_load<6>(right, 64);
        core::tile_load<4>(left, 64);
        core::tile_add_bf16<0, 4, 6>();
        core::tile_load<7>(right + tile_numbers, 64);
        core::tile_add_bf16<1, 4, 7>();
        if constexpr (Rows == 2) {
            core::tile_load<5>(left + left_stride, 64);
            core::tile_add_bf16<2, 5, 6>();
            core::tile_add_bf16<3, 5, 7>();
        }
    }
    core::tile_store<0>(c, 64);
    core::tile_store<1>(c + sum_numbers, 64);
    if constexpr (Rows == 2) {
        core::tile_store<2>(c + 2 * sum_numbers, 64);
        core::tile_store<3>(c + 3 * sum_numbers, 64);
    }
}
#endif

#if HOLDFAST_X86_LEVELS
/// One tile of rows: c[2][256] += left right, `Group` rows in registers at a time, in vectors of 64 bytes that the
/// compiler cuts to what the level has.
template <std::size_t Group>
[[gnu::always_inline]] inline void multiply_by_vectors(const std::uint16_t* left, const std::uint16_t* right,
                                                       std::size_t steps, float* c, bool first) {
    typedef float floats __attribute__((vector_size(64)));
    typedef std::uint32_t words __attribute__((vector_size(64)));
    for (std::size_t i = 0; i < tile_rows; i += Group) {
        floats sum[2 * Group];
#pragma GCC unroll 16
        for (std::size_t t = 0; t < 2 * Group; ++t)
            if (first)
                sum[t] = floats{};
            else
                std::memcpy(&sum[t], c + t % 2 * sum_numbers + (i + t / 2) * 16, 64);
        for (std::size_t s = 0; s < steps; ++s) {
            const std::uint16_t *const from = left + s * tile_numbers + i * tile_depth, *const to =
                                                                                            right +
                                                                                            s * 2 * tile_numbers;
            for (std::size_t k = 0; k < tile_depth; k += 2) {
                words two[2];
                floats low[2], high[2];
#pragma GCC unroll 2
                for (std::size_t t = 0; t < 2; ++t) {
                    std::memcpy(&two[t], to + t * tile_numbers + k * tile_rows, 64);
                    const words lower = two[t] << 16, upper = two[t] & 0xffff0000U;
                    std::memcpy(&low[t], &lower, 64);
                    std::memcpy(&high[t], &upper, 64);
                }
#pragma GCC unroll 8
                for (std::size_t r = 0; r < Group; ++r) {
                    const float a = bfloat16::from_bits(from[r * tile_depth + k]);
                    const float b = bfloat16::from_bits(from[r * tile_depth + k + 1]);
                    sum[2 * r] += a * low[0];
                    sum[2 * r + 1] += a * low[1];
                    sum[2 * r] += b * high[0];
                    sum[2 * r + 1] += b * high[1];
                }
            }
        }
#pragma GCC unroll 16
        for (std::size_t t = 0; t < 2 * Group; ++t)
            std::memcpy(c + t % 2 * sum_numbers + (i + t / 2) * 16, &sum[t], 64);
    }
}
__attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma"))) inline void multiply_avx512(
    const std::uint16_t* left, const std::uint16_t* right, std::size_t steps, float* c, bool first) {
    multiply_by_vectors<8>(left, right, steps, c, first);
}
__attribute__((target("avx2,fma"))) inline void multiply_avx2(const std::uint16_t* left, const std::uint16_t* right,
                                                              std::size_t steps, float* c, bool first) {
    multiply_by_vectors<2>(left, right, steps, c, first);
}
#endif

inline void multiply_plain(const std::uint16_t* left, const std::uint16_t* right, std::size_t steps, float* c,
                           bool first) {
    if (first) std::fill_n(c, 2 * sum_numbers, 0.0F);
    for (std::size_t s = 0; s < steps; ++s, left += tile_numbers, right += 2 * tile_numbers)
        for (std::size_t i = 0; i < tile_rows; ++i)
            for (std::size_t k = 0; k < tile_depth; ++k) {
                const float a = bfloat16::from_bits(left[i * tile_depth + k]);
                for (std::size_t t = 0; t < 2; ++t)
                    for (std::size_t j = 0; j < 16; ++j)
                        c[t * sum_numbers + i * 16 + j] +=
                            a * bfloat16::from_bits(right[t * tile_numbers + k / 2 * tile_depth + 2 * j + k % 2]);
            }
}

/// While it lives, the calling thread may multiply at a level.
class level_session {
  public:
    explicit level_session([[maybe_unused]] bf16_level level) {
#if HOLDFAST_AMX
        if (level == bf16_level::tiles) tiles_.emplace();
#endif
    }

  private:
#if HOLDFAST_AMX
    std::optional<holdfast::detail::tile_session> tiles_;
#endif
};

/// c [blocks][row_tiles][2][256] = left right, or += : left [row_tiles][left_steps][512], of which `steps` are taken,
/// right [blocks][steps][2][512]. The right is read once, a part that a near cache holds at a time. In a level_session.
inline void multiply(bf16_level level, const std::uint16_t* left, std::size_t left_steps, std::size_t row_tiles,
                     const std::uint16_t* right, std::size_t blocks, std::size_t steps, float* c, bool first) {
    for (std::size_t s = 0; s < steps; s += cut_steps) {
        const std::size_t count = std::min(cut_steps, steps - s);
        const bool fresh = first && s == 0;
        for (std::size_t b = 0; b < blocks; ++b) {
            const std::uint16_t* const of = right + (b * steps + s) * 2 * tile_numbers;
            for (std::size_t r = 0; r < row_tiles;) {
                float* const to = c + (b * row_tiles + r) * 2 * sum_numbers;
                const std::uint16_t* const from = left + (r * left_steps + s) * tile_numbers;
#if HOLDFAST_AMX
                if (level == bf16_level::tiles) {
                    if (r + 2 <= row_tiles)
                        multiply_on_tiles<2>(from, left_steps * tile_numbers, of, count, to, fresh), r += 2;
                    else
                        multiply_on_tiles<1>(from, 0, of, count, to, fresh), r += 1;
                    continue;
                }
#endif
                ++r;
#if HOLDFAST_X86_LEVELS
                if (level == bf16_level::avx512) {
                    multiply_avx512(from, of, count, to, fresh);
                    continue;
                }
                if (level == bf16_level::avx2) {
                    multiply_avx2(from, of, count, to, fresh);
                    continue;
                }
#endif
                multiply_plain(from, of, count, to, fresh);
            }
        }
    }
}

}  // namespace detail
}  // namespace holdfast::adapters
