#pragma once
// Distances between all pairs of tasks on a GPU: small pairs in one launch, a block or a cluster of blocks each, all
// iterations on the chip; large ones one after the other by engine_cuda.cuh, their costs by tensor cores, stored or
// streamed. Builds on these and on similarity.hpp, which measures what is left.

#include <holdfast/core/cluster.cuh>
#include <holdfast/core/cuda.cuh>
#include <holdfast/core/launch.cuh>
#include <holdfast/transport/detail/ball.hpp>
#include <holdfast/transport/detail/pair_kernel.cuh>
#include <holdfast/transport/engine_cuda.cuh>
#include <holdfast/transport/gpu_cloud.cuh>
#include <holdfast/transport/similarity.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace holdfast::transport {

/// The table, and where it comes from.
struct pairwise_cuda_result : distance_table {
    std::size_t on_chip = 0;      ///< pairs that stayed on the chip, in one block each
    std::size_t in_clusters = 0;  ///< pairs that stayed on the chip, in a cluster of blocks each
    std::size_t on_gpu = 0;       ///< pairs whose costs lay in the device's memory
    std::size_t streamed = 0;     ///< pairs whose costs lay nowhere
    std::size_t on_host = 0;      ///< pairs that `wasserstein` measured: single precision did not reach the gap
};

namespace detail {

/// All pairs of a list of tasks, each by the way that suits it.
class cuda_pairs {
  public:
    using place = std::pair<std::size_t, std::size_t>;
    using tasks_view = std::span<const discrete_measure<float>>;

    cuda_pairs(tasks_view tasks, const wasserstein_options& options, cudaStream_t on)
        : tasks_(tasks), options_(options), on_(on), table_{distance_table::zeros(tasks.size()), 0, 0, 0, 0, 0} {}

    [[nodiscard]] pairwise_cuda_result all() {
        int device = 0, bytes = 0;
        check(cudaGetDevice(&device), door);
        check(cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device), door);
        const bool clusters = holdfast::detail::has_clusters(gpu_sinkhorn_clusters<float>);
        std::vector<place> on_chip, in_clusters, large;
        for (std::size_t i = 0; i < tasks_.size(); ++i)
            for (std::size_t j = i + 1; j < tasks_.size(); ++j) {
                const auto fit = [&](unsigned blocks) {
                    return bytes_of({i, j}, blocks) <= static_cast<std::size_t>(bytes);
                };
                (fit(1) ? on_chip : clusters && fit(pair_blocks) ? in_clusters : large).emplace_back(i, j);
            }
        table_.on_chip = measure_on_chip(std::move(on_chip), 1);
        table_.in_clusters = measure_on_chip(std::move(in_clusters), pair_blocks);
        measure_large(large);
        table_.on_host = left_.size();
        for_pairs(tasks_, std::move(left_),
                  [&](std::size_t i, std::size_t j) { table_.set(i, j, wasserstein(tasks_[i], tasks_[j], options_)); });
        return std::move(table_);
    }

  private:
    static constexpr const char* door = "transport::pairwise_cuda";

    /// Shared memory of each of the blocks that a pair takes; blocks of a cluster share the rows, of which there should
    /// be more.
    [[nodiscard]] std::size_t bytes_of(const place& p, unsigned blocks) const {
        const std::size_t n = tasks_[p.first].size(), m = tasks_[p.second].size();
        return blocks == 1 ? pair_bytes(n, m) : pair_bytes(std::max(n, m), std::min(n, m), blocks);
    }
    /// Enters bounds that are close enough. @return whether they are
    bool enter(const place& p, double lower, double upper) {
        lower = std::max(lower, 0.0);
        const certified<double> w{lower, lower, upper, status::certified};
        if (!(w.gap() <= options_.relative_gap * w.lower)) return false;
        table_.set(p.first, p.second, w);
        return true;
    }

    /// Which tasks take part in pairs, and where the points of each begin when they lie one after the other.
    struct members {
        std::vector<std::size_t> which;
        std::vector<std::size_t> at;  // [T]
        std::size_t points = 0;
    };
    [[nodiscard]] members members_of(const std::vector<place>& pairs) const {
        members m;
        std::vector<char> takes_part(tasks_.size(), 0);
        for (const auto& [i, j] : pairs) takes_part[i] = takes_part[j] = 1;
        m.at.assign(tasks_.size(), 0);
        for (std::size_t t = 0; t < tasks_.size(); ++t) {
            if (!takes_part[t]) continue;
            m.at[t] = m.points;
            m.points += tasks_[t].size();
            m.which.push_back(t);
        }
        return m;
    }

