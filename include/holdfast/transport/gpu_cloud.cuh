#pragma once
// Tasks made ready on a GPU for costs by tensor cores: once each, whatever they are compared with. Builds on
// gpu_vector.cuh and detail/fixed_cloud.cuh.

#include <holdfast/core/cuda.cuh>
#include <holdfast/core/launch.cuh>
#include <holdfast/core/matrix.hpp>
#include <holdfast/transport/cost.hpp>
#include <holdfast/transport/detail/fixed_cloud.cuh>
#include <holdfast/transport/gpu_vector.cuh>
#include <holdfast/transport/measure.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace holdfast::transport {

/// A measure in device memory, its points in whole numbers of 16 bits in a frame (origin and unit) that it shares with
/// those it was made together with: only these can be compared. Two bytes a coordinate. Moves, does not copy.
class gpu_cloud {
  public:
    /// All tasks of a comparison in one frame: the origin is the mean of all points, the unit the 32639th part of the
    /// largest coordinate there. Under cosine points are scaled to unit length first.
    ///
    /// @param tasks  of one dimension, up to 65536
    /// @param cost   cosine, squared_euclidean or euclidean
    /// @param on     all work is enqueued there; waits for the result
    /// @throw        invalid_argument for another cost, dimensions that differ or are too many, a zero vector under
    ///               cosine; cuda_error
    /// @cost         reads the points four times
    /// @determinism  same bits run to run and device to device
    [[nodiscard]] static std::vector<gpu_cloud> together(std::span<const discrete_measure<float>* const> tasks,
                                                         const ground_cost& cost, cudaStream_t on = nullptr);

    [[nodiscard]] std::size_t size() const { return weights_.size(); }
    [[nodiscard]] std::size_t dimension() const { return dimension_; }
    [[nodiscard]] std::span<const double> weights() const { return weights_; }
    [[nodiscard]] detail::fixed_view view() const {
        return {lines_.data(), squares_.data(), size(), static_cast<unsigned>(lines_.cols() / detail::fixed_line)};
    }
    [[nodiscard]] detail::gpu_cost kind() const { return kind_; }
    /// Steps in one: a coordinate is its whole number / unit.
    [[nodiscard]] double unit() const { return unit_; }
    /// No point is further from the frame's origin.
    [[nodiscard]] double radius() const { return radius_; }
    /// How far rounding moved a point at most, and the root of the weighted mean of its square.
    [[nodiscard]] double largest_move() const { return largest_move_; }
    [[nodiscard]] double mean_move() const { return mean_move_; }

  private:
    gpu_cloud() = default;

    std::vector<double> weights_;
    std::size_t dimension_ = 0;
    detail::gpu_cost kind_ = detail::gpu_cost::squared;
    double unit_ = 1, radius_ = 0, largest_move_ = 0, mean_move_ = 0;
    device_matrix<unsigned char> lines_;
    device_matrix<std::int64_t> squares_;
};

namespace detail {

/// Points as they were given, until the frame is known.
struct raw_cloud {
    device_matrix<float> points;
    gpu_vector<double> length;

    [[nodiscard]] cloud<float> view() const { return {points.data(), points.rows(), points.cols()}; }
};

template <class Kernel, class... Arguments>
void launch_cloud(Kernel kernel, dim3 blocks, cudaStream_t on, const Arguments&... arguments) {
    check(holdfast::detail::launch(kernel, blocks, tile_threads, 0, on, arguments...), "transport::gpu_cloud");
}
[[nodiscard]] inline dim3 warp_per_row(std::size_t n) {
    return dim3(static_cast<unsigned>((n + tile_threads / 32 - 1) / (tile_threads / 32)));
}

}  // namespace detail

