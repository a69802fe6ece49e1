#pragma once
// The Sinkhorn engine on Thrust alone: on whatever device system Thrust is compiled for (CUDA with nvcc; OpenMP, C++ or
// TBB with any compiler, by THRUST_DEVICE_SYSTEM). Builds on Thrust and sinkhorn.hpp. Leaves out hand-written kernels:
// one thread takes a row or a column, which is simple and portable, not fast on a GPU.

#if !__has_include(<thrust/device_vector.h>)
#error "engine_thrust.hpp needs Thrust: use the CUDA toolkit's headers (nvcc has them, g++ needs -I CUDA/include/cccl)"
#endif
#include <thrust/copy.h>
#include <thrust/device_vector.h>
#include <thrust/functional.h>
#include <thrust/iterator/counting_iterator.h>
#include <thrust/reduce.h>
#include <thrust/transform.h>
#include <thrust/transform_reduce.h>

#include <holdfast/core/config.hpp>
#include <holdfast/core/matrix.hpp>
#include <holdfast/transport/detail/problem.hpp>
#include <holdfast/transport/sinkhorn.hpp>

#include <cmath>
#include <concepts>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

namespace holdfast::transport {
namespace detail {

/// Costs and weights where Thrust computes; rows and columns are two readings of one memory.
template <class Real>
struct thrust_problem {
    const Real* c;
    const double* a;
    const double* b;
    std::size_t n, m;

    HOLDFAST_HD double at(std::size_t i, std::size_t j) const { return static_cast<double>(c[i * m + j]); }
};

/// The step of detail::relaxed, for a device too.
HOLDFAST_HD inline double thrust_relaxed(double x, double to, double eps, double omega) {
    const double beyond = (omega - 1) * (to - x);
    return to + (beyond < -eps ? -eps : beyond > eps ? eps : beyond);
}

/// f_i, moved towards −eps log Σ_j b_j exp((g_j − C_ij) / eps).
template <class Real>
struct thrust_row_step {
    thrust_problem<Real> p;
    const Real* f;
    const Real* g;
    double eps, omega;
    HOLDFAST_HD Real operator()(std::size_t i) const {
        double least = p.at(i, 0) - static_cast<double>(g[0]), sum = 0;
        for (std::size_t j = 1; j < p.m; ++j) {
            const double x = p.at(i, j) - static_cast<double>(g[j]);
            if (x < least) least = x;
        }
        for (std::size_t j = 0; j < p.m; ++j)
            sum += p.b[j] * std::exp((least + static_cast<double>(g[j]) - p.at(i, j)) / eps);
        return static_cast<Real>(thrust_relaxed(static_cast<double>(f[i]), least - eps * std::log(sum), eps, omega));
    }
};

/// g_j, moved towards −eps log Σ_i a_i exp((f_i − C_ij) / eps).
template <class Real>
struct thrust_column_step {
    thrust_problem<Real> p;
    const Real* f;
    const Real* g;
    double eps, omega;
    HOLDFAST_HD Real operator()(std::size_t j) const {
        double least = p.at(0, j) - static_cast<double>(f[0]), sum = 0;
        for (std::size_t i = 1; i < p.n; ++i) {
            const double x = p.at(i, j) - static_cast<double>(f[i]);
            if (x < least) least = x;
        }
        for (std::size_t i = 0; i < p.n; ++i)
            sum += p.a[i] * std::exp((least + static_cast<double>(f[i]) - p.at(i, j)) / eps);
        return static_cast<Real>(thrust_relaxed(static_cast<double>(g[j]), least - eps * std::log(sum), eps, omega));
    }
};

/// f_i = min_j (C_ij − g_j)
template <class Real>
struct thrust_row_least {
    thrust_problem<Real> p;
    const Real* g;
    HOLDFAST_HD Real operator()(std::size_t i) const {
        Real least = p.c[i * p.m] - g[0];
        for (std::size_t j = 1; j < p.m; ++j) {
            const Real x = p.c[i * p.m + j] - g[j];
            if (x < least) least = x;
        }
        return least;
    }
};

/// g_j = min_i (C_ij − f_i)
template <class Real>
struct thrust_column_least {
    thrust_problem<Real> p;
    const Real* f;
    HOLDFAST_HD Real operator()(std::size_t j) const {
        Real least = p.c[j] - f[0];
        for (std::size_t i = 1; i < p.n; ++i) {
            const Real x = p.c[i * p.m + j] - f[i];
            if (x < least) least = x;
        }
        return least;
    }
};

/// What one row or column of the plan P_ij = x_i y_j a_i b_j exp((f_i + g_j − C_ij) / eps) adds up to; x, y may be
/// null.
template <class Real>
struct thrust_plan {
    thrust_problem<Real> p;
    const Real* f;
    const Real* g;
    double eps;
    const double* x;
    const double* y;

