#pragma once
// Distances between all pairs of tasks on a GPU: small pairs in one launch, a block each, all iterations on the chip;
// large ones one after the other by engine_cuda.cuh. Builds on these and on similarity.hpp, which measures what is
// left.

#include <holdfast/core/cuda.cuh>
#include <holdfast/core/launch.cuh>
#include <holdfast/transport/detail/ball.hpp>
#include <holdfast/transport/detail/pair_kernel.cuh>
#include <holdfast/transport/engine_cuda.cuh>
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
    std::size_t on_chip = 0;  ///< pairs that stayed on the chip
    std::size_t on_gpu = 0;   ///< pairs whose costs lay in the device's memory
    std::size_t on_host = 0;  ///< pairs that `wasserstein` measured: single precision did not reach the gap
};

namespace detail {

inline std::size_t shared_memory_of_a_block() {
    int device = 0, bytes = 0;
    check(cudaGetDevice(&device), "transport::pairwise_cuda");
    check(cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device), "transport::pairwise_cuda");
    return static_cast<std::size_t>(bytes);
}

}  // namespace detail

/// Distances between every two of T tasks, as `pairwise` gives them. A pair of n and m distinct points stays on the
/// chip where 2 n m + 32 (n + m) bytes fit a block's shared memory: some 320 x 320 on a GPU with 227 KB.
///
///     lower = c-transform of the potentials, upper = cost of the rounded plan, both widened by what two bytes a cost
///     and single precision may be wrong by; value = lower
///
/// Costs of larger pairs lie in the device's memory, in two bytes each. Pairs whose gap single precision cannot reach
/// (equal tasks) are measured by `wasserstein` on the host, so that every pair has the certificate asked for.
///
/// @param tasks    [T] measures of one dimension
/// @param options  cost: cosine, squared_euclidean or euclidean; relative_gap above 0; method, storage, memory,
///                 merge_within and plan as they are by default
/// @param on       all work is enqueued there; waits for the result
/// @throw          invalid_argument for other options, dimensions that differ; cuda_error
/// @cost           n m (d + 5 iterations) a pair, all pairs at once
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
    require(options.method != solver::simplex && options.storage == storage::automatic && options.merge_within == 0 &&
                !options.plan,
            "transport::pairwise_cuda: method, storage, merge_within and plan are pairwise's");
    const std::size_t count = tasks.size();
    pairwise_cuda_result table{distance_table::zeros(count), 0, 0, 0};
    if (count < 2) return table;
    const std::size_t d = tasks[0].dimension();
    std::vector<std::uint32_t> first(count, 0);
    std::size_t rows = 0;
    for (std::size_t t = 0; t < count; ++t) {
        require(tasks[t].dimension() == d, "transport::pairwise_cuda: tasks must have one dimension, task 0 has ", d,
                " and task ", t, " has ", tasks[t].dimension());
        first[t] = static_cast<std::uint32_t>(rows);
        rows += tasks[t].size();
    }
    require(rows < discrete_measure<float>::dropped, "transport::pairwise_cuda: fewer than 2^32 points together");

    matrix<float> points(rows, d);
    std::vector<double> weights;
    std::vector<detail::ball> balls(count);
    std::vector<char> ordinary(count, 0);  // squares neither overflow nor vanish in single precision
    for (std::size_t t = 0; t < count; ++t) {
        const auto ready = prepare<float>(tasks[t].points, options.cost);
        balls[t] = detail::ball_of(ready, tasks[t].size());
        ordinary[t] = ready.largest == 0 || (ready.largest > 1e-15 && ready.largest < 1e15);
        for (std::size_t i = 0; i < tasks[t].size(); ++i) std::copy_n(&ready.points(i, 0), d, &points(first[t] + i, 0));
        weights.insert(weights.end(), tasks[t].weights.begin(), tasks[t].weights.end());
    }

    using place = std::pair<std::size_t, std::size_t>;
    std::vector<place> small, large, left;
    const std::size_t most = detail::shared_memory_of_a_block();
    const auto bytes = [&](const place& p) {
        return detail::pair_bytes(tasks[p.first].size(), tasks[p.second].size());
    };
    for (std::size_t i = 0; i < count; ++i)
        for (std::size_t j = i + 1; j < count; ++j) {
            const bool on_device = ordinary[i] && ordinary[j];
            (!on_device ? left : bytes({i, j}) <= most ? small : large).emplace_back(i, j);
        }
    std::stable_sort(small.begin(), small.end(), [&](const place& p, const place& q) { return bytes(p) > bytes(q); });

    const auto enter = [&](const place& p, double lower, double upper) {
        const certified<double> w{lower, lower, upper, status::certified};
        const bool reached = w.gap() <= options.relative_gap * w.lower;
        if (reached)
            table.set(p.first, p.second, w);
        else
            left.push_back(p);
        return reached;
    };
    table.on_host = left.size();

    if (!small.empty()) {
        matrix<detail::gpu_pair> listed(small.size(), 1);
        for (std::size_t k = 0; k < small.size(); ++k) {
            const auto [i, j] = small[k];
            listed(k, 0) = {first[i], static_cast<std::uint32_t>(tasks[i].size()), first[j],
                            static_cast<std::uint32_t>(tasks[j].size()),
                            detail::greatest_cost(balls[i], balls[j], options.cost)};
        }
        device_matrix<float> on_points(rows, d);
        device_matrix<double> on_weights(rows, 1), on_bounds(small.size(), 2);
        device_matrix<detail::gpu_pair> on_pairs(small.size(), 1);
        device_matrix<unsigned> on_iterations(small.size(), 1);
        on_points.upload(points.view(), on);
        on_weights.upload(matrix_view<const double>(weights.data(), rows, 1), on);
        on_pairs.upload(listed.view(), on);
        const detail::gpu_pairs<float> all{
            on_points.data(),
            on_weights.data(),
            on_pairs.data(),
            d,
            detail::gpu_cost_of(options.cost),
            options.cost.normalises(),
            options.relative_gap,
            0.05,
            static_cast<unsigned>(std::min<std::size_t>(options.max_iterations, 1u << 20)),
            10,
            on_bounds.data(),
            on_iterations.data()};
        // Blocks that need much shared memory would keep those that need little from sharing a multiprocessor.
        for (std::size_t begin = 0; begin < small.size();) {
            std::size_t end = begin + 1;
            while (end < small.size() && 2 * bytes(small[end]) > bytes(small[begin])) ++end;
            check(holdfast::detail::launch(detail::gpu_sinkhorn_pairs<float>, dim3(static_cast<unsigned>(end - begin)),
                                           detail::pair_threads, bytes(small[begin]), on, all,
                                           static_cast<unsigned>(begin)),
                  "transport::pairwise_cuda");
            begin = end;
        }
        matrix<double> bounds(small.size(), 2);
        on_bounds.download(bounds.view(), on);
        for (std::size_t k = 0; k < small.size(); ++k) {
            ++(enter(small[k], bounds(k, 0), bounds(k, 1)) ? table.on_chip : table.on_host);
        }
    }
    for (const auto& [i, j] : large) {
        cuda_engine<std::uint16_t> engine(tasks[i], tasks[j], options.cost, on);
        const auto w = sinkhorn(engine, {.max_iterations = options.max_iterations,
                                         .relative_gap = 0.9 * options.relative_gap});  // the rest is for the steps
        const double wrong = engine.quantisation();
        ++(enter({i, j}, std::max(0.0, w.lower - wrong), w.upper + wrong) ? table.on_gpu : table.on_host);
    }
    detail::for_pairs(tasks, std::move(left),
                      [&](std::size_t i, std::size_t j) { table.set(i, j, wasserstein(tasks[i], tasks[j], options)); });
    return table;
}

}  // namespace holdfast::transport
