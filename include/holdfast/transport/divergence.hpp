#pragma once
// The debiased Sinkhorn divergence between clouds, for one pair and for all pairs of tasks: each task's own term is
// computed once. All that Sinkhorn knows is kept under its own names (sinkhorn_result). Builds on sinkhorn.hpp and
// engine_simd.hpp. Leaves out the unregularised distance (wasserstein.hpp).

#include <holdfast/core/error.hpp>
#include <holdfast/core/matrix.hpp>
#include <holdfast/core/parallel.hpp>
#include <holdfast/transport/cost.hpp>
#include <holdfast/transport/engine_simd.hpp>
#include <holdfast/transport/measure.hpp>
#include <holdfast/transport/sinkhorn.hpp>

#include <cmath>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

namespace holdfast::transport {

struct divergence_options {
    ground_cost cost{};
    double epsilon = 0;  ///< in the unit of the cost; 0: epsilon_scale times the deviation of the costs between a and b
    double epsilon_scale = 0.05;
    double tolerance = 1e-9;  ///< of the marginals, sum of absolute values
    std::size_t max_iterations = 10000;
};

struct divergence_result {
    double value = 0;        ///< S = OT(a, b) − OT(a, a) / 2 − OT(b, b) / 2; below 0 by no more than the tolerance
    double epsilon = 0;      ///< of all three
    bool converged = false;  ///< all three
    sinkhorn_result ab, aa, bb;  ///< <P, C>, dual value, entropic cost with either reference, bounds of W
};

/// S between every two of T tasks.
struct divergence_table {
    matrix<double> value;          ///< [T, T] symmetric, the diagonal exactly 0
    matrix<double> entropic_cost;  ///< [T, T] OT; on the diagonal each task's own term
    matrix<char> converged;        ///< [T, T] the pair's run and both own ones
    double epsilon = 0;

    [[nodiscard]] std::size_t size() const { return value.rows(); }
};

namespace detail {

inline sinkhorn_result entropic(const prepared_points<double>& x, std::span<const double> a,
                                const prepared_points<double>& y, std::span<const double> b,
                                const divergence_options& options, double epsilon) {
    const matrix<double> c = cost_matrix(x, y, options.cost);
    simd_engine<double> engine(c.view(), a, b);
    return transport::sinkhorn(engine, {.epsilon = epsilon,
                                        .epsilon_scale = options.epsilon_scale,
                                        .tolerance = options.tolerance,
                                        .max_iterations = options.max_iterations});
}

}  // namespace detail

/// The debiased Sinkhorn divergence of two measures.
///
///     S = OT(a, b) − OT(a, a) / 2 − OT(b, b) / 2,   OT(a, b) = min_P <P, C> + epsilon KL(P | a b')
///
/// Between W (epsilon to 0) and, under squared_euclidean, |m_a − m_b|² (epsilon to infinity). Zero for equal measures.
///
/// @throw  invalid_argument for dimensions that differ, a zero vector under cosine, bad options
/// @cost   three runs of Sinkhorn in double
/// @see    Genevay, Peyré & Cuturi 2018; Feydy et al. 2019, arXiv:1810.08278
template <class A, class B>
[[nodiscard]] divergence_result sinkhorn_divergence(const discrete_measure<A>& a, const discrete_measure<B>& b,
                                                    const divergence_options& options = {}) {
    const auto x = prepare<double>(a.points, options.cost), y = prepare<double>(b.points, options.cost);
    divergence_result r;
    r.ab = detail::entropic(x, a.weights, y, b.weights, options, options.epsilon);
    r.epsilon = r.ab.epsilon;
    r.aa = detail::entropic(x, a.weights, x, a.weights, options, r.epsilon);
    r.bb = detail::entropic(y, b.weights, y, b.weights, options, r.epsilon);
    r.value = debiased(r.ab, r.aa, r.bb);
    r.converged = r.ab.converged && r.aa.converged && r.bb.converged;
    return r;
}

/// The same between all pairs of T tasks, at one epsilon: T own terms and T (T − 1) / 2 others.
///
/// @param options  epsilon must be given: of several pairs none can choose it for the others
/// @throw          as sinkhorn_divergence, and invalid_argument for epsilon 0
/// @determinism    same bits for any number of threads
template <class Real>
[[nodiscard]] divergence_table sinkhorn_divergences(std::span<const discrete_measure<Real>> tasks,
                                                    const divergence_options& options) {
    require(options.epsilon > 0, "transport::sinkhorn_divergences: epsilon must be given, one for all pairs, it is ",
            options.epsilon);
    const std::size_t count = tasks.size();
    std::vector<prepared_points<double>> points(count);
    parallel_for(count, [&](std::size_t t) { points[t] = prepare<double>(tasks[t].points, options.cost); });
    std::vector<std::pair<std::size_t, std::size_t>> pairs;
    for (std::size_t i = 0; i < count; ++i)
        for (std::size_t j = i; j < count; ++j) pairs.emplace_back(i, j);
    divergence_table table{matrix<double>(count, count), matrix<double>(count, count), matrix<char>(count, count),
                           options.epsilon};
    parallel_for(pairs.size(), [&](std::size_t k) {
        const std::size_t i = pairs[k].first, j = pairs[k].second;
        const sinkhorn_result r =
            detail::entropic(points[i], tasks[i].weights, points[j], tasks[j].weights, options, options.epsilon);
        table.entropic_cost(i, j) = table.entropic_cost(j, i) = r.entropic_cost;
        table.converged(i, j) = table.converged(j, i) = r.converged ? 1 : 0;
    });
    const matrix<char> runs = table.converged;
    for (std::size_t i = 0; i < count; ++i)
        for (std::size_t j = i + 1; j < count; ++j) {
            table.value(i, j) = table.value(j, i) =
                table.entropic_cost(i, j) - table.entropic_cost(i, i) / 2 - table.entropic_cost(j, j) / 2;
            table.converged(i, j) = table.converged(j, i) = runs(i, j) && runs(i, i) && runs(j, j) ? 1 : 0;
        }
    return table;
}

}  // namespace holdfast::transport
