#pragma once
// Entropic optimal transport by Sinkhorn's iteration in the log domain: what an engine must do for it (the concept),
// and the one loop, which every engine shares. The loop anneals epsilon, over-relaxes under guard, says whether it
// converged, and returns bounds on the exact (unregularised) cost. Builds on core. Leaves out engines (engine_*.hpp)
// and points.

#include <holdfast/core/certified.hpp>
#include <holdfast/core/error.hpp>

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <limits>
#include <numeric>
#include <span>
#include <vector>

namespace holdfast::transport {

using holdfast::status;

/// What the loop needs to know of a cost matrix: extremes, and mean and deviation under the product of the weights.
struct cost_summary {
    double least = 0, greatest = 0, mean = 0, deviation = 0;
};

/// What a backend must do for the Sinkhorn loop to run on it. An engine holds one problem: costs C [n, m], weights
/// a [n] and b [m], positive, each summing to 1. `vector` lives where the engine computes; potentials f [n], g [m]
/// describe the plan P_ij = a_i b_j exp((f_i + g_j − C_ij) / eps). Everything is computed in the log domain: no eps > 0
/// makes it overflow, vanish or divide by zero.
/// 1. sweep(f, g, eps, omega)      both updates in a single pass over C, in place:
///                                   f_i += omega (−eps log Σ_j b_j exp((g_j − C_ij) / eps) − f_i), then
///                                   g_j += omega (−eps log Σ_i a_i exp((f_i − C_ij) / eps) − g_j);
///                                 returns Σ_i |Σ_j P_ij − a_i| + Σ_j |Σ_i P_ij − b_j| of the plan that the new f and
///                                 the old g describe: how far from convergence the pass began
/// 2. c_transform(f, g)            f_i = min_j (C_ij − g_j), then g_j = min_i (C_ij − f_i), in place;
///                                 returns Σ a_i f_i + Σ b_j g_j, a lower bound of the exact cost
/// 3. marginal_error(f, g, eps)    Σ_i |Σ_j P_ij − a_i| + Σ_j |Σ_i P_ij − b_j|, does not change f, g
/// 4. plan_cost(f, g, eps)         Σ_ij P_ij C_ij
/// 5. rounded_cost(f, g, eps)      cost of the plan that Altschuler's rounding makes of P, an upper bound of the exact
/// 6. summary(), zeros_f(), zeros_g(), to_host(v), from_host(span)    facts about C, and potentials coming and going
template <class E>
concept engine = requires(E& e, typename E::vector& f, typename E::vector& g, const typename E::vector& in,
                          std::span<const double> host, double eps, double omega) {
    { e.sweep(f, g, eps, omega) } -> std::convertible_to<double>;
    { e.c_transform(f, g) } -> std::convertible_to<double>;
    { e.marginal_error(in, in, eps) } -> std::convertible_to<double>;
    { e.plan_cost(in, in, eps) } -> std::convertible_to<double>;
    { e.rounded_cost(in, in, eps) } -> std::convertible_to<double>;
    { e.summary() } -> std::convertible_to<cost_summary>;
    { e.from_host(host) } -> std::same_as<typename E::vector>;
    { e.to_host(in) } -> std::convertible_to<std::vector<double>>;
    { e.row_weights() } -> std::convertible_to<std::span<const double>>;
    { e.column_weights() } -> std::convertible_to<std::span<const double>>;
    { E::rounding } -> std::convertible_to<double>;
};

struct sinkhorn_options {
    double epsilon = 0;           ///< in the unit of the cost; 0: epsilon_scale times the deviation of the costs
    double epsilon_scale = 0.05;  ///< used where epsilon is 0
    double tolerance = 1e-9;      ///< converged when the marginals are wrong by no more (sum of absolute values);
                                  ///< never taken below what the engine's rounding lets it reach
    std::size_t max_iterations = 10000;  ///< over all values of epsilon
    double relative_gap = 0;             ///< > 0: stop as soon as upper - lower <= relative_gap * lower, and go below
                                         ///< epsilon if it takes that
    bool annealing = true;               ///< come down to epsilon by halves from a tenth of the largest difference
    bool over_relaxation = true;         ///< steps beyond 1 where the observed contraction warrants them
    std::size_t check_every = 10;        ///< iterations between looks at the bounds, where relative_gap asks for them
    std::span<const double> f{}, g{};    ///< potentials to start from; empty: zero
};

/// Everything a Sinkhorn run knows, each number under a name of its own. `value`, `lower` and `upper` are about the
/// *exact* cost W; the entropic quantities belong to the epsilon where the run ended.
struct sinkhorn_result : certified<double> {  ///< value: the lower bound, by far the closer of the two
    double transport_cost = 0;                ///< <P, C> of the plan: above W, by how much depends on epsilon
    double dual_value = 0;                    ///< Σ a f + Σ b g − eps (Σ P − 1): what the iteration ascends
    double entropic_cost = 0;                 ///< min <P, C> + eps KL(P | a b'): equals dual_value once converged
    double entropic_cost_shannon = 0;  ///< min <P, C> − eps H(P): POT's other "Sinkhorn distance"; may be negative
    double residual = 0;               ///< what is wrong with the marginals, sum of absolute values
    double epsilon = 0;                ///< the last one
    std::size_t iterations = 0;        ///< full ones: both potentials
    bool converged = false;            ///< the residual is within the tolerance
    std::vector<double> f, g;          ///< [n], [m] potentials
};

namespace detail {

inline double entropy(std::span<const double> w) {
    double h = 0;
    for (const double x : w)
        if (x > 0) h -= x * std::log(x);
    return h;
}

/// The step of over-relaxation, from the contraction seen (Lehmann et al. 2021), under guard: a residual that grows
/// where it should shrink takes the step back to 1 for a while, and the fifth time for good.
///
/// With step w and contraction q seen over ten iterations, that of step 1 is r = (q + w − 1)^2 / (q w^2) (r = q at w =
/// 1), and the best step 2 / (1 + sqrt(1 − r)). The rate rises as fast directions die out, and the step follows it.
class relaxation {
  public:
    explicit relaxation(bool allowed) : allowed_(allowed) {}