    /// @return how many pairs have what was asked for
    std::size_t measure_on_chip(std::vector<place> pairs, unsigned blocks) {
        if (pairs.empty()) return 0;
        const std::size_t d = tasks_[0].dimension();
        const members m = members_of(pairs);
        require(m.points < discrete_measure<float>::dropped, door, ": fewer than 2^32 points together");
        matrix<float> points(m.points, d);
        std::vector<double> weights;
        std::vector<ball> balls(tasks_.size());
        std::vector<char> ordinary(tasks_.size(), 0);  // squares neither overflow nor vanish in single precision
        for (const std::size_t t : m.which) {
            const auto ready = prepare<float>(tasks_[t].points, options_.cost);
            balls[t] = ball_of(ready, tasks_[t].size());
            ordinary[t] = ready.largest == 0 || (ready.largest > 1e-15 && ready.largest < 1e15);
            for (std::size_t i = 0; i < tasks_[t].size(); ++i)
                std::copy_n(&ready.points(i, 0), d, &points(m.at[t] + i, 0));
            weights.insert(weights.end(), tasks_[t].weights.begin(), tasks_[t].weights.end());
        }
        const auto on_host = std::stable_partition(
            pairs.begin(), pairs.end(), [&](const place& p) { return ordinary[p.first] && ordinary[p.second]; });
        left_.insert(left_.end(), on_host, pairs.end());
        pairs.erase(on_host, pairs.end());
        if (pairs.empty()) return 0;
        const auto bytes = [&](const place& p) { return bytes_of(p, blocks); };
        std::stable_sort(pairs.begin(), pairs.end(),
                         [&](const place& p, const place& q) { return bytes(p) > bytes(q); });

        matrix<gpu_pair> listed(pairs.size(), 1);
        const auto narrow = [](std::size_t x) { return static_cast<std::uint32_t>(x); };
        for (std::size_t k = 0; k < pairs.size(); ++k) {
            auto [i, j] = pairs[k];
            if (blocks > 1 && tasks_[i].size() < tasks_[j].size()) std::swap(i, j);
            listed(k, 0) = {narrow(m.at[i]), narrow(tasks_[i].size()), narrow(m.at[j]), narrow(tasks_[j].size()),
                            greatest_cost(balls[i], balls[j], options_.cost)};
        }
        device_matrix<float> on_points(m.points, d);
        device_matrix<double> on_weights(m.points, 1), on_bounds(pairs.size(), 2);
        device_matrix<gpu_pair> on_pairs(pairs.size(), 1);
        device_matrix<unsigned> on_iterations(pairs.size(), 1);
        on_points.upload(points.view(), on_);
        on_weights.upload(matrix_view<const double>(weights.data(), m.points, 1), on_);
        on_pairs.upload(listed.view(), on_);
        const gpu_pairs<float> all{on_points.data(),
                                   on_weights.data(),
                                   on_pairs.data(),
                                   d,
                                   gpu_cost_of(options_.cost),
                                   options_.cost.normalises(),
                                   options_.relative_gap,
                                   0.05,
                                   static_cast<unsigned>(std::min<std::size_t>(options_.max_iterations, 1u << 20)),
                                   10,
                                   on_bounds.data(),
                                   on_iterations.data()};
        // Blocks that need much shared memory would keep those that need little from sharing a multiprocessor.
        for (std::size_t begin = 0; begin < pairs.size();) {
            std::size_t end = begin + 1;
            while (end < pairs.size() && 2 * bytes(pairs[end]) > bytes(pairs[begin])) ++end;
            const dim3 grid(static_cast<unsigned>(end - begin) * blocks);
            const auto first = static_cast<unsigned>(begin);
            check(blocks == 1 ? holdfast::detail::launch(gpu_sinkhorn_pairs<float>, grid, pair_threads,
                                                         bytes(pairs[begin]), on_, all, first)
                              : holdfast::detail::launch_clusters(gpu_sinkhorn_clusters<float>, grid, blocks,
                                                                  pair_threads, bytes(pairs[begin]), on_, all, first),
                  door);
            begin = end;
        }
        matrix<double> bounds(pairs.size(), 2);
        on_bounds.download(bounds.view(), on_);
        std::size_t reached = 0;
        for (std::size_t k = 0; k < pairs.size(); ++k)
            if (enter(pairs[k], bounds(k, 0), bounds(k, 1)))
                ++reached;
            else
                left_.push_back(pairs[k]);
        return reached;
    }

