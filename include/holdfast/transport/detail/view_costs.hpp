#pragma once
// Costs of the user's own matrix, as the engines of rows_engine.hpp read them. Builds on core.

#include <holdfast/core/error.hpp>
#include <holdfast/core/matrix.hpp>

#include <cstddef>

namespace holdfast::transport::detail {

/// Costs that lie in memory already, rows contiguous; must outlive what reads them.
template <class Real>
class view_costs {
  public:
    static constexpr bool known_finite = false;

    view_costs(matrix_view<const Real> c) : c_(c) {  // NOLINT: meant to convert
        require(c.col_stride() == 1 || c.cols() == 1,
                "transport::engine: rows of the cost must be contiguous, column stride is ", c.col_stride());
    }
    [[nodiscard]] std::size_t rows() const { return c_.rows(); }
    [[nodiscard]] std::size_t cols() const { return c_.cols(); }
    [[nodiscard]] Real at(std::size_t i, std::size_t j) const { return c_(i, j); }
    [[nodiscard]] std::size_t kept_bytes() const { return sizeof(Real); }

    struct reader {
        matrix_view<const Real> c;
        [[nodiscard]] const Real* row(std::size_t i) const { return &c(i, 0); }
    };
    [[nodiscard]] reader read() const { return {c_}; }

  private:
    matrix_view<const Real> c_;
};

}  // namespace holdfast::transport::detail
