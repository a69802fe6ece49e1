#include <holdfast/core/random.hpp>
#include <holdfast/transport/measure.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <set>
#include <vector>

#include "support/test.hpp"

namespace transport = holdfast::transport;
using holdfast::matrix;

TEST_CASE("equal rows become one point that weighs as much as they do") {
    const matrix<float> rows(5, 2, std::vector<float>{1, 2, 3, 4, 1, 2, 3, 4, 1, 2});
    const auto m = transport::measure(rows);
    REQUIRE(m.size() == 2);
    CHECK(m.dimension() == 2);
    CHECK(m.points == matrix<float>(2, 2, std::vector<float>{1, 2, 3, 4}));
    CHECK(m.weights[0] == Approx(0.6));
    CHECK(m.weights[1] == Approx(0.4));
    CHECK(m.index == std::vector<std::uint32_t>{0, 1, 0, 1, 0});
}

TEST_CASE("rows of weight zero are dropped, even where they equal others") {
    const matrix<double> rows(3, 1, std::vector<double>{5, 6, 5});
    const auto m = transport::measure(rows, std::vector<double>{0, 0.25, 0.75});
    REQUIRE(m.size() == 2);
    CHECK(m.index == std::vector<std::uint32_t>{m.dropped, 0, 1});
    CHECK(m.weights == std::vector<double>{0.25, 0.75});
}

TEST_CASE("zero with a sign is zero") {
    const matrix<double> rows(2, 2, std::vector<double>{0.0, 1, -0.0, 1});
    CHECK(transport::measure(rows).size() == 1);
}

TEST_CASE("a column-major matrix is read by its rows") {
    const std::vector<double> data{1, 1, 2, /**/ 4, 4, 5};  // rows (1,4), (1,4), (2,5)
    const holdfast::matrix_view<const double> rows(data.data(), 3, 2, 1, 3);
    const auto m = transport::measure(rows);
    REQUIRE(m.size() == 2);
    CHECK(m.points == matrix<double>(2, 2, std::vector<double>{1, 4, 2, 5}));
}

TEST_CASE("weights from single precision are accepted and made to sum to one") {
    const std::size_t n = 1000;
    matrix<double> rows(n, 1);
    std::vector<double> weights(n);
    for (std::size_t i = 0; i < n; ++i) rows(i, 0) = double(i), weights[i] = double(1.0f / 1000.0f);
    const auto m = transport::measure(rows, weights);
    CHECK(std::abs(std::accumulate(m.weights.begin(), m.weights.end(), 0.0) - 1) < 1e-14);
}

TEST_CASE("many rows with colliding low bits stay apart") {
    const std::size_t n = 3000;
    matrix<float> rows(n, 1);
    for (std::size_t i = 0; i < n; ++i) rows(i, 0) = std::ldexp(1.0f, int(i % 100)) * float(1 + i / 100);
    const auto m = transport::measure(rows);
    for (std::size_t i = 0; i < n; ++i) REQUIRE(m.points(m.index[i], 0) == rows(i, 0));
    CHECK(m.size() < n);
}

TEST_CASE("numbers of 16 bits become floats, exactly") {
    matrix<float> rows(6, 3);
    matrix<holdfast::half> halves(6, 3);
    matrix<holdfast::bfloat16> brains(6, 3);
    for (std::size_t k = 0; k < 18; ++k) {
        rows.values()[k] = float(int(k % 9) - 4) / 8;
        halves.values()[k] = holdfast::half(rows.values()[k]);
        brains.values()[k] = holdfast::bfloat16(rows.values()[k]);
    }
    const auto expected = transport::measure(rows);
    for (const auto& m : {transport::measure(halves), transport::measure(brains)}) {
        CHECK(m.points == expected.points);
        CHECK(m.weights == expected.weights);
        CHECK(m.index == expected.index);
    }
    const auto columns = transport::measure(holdfast::view(halves).transposed());
    CHECK(columns.size() == 3);
    CHECK(columns.points(1, 2) == rows(2, 1));
    halves(4, 1) = holdfast::half(1e9F);
    CHECK_REFUSES(transport::measure(halves), "points must be finite, row 4 has inf in column 1");
}

