#pragma once
// How far apart two tasks are: clouds of embeddings in, a distance with its certificate out. Climbs a ladder and stops
// as soon as the accuracy asked for is proven: trivial cases, network simplex in single precision, Sinkhorn with
// bounds, simplex in double. Builds on all of transport; needs the standard library alone. All pairs of tasks:
// similarity.hpp.

#include <holdfast/core/certified.hpp>
#include <holdfast/core/error.hpp>
#include <holdfast/core/matrix.hpp>
#include <holdfast/transport/cost.hpp>
#include <holdfast/transport/engine_simd.hpp>
#include <holdfast/transport/exact.hpp>
#include <holdfast/transport/measure.hpp>
#include <holdfast/transport/sinkhorn.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

namespace holdfast::transport {

/// Which rung of the ladder gave the answer.
enum class solver {
    automatic,  ///< (asked for) whatever is fastest for the accuracy wanted
    trivial,    ///< (answered) equal measures, or a measure of one point
    simplex,    ///< the exact solver
    sinkhorn    ///< entropic, with bounds on the exact value
};

struct wasserstein_options {
    ground_cost cost{};                      ///< cosine, squared_euclidean, euclidean, or a function of two spans
    double relative_gap = 0.01;              ///< wanted: upper − lower <= relative_gap · lower; 0: exact
    solver method = solver::automatic;       ///< simplex or sinkhorn to insist on one
    std::size_t simplex_limit = 30'000'000;  ///< entries of the cost up to which the simplex comes before Sinkhorn
    std::size_t max_iterations = 2000;       ///< of Sinkhorn
    bool plan = false;                       ///< whether to return the plan (of the simplex; empty after Sinkhorn)
};

/// The transport cost between two measures, and what is known about it.
struct wasserstein_result : certified<double> {
    solver method = solver::trivial;  ///< what gave the answer
    std::size_t points_a = 0;         ///< distinct points of each measure
    std::size_t points_b = 0;
    double rounding = 0;           ///< the part of upper − lower that covers rounding of points and costs
    double epsilon = 0;            ///< the last one of Sinkhorn, 0 otherwise
    std::size_t iterations = 0;    ///< Sinkhorn's
    std::size_t pivots = 0;        ///< the simplex's
    std::vector<plan_entry> plan;  ///< between *distinct* points (measure().index says which row is which)
    std::vector<double> f, g;      ///< potentials at the distinct points, where a solver ran
};

namespace detail {

/// Whether two measures are the same set of points with the same weights, in whatever order.
template <class Real>
bool same_measure(const discrete_measure<Real>& a, const discrete_measure<Real>& b) {
    if (a.size() != b.size() || a.dimension() != b.dimension()) return false;
    std::unordered_multimap<std::uint64_t, std::size_t> rows;
    rows.reserve(b.size());
    for (std::size_t j = 0; j < b.size(); ++j) rows.emplace(hash_row<Real>(b.points.row(j)), j);
    for (std::size_t i = 0; i < a.size(); ++i) {
        const auto x = a.points.row(i);
        const auto [begin, end] = rows.equal_range(hash_row<Real>(x));
        if (std::none_of(begin, end, [&](const auto& at) {
                const auto y = b.points.row(at.second);
                return a.weights[i] == b.weights[at.second] && std::equal(x.begin(), x.end(), y.begin());
            }))
            return false;
    }
    return true;
}

inline void check_options(const wasserstein_options& options) {
    require(std::isfinite(options.relative_gap) && options.relative_gap >= 0,
            "transport::wasserstein: relative_gap must be finite and not negative, it is ", options.relative_gap);
    require(options.method != solver::trivial, "transport::wasserstein: the trivial solver cannot be asked for");
    require(options.method != solver::sinkhorn || options.relative_gap > 0,
            "transport::wasserstein: Sinkhorn is never exact: relative_gap must be positive, it is 0");
    require(options.max_iterations > 0, "transport::wasserstein: max_iterations must be positive, it is 0");
}

/// A measure, its points ready for costs in both precisions: what is done once per task.
template <class Real>
struct ready_task {
    discrete_measure<Real> measure;
    std::optional<prepared_points<float>> single;  // absent where single precision is not wanted or cannot hold squares
    std::optional<prepared_points<double>> double_;  // where all pairs will want it