    [[nodiscard]] double step() const { return step_; }

    void saw(double residual) {
        if (!allowed_) return;
        if (step_ > 1 && !(residual <= 10 * best_)) {
            most_ = 1 + 0.9 * (step_ - 1);
            step_ = 1;
            best_ = residual;
            seen_ = 0;
            allowed_ = ++setbacks_ < 5;
            return;
        }
        best_ = std::min(best_, residual);
        if (++seen_ % 10 != 1) return;
        if (seen_ > 1 && residual < 0.1 && residual < mark_) {
            const double q = std::pow(residual / mark_, 0.1), excess = step_ - 1;
            const double r = (q + excess) * (q + excess) / (q * step_ * step_);
            if (r > 0.3 && r < 1) step_ = std::max(step_, std::min(most_, 2 / (1 + std::sqrt(1 - r))));
        }
        mark_ = residual;
    }

  private:
    bool allowed_;
    double step_ = 1, most_ = 1.98, mark_ = 0, best_ = std::numeric_limits<double>::infinity();
    std::size_t seen_ = 0;
    int setbacks_ = 0;
};

}  // namespace detail

/// Entropic transport on any engine, with bounds on the exact cost.
///
///     min_P <P, C> + eps KL(P | a b')  =  max_{f,g} Σ a f + Σ b g − eps (Σ_ij a_i b_j exp((f_i + g_j − C_ij)/eps) − 1)
///
/// What surprises: <P, C> is not close to W unless epsilon is far below the costs that matter; the lower bound (the
/// c-transform of the potentials) is. A run that ends at max_iterations is reported (`converged` is false, status
/// `not_converged`), and its bounds hold all the same.
///
/// @return   status `certified`: converged, or, where relative_gap was asked for, upper − lower <= relative_gap ·
/// lower;
///           `exact`: the bounds meet up to rounding; else `not_converged`
/// @throw    invalid_argument for a bad option
/// @cost     one pass over C for an iteration, three or four for a look at the bounds
/// @see      Cuturi 2013; Altschuler, Weed & Rigollet 2017 (rounding); Schmitzer 2019 (annealing);
///           Thibault et al. 2017, Lehmann et al. 2021 (over-relaxation)
template <engine Engine>
[[nodiscard]] sinkhorn_result sinkhorn(Engine& engine, const sinkhorn_options& options = {}) {
    const auto positive = [](double x) { return std::isfinite(x) && x > 0; };
    require(options.epsilon == 0 || positive(options.epsilon),
            "transport::sinkhorn: epsilon must be positive and finite (or 0: chosen from the costs), it is ",
            options.epsilon);
    require(positive(options.epsilon_scale), "transport::sinkhorn: epsilon_scale must be positive and finite, it is ",
            options.epsilon_scale);
    require(options.tolerance >= 0, "transport::sinkhorn: tolerance must not be negative, it is ", options.tolerance);
    require(options.relative_gap >= 0, "transport::sinkhorn: relative_gap must not be negative, it is ",
            options.relative_gap);
    require(options.max_iterations > 0, "transport::sinkhorn: max_iterations must be positive, it is 0");
    require(options.check_every > 0, "transport::sinkhorn: check_every must be positive, it is 0");

    const std::span<const double> a = engine.row_weights(), b = engine.column_weights();
    require((options.f.empty() && options.g.empty()) || (options.f.size() == a.size() && options.g.size() == b.size()),
            "transport::sinkhorn: potentials to start from must be of sizes ", a.size(), " and ", b.size(), ", got ",
            options.f.size(), " and ", options.g.size());

    const cost_summary costs = engine.summary();
    const double range = costs.greatest - costs.least;
    const double size = std::max(std::abs(costs.greatest), std::abs(costs.least));
    // Costs that are all equal leave nothing to choose: any epsilon gives the product plan.
    const double spread = std::max(costs.deviation, 1e-6 * range);
    const double chosen = spread > 1e-12 * size ? options.epsilon_scale * spread : 0;
    const double target = options.epsilon > 0 ? options.epsilon : chosen > 0 ? chosen : size > 0 ? size : 1;
    const bool warm = !options.g.empty();

    sinkhorn_result result;
    result.lower = costs.least;  // all mass moves, at the least and at the greatest cost
    result.upper = costs.greatest;
    typename Engine::vector f, g;
    if (warm) {
        // Only the sum of f and g matters: without their offset nothing is lost to rounding.
        std::vector<double> x(options.f.begin(), options.f.end()), y(options.g.begin(), options.g.end());
        const double offset = std::inner_product(y.begin(), y.end(), b.begin(), 0.0);
        for (double& v : x) v += offset;
        for (double& v : y) v -= offset;
        f = engine.from_host(x);
        g = engine.from_host(y);
    } else {
        f = engine.from_host(std::vector<double>(a.size(), 0.0));
        g = engine.from_host(std::vector<double>(b.size(), 0.0));
    }
    const double allowance = (16 + static_cast<double>(a.size() + b.size()) / 8) * Engine::rounding * size;
    const auto look = [&](double eps) {  // both bounds; allowances for rounding make them hold in floating point too
        auto x = f, y = g;
        result.lower = std::max(result.lower, static_cast<double>(engine.c_transform(x, y)) - allowance);
        result.upper = std::min(result.upper, static_cast<double>(engine.rounded_cost(f, g, eps)) + allowance);
        result.upper = std::max(result.upper, result.lower);
    };
    const auto reachable = [&](double e) { return std::max(options.tolerance, 8 * Engine::rounding * (1 + size / e)); };
    const auto close = [&] { return result.upper - result.lower <= options.relative_gap * std::abs(result.lower); };

    double eps = target;
    if (options.annealing && !warm)
        for (const double top = std::max(range, 0.0) / 10; eps < top / 2;) eps *= 2;
    const double floor = std::max(1e-5 * range, 64 * Engine::rounding * size);  // below it nothing is gained
    bool done = false;
    while (!done) {
        const bool last = eps <= target;
        detail::relaxation relaxed(options.over_relaxation && last);
        const std::size_t most = last ? options.max_iterations : result.iterations + 5;
        for (std::size_t k = 1;; ++k) {
            if (result.iterations >= std::min(most, options.max_iterations)) break;
            result.residual = engine.sweep(f, g, eps, relaxed.step());
            ++result.iterations;
            if (last && result.residual <= reachable(eps)) break;
            relaxed.saw(result.residual);
            if (options.relative_gap > 0 && last && k % options.check_every == 0) {
                look(eps);
                // Bounds that no longer come closer at this epsilon: the next one, as when converged.
                if (close() || result.residual < 0.02 * options.relative_gap) break;
            }
        }
        result.epsilon = eps;
        done = result.iterations >= options.max_iterations;
        if (last && !done) {
            if (options.relative_gap > 0) look(eps);
            done = options.relative_gap == 0 || close() || eps <= floor;
        }
        if (!done) eps = last ? eps / 2 : std::max(eps / 2, target);
    }
    engine.sweep(f, g, result.epsilon, 1);  // a plain step last: columns are met, so the plan's mass is 1
    ++result.iterations;
    result.residual = engine.marginal_error(f, g, result.epsilon);
    result.converged = result.residual <= reachable(result.epsilon);
    look(result.epsilon);
    result.value = result.lower;
    result.transport_cost = engine.plan_cost(f, g, result.epsilon);
    result.f = engine.to_host(f);
    result.g = engine.to_host(g);
    double dual = 0;
    for (std::size_t i = 0; i < a.size(); ++i) dual += a[i] * result.f[i];
    for (std::size_t j = 0; j < b.size(); ++j) dual += b[j] * result.g[j];
    result.dual_value = dual;
    result.entropic_cost = dual;
    result.entropic_cost_shannon = dual - result.epsilon * (detail::entropy(a) + detail::entropy(b));
    if (result.upper - result.lower <= 512 * std::numeric_limits<double>::epsilon() * size)
        result.status = status::exact;
    else if (options.relative_gap > 0 ? close() : result.converged)
        result.status = status::certified;
    else
        result.status = status::not_converged;
    return result;
}

/// Debiased Sinkhorn divergence: what entropy adds to a distance, taken off again.
///
///     S(a, b) = OT(a, b) − OT(a, a) / 2 − OT(b, b) / 2,   OT the entropic cost relative to a b'
///
/// Zero for equal measures, positive otherwise (for the costs of cost.hpp but the user's), close to W for small
/// epsilon.
///
/// @param ab, aa, bb  runs that ended at one epsilon
/// @throw             invalid_argument if they did not
/// @see               Feydy et al. 2019, arXiv:1810.08278
[[nodiscard]] inline double debiased(const sinkhorn_result& ab, const sinkhorn_result& aa, const sinkhorn_result& bb) {
    require(ab.epsilon == aa.epsilon && ab.epsilon == bb.epsilon,
            "transport::debiased: all three must end at one epsilon, they end at ", ab.epsilon, ", ", aa.epsilon,
            " and ", bb.epsilon);
    return ab.entropic_cost - aa.entropic_cost / 2 - bb.entropic_cost / 2;
}

}  // namespace holdfast::transport
