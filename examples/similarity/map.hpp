#pragma once
// The tasks as points of a plane whose distances come as close to theirs as a plane allows: classical multidimensional
// scaling (Torgerson 1952).

#include <Eigen/Eigenvalues>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "outcome.hpp"

namespace similarity {

struct plane {
    std::vector<double> x, y;  // [T]
    double share = 1;          // of the squared distances that the plane holds, 0 to 1
};

/// B = −½ J D² J, coordinates its two leading eigenvectors times the roots of their eigenvalues. Each axis points where
/// its largest coordinate is positive, so that the same distances give the same map.
inline plane scaled(const outcome& o) {
    const auto n = static_cast<Eigen::Index>(o.size());
    plane made{std::vector<double>(o.size(), 0.0), std::vector<double>(o.size(), 0.0)};
    if (n < 2) return made;
    Eigen::MatrixXd b(n, n);
    for (Eigen::Index i = 0; i < n; ++i)
        for (Eigen::Index j = 0; j < n; ++j) {
            const double d = o.metric(static_cast<std::size_t>(i), static_cast<std::size_t>(j));
            b(i, j) = -d * d / 2;
        }
    const Eigen::VectorXd mean = b.rowwise().mean();
    const double all = mean.mean();
    b.rowwise() -= mean.transpose().eval();
    b.colwise() -= mean;
    b.array() += all;
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(b);
    const auto& values = solver.eigenvalues();  // rising
    double total = 0, held = 0;
    for (Eigen::Index k = 0; k < n; ++k) total += std::abs(values[k]);
    for (int axis = 0; axis < 2; ++axis) {
        const double value = std::max(0.0, values[n - 1 - axis]);
        held += value;
        Eigen::VectorXd v = solver.eigenvectors().col(n - 1 - axis) * std::sqrt(value);
        Eigen::Index top = 0;
        v.cwiseAbs().maxCoeff(&top);
        if (v[top] < 0) v = -v;
        std::copy(v.begin(), v.end(), axis == 0 ? made.x.begin() : made.y.begin());
    }
    made.share = total > 0 ? held / total : 1;
    return made;
}

}  // namespace similarity
