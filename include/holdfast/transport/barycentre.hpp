#pragma once
// The Sinkhorn barycentre on a support that is given: weights that are, on average, nearest to several measures. By
// iterative Bregman projections in the log domain, plain or debiased. Builds on core. Leaves out supports that move.

#include <holdfast/core/error.hpp>
#include <holdfast/core/matrix.hpp>
#include <holdfast/transport/detail/softmin.hpp>
#include <holdfast/transport/measure.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

namespace holdfast::transport {

struct barycentre_options {
    double epsilon = 0.05;                ///< of the entropy, in the unit of the costs
    std::vector<double> share = {};       ///< [K] how much each measure counts, sum 1; empty: 1/K each
    matrix_view<const double> self = {};  ///< [s, s] cost of the support with itself: debiased; empty: not
    double tolerance = 1e-9;              ///< converged when the plans miss the measures by no more (sum of absolutes)
    std::size_t max_iterations = 10000;
};

struct barycentre_result {
    std::vector<double> weights;  ///< [s] of the barycentre, sum 1
    double residual = 0;  ///< how far the plans miss the measures, mean over measures, sum of absolute values; where
                          ///< debiased and how far the correction still moves
    std::size_t iterations = 0;
    bool converged = false;
};

/// The barycentre of K measures on s points.
///
///     min_p Σ_k share_k OT_eps(p, b_k),   OT_eps(p, b) = min_P <P, C> + eps Σ P (log P − 1)
///
/// Entropy blurs: the barycentre of a measure with itself is wider than the measure. The debiased one (self is given)
/// is not.
///
/// @param costs     [K] matrices C_k [s, n_k]: from the points of the barycentre to those of measure k; finite
/// @param measures  [K] weights b_k [n_k], each not negative, sum 1
/// @return          `converged` false where max_iterations ends it
/// @throw           invalid_argument for shapes that do not match, bad weights, costs or options
/// @cost            two passes over every cost an iteration; two copies of each
/// @see             Benamou et al. 2015, arXiv:1412.5154; Janati, Cuturi & Gramfort 2020, arXiv:2006.02575 (debiased)
[[nodiscard]] inline barycentre_result barycentre(std::span<const matrix<double>> costs,
                                                  std::span<const std::vector<double>> measures,
                                                  const barycentre_options& options = {}) {
    const char* function = "transport::barycentre";
    const std::size_t count = costs.size();
    require(count > 0 && measures.size() == count, function, ": one cost for each measure, got ", count, " costs and ",
            measures.size(), " measures");
    const double eps = options.epsilon;
    require(std::isfinite(eps) && eps > 0, function, ": epsilon must be positive and finite, it is ", eps);
    require(options.max_iterations > 0, function, ": max_iterations must be positive, it is 0");
    require(options.share.empty() || options.share.size() == count, function, ": one share for each measure, got ",
            options.share.size(), " for ", count);
    std::vector<double> share = options.share;
    if (share.empty()) share.assign(count, 1 / static_cast<double>(count));
    detail::check_weights(share, function);
    const std::size_t size = costs[0].rows();
    std::vector<matrix<double>> c, turned;
    for (std::size_t k = 0; k < count; ++k) {
        c.push_back(detail::checked_copy(costs[k], function));
        require(c[k].rows() == size && c[k].cols() == measures[k].size(), function, ": cost ", k, " must be ", size,
                " x ", measures[k].size(), ", it is ", c[k].rows(), " x ", c[k].cols());
        detail::check_weights(measures[k], function);
        turned.push_back(detail::transposed(c[k]));
    }
    const bool debiased = !options.self.empty();
    matrix<double> self;
    if (debiased) {
        self = detail::checked_copy(options.self, function);
        require(self.rows() == size && self.cols() == size, function, ": the cost of the support with itself must be ",
                size, " x ", size, ", it is ", self.rows(), " x ", self.cols());
    }

    // Everything times eps, in logarithms: f_k, g_k the scalings of rows and columns, h_k = log K exp(g_k), p, d.
    std::vector<std::vector<double>> f(count, std::vector<double>(size, 0)), g(count), h(count);
    std::vector<double> p(size, 0), d(size, 0), soft, smoothed;
    barycentre_result result;
    while (!result.converged && result.iterations < options.max_iterations) {
        result.residual = 0;
        for (std::size_t k = 0; k < count; ++k) {
            detail::softmin_rows(turned[k], {}, f[k], eps, soft);
            const bool first = g[k].empty();
            g[k].resize(soft.size());
            for (std::size_t j = 0; j < soft.size(); ++j) {
                const double b = measures[k][j];
                const double to = b > 0 ? eps * std::log(b) + soft[j] : -std::numeric_limits<double>::infinity();
                if (b > 0) result.residual += first ? 1 : share[k] * b * std::abs(std::expm1((g[k][j] - to) / eps));
                g[k][j] = to;
            }
            detail::softmin_rows(c[k], {}, g[k], eps, h[k]);
        }
        for (std::size_t i = 0; i < size; ++i) {
            p[i] = d[i];
            for (std::size_t k = 0; k < count; ++k) p[i] -= share[k] * h[k][i];
            for (std::size_t k = 0; k < count; ++k) f[k][i] = p[i] + h[k][i];
        }
        if (debiased) {  // d = sqrt(d p / (K d))
            detail::softmin_rows(self, {}, d, eps, smoothed);
            for (std::size_t i = 0; i < size; ++i) {
                const double to = (d[i] + p[i] + smoothed[i]) / 2;
                result.residual += std::exp(p[i] / eps) * std::abs(std::expm1((d[i] - to) / eps));
                d[i] = to;
            }
        }
        ++result.iterations;
        result.converged = result.residual <= options.tolerance;
    }
    double sum = 0;
    for (const double x : p) result.weights.push_back(std::exp(x / eps));
    for (const double w : result.weights) sum += w;
    for (double& w : result.weights) w /= sum;
    return result;
}

}  // namespace holdfast::transport
