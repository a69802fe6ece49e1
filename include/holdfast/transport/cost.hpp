#pragma once
// What it costs to move from one point to another: cosine, squared Euclidean, Euclidean, or a function of the user's;
// and the matrix of all costs between two clouds. Distances are sums of squared differences, never differences of large
// numbers, so costs keep their relative accuracy down to zero. Builds on measure.hpp. Leaves out whose plan is best.

#include <holdfast/core/error.hpp>
#include <holdfast/core/matrix.hpp>
#include <holdfast/core/parallel.hpp>
#include <holdfast/transport/detail/distances.hpp>
#include <holdfast/transport/detail/row_scaling.hpp>
#include <holdfast/transport/measure.hpp>

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <functional>
#include <limits>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace holdfast::transport {

/// 1 - cos(x, y), range [0, 2]: what InsCL uses. Computed as |x/|x| - y/|y||^2 / 2, which is the same number without
/// the cancellation. Not a metric; its square root is (times sqrt 2 the distance on the unit sphere).
struct cosine {
    static constexpr bool normalises = true;
    [[nodiscard]] constexpr double from_squared(double s) const { return s / 2; }
};

/// |x - y|^2; the transport cost is then the square of the 2-Wasserstein distance.
struct squared_euclidean {
    static constexpr bool normalises = false;
    [[nodiscard]] constexpr double from_squared(double s) const { return s; }
};

/// |x - y|; the transport cost is then the 1-Wasserstein distance.
struct euclidean {
    static constexpr bool normalises = false;
    [[nodiscard]] double from_squared(double s) const { return std::sqrt(s); }
};

/// A cost that depends on the distance alone.
/// 1. normalises          whether points are scaled to unit length first
/// 2. from_squared(s)     cost at squared distance s; 0 at 0, increasing
template <class C>
concept radial_cost = requires(const C& cost, double s) {
    { C::normalises } -> std::convertible_to<bool>;
    { cost.from_squared(s) } -> std::convertible_to<double>;
};

/// Any other cost.
/// 1. cost(x, y)          x, y [d]; finite; called from several threads at once
template <class C>
concept pointwise_cost = !radial_cost<C> && requires(const C& cost, std::span<const double> x) {
    { cost(x, x) } -> std::convertible_to<double>;
};

/// Any cost, so that options need no template: `{.cost = transport::squared_euclidean{}}`, `{.cost = my_function}`.
class ground_cost {
  public:
    enum class kinds { cosine, squared_euclidean, euclidean, radial, pointwise };

    ground_cost() : ground_cost(cosine{}) {}

    template <class C>
        requires(radial_cost<C>)
    ground_cost(C cost)  // NOLINT: meant to convert
        : kind_(std::same_as<C, cosine>              ? kinds::cosine
                : std::same_as<C, squared_euclidean> ? kinds::squared_euclidean
                : std::same_as<C, euclidean>         ? kinds::euclidean
                                                     : kinds::radial),
          normalises_(C::normalises),
          from_squared_([cost](double s) { return static_cast<double>(cost.from_squared(s)); }) {}

    template <class C>
        requires(pointwise_cost<C> && !std::same_as<C, ground_cost>)
    ground_cost(C cost)  // NOLINT: meant to convert
        : kind_(kinds::pointwise),
          pointwise_([cost = std::move(cost)](std::span<const double> x, std::span<const double> y) {
              return static_cast<double>(cost(x, y));
          }) {}

    [[nodiscard]] kinds kind() const { return kind_; }
    [[nodiscard]] bool normalises() const { return normalises_; }
    [[nodiscard]] bool radial() const { return kind_ != kinds::pointwise; }
    [[nodiscard]] double from_squared(double s) const {  // the common ones without an indirect call
        return kind_ == kinds::cosine ? s / 2 : kind_ == kinds::squared_euclidean ? s : from_squared_(s);
    }
    [[nodiscard]] double operator()(std::span<const double> x, std::span<const double> y) const {
        return pointwise_(x, y);
    }

  private:
    kinds kind_;
    bool normalises_ = false;
    std::function<double(double)> from_squared_;
    std::function<double(std::span<const double>, std::span<const double>)> pointwise_;
};

