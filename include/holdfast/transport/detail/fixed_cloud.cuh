#pragma once
// Points in whole numbers of 16 bits on a GPU, each as two signed bytes, so that tensor cores multiply them exactly:
//
//     q = round((scale_i x − centre) unit) = 256 high + low,   |q| <= 32639,   |q_i − q_j|^2 exact in 64 bits
//
// How far rounding moves each point is measured, and what that does to a transport cost is bounded. Kernels that make
// them, and that bound; memory is gpu_cloud.cuh's. Builds on core/warp.cuh and cloud_costs.cuh.

#include <holdfast/core/warp.cuh>
#include <holdfast/transport/detail/cloud_costs.cuh>

#include <cmath>
#include <cstddef>
#include <cstdint>

namespace holdfast::transport::detail {

inline constexpr unsigned fixed_chunk = 64;  // coordinates whose high bytes, then low bytes, lie in one line of 128
inline constexpr unsigned fixed_line = 2 * fixed_chunk;
inline constexpr double fixed_most = 127 * 256 + 127;
inline constexpr std::size_t fixed_dimensions = 65536;  // up to there no sum of products of bytes leaves 31 bits

/// Points [n, d] as lines of bytes [n, chunks, 128], and their squared lengths [n].
struct fixed_view {
    const unsigned char* lines = nullptr;
    const std::int64_t* squares = nullptr;
    std::size_t n = 0;
    unsigned chunks = 0;
};

/// |x_i| where rows are scaled to unit length, 1 otherwise; 0 for a row of zeros. A warp per row.
template <class Real>
__global__ void __launch_bounds__(tile_threads, 4) gpu_row_lengths(cloud<Real> x, bool normalises, double* length) {
    const std::size_t i = static_cast<std::size_t>(blockIdx.x) * (tile_threads / 32) + threadIdx.x / 32;
    if (i >= x.n) return;
    double sum = 0;
    for (std::size_t k = threadIdx.x % 32; k < x.d; k += 32) {
        const auto v = static_cast<double>(x.at(i, k));
        sum += v * v;
    }
    sum = holdfast::detail::sum_over_warp(sum);
    if (threadIdx.x % 32 == 0) length[i] = normalises ? std::sqrt(sum) : 1;
}

/// sums [segments, d] of the rows x_i / length_i, segment by segment (blockIdx.y); a thread per column.
template <class Real>
__global__ void __launch_bounds__(tile_threads, 4) gpu_column_sums(cloud<Real> x, const double* length, double* sums) {
    const std::size_t k = static_cast<std::size_t>(blockIdx.x) * tile_threads + threadIdx.x;
    if (k >= x.d) return;
    const std::size_t first = x.n * blockIdx.y / gridDim.y, last = x.n * (blockIdx.y + 1) / gridDim.y;
    double sum = 0;
    HOLDFAST_UNROLL_BY_FOUR
    for (std::size_t i = first; i < last; ++i) sum += static_cast<double>(x.points[i * x.d + k]) / length[i];
    sums[blockIdx.y * x.d + k] = sum;
}

/// The largest |x_ik / length_i − centre_k| of each row. A warp per row.
template <class Real>
__global__ void __launch_bounds__(tile_threads, 4)
    gpu_row_extent(cloud<Real> x, const double* length, const double* centre, double* extent) {
    const std::size_t i = static_cast<std::size_t>(blockIdx.x) * (tile_threads / 32) + threadIdx.x / 32;
    if (i >= x.n) return;
    double less_most = 0;
    for (std::size_t k = threadIdx.x % 32; k < x.d; k += 32) {
        const double v = -std::abs(static_cast<double>(x.at(i, k)) / length[i] - centre[k]);
        less_most = v < less_most ? v : less_most;
    }
    less_most = holdfast::detail::least_over_warp(less_most);
    if (threadIdx.x % 32 == 0) extent[i] = -less_most;
}

/// The lines of bytes, the squared lengths, and Σ (q − exact)^2 of each row, in steps. A warp per row.
template <class Real>
__global__ void __launch_bounds__(tile_threads, 4)
    gpu_fix(cloud<Real> x, const double* length, const double* centre, double unit, unsigned chunks,
            unsigned char* lines, std::int64_t* squares, double* away) {
    const std::size_t i = static_cast<std::size_t>(blockIdx.x) * (tile_threads / 32) + threadIdx.x / 32;
    if (i >= x.n) return;
    double moved = 0, square = 0;  // whole numbers up to 2^53 are exact
    for (unsigned k = threadIdx.x % 32; k < chunks * fixed_chunk; k += 32) {
        const double t = k < x.d ? (static_cast<double>(x.at(i, k)) / length[i] - centre[k]) * unit : 0;
        const double rounded = std::floor(t + 0.5), q = rounded < -fixed_most  ? -fixed_most
                                                        : rounded > fixed_most ? fixed_most
                                                                               : rounded;
        moved += (t - q) * (t - q);
        square += q * q;
        const int whole = static_cast<int>(q), high = (whole + 128) >> 8;
        unsigned char* const line = lines + (i * chunks + k / fixed_chunk) * fixed_line + k % fixed_chunk;
        line[0] = static_cast<unsigned char>(high);
        line[fixed_chunk] = static_cast<unsigned char>(whole - 256 * high);
    }
    moved = holdfast::detail::sum_over_warp(moved);
    square = holdfast::detail::sum_over_warp(square);
    if (threadIdx.x % 32 > 0) return;
    squares[i] = static_cast<std::int64_t>(square);
    away[i] = moved;
}

/// What stands between a transport cost of the costs that are kept and the one asked for: both clouds' points moved by
/// `moved` in the root of the weighted mean square together (so W2 and W1 did, by no more), and each cost is `each`
/// off.
struct moved_costs {
    gpu_cost kind = gpu_cost::squared;
    double each = 0, moved = 0;

    [[nodiscard]] double at_least(double lower) const {
        return moved > 0 ? shifted(lower - each, -moved) : lower - each;
    }
    [[nodiscard]] double at_most(double upper) const { return moved > 0 ? shifted(upper + each, moved) : upper + each; }

  private:
    [[nodiscard]] double shifted(double w, double by) const {
        w = w > 0 ? w : 0;
        if (kind == gpu_cost::root) return w + by > 0 ? w + by : 0;
        const double twice = kind == gpu_cost::half_squared ? 2 : 1, root = std::sqrt(twice * w) + by;
        return root > 0 ? root * root / twice : 0;
    }
};

}  // namespace holdfast::transport::detail