    HOLDFAST_HD double at(std::size_t i, std::size_t j) const {
        const double e = std::exp((static_cast<double>(f[i]) + static_cast<double>(g[j]) - p.at(i, j)) / eps);
        return (x ? x[i] : 1) * (y ? y[j] : 1) * p.a[i] * p.b[j] * e;
    }
    HOLDFAST_HD double row(std::size_t i) const {
        double sum = 0;
        for (std::size_t j = 0; j < p.m; ++j) sum += at(i, j);
        return sum;
    }
    HOLDFAST_HD double column(std::size_t j) const {
        double sum = 0;
        for (std::size_t i = 0; i < p.n; ++i) sum += at(i, j);
        return sum;
    }
};

template <class Real>
struct thrust_row_error {
    thrust_plan<Real> plan;
    HOLDFAST_HD double operator()(std::size_t i) const { return std::abs(plan.row(i) - plan.p.a[i]); }
};
template <class Real>
struct thrust_column_error {
    thrust_plan<Real> plan;
    HOLDFAST_HD double operator()(std::size_t j) const { return std::abs(plan.column(j) - plan.p.b[j]); }
};
template <class Real>
struct thrust_row_cost {
    thrust_plan<Real> plan;
    HOLDFAST_HD double operator()(std::size_t i) const {
        double sum = 0;
        for (std::size_t j = 0; j < plan.p.m; ++j) sum += plan.at(i, j) * plan.p.at(i, j);
        return sum;
    }
};
/// How much of a row or column fits, at most all of it.
template <class Real>
struct thrust_row_fit {
    thrust_plan<Real> plan;
    HOLDFAST_HD double operator()(std::size_t i) const {
        const double sum = plan.row(i);
        return sum > plan.p.a[i] ? plan.p.a[i] / sum : 1;
    }
};
template <class Real>
struct thrust_column_fit {
    thrust_plan<Real> plan;
    HOLDFAST_HD double operator()(std::size_t j) const {
        const double sum = plan.column(j);
        return sum > plan.p.b[j] ? plan.p.b[j] / sum : 1;
    }
};
template <class Real>
struct thrust_row_short {
    thrust_plan<Real> plan;
    HOLDFAST_HD double operator()(std::size_t i) const {
        const double left = plan.p.a[i] - plan.row(i);
        return left > 0 ? left : 0;
    }
};
template <class Real>
struct thrust_column_short {
    thrust_plan<Real> plan;
    HOLDFAST_HD double operator()(std::size_t j) const {
        const double left = plan.p.b[j] - plan.column(j);
        return left > 0 ? left : 0;
    }
};
template <class Real>
struct thrust_product_cost {
    thrust_problem<Real> p;
    const double* x;
    const double* y;
    HOLDFAST_HD double operator()(std::size_t i) const {
        double sum = 0;
        for (std::size_t j = 0; j < p.m; ++j) sum += x[i] * y[j] * p.at(i, j);
        return sum;
    }
};
template <class Real>
struct thrust_dual_term {
    const double* weights;
    const Real* potentials;
    HOLDFAST_HD double operator()(std::size_t i) const { return weights[i] * static_cast<double>(potentials[i]); }
};

}  // namespace detail

/// Sinkhorn on Thrust's device system, in float or double, summed in double. Copies the cost there.
///
/// @cost         two passes over C and two exponentials an entry for an iteration
/// @determinism  potentials: same bits run to run on one device; sums of all rows may differ in the last bits
template <std::floating_point Real = double>
class thrust_engine {
  public:
    using vector = thrust::device_vector<Real>;
    static constexpr double rounding = std::numeric_limits<Real>::epsilon();

    /// @param cost  C [n, m] finite, on the host @param a [n] @param b [m] weights, positive, sum 1
    /// @throw       invalid_argument for shapes that do not match, bad weights, costs that are not finite
    thrust_engine(matrix_view<const Real> cost, std::span<const double> a, std::span<const double> b)
        : host_a_(a.begin(), a.end()),
          host_b_(b.begin(), b.end()),
          summary_(detail::check_problem(cost, host_a_, host_b_)),
          n_(cost.rows()),
          m_(cost.cols()),
          a_(host_a_.begin(), host_a_.end()),
          b_(host_b_.begin(), host_b_.end()) {
        std::vector<Real> rows(n_ * m_);
        for (std::size_t i = 0; i < n_; ++i)
            for (std::size_t j = 0; j < m_; ++j) rows[i * m_ + j] = cost(i, j);
        c_.assign(rows.begin(), rows.end());
    }

