#include <holdfast/core/half.hpp>
#include <holdfast/core/parallel.hpp>
#include <holdfast/core/random.hpp>
#include <holdfast/transport/merge.hpp>
#include <holdfast/transport/similarity.hpp>
#include <holdfast/transport/wasserstein.hpp>

#include <cmath>
#include <limits>
#include <vector>

#include "support/test.hpp"

namespace transport = holdfast::transport;
using holdfast::matrix;
using holdfast::philox;
using transport::storage;

namespace {

matrix<float> cloud(std::size_t n, std::size_t d, double shift, philox& g) {
    matrix<float> x(n, d);
    for (float& v : x.values()) v = float(holdfast::normal(g) + shift);
    return x;
}

/// `distinct` points, each `copies` times with a little noise.
matrix<float> noisy_copies(std::size_t distinct, std::size_t copies, std::size_t d, double noise, philox& g) {
    const auto base = cloud(distinct, d, 0.3, g);
    matrix<float> x(distinct * copies, d);
    for (std::size_t i = 0; i < x.rows(); ++i)
        for (std::size_t k = 0; k < d; ++k) x(i, k) = base(i % distinct, k) + float(noise * holdfast::normal(g));
    return x;
}

const transport::ground_cost costs[] = {transport::cosine{}, transport::squared_euclidean{}, transport::euclidean{}};

}  // namespace

TEST_CASE("a table reads the costs that cost_matrix computes, within what it says of its storage") {
    philox g{51};
    for (const auto& cost : costs) {
        const auto x = transport::prepare<float>(cloud(37, 21, 0, g), cost);
        const auto y = transport::prepare<float>(cloud(301, 21, 1, g), cost);
        const auto c = transport::cost_matrix<float>(x, y, cost);
        for (const storage how : {storage::automatic, storage::float32, storage::fixed16, storage::streamed}) {
            const transport::cost_table table(x, y, cost, how);
            CHECK(table.how() == (how == storage::automatic ? storage::float32 : how));
            auto read = table.read();
            for (const std::size_t i : {0u, 36u, 5u, 16u, 15u, 0u}) {  // in any order
                const float* row = read.row(i);
                for (std::size_t j = 0; j < 301; ++j) {
                    REQUIRE(std::abs(double(row[j]) - double(c(i, j))) <= table.quantisation(i));
                    REQUIRE(std::abs(double(table.at(i, j)) - double(row[j])) <= table.quantisation(i) / 1000);
                }
                CHECK(table.quantisation(i) <= (how == storage::fixed16 ? 0.55 / 65535 * table.greatest() : 0));
            }
            CHECK(table.least() == double(*std::min_element(c.values().begin(), c.values().end())));
            CHECK(table.greatest() == double(*std::max_element(c.values().begin(), c.values().end())));
        }
    }
}

TEST_CASE("storage is chosen by size: four bytes while it is small, two while there is memory, none beyond") {
    using transport::detail::chosen_storage;
    const std::size_t gigabyte = std::size_t{1} << 30;
    CHECK(chosen_storage(1000, 1000, storage::automatic, gigabyte) == storage::float32);
    CHECK(chosen_storage(8000, 8000, storage::automatic, gigabyte) == storage::fixed16);
    CHECK(chosen_storage(100000, 100000, storage::automatic, gigabyte) == storage::streamed);
    CHECK(chosen_storage(1000, 1000, storage::automatic, 3000000) == storage::fixed16);
    CHECK(chosen_storage(1000, 1000, storage::automatic, 0) == storage::streamed);
    CHECK(chosen_storage(1000, 1000, storage::streamed, gigabyte) == storage::streamed);
    philox g{52};
    const auto x = transport::prepare<float>(cloud(4, 3, 0, g), transport::cosine{});
    CHECK(transport::cost_table(x, x, transport::cosine{}, storage::streamed).bytes() == 0);
    CHECK(transport::cost_table(x, x, transport::cosine{}, storage::fixed16).bytes() == 32);
}

TEST_CASE("clouds of 16-bit numbers have the distance of the floats they are") {
    philox g{53};
    const auto a = cloud(40, 12, 0, g), b = cloud(30, 12, 0.5, g);
    matrix<holdfast::bfloat16> x(40, 12);
    matrix<float> widened(40, 12);
    for (std::size_t k = 0; k < x.size(); ++k) widened.values()[k] = x.values()[k] = holdfast::bfloat16(a.values()[k]);
    CHECK(transport::wasserstein(x, b).value == transport::wasserstein(widened, b).value);
    const std::vector<matrix<holdfast::bfloat16>> tasks{x, x};
    CHECK(transport::pairwise(tasks).value(0, 1) == 0);
}

