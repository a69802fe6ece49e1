#pragma once
// Costs between two clouds of points on a GPU: tiles of 64 x 64, as sums of squared differences, never as differences
// of large numbers. Builds on core/warp.cuh and cost.hpp; leaves out where the costs go.

#include <holdfast/core/warp.cuh>
#include <holdfast/transport/cost.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace holdfast::transport::detail {

inline constexpr unsigned tile_threads = 256, tile_side = 64, tile_chunk = 16, tile_pitch = tile_side + 1;
inline constexpr std::size_t cloud_tile_bytes = 2 * tile_chunk * tile_pitch * sizeof(float);

/// The cost at a squared distance s: s / 2 (cosine, of unit vectors), s, sqrt(s).
enum class gpu_cost { half_squared, squared, root };

[[nodiscard]] inline gpu_cost gpu_cost_of(const ground_cost& cost) {
    return cost.kind() == ground_cost::kinds::cosine      ? gpu_cost::half_squared
           : cost.kind() == ground_cost::kinds::euclidean ? gpu_cost::root
                                                          : gpu_cost::squared;
}

[[nodiscard]] __device__ inline float cost_at(gpu_cost kind, float squared) {
    return kind == gpu_cost::half_squared ? squared / 2 : kind == gpu_cost::root ? std::sqrt(squared) : squared;
}

/// No cost up to `range` in d dimensions is computed further off: sums of d squares, and points that were scaled to
/// unit length.
[[nodiscard]] __host__ __device__ inline double gpu_cost_error(std::size_t d, double range, bool scaled) {
    return static_cast<double>(d + 10) * 0x1p-24 * range + (scaled ? 0x1p-22 : 0);
}

/// Points [n, d] in device memory.
template <class Real>
struct cloud {
    const Real* points;
    std::size_t n, d;

    [[nodiscard]] __device__ Real at(std::size_t i, std::size_t k) const {
        return i < n && k < d ? points[i * d + k] : 0;
    }
};

/// A cost in steps; the last one stands for all beyond.
[[nodiscard]] __device__ inline std::uint16_t in_steps(float cost, float step) {
    const float steps = step > 0 ? cost / step + 0.5F : 0;
    return static_cast<std::uint16_t>(steps < 65535.0F ? steps : 65535.0F);
}

/// put(i, j, cost) for the points from i0 and from j0 on, by all threads of a block: sixteen dimensions at a time lie
/// in shared memory, and a thread has four by four costs. `tiles` has cloud_tile_bytes.
template <class Real, class Put>
__device__ inline void costs_of_tile(const cloud<Real>& x, const cloud<Real>& y, std::size_t i0, std::size_t j0,
                                     gpu_cost kind, float* tiles, Put put) {
    const unsigned column = threadIdx.x % 16, row = threadIdx.x / 16;
    float* const xs = tiles;
    float* const ys = tiles + tile_chunk * tile_pitch;
    float sum[4][4] = {};
    for (std::size_t k0 = 0; k0 < x.d; k0 += tile_chunk) {
        for (unsigned r = row; r < tile_side; r += 16) {
            xs[column * tile_pitch + r] = x.at(i0 + r, k0 + column);
            ys[column * tile_pitch + r] = y.at(j0 + r, k0 + column);
        }
        holdfast::detail::synchronise_block();
        for (unsigned k = 0; k < tile_chunk; ++k) {
            HOLDFAST_UNROLL
            for (unsigned r = 0; r < 4; ++r) {
                HOLDFAST_UNROLL
                for (unsigned c = 0; c < 4; ++c) {
                    const float apart = xs[k * tile_pitch + row + 16 * r] - ys[k * tile_pitch + column + 16 * c];
                    sum[r][c] += apart * apart;
                }
            }
        }
        holdfast::detail::synchronise_block();
    }
    HOLDFAST_UNROLL
    for (unsigned r = 0; r < 4; ++r) {
        HOLDFAST_UNROLL
        for (unsigned c = 0; c < 4; ++c) {
            const std::size_t i = i0 + row + 16 * r, j = j0 + column + 16 * c;
            if (i < x.n && j < y.n) put(i, j, cost_at(kind, sum[r][c]));
        }
    }
}

/// All costs [n, m] into `to`, rows `pitch` apart: as numbers, or in steps of `step`. A block per tile.
template <class Stored>
__global__ void __launch_bounds__(tile_threads, 2)
    gpu_cloud_costs(cloud<float> x, cloud<float> y, gpu_cost kind, float step, Stored* to, std::size_t pitch) {
    auto* tiles = reinterpret_cast<float*>(holdfast::detail::dynamic_shared());
    costs_of_tile(x, y, std::size_t{blockIdx.y} * tile_side, std::size_t{blockIdx.x} * tile_side, kind, tiles,
                  [&](std::size_t i, std::size_t j, float c) {
                      if constexpr (std::is_same_v<Stored, std::uint16_t>)
                          to[i * pitch + j] = in_steps(c, step);
                      else
                          to[i * pitch + j] = c;
                  });
}

}  // namespace holdfast::transport::detail
