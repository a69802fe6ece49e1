#pragma once
// How far apart two tasks are: clouds of embeddings in, a distance with its certificate out. Climbs a ladder and stops
// as soon as the accuracy asked for is proven: trivial cases, network simplex in single precision, Sinkhorn with
// bounds, simplex in double. Builds on all of transport; needs the standard library alone. All pairs of tasks:
// similarity.hpp.

#include <holdfast/core/certified.hpp>
#include <holdfast/core/error.hpp>
#include <holdfast/core/matrix.hpp>
#include <holdfast/transport/cost.hpp>
#include <holdfast/transport/cost_table.hpp>
#include <holdfast/transport/detail/precise.hpp>
#include <holdfast/transport/engine_simd.hpp>
#include <holdfast/transport/engine_table.hpp>
#include <holdfast/transport/exact.hpp>
#include <holdfast/transport/measure.hpp>
#include <holdfast/transport/merge.hpp>
#include <holdfast/transport/sinkhorn.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
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
    transport::storage storage = transport::storage::automatic;  ///< of costs: two bytes, four, or none (streamed)
    std::size_t memory = std::size_t{4} << 30;  ///< bytes that costs may take where storage is automatic
    double merge_within = 0;  ///< > 0: points nearer than this (unit vectors under cosine) become one; what that may
                              ///< change is proven and widens the bounds
};

/// The transport cost between two measures, and what is known about it.
struct wasserstein_result : certified<double> {
    solver method = solver::trivial;  ///< what gave the answer
    std::size_t points_a = 0;         ///< distinct points of each measure
    std::size_t points_b = 0;
    double rounding = 0;           ///< the part of upper − lower that covers rounding of points and costs
    double merging = 0;            ///< the part that covers points merged into others (merge_within)
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
    const auto first = a.points.row(0);  // most measures that differ differ in this
    std::size_t at = 0;
    while (at < b.size() && !std::equal(first.begin(), first.end(), b.points.row(at).begin())) ++at;
    if (at == b.size()) return false;
    std::vector<std::pair<std::uint64_t, std::size_t>> x(a.size()), y(b.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
        x[i] = {hash_row<Real>(a.points.row(i)), i};
        y[i] = {hash_row<Real>(b.points.row(i)), i};
    }
    std::uint64_t sum = 0;  // in whatever order
    for (std::size_t i = 0; i < a.size(); ++i) sum += x[i].first - y[i].first;
    if (sum != 0) return false;
    std::sort(x.begin(), x.end());
    std::sort(y.begin(), y.end());
    for (std::size_t i = 0, j = 0; i < x.size(); ++i) {
        if (x[i].first != y[i].first) return false;
        for (j = i; j > 0 && y[j - 1].first == x[i].first;) --j;  // rows whose hashes collide are tried in turn
        bool found = false;
        for (; !found && j < y.size() && y[j].first == x[i].first; ++j) {
            const auto p = a.points.row(x[i].second), q = b.points.row(y[j].second);
            found = a.weights[x[i].second] == b.weights[y[j].second] && std::equal(p.begin(), p.end(), q.begin());
        }
        if (!found) return false;
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
    require(std::isfinite(options.merge_within) && options.merge_within >= 0,
            "transport::wasserstein: merge_within must be finite and not negative, it is ", options.merge_within);
    const bool known = options.cost.kind() <= ground_cost::kinds::euclidean;
    require(known || options.merge_within == 0,
            "transport::wasserstein: merge_within needs a cosine, squared_euclidean or euclidean cost");
    require(known || options.storage == storage::automatic,
            "transport::wasserstein: storage can be chosen for cosine, squared_euclidean and euclidean costs");
}

/// A measure, its points ready for costs: what is done once per task. The measure must outlive it.
template <class Real>
struct ready_task {
  private:
    std::unique_ptr<const merged_measure<Real>> merged_;

  public:
    const discrete_measure<Real>& measure;
    double moved = 0, moved_squared = 0;  // Σ w |displacement| of points merged into others, and of its square
    std::optional<prepared_points<float>> single;  // absent where single precision cannot hold squares or factors
    std::optional<prepared_points<double>> double_;

