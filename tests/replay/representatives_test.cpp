// Choices by score and by place in space: against brute force, and what each promises.

#include "support/test.hpp"

#include <holdfast/core/parallel.hpp>
#include <holdfast/core/random.hpp>
#include <holdfast/replay/representatives.hpp>
#include <holdfast/replay/stratified.hpp>

#include <algorithm>
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

TEST_CASE("uncertainty bins take every so many from the surest to the least sure") {
    const std::vector<double> u{0.9, 0.1, 0.5, 0.3, 0.7, 0.2, 0.8};  // in order: 1 5 3 2 4 6 0
    CHECK(replay::uncertainty_bins(u, 3) == ids{1, 3, 4});           // numbers 0, 2, 4
    CHECK(replay::uncertainty_bins(u, 7) == ids{1, 5, 3, 2, 4, 6, 0});
    CHECK(replay::uncertainty_bins(u, 0).empty());
    CHECK_REFUSES(replay::uncertainty_bins(u, 8), "replay::uncertainty_bins: 8 items asked, there are 7");
    CHECK_REFUSES(replay::uncertainty_bins(std::vector<double>{1, std::nan("")}, 1), "score 1 is NaN");
}

TEST_CASE("a stratified draw gives every stratum its share, and inside it every item the same chance") {
    std::vector<std::uint32_t> stratum;
    for (std::uint32_t i = 0; i < 20; ++i) stratum.push_back(i < 12 ? 7 : i < 18 ? 3 : 9);
    const replay::stratified sampler(stratum), even(stratum, replay::strata_share::equal);
    CHECK(sampler.strata() == std::vector<std::uint32_t>{3, 7, 9});
    CHECK(sampler.quotas(10) == std::vector<std::size_t>{3, 6, 1});
    CHECK(even.quotas(10) == std::vector<std::size_t>{4, 4, 2});
    std::vector<std::size_t> of_seven(12, 0);
    for (std::uint64_t seed = 0; seed < 20000; ++seed) {
        const auto drawn = sampler.draw(10, philox{seed});
        std::vector<std::size_t> counts(3, 0);
        std::vector<char> twice(20, 0);
        for (const auto i : drawn) {
            REQUIRE(twice[i]++ == 0);
            ++counts[stratum[i] == 3 ? 0 : stratum[i] == 7 ? 1 : 2];
            if (stratum[i] == 7) ++of_seven[i];
        }
        REQUIRE(counts == std::vector<std::size_t>{3, 6, 1});
    }
    CHECK(holdfast_test::inclusion_misfit(of_seven, 6, 20000) < 1);
    CHECK(sampler.inclusion_probability(0, 10) == 0.5);
    CHECK(even.inclusion_probability(19, 10) == 1);
    CHECK(sampler.draw(20, philox{1}).size() == 20);
    CHECK_REFUSES(sampler.draw(21, philox{1}), "replay::stratified: 21 items asked, there are 20");
    CHECK_REFUSES(sampler.inclusion_probability(20, 1), "there are 20 items, asked for item 20");
}

TEST_CASE("spherical k-means ends where every point is with its nearest centre, and centres are their points' means") {
    philox g{5};
    constexpr std::size_t n = 300, d = 6, k = 4;
    holdfast::matrix<float> points(n, d);
    for (std::size_t i = 0; i < n; ++i)  // four directions, any length
        for (std::size_t c = 0; c < d; ++c)
            points(i, c) = static_cast<float>((1 + static_cast<double>(i)) *
                                              ((c == i % k ? 1.0 : 0.0) + 0.1 * (holdfast::uniform(g) - 0.5)));
    const auto found = replay::spherical_k_means(points, k, philox{1});
    REQUIRE(found.settled);
    std::vector<std::vector<double>> mean(k, std::vector<double>(d, 0));
    for (std::size_t i = 0; i < n; ++i) {
        CHECK(found.cluster[i] == found.cluster[i % k]);  // the directions are found
        double length = 0;
        for (std::size_t c = 0; c < d; ++c) length += static_cast<double>(points(i, c)) * points(i, c);
        std::size_t best = 0;
        double highest = -2;
        for (std::size_t j = 0; j < k; ++j) {
            double dot = 0;
            for (std::size_t c = 0; c < d; ++c) dot += static_cast<double>(points(i, c)) * found.centres(j, c);
            dot /= std::sqrt(length);
            if (dot > highest) highest = dot, best = j;
        }
        CHECK(found.cluster[i] == best);
        CHECK(found.similarity[i] == Approx(highest));
        for (std::size_t c = 0; c < d; ++c)
            mean[found.cluster[i]][c] += static_cast<double>(points(i, c)) / std::sqrt(length);
    }
    for (std::size_t j = 0; j < k; ++j) {
        double length = 0;
        for (const double m : mean[j]) length += m * m;
        for (std::size_t c = 0; c < d; ++c)
            CHECK(found.centres(j, c) == Approx(mean[j][c] / std::sqrt(length)).margin(1e-12));
    }
    holdfast::set_threads(1);
    CHECK(replay::spherical_k_means(points, k, philox{1}).similarity == found.similarity);
    holdfast::set_threads(0);

    const auto chosen = replay::cluster_representatives(points, 8, k, philox{1});
    REQUIRE(chosen.size() == 8);
    for (std::size_t j = 0; j < k; ++j)  // 75 points each: two of each, the two nearest to the centre
        for (std::size_t i = 0; i < n; ++i) {
            const bool taken = std::find(chosen.begin(), chosen.end(), i) != chosen.end();
            if (found.cluster[i] != j || taken) continue;
            for (const auto e : chosen)
                if (found.cluster[e] == j) REQUIRE(found.similarity[e] >= found.similarity[i]);
        }
    CHECK(replay::cluster_representatives(points, 0, k, philox{1}).empty());
    CHECK(replay::spherical_k_means(points, n, philox{1}).settled);
    CHECK(replay::spherical_k_means(holdfast::matrix<float>(3, 2), 2, philox{1}).cluster.size() == 3);  // all zeros
    CHECK_REFUSES(replay::spherical_k_means(points, 0, philox{1}), "from 1 to 300 clusters, asked for 0");
    CHECK_REFUSES(replay::cluster_representatives(points, 301, k, philox{1}), "301 items asked, there are 300");
    points(7, 1) = std::numeric_limits<float>::infinity();
    CHECK_REFUSES(replay::spherical_k_means(points, 2, philox{1}), "points are finite, row 7 is not");
}
