#pragma once
// Whether counts fit probabilities, at a level where a right sampler fails once in ten thousand seeds. The seeds in the
// tests are fixed, so a test that passes once passes always.

#include <boost/math/distributions/chi_squared.hpp>

#include <cstddef>
#include <vector>

namespace holdfast_test {

inline double chi_square_limit(std::size_t degrees) {
    return boost::math::quantile(boost::math::chi_squared(static_cast<double>(degrees)), 1 - 1e-4);
}

/// Pearson's statistic of counts against probabilities that sum to 1, in units of its limit: below 1 is a fit.
inline double misfit(const std::vector<std::size_t>& counts, const std::vector<double>& probability) {
    double trials = 0, statistic = 0;
    for (const std::size_t c : counts) trials += static_cast<double>(c);
    std::size_t cells = 0;
    for (std::size_t i = 0; i < counts.size(); ++i) {
        const double expected = trials * probability[i], off = static_cast<double>(counts[i]) - expected;
        if (probability[i] == 0) {
            if (counts[i] > 0) return 1e300;
            continue;
        }
        statistic += off * off / expected;
        ++cells;
    }
    return statistic / chi_square_limit(cells - 1);
}

/// The same for how often each of n items was among k chosen without replacement, all equally likely. The counts of one
/// draw are correlated: their covariance is p (1 - p) n / (n - 1) (I - 1/n), so the sum of squares is scaled by
/// (n-1)/n.
inline double inclusion_misfit(const std::vector<std::size_t>& counts, std::size_t chosen, std::size_t draws) {
    const auto n = static_cast<double>(counts.size());
    const double p = static_cast<double>(chosen) / n, expected = p * static_cast<double>(draws);
    double statistic = 0;
    for (const std::size_t c : counts) {
        const double off = static_cast<double>(c) - expected;
        statistic += off * off / (expected * (1 - p));
    }
    return statistic * (n - 1) / n / chi_square_limit(counts.size() - 1);
}

/// How likely a sequential weighted draw of two without replacement is (i, j): w_i / W * w_j / (W - w_i); row by row.
inline std::vector<double> ordered_pairs(const std::vector<double>& w) {
    double total = 0;
    for (const double x : w) total += x;
    std::vector<double> p;
    for (std::size_t i = 0; i < w.size(); ++i)
        for (std::size_t j = 0; j < w.size(); ++j) p.push_back(i == j ? 0.0 : w[i] / total * w[j] / (total - w[i]));
    return p;
}

}  // namespace holdfast_test
