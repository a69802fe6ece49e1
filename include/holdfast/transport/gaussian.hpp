#pragma once
// Transport between Gaussians, in closed form: the Bures distance of covariances, the map, and the entropic cost. Of
// two clouds, the Gaussians of the same means and covariances give a lower bound (Gelbrich) that needs d x d matrices
// only. Builds on Eigen 3.4 and measure.hpp.

#if !__has_include(<Eigen/Eigenvalues>)
#error "transport/gaussian.hpp needs Eigen 3.4: install libeigen3-dev and link holdfast::eigen"
#endif
#include <Eigen/Core>
#include <Eigen/Eigenvalues>

#include <holdfast/core/error.hpp>
#include <holdfast/core/matrix.hpp>
#include <holdfast/transport/measure.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace holdfast::transport {

struct gaussian {
    std::vector<double> mean;   ///< [d]
    matrix<double> covariance;  ///< [d, d] symmetric, positive semidefinite
};

namespace detail {

using dense = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

inline Eigen::Map<const dense> as_eigen(const matrix<double>& m) {
    return {m.data(), static_cast<Eigen::Index>(m.rows()), static_cast<Eigen::Index>(m.cols())};
}

inline matrix<double> from_eigen(const dense& m) {
    matrix<double> made(static_cast<std::size_t>(m.rows()), static_cast<std::size_t>(m.cols()));
    std::copy(m.data(), m.data() + m.size(), made.data());
    return made;
}

/// Symmetric functions of a covariance that was looked at once.
struct covariance_roots {
    Eigen::VectorXd values;  // not negative
    dense vectors;

    covariance_roots(const matrix<double>& m, const char* function) {
        require(m.rows() == m.cols() && m.rows() > 0, function, ": a covariance must be square, it is ", m.rows(),
                " x ", m.cols());
        const dense s = as_eigen(m);
        const double size = s.cwiseAbs().maxCoeff();
        require(std::isfinite(size), function, ": a covariance must be finite");
        const double skew = (s - s.transpose()).cwiseAbs().maxCoeff();
        require(skew <= 1e-9 * size, function, ": a covariance must be symmetric, entries differ by ", skew);
        take(s, function, size);
    }
    covariance_roots(const dense& s, const char* function) { take(s, function, s.cwiseAbs().maxCoeff()); }

    template <class Function>
    [[nodiscard]] dense apply(const Function& f) const {
        return vectors * values.unaryExpr(f).asDiagonal() * vectors.transpose();
    }
    [[nodiscard]] dense root() const {
        return apply([](double x) { return std::sqrt(x); });
    }

  private:
    void take(const dense& s, const char* function, double size) {
        const Eigen::SelfAdjointEigenSolver<dense> solver((s + s.transpose()) / 2);
        require(solver.eigenvalues().minCoeff() >= -1e-9 * size, function,
                ": a covariance must be positive semidefinite, an eigenvalue is ", solver.eigenvalues().minCoeff());
        values = solver.eigenvalues().cwiseMax(0);
        vectors = solver.eigenvectors();
    }
};

inline double squared_distance(const std::vector<double>& x, const std::vector<double>& y) {
    double sum = 0;
    for (std::size_t k = 0; k < x.size(); ++k) sum += (x[k] - y[k]) * (x[k] - y[k]);
    return sum;
}

inline void check_gaussians(const gaussian& a, const gaussian& b, const char* function) {
    for (const gaussian* g : {&a, &b})
        require(g->mean.size() == g->covariance.rows(), function, ": a mean of ", g->mean.size(),
                " needs a covariance of as many rows, it has ", g->covariance.rows());
    require(a.mean.size() == b.mean.size(), function, ": Gaussians must have one dimension, they have ", a.mean.size(),
            " and ", b.mean.size());
}

}  // namespace detail

