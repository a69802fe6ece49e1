#include <holdfast/core/random.hpp>
#include <holdfast/transport/exact.hpp>
#include <holdfast/transport/line.hpp>

#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "support/test.hpp"

namespace transport = holdfast::transport;

namespace {
using numbers = std::vector<double>;
}

TEST_CASE("0, 1, 3 to 5, 6, 8 costs five on the line") {
    CHECK(transport::wasserstein_on_line(numbers{3, 0, 1}, {}, numbers{6, 8, 5}, {}) == Approx(5));
    CHECK(transport::wasserstein_on_line(numbers{3, 0, 1}, {}, numbers{6, 8, 5}, {}, 2) == Approx(25));
    CHECK(transport::wasserstein_on_line(numbers{0}, {}, numbers{-1, 1}, {}, 3) == Approx(1));
}

TEST_CASE("sorting and the simplex agree on the line") {
    holdfast::philox g{61};
    for (int k = 0; k < 60; ++k) {
        const std::size_t n = 1 + holdfast::uniform_index(g, 40), m = 1 + holdfast::uniform_index(g, 40);
        const double p = 1 + 0.5 * (k % 5);
        numbers x(n), y(m), a(n), b(m);
        for (double& v : x) v = std::round(8 * holdfast::normal(g)) / 4;
        for (double& v : y) v = std::round(8 * holdfast::normal(g)) / 4;
        for (numbers* w : {&a, &b}) {
            for (double& v : *w) v = std::floor(4 * holdfast::uniform(g));
            (*w)[0] += 1;
            const double sum = std::accumulate(w->begin(), w->end(), 0.0);
            for (double& v : *w) v /= sum;
        }
        holdfast::matrix<double> c(n, m);
        for (std::size_t i = 0; i < n; ++i)
            for (std::size_t j = 0; j < m; ++j) c(i, j) = std::pow(std::abs(x[i] - y[j]), p);
        CHECK(transport::wasserstein_on_line(x, a, y, b, p) ==
              Approx(transport::exact(c, a, b).value).epsilon(1e-11).margin(1e-12));
        CHECK(transport::wasserstein_on_line(x, a, x, a, p) == 0);
    }
}

TEST_CASE("transport on the line says what is wrong with its input") {
    const numbers x{1, 2}, w{0.5, 0.5};
    CHECK_REFUSES(transport::wasserstein_on_line(x, w, {}, {}), "a measure needs points, got none");
    CHECK_REFUSES(transport::wasserstein_on_line(x, w, x, numbers{1}), "got 1 weights for 2 points");
    CHECK_REFUSES(transport::wasserstein_on_line(x, numbers{.5, .43}, x, w), "weights must sum to 1, they sum to 0.93");
    CHECK_REFUSES(transport::wasserstein_on_line(x, w, x, w, 0.5), "p must be finite and at least 1, it is 0.5");
    CHECK_REFUSES(transport::wasserstein_on_line(numbers{1, std::numeric_limits<double>::infinity()}, w, x, w),
                  "points must be finite, point 1 is inf");
}
