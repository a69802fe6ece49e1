#pragma once
// Two dimensions: a view that knows where its memory lives, an owner, and the concept of what can be viewed.
// Builds on error.hpp. Leaves out arithmetic: whoever computes on matrices includes a linear algebra library.

#include <holdfast/core/error.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace holdfast {

/// Where memory lives; part of a view's type, so that host memory cannot reach a kernel by mistake.
enum class space { host, device };

/// A strided view of a matrix [rows, cols]; element (i, j) lies at data[i * row_stride + j * col_stride].
///
/// Row-major is (cols, 1), column-major is (1, rows). Trivially copyable: passes to kernels as it is.
template <class T, space S = space::host>
class matrix_view {
  public:
    using element_type = T;
    using value_type = std::remove_cv_t<T>;
    static constexpr space memory = S;

    constexpr matrix_view() = default;

    /// Row-major and contiguous: T data[rows][cols].
    HOLDFAST_HD constexpr matrix_view(T* data, std::size_t rows, std::size_t cols)
        : matrix_view(data, rows, cols, static_cast<std::ptrdiff_t>(cols), 1) {}

    HOLDFAST_HD constexpr matrix_view(T* data, std::size_t rows, std::size_t cols, std::ptrdiff_t row_stride,
                                      std::ptrdiff_t col_stride)
        : data_(data), rows_(rows), cols_(cols), row_stride_(row_stride), col_stride_(col_stride) {}

    /// A view to change becomes a view to read.
    template <class U>
        requires(std::same_as<const U, T> && !std::same_as<U, T>)
    HOLDFAST_HD constexpr matrix_view(const matrix_view<U, S>& other)
        : matrix_view(other.data(), other.rows(), other.cols(), other.row_stride(), other.col_stride()) {}

    [[nodiscard]] HOLDFAST_HD constexpr T* data() const { return data_; }
    [[nodiscard]] HOLDFAST_HD constexpr std::size_t rows() const { return rows_; }
    [[nodiscard]] HOLDFAST_HD constexpr std::size_t cols() const { return cols_; }
    [[nodiscard]] HOLDFAST_HD constexpr std::size_t size() const { return rows_ * cols_; }
    [[nodiscard]] HOLDFAST_HD constexpr bool empty() const { return rows_ == 0 || cols_ == 0; }
    [[nodiscard]] HOLDFAST_HD constexpr std::ptrdiff_t row_stride() const { return row_stride_; }
    [[nodiscard]] HOLDFAST_HD constexpr std::ptrdiff_t col_stride() const { return col_stride_; }

    /// One row after the other without gaps, as T data[rows][cols].
    [[nodiscard]] HOLDFAST_HD constexpr bool contiguous() const {
        return empty() ||
               ((col_stride_ == 1 || cols_ == 1) && (row_stride_ == static_cast<std::ptrdiff_t>(cols_) || rows_ == 1));
    }

    /// Element (i, j), unchecked.
    [[nodiscard]] HOLDFAST_HD constexpr T& operator()(std::size_t i, std::size_t j) const {
        return data_[static_cast<std::ptrdiff_t>(i) * row_stride_ + static_cast<std::ptrdiff_t>(j) * col_stride_];
    }

    /// Row i as a span [cols]; only where the elements of a row are neighbours.
    /// @throw invalid_argument if col_stride is not 1 (a column-major matrix has no contiguous rows)
    [[nodiscard]] std::span<T> row(std::size_t i) const requires(S == space::host) {
        require(i < rows_, "matrix_view::row: row ", i, " of ", rows_);
        require(col_stride_ == 1 || cols_ <= 1, "matrix_view::row: rows are not contiguous, the column stride is ",
                col_stride_);
        return {data_ + static_cast<std::ptrdiff_t>(i) * row_stride_, cols_};
    }

    [[nodiscard]] HOLDFAST_HD constexpr matrix_view transposed() const {
        return {data_, cols_, rows_, col_stride_, row_stride_};
    }

  private:
    T* data_ = nullptr;
    std::size_t rows_ = 0, cols_ = 0;
    std::ptrdiff_t row_stride_ = 0, col_stride_ = 1;
};

template <class T>
using device_matrix_view = matrix_view<T, space::device>;

/// A matrix [rows, cols] that owns its memory, row-major, on the host.
template <class T>
class matrix {
  public:
    using value_type = T;

    matrix() = default;
    matrix(std::size_t rows, std::size_t cols, const T& value = T{})
        : rows_(rows), cols_(cols), values_(checked_size(rows, cols), value) {}

    /// @param values  row after row, [rows * cols]
    matrix(std::size_t rows, std::size_t cols, std::vector<T> values)
        : rows_(rows), cols_(cols), values_(std::move(values)) {
        require(values_.size() == checked_size(rows, cols), "matrix: ", rows, " x ", cols, " needs ", rows * cols,
                " values, not ", values_.size());
    }