    ready_task(discrete_measure<Real> made, const wasserstein_options& options) : measure(std::move(made)) {
        const bool known = options.cost.kind() <= ground_cost::kinds::euclidean;  // else rounding has no known bound
        if (known && options.relative_gap > 0) {
            single = prepare<float>(measure.points, options.cost);
            const double size = single->largest;
            if (size != 0 && !(size > 1e-15 && size < 1e15)) single.reset();
        }
        if (!single) double_ = prepare<double>(measure.points, options.cost);
    }

    /// In double: made when first needed, which for certified distances is rarely, and then not shared between threads.
    [[nodiscard]] prepared_points<double> precise(const ground_cost& cost) const {
        return double_ ? *double_ : prepare<double>(measure.points, cost);
    }
};

template <class Real>
bool close_enough(const certified<Real>& x, double relative_gap) {
    return x.upper - x.lower <= relative_gap * std::abs(x.lower);
}

template <class A, class B>
class ladder {
  public:
    ladder(const ready_task<A>& a, const ready_task<B>& b, const wasserstein_options& options)
        : a_(a), b_(b), options_(options) {
        require(a.measure.dimension() == b.measure.dimension(),
                "transport::wasserstein: points must have one dimension, they have ", a.measure.dimension(), " and ",
                b.measure.dimension());
        out_.points_a = a.measure.size();
        out_.points_b = b.measure.size();
    }

    wasserstein_result climb() {
        if (trivial()) return std::move(out_);
        const bool single = options_.relative_gap > 0 && a_.single && b_.single;
        if (single && solve<float>(*a_.single, *b_.single)) return std::move(out_);
        solve<double>(a_.precise(options_.cost), b_.precise(options_.cost));
        return std::move(out_);
    }

  private:
    static constexpr std::size_t worth_a_warm_start = 20000;  // entries of the cost

    bool trivial() {
        if constexpr (std::is_same_v<A, B>)
            if (options_.cost.radial() && same_measure(a_.measure, b_.measure)) return true;
        const std::size_t n = out_.points_a, m = out_.points_b;
        if (n != 1 && m != 1) return false;
        const matrix<double> c = cost_matrix(a_.precise(options_.cost), b_.precise(options_.cost), options_.cost);
        double sum = 0;
        for (std::size_t i = 0; i < n; ++i)
            for (std::size_t j = 0; j < m; ++j) {
                const double mass = n == 1 ? b_.measure.weights[j] : a_.measure.weights[i];
                sum += mass * c(i, j);
                if (options_.plan) out_.plan.push_back({std::uint32_t(i), std::uint32_t(j), mass});
            }
        static_cast<certified<double>&>(out_) = certified<double>::exactly(sum);
        return true;
    }

    /// @return whether the accuracy asked for was reached
    template <class Real>
    bool solve(const prepared_points<Real>& x, const prepared_points<Real>& y) {
        const matrix<Real> c = cost_matrix(x, y, options_.cost);
        const bool first = options_.method == solver::simplex || options_.relative_gap == 0 ||
                           (options_.method == solver::automatic && c.size() <= options_.simplex_limit);
        if (first) {
            run_simplex(c);
        } else {
            run_sinkhorn(c);
            if (out_.status == status::not_converged && options_.method == solver::automatic) run_simplex(c);
        }
        // What was solved is the problem with rounded costs.
        const double largest = std::max(x.largest, y.largest);
        const bool rounded = options_.cost.normalises() || sizeof(Real) < sizeof(A) || sizeof(Real) < sizeof(B);
        const double margin = rounding_bound<Real>(options_.cost, out_.upper, x.dimension, largest, rounded);
        if (std::isnan(margin)) return true;
        out_.rounding = 2 * margin;
        out_.lower = std::max(0.0, out_.lower - margin);
        out_.upper += margin;
        if (sizeof(Real) == sizeof(double) && out_.status == status::exact) return true;
        out_.status = close_enough(out_, options_.relative_gap) ? status::certified : status::not_converged;
        return out_.status == status::certified;
    }