    double sweep(vector& f, vector& g, double eps, double omega) const {
        vector next(n_);
        for_each_to(n_, next, detail::thrust_row_step<Real>{problem(), raw(f), raw(g), eps, omega});
        f.swap(next);
        const double error = marginal_error(f, g, eps);
        next.resize(m_);
        for_each_to(m_, next, detail::thrust_column_step<Real>{problem(), raw(f), raw(g), eps, omega});
        g.swap(next);
        return error;
    }
    double c_transform(vector& f, vector& g) const {
        for_each_to(n_, f, detail::thrust_row_least<Real>{problem(), raw(g)});
        for_each_to(m_, g, detail::thrust_column_least<Real>{problem(), raw(f)});
        return sum(n_, detail::thrust_dual_term<Real>{raw(a_), raw(f)}) +
               sum(m_, detail::thrust_dual_term<Real>{raw(b_), raw(g)});
    }
    [[nodiscard]] double marginal_error(const vector& f, const vector& g, double eps) const {
        const detail::thrust_plan<Real> plan{problem(), raw(f), raw(g), eps, nullptr, nullptr};
        return sum(n_, detail::thrust_row_error<Real>{plan}) + sum(m_, detail::thrust_column_error<Real>{plan});
    }
    [[nodiscard]] double plan_cost(const vector& f, const vector& g, double eps) const {
        return sum(n_, detail::thrust_row_cost<Real>{{problem(), raw(f), raw(g), eps, nullptr, nullptr}});
    }
    [[nodiscard]] double rounded_cost(const vector& f, const vector& g, double eps) const {
        detail::thrust_plan<Real> plan{problem(), raw(f), raw(g), eps, nullptr, nullptr};
        thrust::device_vector<double> x(n_), y(m_), short_a(n_), short_b(m_);
        for_each_to(n_, x, detail::thrust_row_fit<Real>{plan});
        plan.x = raw(x);
        for_each_to(m_, y, detail::thrust_column_fit<Real>{plan});
        plan.y = raw(y);
        for_each_to(n_, short_a, detail::thrust_row_short<Real>{plan});
        for_each_to(m_, short_b, detail::thrust_column_short<Real>{plan});
        const double cost = sum(n_, detail::thrust_row_cost<Real>{plan});
        const double left = thrust::reduce(short_b.begin(), short_b.end(), 0.0);
        if (left <= 0) return cost;
        return cost + sum(n_, detail::thrust_product_cost<Real>{problem(), raw(short_a), raw(short_b)}) / left;
    }

    [[nodiscard]] cost_summary summary() const { return summary_; }
    [[nodiscard]] vector from_host(std::span<const double> x) const {
        std::vector<Real> narrow(x.size());
        for (std::size_t i = 0; i < x.size(); ++i) narrow[i] = static_cast<Real>(x[i]);
        return vector(narrow.begin(), narrow.end());
    }
    [[nodiscard]] std::vector<double> to_host(const vector& x) const {
        std::vector<Real> narrow(x.size());
        thrust::copy(x.begin(), x.end(), narrow.begin());
        return {narrow.begin(), narrow.end()};
    }
    [[nodiscard]] std::span<const double> row_weights() const { return host_a_; }
    [[nodiscard]] std::span<const double> column_weights() const { return host_b_; }

  private:
    template <class T>
    static const T* raw(const thrust::device_vector<T>& v) {
        return thrust::raw_pointer_cast(v.data());
    }
    [[nodiscard]] detail::thrust_problem<Real> problem() const { return {raw(c_), raw(a_), raw(b_), n_, m_}; }

    template <class Vector, class F>
    static void for_each_to(std::size_t n, Vector& to, const F& f) {
        const thrust::counting_iterator<std::size_t> first(0);
        thrust::transform(first, first + static_cast<std::ptrdiff_t>(n), to.begin(), f);
    }
    template <class F>
    static double sum(std::size_t n, const F& f) {
        const thrust::counting_iterator<std::size_t> first(0);
        return thrust::transform_reduce(to_device(first), to_device(first + static_cast<std::ptrdiff_t>(n)), f, 0.0,
                                        thrust::plus<double>());
    }
    /// A counting iterator has no system of its own; on the host's alone it would not run on the device.
    static thrust::counting_iterator<std::size_t, thrust::device_system_tag> to_device(
        thrust::counting_iterator<std::size_t> x) {
        return thrust::counting_iterator<std::size_t, thrust::device_system_tag>(*x);
    }

    std::vector<double> host_a_, host_b_;
    cost_summary summary_;
    std::size_t n_, m_;
    thrust::device_vector<double> a_, b_;
    vector c_;
};

static_assert(engine<thrust_engine<float>> && engine<thrust_engine<double>>);

}  // namespace holdfast::transport