    [[nodiscard]] T* data() { return values_.data(); }
    [[nodiscard]] const T* data() const { return values_.data(); }
    [[nodiscard]] std::size_t rows() const { return rows_; }
    [[nodiscard]] std::size_t cols() const { return cols_; }
    [[nodiscard]] std::size_t size() const { return values_.size(); }
    [[nodiscard]] bool empty() const { return values_.empty(); }

    [[nodiscard]] T& operator()(std::size_t i, std::size_t j) { return values_[i * cols_ + j]; }
    [[nodiscard]] const T& operator()(std::size_t i, std::size_t j) const { return values_[i * cols_ + j]; }

    [[nodiscard]] std::span<T> row(std::size_t i) { return view().row(i); }
    [[nodiscard]] std::span<const T> row(std::size_t i) const { return view().row(i); }

    [[nodiscard]] matrix_view<T> view() { return {data(), rows_, cols_}; }
    [[nodiscard]] matrix_view<const T> view() const { return {data(), rows_, cols_}; }

    [[nodiscard]] std::vector<T>& values() { return values_; }
    [[nodiscard]] const std::vector<T>& values() const { return values_; }

    friend bool operator==(const matrix&, const matrix&) = default;

  private:
    static std::size_t checked_size(std::size_t rows, std::size_t cols) {
        require(cols == 0 || rows <= std::numeric_limits<std::size_t>::max() / cols, "matrix: ", rows, " x ", cols,
                " is more than memory can address");
        return rows * cols;
    }

    std::size_t rows_ = 0, cols_ = 0;
    std::vector<T> values_;
};

/// What `view` can look at without a copy: two dimensions over one strided block of host memory.
/// 1. data()                  pointer to element (0, 0)
/// 2. rows(), cols()          the extents (Eigen, holdfast), or shape() with two of them (xtensor)
/// Strides are read where there are any (Eigen's outerStride, xtensor's strides()); without them rows follow each
/// other without gaps.
template <class M>
concept matrix_like = requires(const std::remove_cvref_t<M>& m) {
    requires std::is_pointer_v<decltype(m.data())>;
}
&&(
    requires(const std::remove_cvref_t<M>& m) {
        { m.rows() } -> std::convertible_to<std::size_t>;
        { m.cols() } -> std::convertible_to<std::size_t>;
    } ||
    requires(const std::remove_cvref_t<M>& m) {
        { m.shape()[0] } -> std::convertible_to<std::size_t>;
        { m.shape().size() } -> std::convertible_to<std::size_t>;
    });

/// The number type of a matrix_like.
template <matrix_like M>
using element_t =
    std::remove_cv_t<std::remove_pointer_t<decltype(std::declval<const std::remove_cvref_t<M>&>().data())>>;

/// A view of any matrix on the host, without a copy: Eigen (both majors, maps, blocks), xtensor (both layouts),
/// holdfast's own, or a type of the user's that has data(), rows() and cols().
///
/// @param m  matrix [rows, cols]; must outlive the view
/// @return   matrix_view<T>, or matrix_view<const T> where m is const
/// @throw    invalid_argument if m has shape() and not two dimensions
/// @cost     O(1)
template <matrix_like M>
[[nodiscard]] auto view(M&& m) {
    using T = std::remove_pointer_t<decltype(m.data())>;
    using result = matrix_view<T>;
    const auto at = [](auto x) { return static_cast<std::size_t>(x); };
    const auto step = [](auto x) { return static_cast<std::ptrdiff_t>(x); };
    if constexpr (requires {
                      m.row_stride();
                      m.col_stride();
                  }) {  // our own views
        static_assert(
            [] {
                if constexpr (requires { std::remove_cvref_t<M>::memory; })
                    return std::remove_cvref_t<M>::memory == space::host;
                else
                    return true;
            }(),
            "holdfast::view looks at host memory: a device view cannot be read here");
        return result(m.data(), m.rows(), m.cols(), m.row_stride(), m.col_stride());
    } else if constexpr (requires {
                             m.outerStride();
                             m.innerStride();
                         }) {  // Eigen
        if constexpr (bool(std::remove_cvref_t<M>::IsRowMajor))
            return result(m.data(), at(m.rows()), at(m.cols()), step(m.outerStride()), step(m.innerStride()));
        else
            return result(m.data(), at(m.rows()), at(m.cols()), step(m.innerStride()), step(m.outerStride()));
    } else if constexpr (requires {
                             m.rows();
                             m.cols();
                         }) {
        return result(m.data(), at(m.rows()), at(m.cols()));
    } else {
        const auto& shape = m.shape();
        require(shape.size() == 2, "view: a matrix has two dimensions, this has ", at(shape.size()));
        const std::size_t rows = at(shape[0]), cols = at(shape[1]);
        if constexpr (requires { m.strides()[1]; }) {  // xtensor: a stride of 0 means a dimension of 1
            std::ptrdiff_t offset = 0;
            if constexpr (requires { m.data_offset(); }) offset = step(m.data_offset());
            return result(m.data() + offset, rows, cols, step(m.strides()[0]), step(m.strides()[1]));
        } else {
            return result(m.data(), rows, cols);
        }
    }
}

}  // namespace holdfast