    /// The simplex, from Sinkhorn's potentials: a few iterations in single precision halve its pivots, and give the
    /// lower bound that lets it stop early.
    template <class Real>
    void run_simplex(const matrix<Real>& c) {
        if (out_.f.empty() && c.size() >= worth_a_warm_start) {
            if constexpr (std::is_same_v<Real, float>) {
                warm_start(c);
            } else {
                matrix<float> narrow(c.rows(), c.cols());
                bool fits = true;
                for (std::size_t k = 0; k < c.size(); ++k) {
                    narrow.values()[k] = static_cast<float>(c.values()[k]);
                    fits = fits && std::abs(c.values()[k]) < 1e30;
                }
                if (fits) warm_start(narrow);
            }
        }
        exact_result r =
            exact(c, a_.measure.weights, b_.measure.weights,
                  {.f = out_.f, .g = out_.g, .relative_gap = 0.9 * options_.relative_gap, .plan = options_.plan});
        static_cast<certified<double>&>(out_) = r;
        if (r.status == status::certified) out_.value = (r.lower + r.upper) / 2;  // wrong by half the gap at most
        out_.method = solver::simplex;
        out_.pivots = r.pivots;
        out_.plan = std::move(r.plan);
        out_.f = std::move(r.f);
        out_.g = std::move(r.g);
    }

    void warm_start(const matrix<float>& c) {
        simd_engine<float> engine(c.view(), a_.measure.weights, b_.measure.weights);
        const double eps = 0.05 * engine.summary().deviation;
        if (!(eps > 1e-6 * engine.summary().greatest)) return;
        std::vector<float> f(c.rows(), 0), g(c.cols(), 0);
        for (int k = 0; k < 15; ++k) engine.sweep(f, g, std::max(eps, 8 * eps / (1 << k / 2)), 1);
        out_.f = engine.to_host(f);
        out_.g = engine.to_host(g);
    }

    template <class Real>
    void run_sinkhorn(const matrix<Real>& c) {
        simd_engine<Real> engine(c.view(), a_.measure.weights, b_.measure.weights);
        sinkhorn_result r = transport::sinkhorn(
            engine,
            {.epsilon_scale = 0.1, .max_iterations = options_.max_iterations, .relative_gap = options_.relative_gap});
        static_cast<certified<double>&>(out_) = r;
        out_.method = solver::sinkhorn;
        out_.iterations = r.iterations;
        out_.epsilon = r.epsilon;
        out_.f = std::move(r.f);
        out_.g = std::move(r.g);
    }

    const ready_task<A>& a_;
    const ready_task<B>& b_;
    const wasserstein_options& options_;
    wasserstein_result out_;
};

}  // namespace detail

/// The optimal transport cost ("Wasserstein distance") between two measures, with a certificate.
///
///     W(a, b) = min_P Σ_ij P_ij cost(x_i, y_j),   P >= 0, row sums a, column sums b
///
/// W itself, not a root of it: under squared_euclidean the square of the 2-Wasserstein distance, under cosine what
/// InsCL calls the Wasserstein distance of two tasks. Exactly 0 for equal measures. `lower <= W <= upper` always holds,
/// rounding of points and costs included; `value` lies between them: the exact value, the middle where the simplex
/// stopped early, Sinkhorn's lower bound (by far the closer one) otherwise.
///
/// @param a, b  measures (see transport::measure), of one dimension
/// @return      status `exact` (in double, up to rounding) or `certified` (the gap asked for is proven), or
/// `not_converged` with bounds that hold
/// @throw       invalid_argument for different dimensions, a zero vector under cosine, costs that overflow, bad options
/// @cost        n = m = 1000, d = 384: some tens of milliseconds of one core; memory n m numbers
/// @see         Wang et al. 2024 (InsCL), arXiv:2403.11435, section 3.1
template <class A, class B>
[[nodiscard]] wasserstein_result wasserstein(const discrete_measure<A>& a, const discrete_measure<B>& b,
                                             const wasserstein_options& options = {}) {
    detail::check_options(options);
    const detail::ready_task<A> x(a, options);
    const detail::ready_task<B> y(b, options);
    return detail::ladder<A, B>(x, y, options).climb();
}

/// The same for clouds [n, d] and [m, d] whose rows weigh the same. Equal rows are merged first.
template <matrix_like A, matrix_like B>
[[nodiscard]] wasserstein_result wasserstein(const A& a, const B& b, const wasserstein_options& options = {}) {
    return wasserstein(measure(a), measure(b), options);
}

/// The same for clouds whose rows have weights [n], [m] (not negative, sum 1).
template <matrix_like A, matrix_like B>
[[nodiscard]] wasserstein_result wasserstein(const A& a, std::span<const double> weights_a, const B& b,
                                             std::span<const double> weights_b,
                                             const wasserstein_options& options = {}) {
    return wasserstein(measure(a, weights_a), measure(b, weights_b), options);
}

}  // namespace holdfast::transport
