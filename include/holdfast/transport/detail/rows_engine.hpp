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
// and, where `guesses` is there and true:
//   double exp_near(e, h, c, inv, m, shift)  e_j = 2^(h_j − c_j inv − shift), at most 2^126; returns Σ e_j
//
// Such a sweep leaves its exponentials, and those that follow at the same epsilon compute none (absorbed_kernel.hpp).
//
// Costs: rows(), cols(), at(i, j), kept_bytes() (of a cost; 0: computed when read), known_finite (whether nobody need
// look), and read(), a reader whose row(i) points to real; one reader a chunk.

#include <holdfast/core/matrix.hpp>
#include <holdfast/core/parallel.hpp>
#include <holdfast/transport/detail/absorbed_kernel.hpp>
#include <holdfast/transport/detail/aligned.hpp>
#include <holdfast/transport/detail/problem.hpp>
#include <holdfast/transport/detail/row_facts.hpp>
#include <holdfast/transport/detail/view_costs.hpp>
#include <holdfast/transport/sinkhorn.hpp>

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <functional>
#include <limits>
#include <span>
#include <utility>
#include <vector>

namespace holdfast::transport::detail {

template <class K>
concept guessing_kernels = requires {
    requires K::guesses;
};

template <class Kernels, class Costs = view_costs<typename Kernels::real>>
class rows_engine {
  public:
    using real = typename Kernels::real;
    using vector = std::vector<real>;
    static constexpr double rounding = std::numeric_limits<real>::epsilon();

    /// @param cost  C [n, m] finite, rows contiguous; must outlive the engine
    /// @param a     [n] @param b [m] weights, positive, sum 1
    /// @throw       invalid_argument for shapes that do not match, bad weights, costs that are not finite
    rows_engine(matrix_view<const real> cost, std::span<const double> a, std::span<const double> b)
        : rows_engine(cost, {a.begin(), a.end()}, {b.begin(), b.end()}, checked{}) {}

    /// The same for any matrix of the right numbers, as it is.
    template <matrix_like Matrix>
        requires std::same_as<element_t<Matrix>, real> rows_engine(const Matrix& cost, std::span<const double> a,
                                                                   std::span<const double> b)
            : rows_engine(matrix_view<const real>(view(cost)), a, b) {}

        double sweep(vector& f, vector& g, double eps, double omega) {
            if constexpr (guessing_kernels<Kernels>) {
                if (const auto wrong = absorbed_.sweep(f, g, eps, omega, a_, b_)) return residual_ = *wrong;
                absorbed_.open(absorbed_kernel::fitting(n(), m(), c_.kept_bytes(), residual_), n(), g);
                return residual_ = sweep_in_logarithms(f, g, eps, omega);
            } else {
                return sweep_in_logarithms(f, g, eps, omega);
            }
        }

