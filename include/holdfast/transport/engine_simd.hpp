#pragma once
// The Sinkhorn engine on the standard library alone: vector code for AVX-512, AVX2 or what there is, chosen when it
// runs. One polynomial exponential an entry. Builds on detail/row_loops.hpp, the loops, and detail/rows_engine.hpp, the
// passes. The same over a cost_table: engine_table.hpp.

#include <holdfast/core/matrix.hpp>
#include <holdfast/transport/detail/row_loops.hpp>
#include <holdfast/transport/detail/rows_engine.hpp>
#include <holdfast/transport/detail/simd.hpp>
#include <holdfast/transport/sinkhorn.hpp>

#include <concepts>
#include <cstddef>

namespace holdfast::transport {
namespace detail {

/// The loops of one level, compiled for it; `target_level` is the machine's unless a test asks for less.
template <class Real>
struct simd_kernels {
    using real = Real;
    static constexpr bool guesses = HOLDFAST_TRANSPORT_SIMD && sizeof(Real) == 4;
    static inline simd_level target_level = machine_level();

#define HOLDFAST_TRANSPORT_ROW_LOOP(RESULT, NAME, PARAMETERS, ARGUMENTS) \
    HOLDFAST_TRANSPORT_LEVELS(target_level, RESULT, NAME, PARAMETERS, ARGUMENTS, (row_loops<Real, Bytes>::NAME))
    HOLDFAST_TRANSPORT_ROW_LOOP(double, exp_row,
                                (Real * e, const Real* h, const Real* c, Real inv, std::size_t m, Real& max),
                                (e, h, c, inv, m, max))
#if HOLDFAST_TRANSPORT_SIMD
    HOLDFAST_TRANSPORT_ROW_LOOP(double, exp_near,
                                (Real * e, const Real* h, const Real* c, Real inv, std::size_t m, Real shift),
                                (e, h, c, inv, m, shift))
#endif
    HOLDFAST_TRANSPORT_ROW_LOOP(void, add, (Real * s, const Real* e, Real w, std::size_t m), (s, e, w, m))
    HOLDFAST_TRANSPORT_ROW_LOOP(double, scaled_dot,
                                (const Real* e, const Real* y, const Real* c, std::size_t m, double& mass),
                                (e, y, c, m, mass))
    HOLDFAST_TRANSPORT_ROW_LOOP(Real, least, (const Real* c, const Real* g, std::size_t m), (c, g, m))
    HOLDFAST_TRANSPORT_ROW_LOOP(void, lower, (Real * t, const Real* c, Real f, std::size_t m), (t, c, f, m))
#undef HOLDFAST_TRANSPORT_ROW_LOOP
};

}  // namespace detail

/// Sinkhorn on the CPU with the machine's own vectors, in float or double. The cost must outlive the engine.
///
/// @cost         one pass over C and one exponential an entry for an iteration; rows in parallel
/// @determinism  same bits for any number of threads, and on AVX2 and AVX-512; without FMA the last bits differ
template <std::floating_point Real = double>
class simd_engine : public detail::rows_engine<detail::simd_kernels<Real>> {
  public:
    using detail::rows_engine<detail::simd_kernels<Real>>::rows_engine;
};

/// `simd_engine engine(cost, a, b)`: in the numbers that the cost is made of.
template <matrix_like Matrix, class A, class B>
simd_engine(const Matrix&, const A&, const B&) -> simd_engine<element_t<Matrix>>;

static_assert(engine<simd_engine<float>> && engine<simd_engine<double>>);

}  // namespace holdfast::transport
