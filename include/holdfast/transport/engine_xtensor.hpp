#pragma once
// The Sinkhorn engine on xtensor: rows of the cost as adapted xtensor expressions. Builds on xtensor 0.24 or newer (its
// headers moved in 0.26) and detail/rows_engine.hpp, where the passes are.

#if __has_include(<xtensor/containers/xadapt.hpp>)
#include <xtensor/containers/xadapt.hpp>
#include <xtensor/core/xmath.hpp>
#elif __has_include(<xtensor/xadapt.hpp>)
#include <xtensor/xadapt.hpp>
#include <xtensor/xmath.hpp>
#else
#error "engine_xtensor.hpp needs xtensor 0.24 or newer: install libxtensor-dev and link holdfast::xtensor"
#endif

#include <holdfast/core/matrix.hpp>
#include <holdfast/transport/detail/rows_engine.hpp>
#include <holdfast/transport/sinkhorn.hpp>

#include <array>
#include <concepts>
#include <cstddef>

namespace holdfast::transport {
namespace detail {

template <class Real>
struct xtensor_kernels {
    using real = Real;

    template <class T>
    static auto row(T* x, std::size_t m) {
        return xt::adapt(x, m, xt::no_ownership(), std::array<std::size_t, 1>{m});
    }

    static double exp_row(Real* e, const Real* h, const Real* c, Real inv, std::size_t m, Real& max) {
        auto to = row(e, m);
        to = row(h, m) - row(c, m) * inv;
        max = xt::amax(to)();
        to = xt::exp(to - max);
        return xt::sum<double>(to)();
    }
    static void add(Real* s, const Real* e, Real w, std::size_t m) {
        auto to = row(s, m);
        to += w * row(e, m);
    }
    static double scaled_dot(const Real* e, const Real* y, const Real* c, std::size_t m, double& mass) {
        mass = xt::sum<double>(row(e, m) * row(y, m))();
        return xt::sum<double>(row(e, m) * row(y, m) * row(c, m))();
    }
    static Real least(const Real* c, const Real* g, std::size_t m) { return xt::amin(row(c, m) - row(g, m))(); }
    static void lower(Real* t, const Real* c, Real f, std::size_t m) {
        auto to = row(t, m);
        to = xt::minimum(to, row(c, m) - f);
    }
};

}  // namespace detail

/// Sinkhorn on the CPU with xtensor, in float or double. The cost must outlive the engine.
///
/// @cost         one pass over C and one exponential an entry for an iteration; rows in parallel
/// @determinism  same bits for any number of threads
template <std::floating_point Real = double>
class xtensor_engine : public detail::rows_engine<detail::xtensor_kernels<Real>> {
  public:
    using detail::rows_engine<detail::xtensor_kernels<Real>>::rows_engine;
};

/// `xtensor_engine engine(cost, a, b)`: in the numbers that the cost is made of.
template <matrix_like Matrix, class A, class B>
xtensor_engine(const Matrix&, const A&, const B&) -> xtensor_engine<element_t<Matrix>>;

static_assert(engine<xtensor_engine<float>> && engine<xtensor_engine<double>>);

}  // namespace holdfast::transport
