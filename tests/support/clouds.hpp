#pragma once
// Random tasks for the tests of transport: Gaussian clouds about centres of their own, weights with zeros among them.

#include <holdfast/core/matrix.hpp>
#include <holdfast/core/random.hpp>
#include <holdfast/transport/measure.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace holdfast_test {

/// @param sizes  rows of each task, before those of weight zero are dropped
inline std::vector<holdfast::transport::discrete_measure<float>> clouds(const std::vector<std::size_t>& sizes,
                                                                        std::size_t d, std::uint64_t seed) {
    std::vector<holdfast::transport::discrete_measure<float>> made;
    for (std::size_t t = 0; t < sizes.size(); ++t) {
        holdfast::philox g{seed, t};
        holdfast::matrix<float> x(sizes[t], d);
        std::vector<double> w(sizes[t]);
        for (std::size_t i = 0; i < sizes[t]; ++i)
            for (std::size_t k = 0; k < d; ++k)
                x(i, k) = static_cast<float>(holdfast::normal(g) + (k == t % d ? 2.0 : 0.0));
        double sum = 0;
        for (double& v : w) sum += v = holdfast::uniform_index(g, 6) == 0 ? 0.0 : 0.05 + holdfast::uniform(g);
        if (sum == 0) sum = w[0] = 1;
        for (double& v : w) v /= sum;
        made.push_back(holdfast::transport::measure(x, w));
    }
    return made;
}

}  // namespace holdfast_test