TEST_CASE("a measure says what is wrong with its input") {
    const double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
    const matrix<double> good(2, 2, std::vector<double>{1, 2, 3, 4});
    CHECK_REFUSES(transport::measure(matrix<double>()), "transport::measure: a measure needs points, got 0 rows");
    CHECK_REFUSES(transport::measure(matrix<double>(3, 0)), "3 rows of 0 columns");
    CHECK_REFUSES(transport::measure(matrix<double>(2, 2, std::vector<double>{1, 2, 3, nan})),
                  "points must be finite, row 1 has nan in column 1");
    CHECK_REFUSES(transport::measure(matrix<double>(2, 1, std::vector<double>{-inf, 0})), "row 0 has -inf");
    CHECK_REFUSES(transport::measure(good, std::vector<double>{0.5, 0.43}),
                  "transport::measure: weights must sum to 1, they sum to 0.93");
    CHECK_REFUSES(transport::measure(good, std::vector<double>{1.5, -0.5}),
                  "weights must not be negative, weight 1 is -0.5");
    CHECK_REFUSES(transport::measure(good, std::vector<double>{nan, 1}), "weights must be finite, weight 0 is nan");
    CHECK_REFUSES(transport::measure(good, std::vector<double>{1}), "one weight for each row, got 1 weights for 2");
}

TEST_CASE("a row's digest is the same at every width, knows what is not finite, and tells other rows apart") {
    using identity = transport::detail::row_identity<float>;
    using wide = transport::detail::row_identity<double>;
    holdfast::philox g{71};
    const auto machine = transport::detail::machine_level();
    std::set<std::uint64_t> seen;
    std::size_t rows = 0;
    for (std::size_t d = 1; d < 140; d += d < 20 ? 1 : 13) {
        std::vector<float> x(d);
        for (float& v : x) v = float(holdfast::normal(g));
        const auto all_levels = [&](const std::vector<float>& row) {
            const auto digest = identity::digest(row.data(), d);
            const std::vector<double> doubles(row.begin(), row.end());
            const auto of_doubles = wide::digest(doubles.data(), d);
#if HOLDFAST_TRANSPORT_X86
            for (const auto level : {0, 1, 2}) {
                if (level > static_cast<int>(machine)) continue;
                std::uint64_t hash = 0, wide_hash = 0;
                bool finite = false, wide_finite = false;
                (level == 0   ? identity::find_baseline
                 : level == 1 ? identity::find_avx2
                              : identity::find_avx512)(row.data(), d, hash, finite);
                (level == 0   ? wide::find_baseline
                 : level == 1 ? wide::find_avx2
                              : wide::find_avx512)(doubles.data(), d, wide_hash, wide_finite);
                REQUIRE((hash == digest.hash && finite == digest.finite));
                REQUIRE((wide_hash == of_doubles.hash && wide_finite == of_doubles.finite));
                const auto same = level == 0   ? identity::same_baseline
                                  : level == 1 ? identity::same_avx2
                                               : identity::same_avx512;
                REQUIRE(same(row.data(), x.data(), d) == std::equal(row.begin(), row.end(), x.begin()));
            }
#endif
            return digest;
        };
        const auto first = all_levels(x);
        CHECK(first.finite);
        seen.insert(first.hash);
        ++rows;
        for (std::size_t k = 0; k < d; ++k) {  // one number changed by one bit
            std::vector<float> y = x;
            y[k] = std::nextafter(y[k], 9.0F);
            seen.insert(all_levels(y).hash);
            ++rows;
        }
        std::vector<float> zero = x, minus = x;
        zero[d / 2] = 0;
        minus[d / 2] = -0.0F;
        CHECK(all_levels(zero).hash == all_levels(minus).hash);
        CHECK(identity::same(zero.data(), minus.data(), d));
        for (const float bad : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
            zero[d - 1] = bad;
            CHECK_FALSE(all_levels(zero).finite);
        }
    }
    CHECK(seen.size() == rows);
}