inline std::vector<gpu_cloud> gpu_cloud::together(std::span<const discrete_measure<float>* const> tasks,
                                                  const ground_cost& cost, cudaStream_t on) {
    require(cost.kind() <= ground_cost::kinds::euclidean,
            "transport::gpu_cloud: the cost must be cosine, squared_euclidean or euclidean");
    if (tasks.empty()) return {};
    const std::size_t d = tasks[0]->dimension();
    require(d <= detail::fixed_dimensions, "transport::gpu_cloud: at most 65536 dimensions, got ", d);

    constexpr std::size_t segments = 64;
    std::vector<detail::raw_cloud> raw;
    std::vector<double> centre(d, 0.0);
    std::size_t rows = 0;
    for (std::size_t t = 0; t < tasks.size(); ++t) {
        const auto& task = *tasks[t];
        require(task.size() > 0 && task.dimension() == d,
                "transport::gpu_cloud: tasks must have one dimension, task 0 has ", d, " and task ", t, " has ",
                task.dimension());
        auto& given =
            raw.emplace_back(detail::raw_cloud{device_matrix<float>(task.size(), d), gpu_vector<double>(task.size())});
        given.points.upload(holdfast::view(task.points), on);
        detail::launch_cloud(detail::gpu_row_lengths<float>, detail::warp_per_row(task.size()), on, given.view(),
                             cost.normalises(), given.length.data());
        const std::vector<double> lengths = given.length.download(on);
        for (std::size_t i = 0; i < lengths.size(); ++i)
            require(lengths[i] > 0, "transport::cosine: a zero vector has no direction, point ", i, " is zero");
        device_matrix<double> on_sums(segments, d);
        detail::launch_cloud(
            detail::gpu_column_sums<float>,
            dim3(static_cast<unsigned>((d + detail::tile_threads - 1) / detail::tile_threads), segments), on,
            given.view(), given.length.data(), on_sums.data());
        matrix<double> sums(segments, d);
        on_sums.download(sums.view(), on);
        for (std::size_t s = 0; s < segments; ++s)
            for (std::size_t k = 0; k < d; ++k) centre[k] += sums(s, k);
        rows += task.size();
    }
    double origin = 0;
    for (double& x : centre) origin = std::max(origin, std::abs(x /= static_cast<double>(rows)));
    gpu_vector<double> on_centre(d);
    on_centre.upload(centre, on);

    double largest = 0;
    for (const auto& given : raw) {
        gpu_vector<double> extent(given.points.rows());
        detail::launch_cloud(detail::gpu_row_extent<float>, detail::warp_per_row(given.points.rows()), on, given.view(),
                             given.length.data(), on_centre.data(), extent.data());
        for (const double x : extent.download(on)) largest = std::max(largest, x);
    }
    const double unit = largest > 0 ? detail::fixed_most / largest : 1;

    std::vector<gpu_cloud> made;
    const std::size_t chunks = (d + detail::fixed_chunk - 1) / detail::fixed_chunk;
    for (std::size_t t = 0; t < tasks.size(); ++t) {
        const std::size_t n = tasks[t]->size();
        gpu_cloud c;
        c.weights_ = tasks[t]->weights;
        c.dimension_ = d;
        c.kind_ = detail::gpu_cost_of(cost);
        c.unit_ = unit;
        c.lines_ = device_matrix<unsigned char>(n, chunks * detail::fixed_line);
        c.squares_ = device_matrix<std::int64_t>(n, 1);
        gpu_vector<double> on_away(n);
        detail::launch_cloud(detail::gpu_fix<float>, detail::warp_per_row(n), on, raw[t].view(), raw[t].length.data(),
                             on_centre.data(), unit, static_cast<unsigned>(chunks), c.lines_.data(), c.squares_.data(),
                             on_away.data());
        const std::vector<double> away = on_away.download(on);
        matrix<std::int64_t> squares(n, 1);
        c.squares_.download(squares.view(), on);
        raw[t] = {};
        double most = 0, mean = 0, furthest = 0;
        for (std::size_t i = 0; i < n; ++i) {
            most = std::max(most, away[i]);
            mean += c.weights_[i] * away[i];
            furthest = std::max(furthest, static_cast<double>(squares(i, 0)));
        }
        const double doubles =
            1e-15 * (largest + origin) * std::sqrt(static_cast<double>(d)) + (cost.normalises() ? 1e-12 : 0);
        c.largest_move_ = std::sqrt(most) / unit * (1 + 1e-9) + doubles;
        c.mean_move_ = std::sqrt(mean) / unit * (1 + 1e-9) + doubles;
        c.radius_ = std::sqrt(furthest) / unit;
        made.push_back(std::move(c));
    }
    return made;
}

}  // namespace holdfast::transport