        double c_transform(vector& f, vector& g) {
            std::vector<vector> part(chunks(), vector(m(), std::numeric_limits<real>::infinity()));
            parallel_chunks(n(), grain, pass(0.15), [&](std::size_t begin, std::size_t end, std::size_t chunk) {
                auto costs = c_.read();
                for (std::size_t i = begin; i < end; ++i) {
                    const real* c = costs.row(i);
                    f[i] = Kernels::least(c, g.data(), m());
                    Kernels::lower(part[chunk].data(), c, f[i], m());
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
            const scratch h = exponents(g, eps);
            std::vector<double> error(chunks(), 0);
            const std::vector<double> sums =
                column_sums([&](std::size_t i, const real* c, real* e, real* s, std::size_t chunk) {
                    const auto [sum, w] = plan_row(i, c, e, h, f, eps);
                    error[chunk] += std::abs(sum * w - a_[i]);
                    Kernels::add(s, e, static_cast<real>(w), m());
                });
            double wrong = 0;
            for (const double x : error) wrong += x;
            for (std::size_t j = 0; j < m(); ++j) wrong += std::abs(sums[j] - b_[j]);
            return wrong;
        }

        [[nodiscard]] double plan_cost(const vector& f, const vector& g, double eps) const {
            const scratch h = exponents(g, eps), one(m(), 1);
            return parallel_reduce(
                n(), grain, pass(0.4), 0.0,
                [&](std::size_t begin, std::size_t end) {
                    scratch e(m());
                    auto costs = c_.read();
                    double cost = 0;
                    for (std::size_t i = begin; i < end; ++i) {
                        double mass;
                        const real* c = costs.row(i);
                        const auto [sum, w] = plan_row(i, c, e.data(), h, f, eps);
                        cost += w * Kernels::scaled_dot(e.data(), one.data(), c, m(), mass);
                    }
                    return cost;
                },
                std::plus<>{});
        }

        [[nodiscard]] double rounded_cost(const vector& f, const vector& g, double eps) const {
            const scratch h = exponents(g, eps);
            const auto fitting = [&](std::size_t i, const real* c, real* e) {  // rows that ask too much are scaled down
                const auto [sum, w] = plan_row(i, c, e, h, f, eps);
                return std::min(w, a_[i] / sum);
            };
            const std::vector<double> sums =
                column_sums([&](std::size_t i, const real* c, real* e, real* s, std::size_t) {
                    Kernels::add(s, e, static_cast<real>(fitting(i, c, e)), m());
                });
            scratch y(m());
            std::vector<double> short_a(n()), short_b(m());
            double left = 0, left_b = 0;
            for (std::size_t j = 0; j < m(); ++j) {
                // Columns are scaled a little below what fits, so that single precision cannot overfill them.
                const double fit = sums[j] > b_[j] ? b_[j] / sums[j] : 1;
                y[j] = static_cast<real>(fit);
                left_b += short_b[j] = std::max(0.0, b_[j] - sums[j] * static_cast<double>(y[j]));
            }
            double cost = parallel_reduce(
                n(), grain, pass(0.4), 0.0,
                [&](std::size_t begin, std::size_t end) {
                    scratch e(m());
                    auto costs = c_.read();
                    double part = 0;
                    for (std::size_t i = begin; i < end; ++i) {
                        const real* c = costs.row(i);
                        const double w = fitting(i, c, e.data());
                        double mass;
                        part += w * Kernels::scaled_dot(e.data(), y.data(), c, m(), mass);
                        short_a[i] = std::max(0.0, a_[i] - w * mass);
                    }
                    return part;
                },
                std::plus<>{});
            for (const double x : short_a) left += x;
            if (left <= 0 || left_b <= 0) return cost;
            for (std::size_t j = 0; j < m(); ++j) y[j] = static_cast<real>(short_b[j] / left_b);
            const scratch one(m(), 1);
            auto costs = c_.read();
            for (std::size_t i = 0; i < n(); ++i) {
                double mass;
                if (short_a[i] > 0)
                    cost += short_a[i] * Kernels::scaled_dot(one.data(), y.data(), costs.row(i), m(), mass);
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

      protected:
        struct checked {};  ///< weights, and costs unless known, are checked here

        rows_engine(const Costs& costs, std::vector<double> a, std::vector<double> b, checked)
            : c_(costs), a_(std::move(a)), b_(std::move(b)) {
            check_weights_of(n(), m(), a_, b_);
            auto read = c_.read();
            for (std::size_t i = 0; i < n() && !Costs::known_finite; ++i)
                if (const real* c = read.row(i); !row_facts<real>::finite(c, m()))
                    for (std::size_t j = 0; j < m(); ++j)
                        require(std::isfinite(c[j]), "transport::engine: costs must be finite, entry (", i, ", ", j,
                                ") is ", c[j]);
            summary_ = summarise<real>(
                n(), m(), [&](std::size_t i) { return read.row(i); }, a_, b_);
            log_b_.resize(m());
            for (std::size_t j = 0; j < m(); ++j) log_b_[j] = std::log(b_[j]);
        }

      private:
        using scratch = aligned_vector<real>;
        static constexpr double per_octave = 1.4426950408889634074;  // 1 / log 2
        static constexpr std::size_t grain = 64;                     // rows of a chunk
        /// What a sum begins with instead of zero: no sum is then so small that machines are slow with it.
        static constexpr real nothing = 64 * std::numeric_limits<real>::min();
        /// Below this share a column's sum may have lost terms to underflow, and is computed anew in the log domain.
        static constexpr double vanishing = sizeof(real) == 4 ? 1e-20 : 1e-200;

        [[nodiscard]] std::size_t n() const { return c_.rows(); }
        [[nodiscard]] std::size_t m() const { return c_.cols(); }
        [[nodiscard]] std::size_t chunks() const { return (n() + grain - 1) / grain; }
        /// A pass of so many nanoseconds an entry; of costs that are made when they are read nothing is known.
        [[nodiscard]] about pass(double an_entry) const {
            return c_.kept_bytes() == 0 ? about{} : about{an_entry * static_cast<double>(n() * m())};
        }

        double sweep_in_logarithms(vector& f, vector& g, double eps, double omega) {
            const scratch h = exponents(g, eps);
            scratch near;  // the same to base 2, for rows whose sum is about what it was
            if constexpr (guessing_kernels<Kernels>) {
                near.resize(m());
                for (std::size_t j = 0; j < m(); ++j)
                    near[j] = static_cast<real>((log_b_[j] + static_cast<double>(g[j]) / eps) * per_octave);
            }
            std::vector<double> error(chunks(), 0);
            const std::vector<double> sums =
                column_sums([&](std::size_t i, const real* c, real* e, real* s, std::size_t chunk) {
                    const auto old = static_cast<double>(f[i]);
                    double shift = -old / eps, sum = 0;
                    if constexpr (guessing_kernels<Kernels>)
                        sum = Kernels::exp_near(e, near.data(), c, static_cast<real>(per_octave / eps), m(),
                                                static_cast<real>(shift * per_octave));
                    if (!(sum > 1e-12 && sum < 1e24)) {  // terms may have been lost: from the greatest exponent on
                        real max;
                        sum = Kernels::exp_row(e, h.data(), c, static_cast<real>(1 / eps), m(), max);
                        shift = static_cast<double>(max);
                    }
                    const double to = -eps * (std::log(sum) + shift);
                    const double next = relaxed(old, to, eps, omega);
                    const double w = next == to ? a_[i] : a_[i] * std::exp((next - to) / eps);
                    if constexpr (guessing_kernels<Kernels>) absorbed_.keep(i, e, sum, to, w);
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
            if constexpr (guessing_kernels<Kernels>) absorbed_.close(eps, sums, wrong);
            return wrong;
        }

        [[nodiscard]] scratch exponents(const vector& g, double eps) const {
            scratch h(m());
            for (std::size_t j = 0; j < m(); ++j) h[j] = static_cast<real>(log_b_[j] + static_cast<double>(g[j]) / eps);
            return h;
        }

        struct row_plan {
            double sum, scale;
        };
        /// Row i of the plan is scale · e.
        row_plan plan_row(std::size_t i, const real* c, real* e, const scratch& h, const vector& f, double eps) const {
            real max;
            const double sum = Kernels::exp_row(e, h.data(), c, static_cast<real>(1 / eps), m(), max);
            return {sum, a_[i] * std::exp(static_cast<double>(f[i]) / eps + static_cast<double>(max))};
        }

        /// Runs visit(i, costs [m], scratch [m], sums [m], chunk) over all rows; the sums of all chunks, added in
        /// order.
        template <class Visit>
        std::vector<double> column_sums(Visit visit) const {
            std::vector<scratch> part(chunks());
            parallel_chunks(n(), grain, pass(0.4), [&](std::size_t begin, std::size_t end, std::size_t chunk) {
                scratch e(m());
                auto costs = c_.read();
                part[chunk].assign(m(), nothing);
                for (std::size_t i = begin; i < end; ++i) visit(i, costs.row(i), e.data(), part[chunk].data(), chunk);
            });
            std::vector<double> sums(m(), 0);
            for (const scratch& p : part)
                for (std::size_t j = 0; j < m(); ++j) sums[j] += static_cast<double>(p[j]);
            return sums;
        }

        /// −eps log Σ_i a_i exp((f_i − C_ij) / eps), the slow and safe way.
        [[nodiscard]] double softmin_column(std::size_t j, const vector& f, double eps) const {
            double least = std::numeric_limits<double>::infinity(), sum = 0;
            for (std::size_t i = 0; i < n(); ++i)
                least = std::min(least, static_cast<double>(c_.at(i, j)) - static_cast<double>(f[i]));
            for (std::size_t i = 0; i < n(); ++i)
                sum += a_[i] * std::exp((least + static_cast<double>(f[i]) - static_cast<double>(c_.at(i, j))) / eps);
            return least - eps * std::log(sum);
        }

        Costs c_;
        std::vector<double> a_, b_, log_b_;
        cost_summary summary_;
        absorbed_kernel absorbed_;
        double residual_ = std::numeric_limits<double>::infinity();  // of the last sweep
};

}  // namespace holdfast::transport::detail