    ready_task(const discrete_measure<Real>& given, const wasserstein_options& options)
        : merged_(options.merge_within > 0 ? std::make_unique<const merged_measure<Real>>(
                                                 merge_near(given, options.merge_within, options.cost))
                                           : nullptr),
          measure(merged_ ? merged_->measure : given) {
        if (merged_) moved = merged_->moved, moved_squared = merged_->moved_squared;
        if (options.cost.kind() <= ground_cost::kinds::euclidean) {  // else rounding has no known bound
            single = prepare<float>(measure.points, options.cost);
            const double size = single->largest;
            const bool fits = size == 0 || (size > 1e-15 && size < 1e15);
            if (!fits || std::count(single->factor.begin(), single->factor.end(), 0.0) != 0) single.reset();
        }
        if (!single) double_ = prepare<double>(measure.points, options.cost);
    }

    /// In double: made when first needed, which is rarely, and then not shared between threads.
    [[nodiscard]] prepared_points<double> precise(const ground_cost& cost) const {
        return double_ ? *double_ : prepare<double>(measure.points, cost);
    }
};

/// Costs as network_simplex takes them: rows from the table, single costs from the points as they were given.
template <class A, class B>
struct table_problem {
    using real = float;
    static constexpr bool rounded = true;

    const cost_table* table;
    const ready_task<A>* a;
    const ready_task<B>* b;
    ground_cost::kinds kind;
    double rounding;  // no cost in single precision is further from the true one