/// Points made ready for costs: converted to Real, scaled to unit length where the cost asks for it, columns padded
/// with zeros. Made once per task, used for all its pairs.
template <std::floating_point Real>
struct prepared_points {
    detail::aligned_rows<Real> points;  ///< [n, d], zeros up to the stride
    std::size_t dimension = 0;          ///< d
    double largest = 0;                 ///< greatest length of a point; 1 where normalised
    std::vector<double> factor;         ///< [n] what a point was multiplied by; 0 where no double can say it
};

namespace detail {

/// Points of a matrix made ready one by one, by any number of threads.
template <std::floating_point Real, matrix_like Matrix>
class point_preparation {
    using element = element_t<Matrix>;
    static constexpr bool as_it_lies = std::same_as<element, float> || std::same_as<element, double>;

  public:
    struct made {
        double factor;  ///< what the point was multiplied by; 0 where no double can say it
        double length;  ///< as it then is
    };

    point_preparation(const Matrix& points, bool normalises) : from_(view(points)), normalises_(normalises) {}

    /// @param to [d]
    made operator()(std::size_t i, Real* to) const {
        if constexpr (as_it_lies)
            if (from_.col_stride() == 1 || from_.cols() == 1) return prepare(i, &from_(i, 0), to);
        std::vector<double> gathered(from_.cols());
        for (std::size_t j = 0; j < gathered.size(); ++j) gathered[j] = static_cast<double>(from_(i, j));
        return prepare(i, gathered.data(), to);
    }

  private:
    template <class T>
    made prepare(std::size_t i, const T* x, Real* to) const {
        const std::size_t d = from_.cols();
        const auto at = [&](std::size_t j) { return static_cast<double>(x[j]); };
        double sum = row_scaling<T, Real>::square(x, d), scale = 1;
        if (!(sum > 1e-250 && sum < 1e250)) {  // scaled, so that squares neither overflow nor vanish
            scale = sum = 0;
            for (std::size_t j = 0; j < d; ++j) scale = std::max(scale, std::abs(at(j)));
            for (std::size_t j = 0; j < d && scale > 0; ++j) sum += at(j) / scale * (at(j) / scale);
        }
        const double length = std::sqrt(sum);
        require(!normalises_ || scale > 0, "transport::cosine: a zero vector has no direction, point ", i, " is zero");
        const double norm = scale * length, divisor = normalises_ ? norm : 1;
        if (divisor > 1e-300 && divisor < 1e300) {  // else in two steps, neither of which overflows
            row_scaling<T, Real>::scale(x, 1 / divisor, d, to);
            return {1 / divisor, normalises_ ? 1 : norm};
        }
        for (std::size_t j = 0; j < d; ++j) to[j] = static_cast<Real>(at(j) / scale / length);
        return {0, normalises_ ? 1 : norm};
    }

    matrix_view<const element> from_;
    bool normalises_;
};

}  // namespace detail

/// @param points  [n, d] finite
/// @throw         invalid_argument for a zero vector under a cost that normalises (says which point)
template <std::floating_point Real, matrix_like Matrix>
[[nodiscard]] prepared_points<Real> prepare(const Matrix& points, const ground_cost& cost) {
    const auto from = view(points);
    const std::size_t n = from.rows(), d = from.cols();
    prepared_points<Real> made{detail::aligned_rows<Real>(n, d), d, 0, std::vector<double>(n, 0)};
    const detail::point_preparation<Real, Matrix> prepare_point(points, cost.normalises());
    for (std::size_t i = 0; i < n; ++i) {
        Real* to = &made.points(i, 0);
        const auto [factor, length] = prepare_point(i, to);
        std::fill(to + d, to + made.points.stride(), Real{0});
        made.factor[i] = factor;
        made.largest = std::max(made.largest, length);
    }
    return made;
}

namespace detail {

template <class Real>
matrix<Real> room_for_costs(std::size_t n, std::size_t m) {
    try {
        return matrix<Real>(n, m);
    } catch (const std::bad_alloc&) {
    } catch (const std::length_error&) {}
    refuse("transport::cost_matrix: costs of ", n, " x ", m, " points need ",
           static_cast<double>(n) * static_cast<double>(m) * static_cast<double>(sizeof(Real)) / 1e9,
           " GB, more than there is: transport::cost_table keeps them in two bytes each, or none (storage::streamed)");
}

/// Radial costs between all points of x and y, row i from out + i * stride on; rows in parallel.
template <class Real>
void all_costs(const prepared_points<Real>& x, const prepared_points<Real>& y, const ground_cost& cost, Real* out,
               std::size_t stride) {
    const Real scale = cost.kind() == ground_cost::kinds::cosine ? Real(0.5) : Real(1);
    all_distances(x.points, y.points, out, stride, scale, [&](Real* row, std::size_t count) {
        if (cost.kind() == ground_cost::kinds::euclidean) {
            for (std::size_t j = 0; j < count; ++j) row[j] = std::sqrt(row[j]);
        } else if (cost.kind() == ground_cost::kinds::radial) {
            for (std::size_t j = 0; j < count; ++j)
                row[j] = static_cast<Real>(cost.from_squared(static_cast<double>(row[j])));
        }
    });
}

}  // namespace detail

