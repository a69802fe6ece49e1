#pragma once
// The smallest types that play a role of transport/, and the smallest that miss it by one member. Nothing here
// computes.

#include <holdfast/core/matrix.hpp>
#include <holdfast/transport/sinkhorn.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace archetypes {

/// All an engine must have, but the sweep.
struct engine_without_sweep {
    struct vector {};
    static constexpr double rounding = 1e-16;
    double c_transform(vector&, vector&) { return 0; }
    double marginal_error(const vector&, const vector&, double) { return 0; }
    double plan_cost(const vector&, const vector&, double) { return 0; }
    double rounded_cost(const vector&, const vector&, double) { return 0; }
    holdfast::transport::cost_summary summary() { return {}; }
    vector from_host(std::span<const double>) { return {}; }
    std::vector<double> to_host(const vector&) { return {0}; }
    std::vector<double> weights = {1};
    std::span<const double> row_weights() { return weights; }
    std::span<const double> column_weights() { return weights; }
};

/// All an engine must have.
struct minimal_engine : engine_without_sweep {
    double sweep(vector&, vector&, double, double) { return 0; }
};

/// All an embedder must have.
struct minimal_embedder {
    holdfast::matrix<float> embed(std::span<const std::string> texts) const { return {texts.size(), 1}; }
    std::size_t dimension() const { return 1; }
};

/// Misses: what it makes is not a matrix.
struct embedder_of_lists {
    std::vector<std::vector<float>> embed(std::span<const std::string>) const { return {}; }
    std::size_t dimension() const { return 1; }
};

/// Misses: does not say how long its rows are.
struct embedder_without_dimension {
    holdfast::matrix<float> embed(std::span<const std::string> texts) const { return {texts.size(), 1}; }
};

/// A cost that depends on the distance alone.
struct minimal_radial_cost {
    static constexpr bool normalises = false;
    double from_squared(double s) const { return s * s; }
};

/// Any other cost.
struct minimal_pointwise_cost {
    double operator()(std::span<const double>, std::span<const double>) const { return 1; }
};

/// Misses: takes numbers, not points.
struct cost_of_numbers {
    double operator()(double, double) const { return 1; }
};

}  // namespace archetypes
