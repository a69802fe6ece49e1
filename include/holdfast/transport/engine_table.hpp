#pragma once
// The Sinkhorn engine over a cost_table: the same loops as engine_simd.hpp, whether costs are kept in four bytes, in
// two or not at all. Builds on cost_table.hpp and engine_simd.hpp.

#include <holdfast/transport/cost_table.hpp>
#include <holdfast/transport/detail/rows_engine.hpp>
#include <holdfast/transport/engine_simd.hpp>
#include <holdfast/transport/sinkhorn.hpp>

#include <cstddef>
#include <span>

namespace holdfast::transport {
namespace detail {

struct table_costs {
    static constexpr bool known_finite = true;  // a table looks when it is made
    const cost_table* table;

    [[nodiscard]] std::size_t rows() const { return table->rows(); }
    [[nodiscard]] std::size_t cols() const { return table->cols(); }
    [[nodiscard]] float at(std::size_t i, std::size_t j) const { return table->at(i, j); }
    [[nodiscard]] cost_table::reader read() const { return table->read(); }
    [[nodiscard]] std::size_t kept_bytes() const {
        return table->how() == storage::float32 ? 4 : table->how() == storage::fixed16 ? 2 : 0;
    }
};

}  // namespace detail

/// Sinkhorn on the CPU over a cost_table, which must outlive the engine. Its bounds are about costs as the table reads
/// them: cost_table::quantisation says how far these may be from what single precision computes.
///
/// @cost         one reading of the table and one exponential an entry for an iteration; rows in parallel
/// @determinism  same bits for any number of threads
class table_engine : public detail::rows_engine<detail::simd_kernels<float>, detail::table_costs> {
  public:
    /// @param a [n] @param b [m] weights, positive, sum 1
    table_engine(const cost_table& table, std::span<const double> a, std::span<const double> b)
        : rows_engine(detail::table_costs{&table}, {a.begin(), a.end()}, {b.begin(), b.end()}, checked{}) {}
};

static_assert(engine<table_engine>);

}  // namespace holdfast::transport
