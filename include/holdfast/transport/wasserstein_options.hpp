#pragma once
// What may be asked of a distance between two tasks, and what comes back. Builds on cost.hpp, cost_table.hpp and
// exact.hpp. Leaves out how it is computed: wasserstein.hpp.

#include <holdfast/core/certified.hpp>
#include <holdfast/core/error.hpp>
#include <holdfast/transport/cost.hpp>
#include <holdfast/transport/cost_table.hpp>
#include <holdfast/transport/exact.hpp>

#include <cmath>
#include <cstddef>
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
    ground_cost cost{};                         ///< cosine, squared_euclidean, euclidean, or a function of two spans
    double relative_gap = 0.01;                 ///< wanted: upper − lower <= relative_gap · lower; 0: exact
    solver method = solver::automatic;          ///< simplex or sinkhorn to insist on one
    std::size_t simplex_limit = 1'000'000'000;  ///< entries of the cost up to which the simplex comes before Sinkhorn
    std::size_t max_iterations = 2000;          ///< of Sinkhorn
    bool plan = false;                          ///< whether to return the plan (of the simplex; empty after Sinkhorn)
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

}  // namespace detail

}  // namespace holdfast::transport