TEST_CASE("points that nearly coincide become one, and what that changes is within what is said") {
    philox g{54};
    for (const auto& cost : costs) {
        const auto a = transport::measure(noisy_copies(7, 15, 10, 1e-3, g));
        const auto b = transport::measure(noisy_copies(5, 20, 10, 1e-3, g));
        const auto exact = transport::wasserstein(a, b, {.cost = cost, .relative_gap = 0});
        const auto w = transport::wasserstein(a, b, {.cost = cost, .merge_within = 0.05});
        CHECK(w.points_a == 7);
        CHECK(w.points_b == 5);
        CHECK(w.merging > 0);
        CHECK(w.merging < 0.05 * exact.value);
        CHECK(w.lower <= exact.value);
        CHECK(exact.value <= w.upper);
        CHECK(w.upper - w.lower < 0.05 * w.value);
        const auto merged = transport::merge_near(a, 0.05, cost);
        const auto moved =
            transport::wasserstein(a, merged.measure, {.cost = transport::euclidean{}, .relative_gap = 0});
        if (cost.kind() == transport::ground_cost::kinds::euclidean) CHECK(moved.value <= merged.moved);
        CHECK(merged.measure.size() == 7);
        for (std::size_t i = 0; i < merged.measure.index.size(); ++i) CHECK(merged.measure.index[i] == i % 7);
        double sum = 0;
        for (const double x : merged.measure.weights) sum += x;
        CHECK(sum == Approx(1));
        CHECK(transport::merge_near(a, 0, cost).measure.size() == a.size());
        CHECK(transport::merge_near(a, 0, cost).moved == 0);
    }
    // Two lengths of one direction are one point under the cosine.
    const matrix<double> rows(2, 2, std::vector<double>{1, 2, 2, 4});
    CHECK(transport::merge_near(transport::measure(rows), 1e-12, transport::cosine{}).measure.size() == 1);
    CHECK(transport::merge_near(transport::measure(rows), 1e-12, transport::euclidean{}).measure.size() == 2);
}

TEST_CASE("storage and merging say what is wrong with what is asked") {
    const matrix<float> a(2, 2, std::vector<float>{1, 0, 0, 1}), b(2, 2, std::vector<float>{1, 1, 0, 1});
    const auto manhattan = [](std::span<const double> x, std::span<const double> y) {
        return std::abs(x[0] - y[0]) + std::abs(x[1] - y[1]);
    };
    CHECK_REFUSES(transport::wasserstein(a, b, {.cost = manhattan, .storage = storage::fixed16}),
                  "storage can be chosen for cosine, squared_euclidean and euclidean costs");
    CHECK_REFUSES(transport::wasserstein(a, b, {.cost = manhattan, .merge_within = 0.1}),
                  "merge_within needs a cosine, squared_euclidean or euclidean cost");
    CHECK_REFUSES(transport::wasserstein(a, b, {.merge_within = -1}),
                  "merge_within must be finite and not negative, it is -1");
    CHECK_REFUSES(transport::merge_near(transport::measure(a), std::numeric_limits<double>::infinity(), {}),
                  "radius must be finite and not negative, it is inf");
    CHECK_REFUSES(transport::merge_near(transport::measure(a), 1, manhattan), "merging needs a cosine");
    const auto x = transport::prepare<float>(a, manhattan);
    CHECK_REFUSES(transport::cost_table(x, x, manhattan), "a table is for cosine, squared_euclidean and euclidean");
    const auto y = transport::prepare<float>(matrix<float>(1, 3, 1.0F), {}), z = transport::prepare<float>(a, {});
    CHECK_REFUSES(transport::cost_table(y, z, {}), "points must have one dimension, they have 3 and 2");
    const std::size_t many = std::size_t{1} << 31;
    const transport::prepared_points<float> crowd{transport::detail::aligned_rows<float>(many, 0), 1, 1, {}};
    CHECK_REFUSES(transport::cost_table(crowd, crowd, {}, storage::float32),
                  "costs of 2147483648 x 2147483648 points need 1.84467441e+10 GB, more than there is: ask for "
                  "storage::");
    CHECK_REFUSES(transport::cost_table(crowd, crowd, {}, storage::fixed16), "ask for storage::streamed");
    const matrix<float> far(1, 1, 3e38F), further(1, 1, -3e38F);
    const auto p = transport::prepare<float>(far, transport::euclidean{});
    const auto q = transport::prepare<float>(further, transport::euclidean{});
    CHECK_REFUSES(transport::cost_table(p, q, transport::euclidean{}), "costs must be finite, entry (0, 0) is inf");
}
