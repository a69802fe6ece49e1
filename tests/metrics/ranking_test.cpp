#include <holdfast/metrics/ranking.hpp>

#include "support/test.hpp"

#include <cmath>

namespace metrics = holdfast::metrics;

namespace {
const holdfast::matrix<double> scores(6, 4,
                                      std::vector<double>{.71, .69, .66, .70, .73, .70, .69, .68, .70, .71, .65, .66,
                                                          .74, .70, .68, .69, .72, .68, .67, .70, .75, .73, .66, .71});
}

TEST_CASE("Friedman, Iman and Davenport, and Nemenyi on six rows of four methods") {
    const auto f = metrics::friedman(scores);
    const std::vector<double> expected{1.1667, 2.1667, 3.8333, 2.8333};
    for (std::size_t j = 0; j < 4; ++j) CHECK(f.mean_ranks[j] == Approx(expected[j]).margin(1e-4));
    CHECK(f.chi_squared == Approx(13.6));
    CHECK(f.p == Approx(.003503).margin(1e-6));
    CHECK(f.f == Approx(15.454545).margin(1e-6));
    CHECK(f.p_f == Approx(7.4e-5).margin(1e-6));
    CHECK(metrics::critical_difference(4, 6) == Approx(1.9148).margin(5e-4));
}

TEST_CASE("the studentised range equals the published table") {
    const std::vector<double> q{1.960, 2.343, 2.569, 2.728, 2.850,
                                2.949, 3.031, 3.102, 3.164};  // Demšar 2006, α = 0.05
    for (std::size_t k = 2; k <= 10; ++k)
        CHECK(metrics::studentised_range(.95, k) / std::sqrt(2.0) == Approx(q[k - 2]).margin(1.1e-3));
    // two means: the range is √2 times a half-normal
    CHECK(metrics::studentised_range(.95, 2) / std::sqrt(2.0) == Approx(1.959963985).margin(1e-7));
}

TEST_CASE("ranks give 1 to the highest and share ties") {
    CHECK(metrics::ranks(std::vector<double>{.3, .9, .3, .1}) == std::vector<double>{2.5, 1, 2.5, 4});
    CHECK(metrics::ranks(std::vector<double>{}).empty());
}

TEST_CASE("rows that all agree, and rows that are all ties") {
    const holdfast::matrix<double> agree(3, 2, std::vector<double>{2, 1, 2, 1, 2, 1});
    const auto f = metrics::friedman(agree);
    CHECK(f.chi_squared == Approx(3));
    CHECK(std::isinf(f.f));
    CHECK(f.p_f == 0);
    const auto tied = metrics::friedman(holdfast::matrix<double>(3, 2, 1.0));
    CHECK(tied.chi_squared == 0);
    CHECK(tied.p == 1);
}

TEST_CASE("Friedman corrects for ties: two methods are a sign test without the ties") {
    // with k = 2 the corrected χ² is (wins − losses)² / (wins + losses)
    const holdfast::matrix<double> m(5, 2, std::vector<double>{2, 1, 2, 1, 2, 1, 1, 2, 1, 1});
    CHECK(metrics::friedman(m).chi_squared == Approx((3 - 1) * (3 - 1) / 4.0));
}

TEST_CASE("Kendall and Spearman agree with values computed by hand") {
    const std::vector<double> x{1, 2, 3, 4}, y{1, 3, 2, 4}, reversed{4, 3, 2, 1}, tied{1, 2, 2, 3};
    CHECK(metrics::kendall(x, x) == Approx(1));
    CHECK(metrics::kendall(x, reversed) == Approx(-1));
    CHECK(metrics::kendall(x, y) == Approx(4.0 / 6));
    CHECK(metrics::kendall(x, tied) == Approx(5 / std::sqrt(6.0 * 5)));
    CHECK(metrics::spearman(x, x) == Approx(1));
    CHECK(metrics::spearman(x, y) == Approx(.8));  // 1 − 6·2/(4·15)
    CHECK(metrics::spearman(x, reversed) == Approx(-1));
}

TEST_CASE("ranking refuses what has no order") {
    const std::vector<double> one{1}, two{1, 2}, alike{1, 1}, nan{1, std::nan("")};
    CHECK_REFUSES(metrics::friedman(holdfast::matrix<double>(1, 2)),
                  "metrics::friedman: needs at least 2 rows and 2 methods, got 1 and 2");
    CHECK_REFUSES(metrics::ranks(nan), "metrics::ranks: value 1 must be finite");
    CHECK_REFUSES(metrics::kendall(one, one),
                  "metrics::kendall: needs two lists of one length, at least 2, got 1 and 1");
    CHECK_REFUSES(metrics::kendall(two, alike), "no order to compare, all values of one list are alike");
    CHECK_REFUSES(metrics::kendall(nan, two), "metrics::kendall: value 1 must be finite");
    CHECK_REFUSES(metrics::spearman(two, one), "metrics::spearman: needs two lists of one length");
    CHECK_REFUSES(metrics::spearman(alike, two), "metrics::spearman: no order to compare");
    CHECK_REFUSES(metrics::studentised_range(1, 3), "metrics::studentised_range: a share lies between 0 and 1, got 1");
    CHECK_REFUSES(metrics::studentised_range(.9, 1), "needs at least 2 means, got 1");
    CHECK_REFUSES(metrics::critical_difference(3, 0), "metrics::critical_difference: needs at least one row");
    CHECK_REFUSES(metrics::critical_difference(3, 5, 0), "a level lies between 0 and 1, got 0");
}
