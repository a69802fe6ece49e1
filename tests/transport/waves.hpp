#pragma once
// Points and weights by formula, the same in C++ and in the Python that the reference values come from:
//
//     points: x[i, k] = sin(1 + 3 i + 7 k + shift),   weights: w[i] ~ 1.5 + cos(2 i + shift)
//
// Reference values "of POT" are POT 0.9.7.post1's (numpy 2.4.6) on these, run to its last digit (stopThr 1e-15).

#include <holdfast/core/matrix.hpp>

#include <cmath>
#include <cstddef>
#include <vector>

namespace holdfast_test {

inline holdfast::matrix<double> waves(std::size_t n, std::size_t d, double shift) {
    holdfast::matrix<double> x(n, d);
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t k = 0; k < d; ++k) x(i, k) = std::sin(1 + 3 * double(i) + 7 * double(k) + shift);
    return x;
}

inline std::vector<double> wave_weights(std::size_t n, double shift) {
    std::vector<double> w(n);
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) sum += w[i] = 1.5 + std::cos(2 * double(i) + shift);
    for (double& v : w) v /= sum;
    return w;
}

inline std::vector<double> times(double factor, std::vector<double> w) {
    for (double& v : w) v *= factor;
    return w;
}

}  // namespace holdfast_test