    void measure_large(const std::vector<place>& pairs) {
        if (pairs.empty()) return;
        const members m = members_of(pairs);
        std::vector<const discrete_measure<float>*> each;
        std::vector<std::size_t> cloud_of(tasks_.size(), 0);
        for (const std::size_t t : m.which) cloud_of[t] = each.size(), each.push_back(&tasks_[t]);
        const std::vector<gpu_cloud> clouds = gpu_cloud::together(each, options_.cost, on_);
        for (const place& p : pairs) {
            const gpu_cloud &x = clouds[cloud_of[p.first]], &y = clouds[cloud_of[p.second]];
            const double range = pair_of_clouds(x, y).range;
            const bool keeps = options_.storage != storage::streamed && fits(x.size(), y.size());
            if (!(range > 1e-25 && range < 1e25)) {
                left_.push_back(p);
            } else if (keeps && by<std::uint16_t>(p, x, y)) {
                ++table_.on_gpu;
            } else if (!keeps && by<gpu_streamed>(p, x, y)) {
                ++table_.streamed;
            } else if (keeps) {  // 16 bits a coordinate did not do
                cuda_engine<std::uint16_t> engine(tasks_[p.first], tasks_[p.second], options_.cost, on_);
                if (solved(p, engine))
                    ++table_.on_gpu;
                else
                    left_.push_back(p);
            } else {
                left_.push_back(p);
            }
        }
    }
    /// Whether costs in two bytes are small enough to be kept.
    [[nodiscard]] bool fits(std::size_t n, std::size_t m) const {
        if (options_.storage == storage::fixed16) return true;
        return static_cast<double>(n) * static_cast<double>(m) * 2 <= static_cast<double>(options_.memory);
    }
    template <class Stored>
    bool by(const place& p, const gpu_cloud& x, const gpu_cloud& y) {
        cuda_engine<Stored> engine(x, y, on_);
        return solved(p, engine);
    }
    /// What stands between the engine's costs and the true ones takes its share of the gap first.
    template <class Engine>
    bool solved(const place& p, Engine& engine) {
        const double least = engine.least_cost();
        const auto about = engine.within({least, least, least, status::certified});
        const double room = least > 0 ? about.gap() / least : 0.1 * options_.relative_gap;
        if (room > 0.9 * options_.relative_gap) return false;
        const auto w =
            sinkhorn(engine, {.max_iterations = options_.max_iterations, .relative_gap = options_.relative_gap - room});
        const auto bounds = engine.within(w);
        return enter(p, std::max(bounds.lower, about.lower), bounds.upper);
    }

    tasks_view tasks_;
    const wasserstein_options& options_;
    cudaStream_t on_;
    pairwise_cuda_result table_;
    std::vector<place> left_;
};

}  // namespace detail

/// Distances between every two of T tasks, as `pairwise` gives them. A pair of n and m distinct points stays on the
/// chip where 2 n m + 32 (n + m) bytes fit a block's shared memory, some 320 x 320 on a GPU with 227 KB; or, from
/// compute capability 9.0 on, an eighth of 2 n m with 48 m beside it, some 800 x 800, in a cluster of eight blocks.
///
///     lower = c-transform of the potentials, upper = cost of the rounded plan, both widened by what two bytes a cost,
///     two a coordinate (larger pairs) and single precision may be wrong by; value = lower
///
/// Larger pairs have their costs made by tensor cores: in the device's memory, in two bytes each, or (storage streamed,
/// or automatic where they would take more than `memory` bytes) anew whenever they are read. Pairs whose gap neither
/// this nor single precision can reach (equal tasks) are measured by `wasserstein` on the host, so that every pair has
/// the certificate asked for.
///
/// @param tasks    [T] measures of one dimension
/// @param options  cost: cosine, squared_euclidean or euclidean; relative_gap above 0; storage: automatic, fixed16 or
///                 streamed; method, merge_within and plan as they are by default
/// @param on       all work is enqueued there; waits for the result
/// @throw          invalid_argument for other options, dimensions that differ, costs that were to be kept and do not
/// fit
///                 the device; cuda_error
/// @cost           n m (d + 5 iterations) a pair, n m d iterations where streamed; small pairs all at once
/// @determinism    same bits run to run on one device
/// @see            engine_cuda.cuh; no figure of its speed was measured
[[nodiscard]] inline pairwise_cuda_result pairwise_cuda(std::span<const discrete_measure<float>> tasks,
                                                        const wasserstein_options& options = {},
                                                        cudaStream_t on = nullptr) {
    detail::check_options(options);
    require(options.cost.kind() <= ground_cost::kinds::euclidean,
            "transport::pairwise_cuda: the cost must be cosine, squared_euclidean or euclidean");
    require(options.relative_gap > 0,
            "transport::pairwise_cuda: Sinkhorn is never exact: relative_gap must be positive, it is 0 (pairwise is "
            "exact)");
    require(options.method != solver::simplex && options.storage != storage::float32 && options.merge_within == 0 &&
                !options.plan,
            "transport::pairwise_cuda: method, storage in four bytes, merge_within and plan are pairwise's");
    for (std::size_t t = 1; t < tasks.size(); ++t)
        require(tasks[t].dimension() == tasks[0].dimension(),
                "transport::pairwise_cuda: tasks must have one dimension, task 0 has ", tasks[0].dimension(),
                " and task ", t, " has ", tasks[t].dimension());
    return detail::cuda_pairs(tasks, options, on).all();
}

}  // namespace holdfast::transport
