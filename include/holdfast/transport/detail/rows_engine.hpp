#pragma once
// The passes of a host engine, written once over rows: a backend supplies what happens to one row (engine_eigen.hpp,
// engine_xtensor.hpp, engine_simd.hpp). One exponential an entry and one reading of the cost make a full iteration:
// a row is normalised and its share added to the column sums while it is in the cache. Chunks of rows run in parallel,
// their sums are added in order. Builds on problem.hpp.
//
// Kernels: `using real`; static functions over a row of length m, all pointers to real:
//   double exp_row(e, h, c, inv, m, max)   e_j = exp(h_j − c_j inv − max), max the greatest exponent; returns Σ e_j
//   void add(s, e, w, m)                   s_j += w e_j
//   double scaled_dot(e, y, c, m, mass)    Σ e_j y_j c_j; mass = Σ e_j y_j
//   real least(c, g, m)                    min_j (c_j − g_j)
//   void lower(t, c, f, m)                 t_j = min(t_j, c_j − f)

#include <holdfast/core/matrix.hpp>
#include <holdfast/core/parallel.hpp>
#include <holdfast/transport/detail/problem.hpp>
#include <holdfast/transport/sinkhorn.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <span>
#include <vector>

namespace holdfast::transport::detail {

template <class Kernels>
class rows_engine {
  public:
    using real = typename Kernels::real;
    using vector = std::vector<real>;
    static constexpr double rounding = std::numeric_limits<real>::epsilon();

    /// @param cost  C [n, m] finite, rows contiguous; must outlive the engine
    /// @param a     [n] @param b [m] weights, positive, sum 1
    /// @throw       invalid_argument for shapes that do not match, bad weights, costs that are not finite
    rows_engine(matrix_view<const real> cost, std::span<const double> a, std::span<const double> b)
        : c_(cost), a_(a.begin(), a.end()), b_(b.begin(), b.end()), summary_(check_problem(cost, a_, b_)), log_b_(m()) {
        require(c_.col_stride() == 1 || m() == 1,
                "transport::engine: rows of the cost must be contiguous, column stride is ", c_.col_stride());
        for (std::size_t j = 0; j < m(); ++j) log_b_[j] = std::log(b_[j]);
    }

    double sweep(vector& f, vector& g, double eps, double omega) {
        vector h = exponents(g, eps);
        std::vector<double> error(chunks(), 0);
        const std::vector<double> sums = column_sums([&](std::size_t i, real* e, real* s, std::size_t chunk) {
            real max;
            const double sum = Kernels::exp_row(e, h.data(), row(i), static_cast<real>(1 / eps), m(), max);
            const double to = -eps * (std::log(sum) + static_cast<double>(max));
            const double next = relaxed(static_cast<double>(f[i]), to, eps, omega);
            const double w = a_[i] * std::exp((next - to) / eps);
            f[i] = static_cast<real>(next);
            error[chunk] += std::abs(w - a_[i]);
            Kernels::add(s, e, static_cast<real>(w / sum), m());
        });
        double wrong = 0;
        for (const double x : error) wrong += x;
        for (std::size_t j = 0; j < m(); ++j) {
            wrong += std::abs(sums[j] - b_[j]);
            const double old = static_cast<double>(g[j]);
            const double to =
                sums[j] > vanishing * b_[j] ? old - eps * std::log(sums[j] / b_[j]) : softmin_column(j, f, eps);
            g[j] = static_cast<real>(relaxed(old, to, eps, omega));
        }
        return wrong;
    }

    double c_transform(vector& f, vector& g) {
        std::vector<vector> part(chunks(), vector(m(), std::numeric_limits<real>::infinity()));
        parallel_chunks(n(), grain, [&](std::size_t begin, std::size_t end, std::size_t chunk) {
            for (std::size_t i = begin; i < end; ++i) {
                f[i] = Kernels::least(row(i), g.data(), m());
                Kernels::lower(part[chunk].data(), row(i), f[i], m());
            }
        });
        double dual = 0;
        for (std::size_t i = 0; i < n(); ++i) dual += a_[i] * static_cast<double>(f[i]);
        for (std::size_t j = 0; j < m(); ++j) {
            g[j] = part[0][j];
            for (const vector& p : part) g[j] = std::min(g[j], p[j]);
            dual += b_[j] * static_cast<double>(g[j]);
        }
        return dual;
    }

    [[nodiscard]] double marginal_error(const vector& f, const vector& g, double eps) const {
        const vector h = exponents(g, eps);
        std::vector<double> error(chunks(), 0);
        const std::vector<double> sums = column_sums([&](std::size_t i, real* e, real* s, std::size_t chunk) {
            const auto [sum, w] = plan_row(i, e, h, f, eps);
            error[chunk] += std::abs(sum * w - a_[i]);
            Kernels::add(s, e, static_cast<real>(w), m());
        });
        double wrong = 0;
        for (const double x : error) wrong += x;
        for (std::size_t j = 0; j < m(); ++j) wrong += std::abs(sums[j] - b_[j]);
        return wrong;
    }

    [[nodiscard]] double plan_cost(const vector& f, const vector& g, double eps) const {
        const vector h = exponents(g, eps), one(m(), 1);
        return parallel_reduce(
            n(), grain, 0.0,
            [&](std::size_t begin, std::size_t end) {
                vector e(m());
                double cost = 0;
                for (std::size_t i = begin; i < end; ++i) {
                    double mass;
                    const auto [sum, w] = plan_row(i, e.data(), h, f, eps);
                    cost += w * Kernels::scaled_dot(e.data(), one.data(), row(i), m(), mass);
                }
                return cost;
            },
            std::plus<>{});
    }

