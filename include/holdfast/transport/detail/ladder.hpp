#pragma once
// The ladder behind wasserstein.hpp, whose rungs may each stop: trivial cases; the simplex over costs between unit
// vectors in whole numbers; the simplex or Sinkhorn over a table of costs in single precision; the same in double.
// Builds on ready_task.hpp, exact.hpp and sinkhorn.hpp.

#include <holdfast/core/certified.hpp>
#include <holdfast/core/error.hpp>
#include <holdfast/core/matrix.hpp>
#include <holdfast/transport/cost.hpp>
#include <holdfast/transport/cost_table.hpp>
#include <holdfast/transport/detail/ready_task.hpp>
#include <holdfast/transport/engine_simd.hpp>
#include <holdfast/transport/engine_table.hpp>
#include <holdfast/transport/exact.hpp>
#include <holdfast/transport/sinkhorn.hpp>
#include <holdfast/transport/wasserstein_options.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

namespace holdfast::transport::detail {

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
        if (options_.relative_gap > 0 && a_.whole && b_.whole && solve_whole()) return finish();
        if (!a_.has_single || !b_.has_single || !solve_table()) solve_double();
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

    /// Unit vectors in whole numbers: what their rounding may do to the answer is known, and most often small beside
    /// the gap. Then no cost is ever computed again.
    /// @return false where rounding takes too much of the gap
    bool solve_whole() {
        const std::size_t n = out_.points_a, m = out_.points_b;
        if (!simplex_first(n * m)) return false;
        const cost_table table(*a_.whole, *b_.whole, options_.storage, options_.memory);
        const double moved = a_.whole->mean_move() + b_.whole->mean_move();
        double least = 0;  // W is no less, and the farther W, the less its relative error
        for (std::size_t i = 0; i < n; ++i) least += a_.measure.weights[i] * table.least(i);
        if (n * m >= worth_a_warm_start) {
            table_engine engine(table, a_.measure.weights, b_.measure.weights);
            warm_start(engine, n, m);
            if (!out_.f.empty()) {
                auto f = engine.from_host(out_.f), g = engine.from_host(out_.g);
                least = std::max(least, engine.c_transform(f, g));
            }
        }
        const double margin = moved_bound(least, moved) / least;
        if (!(margin < 0.2 * options_.relative_gap)) return false;
        run_simplex(read_costs{&table}, 0.95 * (options_.relative_gap - 2.2 * margin));
        double quantised = 0;
        for (std::size_t i = 0; i < n; ++i) quantised += a_.measure.weights[i] * table.quantisation(i);
        out_.value = (out_.lower + out_.upper) / 2;
        out_.status = status::certified;  // never exact: it is another problem
        widen(moved_bound(out_.upper + quantised, moved) + quantised);
        return out_.status == status::certified;
    }

    /// Costs in single precision, or of unit vectors in whole numbers, in whatever storage; the simplex looks at those
    /// that matter in double.
    /// @return false where single precision is too coarse for these points or this gap
    bool solve_table() {
        const auto range = [](const cost_table& table) { return table.greatest() - table.least(); };
        if (options_.relative_gap == 0 && a_.whole && b_.whole) {
            const cost_table table(*a_.whole, *b_.whole, options_.storage, options_.memory);
            const double entry = moved_bound(table.greatest(), a_.whole->largest_move() + b_.whole->largest_move());
            if (entry <= 0.002 * range(table)) return solve_table(table, entry);
        }
        const cost_table table(a_.single(), b_.single(), options_.cost, options_.storage, options_.memory);
        const double entry = rounding_bound<float>(options_.cost, table.greatest(), a_.measure.dimension(),
                                                   std::max(a_.largest, b_.largest), true);
        return entry <= 0.01 * range(table) && solve_table(table, entry);
    }

    /// @param entry  no cost of the table is further from the true one, what its storage adds left out
    bool solve_table(const cost_table& table, double entry) {
        const double largest = std::max(a_.largest, b_.largest);
        const table_problem<A, B> costs{&table, &a_, &b_, options_.cost.kind(), entry};
        if (!simplex_first(table.rows() * table.cols())) {
            table_engine engine(table, a_.measure.weights, b_.measure.weights);
            run_sinkhorn(engine);
            double quantised = 0;
            for (std::size_t i = 0; i < table.rows(); ++i) quantised += a_.measure.weights[i] * table.quantisation(i);
            const double margin =
                rounding_bound<float>(options_.cost, out_.upper, a_.measure.dimension(), largest, true) + quantised;
            widen(margin);
            if (out_.status == status::certified) return true;
            if (options_.method == solver::sinkhorn) return margin < 0.2 * options_.relative_gap * out_.lower;
        }
        if (out_.f.empty() && table.rows() * table.cols() >= worth_a_warm_start) {
            table_engine engine(table, a_.measure.weights, b_.measure.weights);
            warm_start(engine, table.rows(), table.cols());
        }
        run_simplex(costs, 0.9 * options_.relative_gap);
        widen(rounding_bound<double>(options_.cost, out_.upper, a_.measure.dimension(), largest, true));
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
        run_simplex(dense_costs<double>{c.view()}, 0.9 * options_.relative_gap);
        widen(margin());
    }

    template <class Costs>
    void run_simplex(const Costs& costs, double gap) {
        exact_result r = solve_exactly(costs, a_.measure.weights, b_.measure.weights,
                                       {.f = out_.f, .g = out_.g, .relative_gap = gap, .plan = options_.plan});
        static_cast<certified<double>&>(out_) = r;
        if (r.status == status::certified) out_.value = (r.lower + r.upper) / 2;  // wrong by half the gap at most
        out_.method = solver::simplex;
        out_.pivots = r.pivots;
        out_.plan = std::move(r.plan);
        out_.f = std::move(r.f);
        out_.g = std::move(r.g);
    }

    /// Sinkhorn's potentials after some iterations: the nearer they come, the fewer pivots are left, and often the
    /// first plan along their arcs is close enough.
    template <class Engine>
    void warm_start(Engine& engine, std::size_t n, std::size_t m) {
        const cost_summary costs = engine.summary();
        const double eps = 0.05 * costs.deviation;
        if (!(eps > 1e-6 * costs.greatest)) return;
        // From about where they will be: the first exponentials are then neither lost nor computed twice.
        std::vector<float> f(n, static_cast<float>(costs.mean - costs.deviation)), g(m, 0);
        for (int k = 0; k < 4; ++k) engine.sweep(f, g, 4 * eps, 1);
        for (int k = 0; k < 20; ++k)  // cheap ones: the first alone computes exponentials
            if (engine.sweep(f, g, eps, 1) < 0.05) break;
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

}  // namespace holdfast::transport::detail
