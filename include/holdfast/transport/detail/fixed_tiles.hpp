#pragma once
// Costs of unit vectors in whole numbers (fixed_points.hpp) on tiles of 8 bits: every number is 256 high + low, high
// signed and low not, so that a product of two of them is four products of a machine that multiplies bytes, and none
// of it is rounded: the sums wrap at 2^32, what they make in the end is below 2^31. Builds on core/amx.hpp.

#include <holdfast/core/amx.hpp>
#include <holdfast/core/tile_transpose.hpp>
#include <holdfast/transport/detail/aligned.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#if HOLDFAST_AMX
namespace holdfast::transport::detail {

/// Sixteen points' coordinates by 64: their high bytes as a tile that multiplies from the right, then the low ones.
inline constexpr std::size_t tile_points = 16, tile_coordinates = 64, tile_bytes = 1024, step_bytes = 2 * tile_bytes;

/// Into that order, `steps` times 64 coordinates of 16 rows.
HOLDFAST_BESIDE_TILES inline void pack_tiles(const std::int16_t* rows, std::size_t stride, std::size_t steps,
                                             std::uint8_t* to) {
    typedef std::uint16_t words __attribute__((vector_size(64)));
    typedef std::uint8_t bytes __attribute__((vector_size(32)));
    alignas(64) std::uint8_t high[tile_bytes], low[tile_bytes];
    for (std::size_t k = 0; k < steps; ++k, to += step_bytes) {
        for (std::size_t i = 0; i < 2 * tile_points; ++i) {  // half a row at a time
            words x;
            __builtin_memcpy(&x, rows + i / 2 * stride + k * tile_coordinates + i % 2 * 32, sizeof x);
            const bytes h = __builtin_convertvector(x >> 8, bytes), l = __builtin_convertvector(x, bytes);
            __builtin_memcpy(high + i * sizeof h, &h, sizeof h);
            __builtin_memcpy(low + i * sizeof l, &l, sizeof l);
        }
        holdfast::detail::transpose_tile(high, 64, to);
        holdfast::detail::transpose_tile(low, 64, to + tile_bytes);
    }
}

/// Coordinate k of point `i` of a panel in that order.
inline std::int32_t unpacked(const std::uint8_t* panel, std::size_t i, std::size_t k) {
    const std::uint8_t* const at =
        panel + k / tile_coordinates * step_bytes + k % tile_coordinates / 4 * 64 + 4 * i + k % 4;
    return 256 * static_cast<std::int8_t>(*at) + at[tile_bytes];
}

/// Where costs of a panel of x and one of y go, and what they are made of.
struct tile_place {
    const std::int32_t *half_x, *half_y;  // of the panels' first points
    float* out;                           // of x's first point that is wanted, y's first
    std::size_t stride, first, last;      // rows of the panel that are wanted
};

/// The four sums of 16 x 16 products put together, on top of those of earlier coordinates, which lie in the place of
/// the costs (First: there are none); then the costs themselves (Last) or sums again.
template <bool First, bool Last>
HOLDFAST_BESIDE_TILES inline void finish_tile(const std::int32_t* sums, const tile_place& place, float unit) {
    using holdfast::detail::lanes16;
    typedef std::int32_t ints __attribute__((vector_size(64)));
    typedef float floats __attribute__((vector_size(64)));
    const ints zero = {};
    lanes16 half_y, sum[4];
    __builtin_memcpy(&half_y, place.half_y, sizeof half_y);
    for (std::size_t r = place.first; r < place.last; ++r) {
#pragma GCC unroll 4
        for (std::size_t t = 0; t < 4; ++t) __builtin_memcpy(&sum[t], sums + 256 * t + 16 * r, sizeof sum[t]);
        float* const to = place.out + (r - place.first) * place.stride;
        lanes16 x = (sum[0] << 16) + ((sum[1] + sum[2]) << 8) + sum[3];
        if constexpr (!First) {
            lanes16 earlier;
            __builtin_memcpy(&earlier, to, sizeof earlier);
            x += earlier;
        }
        if constexpr (Last) {
            ints whole = reinterpret_cast<ints>(half_y + static_cast<std::uint32_t>(place.half_x[r]) - x);
            whole = whole > zero ? whole : zero;
            const floats c = __builtin_convertvector(whole, floats) * unit;
            __builtin_memcpy(to, &c, sizeof c);
        } else {
            __builtin_memcpy(to, &x, sizeof x);
        }
    }
}

/// Tiles 0 to 3 = the four sums over `steps` times 64 coordinates of a panel of x, turned, and one of y.
inline void multiply_tiles(const std::uint8_t* x, const std::uint8_t* y, std::size_t steps) {
    namespace core = holdfast::detail;
    core::tile_zero<0>();
    core::tile_zero<1>();
    core::tile_zero<2>();
    core::tile_zero<3>();
    for (; steps > 0; --steps, x += step_bytes, y += step_bytes) {
        core::tile_load<4>(x, 64);
        core::tile_load<6>(y, 64);
        core::tile_add_ss<0, 4, 6>();
        core::tile_load<7>(y + tile_bytes, 64);
        core::tile_add_su<1, 4, 7>();
        core::tile_load<5>(x + tile_bytes, 64);
        core::tile_add_us<2, 5, 6>();
        core::tile_add_uu<3, 5, 7>();
    }
}

/// Costs of all pairs of panels over some of the coordinates: x's panels in `turned`, one after the other.
template <bool First, bool Last>
HOLDFAST_BESIDE_TILES void tile_pass(const std::uint8_t* turned, std::size_t x_panels, const std::uint8_t* y,
                                     std::size_t y_panels, std::size_t y_panel_bytes, std::size_t steps,
                                     const tile_place& all, std::size_t rows, float unit) {
    namespace core = holdfast::detail;
    alignas(64) std::int32_t sums[2][4 * 256];
    tile_place before{};
    std::size_t turn = 0;
    for (std::size_t q = 0; q < y_panels; ++q)
        for (std::size_t p = 0; p < x_panels; ++p, turn ^= 1) {
            multiply_tiles(turned + p * steps * step_bytes, y + q * y_panel_bytes, steps);
            // While these are under way: the ones before.
            if (before.out != nullptr) finish_tile<First, Last>(sums[turn ^ 1], before, unit);
            core::tile_store<0>(sums[turn], 64);
            core::tile_store<1>(sums[turn] + 256, 64);
            core::tile_store<2>(sums[turn] + 512, 64);
            core::tile_store<3>(sums[turn] + 768, 64);
            const std::size_t first = p == 0 ? all.first : 0;
            before = {all.half_x + p * tile_points,
                      all.half_y + q * tile_points,
                      all.out + (p * tile_points + first - all.first) * all.stride + q * tile_points,
                      all.stride,
                      first,
                      std::min(tile_points, all.first + rows - p * tile_points)};
        }
    finish_tile<First, Last>(sums[turn ^ 1], before, unit);
}

/// out = unit max(0, half_x + half_y − x y) of `rows` points of x from the `first` one of its first panel on, against
/// all of y: rows `stride` floats apart. Columns go to the end of y's last panel.
///
/// @param steps  times 64 coordinates
HOLDFAST_BESIDE_TILES inline void tile_costs(const std::uint8_t* x, const std::uint8_t* y, std::size_t y_panels,
                                             std::size_t steps, const std::int32_t* half_x, const std::int32_t* half_y,
                                             std::size_t first, std::size_t rows, float* out, std::size_t stride,
                                             float unit) {
    constexpr std::size_t most_steps = 8, group = 4;  // parts of a panel of 16 KB: a few stay in the first caches
    const std::size_t cuts = (steps + most_steps - 1) / most_steps, stride_of_panels = steps * step_bytes;
    aligned_vector<std::uint8_t> turned(group * ((steps + cuts - 1) / cuts) * step_bytes);
    const holdfast::detail::tile_session tiles;
    while (rows > 0) {
        const std::size_t panels = std::min(group, (first + rows + tile_points - 1) / tile_points);
        const std::size_t here = std::min(rows, group * tile_points - first);
        const tile_place all{half_x, half_y, out, stride, first, tile_points};
        for (std::size_t cut = 0; cut < cuts; ++cut) {
            const std::size_t begin = cut * steps / cuts, count = (cut + 1) * steps / cuts - begin;
            for (std::size_t t = 0; t < panels * count * 2; ++t)
                holdfast::detail::transpose_tile(
                    x + t / (2 * count) * stride_of_panels + begin * step_bytes + t % (2 * count) * tile_bytes, 64,
                    turned.data() + t * tile_bytes);
            const auto pass = cut == 0 ? (cuts == 1 ? tile_pass<true, true> : tile_pass<true, false>)
                                       : (cut + 1 < cuts ? tile_pass<false, false> : tile_pass<false, true>);
            pass(turned.data(), panels, y + begin * step_bytes, y_panels, stride_of_panels, count, all, here, unit);
        }
        x += group * stride_of_panels;
        half_x += group * tile_points;
        out += here * stride;
        rows -= here;
        first = 0;
    }
}

}  // namespace holdfast::transport::detail
#endif