    [[nodiscard]] double rounded_cost(const vector& f, const vector& g, double eps) const {
        const vector h = exponents(g, eps);
        const auto fitting = [&](std::size_t i, real* e) {  // rows that ask too much are scaled down
            const auto [sum, w] = plan_row(i, e, h, f, eps);
            return std::min(w, a_[i] / sum);
        };
        const std::vector<double> sums = column_sums([&](std::size_t i, real* e, real* s, std::size_t) {
            const double w = fitting(i, e);
            Kernels::add(s, e, static_cast<real>(w), m());
        });
        vector y(m());
        std::vector<double> short_a(n()), short_b(m());
        double left = 0, left_b = 0;
        for (std::size_t j = 0; j < m(); ++j) {
            // Columns are scaled a little below what fits, so that single precision cannot overfill them.
            const double fit = sums[j] > b_[j] ? b_[j] / sums[j] : 1;
            y[j] = static_cast<real>(fit);
            left_b += short_b[j] = std::max(0.0, b_[j] - sums[j] * static_cast<double>(y[j]));
        }
        double cost = parallel_reduce(
            n(), grain, 0.0,
            [&](std::size_t begin, std::size_t end) {
                vector e(m());
                double part = 0;
                for (std::size_t i = begin; i < end; ++i) {
                    const double w = fitting(i, e.data());
                    double mass;
                    part += w * Kernels::scaled_dot(e.data(), y.data(), row(i), m(), mass);
                    short_a[i] = std::max(0.0, a_[i] - w * mass);
                }
                return part;
            },
            std::plus<>{});
        for (const double x : short_a) left += x;
        if (left <= 0 || left_b <= 0) return cost;
        for (std::size_t j = 0; j < m(); ++j) y[j] = static_cast<real>(short_b[j] / left_b);
        const vector one(m(), 1);
        for (std::size_t i = 0; i < n(); ++i) {
            double mass;
            if (short_a[i] > 0) cost += short_a[i] * Kernels::scaled_dot(one.data(), y.data(), row(i), m(), mass);
        }
        return cost;
    }

    [[nodiscard]] cost_summary summary() const { return summary_; }
    [[nodiscard]] vector from_host(std::span<const double> x) const {
        vector v(x.size());
        std::transform(x.begin(), x.end(), v.begin(), [](double t) { return static_cast<real>(t); });
        return v;
    }
    [[nodiscard]] std::vector<double> to_host(const vector& x) const { return {x.begin(), x.end()}; }
    [[nodiscard]] std::span<const double> row_weights() const { return a_; }
    [[nodiscard]] std::span<const double> column_weights() const { return b_; }

  private:
    static constexpr std::size_t grain = 64;  // rows of a chunk
    /// Below this share a column's sum may have lost terms to underflow, and is computed anew in the log domain.
    static constexpr double vanishing = sizeof(real) == 4 ? 1e-20 : 1e-200;

    [[nodiscard]] std::size_t n() const { return c_.rows(); }
    [[nodiscard]] std::size_t m() const { return c_.cols(); }
    [[nodiscard]] std::size_t chunks() const { return (n() + grain - 1) / grain; }
    [[nodiscard]] const real* row(std::size_t i) const { return &c_(i, 0); }

    [[nodiscard]] vector exponents(const vector& g, double eps) const {
        vector h(m());
        for (std::size_t j = 0; j < m(); ++j) h[j] = static_cast<real>(log_b_[j] + static_cast<double>(g[j]) / eps);
        return h;
    }

    struct row_plan {
        double sum, scale;
    };
    /// Row i of the plan is scale · e.
    row_plan plan_row(std::size_t i, real* e, const vector& h, const vector& f, double eps) const {
        real max;
        const double sum = Kernels::exp_row(e, h.data(), row(i), static_cast<real>(1 / eps), m(), max);
        return {sum, a_[i] * std::exp(static_cast<double>(f[i]) / eps + static_cast<double>(max))};
    }

    /// Runs visit(i, scratch [m], sums [m], chunk) over all rows; the sums of all chunks, added in order.
    template <class Visit>
    std::vector<double> column_sums(Visit visit) const {
        std::vector<vector> part(chunks());
        parallel_chunks(n(), grain, [&](std::size_t begin, std::size_t end, std::size_t chunk) {
            vector e(m());
            part[chunk].assign(m(), 0);
            for (std::size_t i = begin; i < end; ++i) visit(i, e.data(), part[chunk].data(), chunk);
        });
        std::vector<double> sums(m(), 0);
        for (const vector& p : part)
            for (std::size_t j = 0; j < m(); ++j) sums[j] += static_cast<double>(p[j]);
        return sums;
    }

    /// −eps log Σ_i a_i exp((f_i − C_ij) / eps), the slow and safe way.
    [[nodiscard]] double softmin_column(std::size_t j, const vector& f, double eps) const {
        double least = std::numeric_limits<double>::infinity(), sum = 0;
        for (std::size_t i = 0; i < n(); ++i)
            least = std::min(least, static_cast<double>(c_(i, j)) - static_cast<double>(f[i]));
        for (std::size_t i = 0; i < n(); ++i)
            sum += a_[i] * std::exp((least + static_cast<double>(f[i]) - static_cast<double>(c_(i, j))) / eps);
        return least - eps * std::log(sum);
    }

    matrix_view<const real> c_;
    std::vector<double> a_, b_;
    cost_summary summary_;
    std::vector<double> log_b_;
};

}  // namespace holdfast::transport::detail
