#pragma once
// What the tests of the doors on the device share: random matrices, copies to and from it, and plain products in fp64
// that read like the formulas.

#include <holdfast/core/cuda.cuh>
#include <holdfast/core/random.hpp>
#include <holdfast/kernels/detail/dropout.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace device_tests {

using holdfast::device_matrix;
using holdfast::matrix;
using holdfast::philox;
using wide = matrix<double>;

inline matrix<float> random(std::size_t rows, std::size_t cols, philox& g) {
    matrix<float> m(rows, cols);
    for (float& x : m.values()) x = static_cast<float>(2 * holdfast::uniform(g) - 1);
    return m;
}

template <class T>
device_matrix<T> on_device(const matrix<T>& m) {
    device_matrix<T> d(m.rows(), m.cols());
    d.upload(m.view(), nullptr);
    return d;
}

/// The largest difference; NaN, which a fresh device_matrix may hold, is the largest of all.
template <class M>
double difference(const device_matrix<float>& d, const M& expected) {
    matrix<float> m(d.rows(), d.cols());
    d.download(m.view(), nullptr);
    double worst = 0;
    for (std::size_t i = 0; i < m.size(); ++i) {
        const double off = std::abs(double(m.values()[i]) - double(expected.values()[i]));
        worst = off <= worst ? worst : std::isnan(off) ? INFINITY : off;
    }
    return worst;
}

inline wide widened(const matrix<float>& m) {
    wide w(m.rows(), m.cols());
    std::copy(m.values().begin(), m.values().end(), w.values().begin());
    return w;
}
inline wide across(const wide& m) {
    wide t(m.cols(), m.rows());
    for (std::size_t i = 0; i < m.rows(); ++i)
        for (std::size_t j = 0; j < m.cols(); ++j) t(j, i) = m(i, j);
    return t;
}
/// f(i, j) for every element.
template <class F>
wide each(std::size_t rows, std::size_t cols, F f) {
    wide m(rows, cols);
    for (std::size_t i = 0; i < rows; ++i)
        for (std::size_t j = 0; j < cols; ++j) m(i, j) = f(i, j);
    return m;
}
inline wide operator*(const wide& a, const wide& b) {
    return each(a.rows(), b.cols(), [&](std::size_t i, std::size_t j) {
        double sum = 0;
        for (std::size_t k = 0; k < a.cols(); ++k) sum += a(i, k) * b(k, j);
        return sum;
    });
}
inline wide operator+(const wide& a, const wide& b) {
    return each(a.rows(), a.cols(), [&](std::size_t i, std::size_t j) { return a(i, j) + b(i, j); });
}
inline wide times(double s, const wide& a) {
    return each(a.rows(), a.cols(), [&](std::size_t i, std::size_t j) { return s * a(i, j); });
}
/// m . x: zero where the key drops.
inline wide masked(const wide& x, const holdfast::kernels::dropout_key& key) {
    return each(x.rows(), x.cols(), [&](std::size_t i, std::size_t j) {
        const auto word = holdfast::kernels::mask_word(key, i, static_cast<std::uint32_t>(j / 32));
        return key.threshold == 0 || (word >> (j % 32) & 1u) ? x(i, j) : 0.0;
    });
}

}  // namespace device_tests
