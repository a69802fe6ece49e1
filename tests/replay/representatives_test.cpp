// Choices by score and by place in space: against brute force, and what each promises.

#include "support/test.hpp"

#include <holdfast/core/parallel.hpp>
#include <holdfast/core/random.hpp>
#include <holdfast/replay/representatives.hpp>

#include <cmath>
#include <limits>
#include <set>
#include <vector>

#include "replay/chi_square.hpp"

namespace replay = holdfast::replay;
using holdfast::matrix;
using holdfast::philox;
using ids = std::vector<std::uint32_t>;

namespace {

matrix<float> cloud(std::size_t n, std::size_t d, std::uint64_t seed) {
    philox g{seed};
    matrix<float> points(n, d);
    for (float& x : points.values()) x = static_cast<float>(holdfast::normal(g));
    return points;
}

}  // namespace

TEST_CASE("the highest scores come first, the lower index among equals") {
    const std::vector<double> scores{1, 5, -2, 5, 3, HUGE_VAL};
    CHECK(replay::top_k(scores, 4) == ids{5, 1, 3, 4});
    CHECK(replay::top_k(scores, 6) == ids{5, 1, 3, 4, 0, 2});
    CHECK(replay::top_k(scores, 0).empty());
    CHECK_REFUSES(replay::top_k(scores, 7), "replay::top_k: 7 items asked, there are 6");
    CHECK_REFUSES(replay::top_k(std::vector<double>{1, std::nan("")}, 1), "score 1 is NaN");
}

TEST_CASE("a systematic draw holds every item as often as its share, to the nearest") {
    const std::vector<double> w{1, 2, 0, 3.5, 0.5};
    std::vector<double> mean(5, 0);
    for (std::uint64_t seed = 0; seed < 4000; ++seed) {
        const ids drawn = replay::systematic(w, 10, philox{seed});
        REQUIRE(drawn.size() == 10);
        REQUIRE(std::is_sorted(drawn.begin(), drawn.end()));
        for (std::size_t i = 0; i < 5; ++i) {
            const auto times = static_cast<double>(std::count(drawn.begin(), drawn.end(), i));
            REQUIRE(std::abs(times - 10 * w[i] / 7) < 1);
            mean[i] += times / 4000;
        }
    }
    // The count is one of two neighbouring numbers: its deviation is at most 1/2, five of them over the mean of 4000.
    for (std::size_t i = 0; i < 5; ++i) CHECK(mean[i] == Approx(10 * w[i] / 7).margin(5 * 0.5 / std::sqrt(4000.0)));
    CHECK(replay::systematic(w, 0, philox{1}).empty());
    CHECK_REFUSES(replay::systematic(std::vector<double>{0, 0}, 1, philox{1}),
                  "replay::systematic: at least one weight must be above 0, all 2 are 0");
    CHECK_REFUSES(replay::systematic(std::vector<double>{-1}, 1, philox{1}), "weight 0 is -1");
}

TEST_CASE("herding takes at every step the item that brings the mean closest") {
    const auto points = cloud(60, 5, 3);
    const ids chosen = replay::herding(points, 12);
    std::vector<double> mean(5, 0);
    for (std::size_t i = 0; i < 60; ++i)
        for (std::size_t c = 0; c < 5; ++c) mean[c] += static_cast<double>(points(i, c)) / 60;
    std::vector<double> sum(5, 0);
    std::set<std::uint32_t> taken;
    for (std::size_t k = 0; k < chosen.size(); ++k) {
        const auto off = [&](std::size_t i) {
            double square = 0;
            for (std::size_t c = 0; c < 5; ++c)
                square +=
                    std::pow((sum[c] + static_cast<double>(points(i, c))) / static_cast<double>(k + 1) - mean[c], 2);
            return square;
        };
        std::size_t best = 60;
        for (std::size_t i = 0; i < 60; ++i)
            if (!taken.count(static_cast<std::uint32_t>(i)) && (best == 60 || off(i) < off(best))) best = i;
        REQUIRE(chosen[k] == best);
        taken.insert(chosen[k]);
        for (std::size_t c = 0; c < 5; ++c) sum[c] += static_cast<double>(points(best, c));
    }
    CHECK(replay::herding(points, 5) == ids(chosen.begin(), chosen.begin() + 5));
    CHECK(replay::herding(points, 60).size() == 60);
}

TEST_CASE("k-centre greedy takes the farthest each time, and covers within twice the best") {
    matrix<float> line(7, 1);
    const float at[] = {0, 1, 2, 10, 11, 12, 30};
    for (std::size_t i = 0; i < 7; ++i) line(i, 0) = at[i];
    CHECK(replay::k_centre(line, 4) == ids{0, 6, 5, 2});  // 30, then 12 (12 from 0), then 2 (2 from 0; 10 is 2 from 12)
    CHECK(replay::k_centre(line, 2, 3) == ids{3, 6});
    const auto points = cloud(40, 3, 9);
    const auto radius = [&](const ids& centres) {
        double worst = 0;
        for (std::size_t i = 0; i < 40; ++i) {
            double nearest = HUGE_VAL;
            for (const auto c : centres) {
                double square = 0;
                for (std::size_t k = 0; k < 3; ++k)
                    square += std::pow(static_cast<double>(points(i, k)) - static_cast<double>(points(c, k)), 2);
                nearest = std::min(nearest, std::sqrt(square));
            }
            worst = std::max(worst, nearest);
        }
        return worst;
    };
    double best = HUGE_VAL;
    for (std::uint32_t a = 0; a < 40; ++a)
        for (std::uint32_t b = a + 1; b < 40; ++b) best = std::min(best, radius({a, b}));
    CHECK(radius(replay::k_centre(points, 2)) <= 2 * best);
}

TEST_CASE("choices do not depend on the number of threads, nor on the kind of matrix") {
    const auto points = cloud(5000, 8, 1);
    matrix<double> same(5000, 8);
    for (std::size_t i = 0; i < 5000; ++i)
        for (std::size_t c = 0; c < 8; ++c) same(i, c) = static_cast<double>(points(i, c));
    holdfast::set_threads(1);
    const ids herd = replay::herding(points, 30), centres = replay::k_centre(points, 30);
    holdfast::set_threads(3);
    CHECK(replay::herding(points, 30) == herd);
    CHECK(replay::k_centre(points, 30) == centres);
    CHECK(replay::herding(same, 30) == herd);
    CHECK(replay::k_centre(same, 30) == centres);
    holdfast::set_threads(0);
}

TEST_CASE("choices in space refuse what they cannot give") {
    auto points = cloud(4, 2, 1);
    CHECK_REFUSES(replay::herding(points, 5), "replay::herding: 5 items asked, there are 4");
    CHECK_REFUSES(replay::k_centre(points, 5), "replay::k_centre: 5 items asked, there are 4");
    CHECK_REFUSES(replay::k_centre(points, 2, 4), "replay::k_centre: there are 4 items, the first is to be 4");
    points(2, 1) = std::numeric_limits<float>::infinity();
    CHECK_REFUSES(replay::herding(points, 1), "replay::herding: points are finite, row 2 is not");
    CHECK_REFUSES(replay::k_centre(points, 1), "replay::k_centre: points are finite, row 2 is not");
}