/// All costs between two clouds: C_ij = cost(x_i, y_j), [n, m].
///
/// @throw        invalid_argument for different dimensions, a cost that is not finite (says which), or a matrix that
///               memory cannot hold
/// @cost         3 n m d flops, rows in parallel; 0.8 Gflop (n = m = 1000, d = 384) in about 10 ms of one core in float
/// @determinism  same bits for any number of threads, and on AVX2 and AVX-512 alike; without FMA the last bits differ
template <std::floating_point Real>
[[nodiscard]] matrix<Real> cost_matrix(const prepared_points<Real>& x, const prepared_points<Real>& y,
                                       const ground_cost& cost) {
    require(x.dimension == y.dimension, "transport::cost_matrix: points must have one dimension, they have ",
            x.dimension, " and ", y.dimension);
    matrix<Real> c = detail::room_for_costs<Real>(x.points.rows(), y.points.rows());
    if (cost.radial()) {
        detail::all_costs(x, y, cost, c.data(), c.cols());
    } else {
        const std::size_t d = x.dimension;
        const auto widen = [d](const auto& p) {
            matrix<double> wide(p.rows(), d);
            for (std::size_t i = 0; i < p.rows(); ++i)
                for (std::size_t j = 0; j < d; ++j) wide(i, j) = static_cast<double>(p(i, j));
            return wide;
        };
        const matrix<double> from = widen(x.points), to = widen(y.points);
        parallel_for(c.rows(), [&](std::size_t i) {
            for (std::size_t j = 0; j < c.cols(); ++j) c(i, j) = static_cast<Real>(cost(from.row(i), to.row(j)));
        });
    }
    detail::check_costs<Real>(c.view(), "transport::cost_matrix");
    return c;
}

/// Costs between the rows of two matrices, without keeping what was prepared.
template <std::floating_point Real = double, matrix_like X, matrix_like Y>
[[nodiscard]] matrix<Real> cost_matrix(const X& x, const Y& y, const ground_cost& cost = {}) {
    return cost_matrix<Real>(prepare<Real>(x, cost), prepare<Real>(y, cost), cost);
}

/// A bound on |W - W'|, where W' is the transport cost under costs as `cost_matrix<Real>` stored them, W that under
/// exact costs: rounding of the points moves each by at most u times its length, sums of d squares err by (d / lanes +
/// 8) u.
///
///     |t + e|^2 - |t|^2 <= 2 |t| |e| + |e|^2, and Σ P |t| <= sqrt(Σ P |t|^2)
///
/// @param w        the transport cost W' (or anything above it)
/// @param d        dimension of the points
/// @param largest  greatest length of a point (1 where normalised)
/// @param rounded  whether points were rounded to Real (normalised, or converted from a wider type)
/// @return         NaN for costs of the user's, about whose rounding nothing is known
template <std::floating_point Real>
[[nodiscard]] double rounding_bound(const ground_cost& cost, double w, std::size_t d, double largest, bool rounded) {
    constexpr double u = std::numeric_limits<Real>::epsilon() / 2;
    const double sums = (static_cast<double>(d) / static_cast<double>(detail::padding<Real>) + 8) * u;
    const double moved = rounded ? 2 * largest * (u + 4 * std::numeric_limits<double>::epsilon()) : 0;
    w = std::max(w, 0.0) + std::numeric_limits<Real>::min();  // squares below the normal range vanish
    switch (cost.kind()) {
        case ground_cost::kinds::cosine:
            return sums * w + moved * std::sqrt(2 * w) + moved * moved / 2;
        case ground_cost::kinds::squared_euclidean:
            return sums * w + 2 * moved * std::sqrt(w) + moved * moved;
        case ground_cost::kinds::euclidean:
            return sums * w + moved;
        default:
            return std::numeric_limits<double>::quiet_NaN();
    }
}

}  // namespace holdfast::transport