/// The Gaussian with the mean and covariance of a measure (divided by the whole mass, not by one less).
/// @cost O(n d²)
template <class Real>
[[nodiscard]] gaussian gaussian_of(const discrete_measure<Real>& measure) {
    const std::size_t n = measure.size(), d = measure.dimension();
    gaussian made{std::vector<double>(d, 0.0), {}};
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t k = 0; k < d; ++k)
            made.mean[k] += measure.weights[i] * static_cast<double>(measure.points(i, k));
    detail::dense centred(static_cast<Eigen::Index>(n), static_cast<Eigen::Index>(d));
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t k = 0; k < d; ++k)
            centred(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(k)) =
                std::sqrt(measure.weights[i]) * (static_cast<double>(measure.points(i, k)) - made.mean[k]);
    made.covariance = detail::from_eigen(centred.transpose() * centred);
    return made;
}

/// The squared 2-Wasserstein distance between Gaussians.
///
///     |m_a − m_b|² + tr A + tr B − 2 tr (A^½ B A^½)^½
///
/// Never above the squared 2-Wasserstein distance between any measures of these means and covariances.
///
/// @throw invalid_argument for dimensions that differ, a covariance that is not symmetric or not semidefinite
/// @cost  two eigenvalue problems of d x d, O(d³)
/// @see   Gelbrich 1990; Peyre & Cuturi 2019, remark 2.31
[[nodiscard]] inline double gaussian_wasserstein(const gaussian& a, const gaussian& b) {
    const char* function = "transport::gaussian_wasserstein";
    detail::check_gaussians(a, b, function);
    const detail::covariance_roots first(a.covariance, function), second(b.covariance, function);
    const detail::dense root = first.root();
    const detail::covariance_roots middle(detail::dense(root * detail::as_eigen(b.covariance) * root), function);
    const double bures = first.values.sum() + second.values.sum() - 2 * middle.values.cwiseSqrt().sum();
    return detail::squared_distance(a.mean, b.mean) + std::max(0.0, bures);
}

/// The linear part T of the map that carries a onto b: x -> m_b + T (x − m_a), T = A^-½ (A^½ B A^½)^½ A^-½.
///
/// @return [d, d] symmetric
/// @throw  as gaussian_wasserstein, and for a covariance of a that has no inverse
[[nodiscard]] inline matrix<double> gaussian_map(const gaussian& a, const gaussian& b) {
    const char* function = "transport::gaussian_map";
    detail::check_gaussians(a, b, function);
    const detail::covariance_roots first(a.covariance, function), second(b.covariance, function);
    require(first.values.minCoeff() > 1e-14 * first.values.maxCoeff(), function,
            ": the first covariance must have an inverse, its least eigenvalue is ", first.values.minCoeff());
    const detail::dense root = first.root(), inverse = first.apply([](double x) { return 1 / std::sqrt(x); });
    const detail::covariance_roots middle(detail::dense(root * detail::as_eigen(b.covariance) * root), function);
    return detail::from_eigen(inverse * middle.root() * inverse);
}

/// The entropic cost between Gaussians: min_P E|x − y|² + epsilon KL(P | a b), the plan relative to the product.
///
///     |m_a − m_b|² + tr A + tr B − tr D + s d (1 − log 2s) + s log det(D + s I),
///     s = epsilon / 2,  D = (4 A^½ B A^½ + s² I)^½
///
/// @param epsilon  positive; the cost is the squared Euclidean one
/// @throw          as gaussian_wasserstein
/// @see            Janati, Muzellec, Peyré & Cuturi 2020, arXiv:2006.02572, theorem 1 (with σ² = s)
[[nodiscard]] inline double gaussian_entropic_cost(const gaussian& a, const gaussian& b, double epsilon) {
    const char* function = "transport::gaussian_entropic_cost";
    require(std::isfinite(epsilon) && epsilon > 0, function, ": epsilon must be positive and finite, it is ", epsilon);
    detail::check_gaussians(a, b, function);
    const detail::covariance_roots first(a.covariance, function), second(b.covariance, function);
    const detail::dense root = first.root();
    const detail::covariance_roots middle(detail::dense(root * detail::as_eigen(b.covariance) * root), function);
    const double s = epsilon / 2;
    double cost = detail::squared_distance(a.mean, b.mean) + first.values.sum() + second.values.sum();
    for (const double x : middle.values) {
        const double root_of = std::sqrt(4 * x + s * s);
        cost += s - root_of + s * std::log((root_of + s) / (2 * s));
    }
    return cost;
}

}  // namespace holdfast::transport