    [[nodiscard]] std::size_t rows() const { return table->rows(); }
    [[nodiscard]] std::size_t cols() const { return table->cols(); }
    [[nodiscard]] cost_table::reader read() const { return table->read(); }
    [[nodiscard]] double slack(std::size_t i) const { return rounding + table->quantisation(i); }
    [[nodiscard]] double largest() const { return table->greatest() + rounding; }
    [[nodiscard]] double precise(std::size_t i, std::size_t j) const {
        const double s =
            precise_distance<A, B>::squared(&a->measure.points(i, 0), a->single->factor[i], &b->measure.points(j, 0),
                                            b->single->factor[j], a->measure.dimension());
        return kind == ground_cost::kinds::cosine ? s / 2 : kind == ground_cost::kinds::euclidean ? std::sqrt(s) : s;
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
        if (trivial()) return finish();
        if (!a_.single || !b_.single || !solve_table()) solve_double();
        return finish();
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

    [[nodiscard]] bool simplex_first(std::size_t entries) const {
        return options_.method == solver::simplex || options_.relative_gap == 0 ||
               (options_.method == solver::automatic && entries <= options_.simplex_limit);
    }

    /// Costs in single precision, in whatever storage; the simplex looks at those that matter in double.
    /// @return false where single precision is too coarse for these points or this gap
    bool solve_table() {
        const prepared_points<float>&x = *a_.single, &y = *b_.single;
        const cost_table table(x, y, options_.cost, options_.storage, options_.memory);
        const double largest = std::max(x.largest, y.largest);
        const double entry = rounding_bound<float>(options_.cost, table.greatest(), x.dimension, largest, true);
        if (entry > 0.01 * (table.greatest() - table.least())) return false;
        const table_problem<A, B> costs{&table, &a_, &b_, options_.cost.kind(), entry};
        if (!simplex_first(table.rows() * table.cols())) {
            table_engine engine(table, a_.measure.weights, b_.measure.weights);
            run_sinkhorn(engine);
            double quantised = 0;
            for (std::size_t i = 0; i < table.rows(); ++i) quantised += a_.measure.weights[i] * table.quantisation(i);
            const double margin =
                rounding_bound<float>(options_.cost, out_.upper, x.dimension, largest, true) + quantised;
            widen(margin);
            if (out_.status == status::certified) return true;
            if (options_.method == solver::sinkhorn) return margin < 0.2 * options_.relative_gap * out_.lower;
        }
        if (out_.f.empty() && table.rows() * table.cols() >= worth_a_warm_start) {
            table_engine engine(table, a_.measure.weights, b_.measure.weights);
            warm_start(engine, table.rows(), table.cols());
        }
        run_simplex(costs);
        widen(rounding_bound<double>(options_.cost, out_.upper, x.dimension, largest, true));
        return true;
    }

    /// Costs in double, all of them: for costs of the user's, and points out of single precision's range.
    void solve_double() {
        const prepared_points<double> x = a_.precise(options_.cost), y = b_.precise(options_.cost);
        const matrix<double> c = cost_matrix(x, y, options_.cost);
        const auto margin = [&] {
            const bool rounded = options_.cost.normalises() || sizeof(A) > sizeof(double) || sizeof(B) > sizeof(double);
            return rounding_bound<double>(options_.cost, out_.upper, x.dimension, std::max(x.largest, y.largest),
                                          rounded);
        };
        if (!simplex_first(c.size())) {
            simd_engine<double> engine(c.view(), a_.measure.weights, b_.measure.weights);
            run_sinkhorn(engine);
            widen(margin());
            if (out_.status == status::certified || options_.method == solver::sinkhorn) return;
        }
        if (out_.f.empty() && c.size() >= worth_a_warm_start) {
            matrix<float> narrow(c.rows(), c.cols());
            bool fits = true;
            for (std::size_t k = 0; k < c.size(); ++k) {
                fits = fits && std::abs(c.values()[k]) < 1e30;
                narrow.values()[k] = fits ? static_cast<float>(c.values()[k]) : 0;
            }
            if (fits) {
                simd_engine<float> engine(narrow.view(), a_.measure.weights, b_.measure.weights);
                warm_start(engine, c.rows(), c.cols());
            }
        }
        run_simplex(dense_costs<double>{c.view()});
        widen(margin());
    }

    template <class Costs>
    void run_simplex(const Costs& costs) {
        exact_result r = solve_exactly(
            costs, a_.measure.weights, b_.measure.weights,
            {.f = out_.f, .g = out_.g, .relative_gap = 0.9 * options_.relative_gap, .plan = options_.plan});
        static_cast<certified<double>&>(out_) = r;
        if (r.status == status::certified) out_.value = (r.lower + r.upper) / 2;  // wrong by half the gap at most
        out_.method = solver::simplex;
        out_.pivots = r.pivots;
        out_.plan = std::move(r.plan);
        out_.f = std::move(r.f);
        out_.g = std::move(r.g);
    }

    /// Sinkhorn's potentials after a few iterations: they halve the pivots, and give the lower bound that lets the
    /// simplex stop early.
    template <class Engine>
    void warm_start(Engine& engine, std::size_t n, std::size_t m) {
        const double eps = 0.05 * engine.summary().deviation;
        if (!(eps > 1e-6 * engine.summary().greatest)) return;
        std::vector<float> f(n, 0), g(m, 0);
        for (int k = 0; k < 10; ++k) engine.sweep(f, g, eps * std::max(1.0, 8 * std::exp2(-0.8 * k)), 1);
        out_.f = engine.to_host(f);
        out_.g = engine.to_host(g);
    }

    template <class Engine>
    void run_sinkhorn(Engine& engine) {
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

    /// What was solved is the problem with rounded costs: each bound gives way by `margin`.
    void widen(double margin) {
        if (std::isnan(margin)) return;  // of a cost of the user's nothing is known
        out_.rounding = 2 * margin;
        out_.lower = std::max(0.0, out_.lower - margin);
        out_.upper += margin;
        if (out_.status == status::exact) return;
        out_.status = close_enough(out_, options_.relative_gap) ? status::certified : status::not_converged;
    }

    /// What was solved is the problem with merged points. Where they were moved by δ, cosine and Euclidean costs
    /// changed by |δ| at most; and sqrt(2 W) (cosine) and sqrt(W) (squared Euclidean) are metrics, so these changed by
    /// sqrt(Σ w |δ|^2) of either measure at most.
    wasserstein_result finish() {
        const double moved = a_.moved + b_.moved;
        if (moved > 0) {
            const double by = std::sqrt(a_.moved_squared) + std::sqrt(b_.moved_squared);
            const double factor = options_.cost.kind() == ground_cost::kinds::cosine ? 2 : 1;
            const auto root = [&](double w, double by_what) {
                const double r = std::max(0.0, std::sqrt(factor * w) + by_what);
                return r * r / factor;
            };
            const bool linear = options_.cost.kind() != ground_cost::kinds::squared_euclidean;
            const bool metric = options_.cost.kind() != ground_cost::kinds::euclidean;
            double lower = linear ? out_.lower - moved : 0, upper = linear ? out_.upper + moved : root(out_.upper, by);
            if (metric) lower = std::max(lower, root(out_.lower, -by)), upper = std::min(upper, root(out_.upper, by));
            lower = std::max(0.0, lower);
            out_.merging = (out_.lower - lower) + (upper - out_.upper);
            out_.lower = lower;
            out_.upper = upper;
            out_.status = close_enough(out_, options_.relative_gap) ? status::certified : status::not_converged;
        }
        return std::move(out_);
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
