#pragma once
// The Sinkhorn engine that is written as the definitions read: double precision, one loop for each sum, no tricks. It
// is what the other engines are compared with. Builds on sinkhorn.hpp. Leaves out speed: engine_simd.hpp has it.

#include <holdfast/core/error.hpp>
#include <holdfast/core/matrix.hpp>
#include <holdfast/transport/detail/problem.hpp>
#include <holdfast/transport/sinkhorn.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

namespace holdfast::transport {

/// Sinkhorn on the CPU in double, plainly. The cost must outlive the engine.
///
/// @cost  several passes over C and two exponentials an entry for an iteration; one thread
class plain_engine {
  public:
    using vector = std::vector<double>;
    static constexpr double rounding = std::numeric_limits<double>::epsilon();

    /// @param cost  C [n, m] finite @param a [n] @param b [m] weights, positive, sum 1
    /// @throw       invalid_argument for shapes that do not match, bad weights, costs that are not finite
    plain_engine(matrix_view<const double> cost, std::span<const double> a, std::span<const double> b)
        : c_(cost), a_(a.begin(), a.end()), b_(b.begin(), b.end()), summary_(detail::check_problem(cost, a_, b_)) {}

    double sweep(vector& f, vector& g, double eps, double omega) const {
        for (std::size_t i = 0; i < n(); ++i) f[i] = detail::relaxed(f[i], softmin_row(i, g, eps), eps, omega);
        const double error = marginal_error(f, g, eps);
        for (std::size_t j = 0; j < m(); ++j) g[j] = detail::relaxed(g[j], softmin_column(j, f, eps), eps, omega);
        return error;
    }

    double c_transform(vector& f, vector& g) const {
        double dual = 0;
        for (std::size_t i = 0; i < n(); ++i) {
            f[i] = std::numeric_limits<double>::infinity();
            for (std::size_t j = 0; j < m(); ++j) f[i] = std::min(f[i], c_(i, j) - g[j]);
            dual += a_[i] * f[i];
        }
        for (std::size_t j = 0; j < m(); ++j) {
            g[j] = std::numeric_limits<double>::infinity();
            for (std::size_t i = 0; i < n(); ++i) g[j] = std::min(g[j], c_(i, j) - f[i]);
            dual += b_[j] * g[j];
        }
        return dual;
    }

    [[nodiscard]] double marginal_error(const vector& f, const vector& g, double eps) const {
        double error = 0;
        for (std::size_t i = 0; i < n(); ++i) error += std::abs(row_sum(i, f, g, eps) - a_[i]);
        for (std::size_t j = 0; j < m(); ++j) error += std::abs(column_sum(j, f, g, eps) - b_[j]);
        return error;
    }

    [[nodiscard]] double plan_cost(const vector& f, const vector& g, double eps) const {
        double cost = 0;
        for (std::size_t i = 0; i < n(); ++i)
            for (std::size_t j = 0; j < m(); ++j) cost += plan(i, j, f, g, eps) * c_(i, j);
        return cost;
    }

    /// Altschuler, Weed & Rigollet 2017, algorithm 2: rows, then columns scaled down to fit, the rest as a product.
    [[nodiscard]] double rounded_cost(const vector& f, const vector& g, double eps) const {
        matrix<double> p(n(), m());
        vector rows(n(), 0), columns(m(), 0), short_a = a_, short_b = b_;
        for (std::size_t i = 0; i < n(); ++i) {
            for (std::size_t j = 0; j < m(); ++j) rows[i] += p(i, j) = plan(i, j, f, g, eps);
            const double scale = rows[i] > a_[i] ? a_[i] / rows[i] : 1;
            for (std::size_t j = 0; j < m(); ++j) columns[j] += p(i, j) *= scale;
        }
        double cost = 0, left = 0;
        for (std::size_t i = 0; i < n(); ++i)
            for (std::size_t j = 0; j < m(); ++j) {
                p(i, j) *= columns[j] > b_[j] ? b_[j] / columns[j] : 1;
                short_a[i] -= p(i, j);
                short_b[j] -= p(i, j);
                cost += p(i, j) * c_(i, j);
            }
        for (double& x : short_a) left += x = std::max(x, 0.0);
        double total_b = 0;
        for (double& x : short_b) total_b += x = std::max(x, 0.0);
        if (left <= 0 || total_b <= 0) return cost;
        for (std::size_t i = 0; i < n(); ++i)
            for (std::size_t j = 0; j < m(); ++j) cost += short_a[i] * (short_b[j] / total_b) * c_(i, j);
        return cost;
    }

    [[nodiscard]] cost_summary summary() const { return summary_; }
    [[nodiscard]] vector from_host(std::span<const double> x) const { return {x.begin(), x.end()}; }
    [[nodiscard]] const std::vector<double>& to_host(const vector& x) const { return x; }
    [[nodiscard]] std::span<const double> row_weights() const { return a_; }
    [[nodiscard]] std::span<const double> column_weights() const { return b_; }

  private:
    [[nodiscard]] std::size_t n() const { return c_.rows(); }
    [[nodiscard]] std::size_t m() const { return c_.cols(); }

    [[nodiscard]] double plan(std::size_t i, std::size_t j, const vector& f, const vector& g, double eps) const {
        return a_[i] * b_[j] * std::exp((f[i] + g[j] - c_(i, j)) / eps);
    }
    [[nodiscard]] double row_sum(std::size_t i, const vector& f, const vector& g, double eps) const {
        double sum = 0;
        for (std::size_t j = 0; j < m(); ++j) sum += plan(i, j, f, g, eps);
        return sum;
    }
    [[nodiscard]] double column_sum(std::size_t j, const vector& f, const vector& g, double eps) const {
        double sum = 0;
        for (std::size_t i = 0; i < n(); ++i) sum += plan(i, j, f, g, eps);
        return sum;
    }

    /// −eps log Σ_j b_j exp((g_j − C_ij) / eps)
    [[nodiscard]] double softmin_row(std::size_t i, const vector& g, double eps) const {
        double least = std::numeric_limits<double>::infinity(), sum = 0;
        for (std::size_t j = 0; j < m(); ++j) least = std::min(least, c_(i, j) - g[j]);
        for (std::size_t j = 0; j < m(); ++j) sum += b_[j] * std::exp((least + g[j] - c_(i, j)) / eps);
        return least - eps * std::log(sum);
    }
    /// −eps log Σ_i a_i exp((f_i − C_ij) / eps)
    [[nodiscard]] double softmin_column(std::size_t j, const vector& f, double eps) const {
        double least = std::numeric_limits<double>::infinity(), sum = 0;
        for (std::size_t i = 0; i < n(); ++i) least = std::min(least, c_(i, j) - f[i]);
        for (std::size_t i = 0; i < n(); ++i) sum += a_[i] * std::exp((least + f[i] - c_(i, j)) / eps);
        return least - eps * std::log(sum);
    }

    matrix_view<const double> c_;
    std::vector<double> a_, b_;
    cost_summary summary_;
};

static_assert(engine<plain_engine>);

}  // namespace holdfast::transport
