#pragma once
// The Sinkhorn engine on Eigen: rows of the cost as Eigen arrays, exponentials vectorised by Eigen as far as the
// compiler flags allow. Builds on Eigen 3.4 and detail/rows_engine.hpp, where the passes are.

#if !__has_include(<Eigen/Core>)
#error "engine_eigen.hpp needs Eigen 3.4: install libeigen3-dev and link holdfast::eigen"
#endif
#include <Eigen/Core>

#include <holdfast/core/matrix.hpp>
#include <holdfast/transport/detail/rows_engine.hpp>
#include <holdfast/transport/sinkhorn.hpp>

#include <concepts>
#include <cstddef>

namespace holdfast::transport {
namespace detail {

template <class Real>
struct eigen_kernels {
    using real = Real;
    using array = Eigen::Array<Real, Eigen::Dynamic, 1>;
    using in = Eigen::Map<const array>;
    using out = Eigen::Map<array>;
    static Eigen::Index size(std::size_t m) { return static_cast<Eigen::Index>(m); }

    static double exp_row(Real* e, const Real* h, const Real* c, Real inv, std::size_t m, Real& max) {
        out to(e, size(m));
        to = in(h, size(m)) - in(c, size(m)) * inv;
        max = to.maxCoeff();
        to = (to - max).exp();
        return static_cast<double>(to.sum());
    }
    static void add(Real* s, const Real* e, Real w, std::size_t m) { out(s, size(m)) += w * in(e, size(m)); }
    static double scaled_dot(const Real* e, const Real* y, const Real* c, std::size_t m, double& mass) {
        const auto scaled = in(e, size(m)) * in(y, size(m));
        mass = static_cast<double>(scaled.sum());
        return static_cast<double>((scaled * in(c, size(m))).sum());
    }
    static Real least(const Real* c, const Real* g, std::size_t m) {
        return (in(c, size(m)) - in(g, size(m))).minCoeff();
    }
    static void lower(Real* t, const Real* c, Real f, std::size_t m) {
        out(t, size(m)) = out(t, size(m)).min(in(c, size(m)) - f);
    }
};

}  // namespace detail

/// Sinkhorn on the CPU with Eigen, in float or double. The cost must outlive the engine.
///
/// @cost         one pass over C and one exponential an entry for an iteration; rows in parallel
/// @determinism  same bits for any number of threads; Eigen's vector width (the compiler's flags) changes the last bits
template <std::floating_point Real = double>
class eigen_engine : public detail::rows_engine<detail::eigen_kernels<Real>> {
  public:
    using detail::rows_engine<detail::eigen_kernels<Real>>::rows_engine;
};

/// `eigen_engine engine(cost, a, b)`: in the numbers that the cost is made of.
template <matrix_like Matrix, class A, class B>
eigen_engine(const Matrix&, const A&, const B&) -> eigen_engine<element_t<Matrix>>;

static_assert(engine<eigen_engine<float>> && engine<eigen_engine<double>>);

}  // namespace holdfast::transport
