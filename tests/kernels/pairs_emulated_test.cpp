// All pairs of small tasks by the kernel that keeps a pair on the chip, on the emulated GPU: its bounds hold the exact
// distances, and every pair has the certificate asked for.
#include <holdfast/core/random.hpp>
#include <holdfast/transport/engine_plain.hpp>
#include <holdfast/transport/pairwise_cuda.cuh>

#include "support/clouds.hpp"
#include "support/test.hpp"

#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

namespace transport = holdfast::transport;
using holdfast_test::clouds;
using measures = std::vector<transport::discrete_measure<float>>;

namespace {

void check_against_exact(const measures& tasks, const transport::wasserstein_options& options, std::size_t on_host) {
    const auto got = transport::pairwise_cuda(tasks, options);
    auto precisely = options;
    precisely.relative_gap = 0;
    const auto exact = transport::pairwise(std::span<const transport::discrete_measure<float>>(tasks), precisely);
    CHECK(got.on_chip + got.in_clusters + got.on_gpu + got.streamed + got.on_host ==
          tasks.size() * (tasks.size() - 1) / 2);
    CHECK(got.on_host == on_host);
    for (std::size_t i = 0; i < tasks.size(); ++i)
        for (std::size_t j = 0; j < tasks.size(); ++j) {
            const auto w = got(i, j);
            INFO("tasks " << i << ", " << j << ": " << tasks[i].size() << " x " << tasks[j].size());
            CHECK(w.lower <= exact.upper(i, j));
            CHECK(w.upper >= exact.lower(i, j));
            CHECK(w.gap() <= options.relative_gap * w.lower);
            CHECK(w.status != holdfast::status::not_converged);
            CHECK(got(j, i) == w);
        }
}

/// A machine whose blocks may ask for less shared memory, with clusters or without.
struct small_chip {
    small_chip(int bytes, bool clusters) {
        gpu_emulation::shared_per_block = bytes;
        holdfast::detail::emulation::clusters = clusters;
    }
    ~small_chip() {
        gpu_emulation::shared_per_block = 227 * 1024;
        holdfast::detail::emulation::clusters = true;
    }
    small_chip(const small_chip&) = delete;
    small_chip& operator=(const small_chip&) = delete;
};

}  // namespace

TEST_CASE("pairs on the chip: bounds that hold the exact distance, for every cost and odd sizes") {
    const measures tasks = clouds({1, 2, 7, 33, 20}, 5, 1);
    for (const transport::ground_cost& cost : std::vector<transport::ground_cost>{
             transport::cosine{}, transport::squared_euclidean{}, transport::euclidean{}})
        check_against_exact(tasks, {.cost = cost, .relative_gap = 0.02}, 0);
}

TEST_CASE("pairs on the chip: tiles of more than one, dimensions that are no multiple of sixteen") {
    check_against_exact(clouds({67, 65, 3}, 17, 2), {.relative_gap = 0.05}, 0);
}

TEST_CASE(
    "pairs on the chip: what does not fit, and what single precision cannot tell apart, is measured all the same") {
    measures tasks = clouds({6, 130, 9}, 4, 3);
    tasks.push_back(tasks[0]);  // distance 0: no relative gap above 0 is reached by bounds that differ
    tasks.push_back(clouds({120}, 4, 4)[0]);
    const small_chip here(24 * 1024, false);
    const auto got = transport::pairwise_cuda(tasks, {.relative_gap = 0.1});
    CHECK(got.on_chip == 8);
    CHECK(got.on_gpu == 1);   // some 110 x 100
    CHECK(got.on_host == 1);  // the equal ones
    CHECK(got.value(0, 3) == 0.0);
    CHECK(got.state(0, 3) == holdfast::status::exact);
    const auto exact = transport::wasserstein(tasks[1], tasks[4], {.relative_gap = 0});
    CHECK(got.lower(1, 4) <= exact.upper);
    CHECK(got.upper(1, 4) >= exact.lower);
    CHECK(got(1, 4).gap() <= 0.1 * got.lower(1, 4));
}

TEST_CASE("the CUDA engine makes costs from points: those of the host, as near as it says") {
    const measures tasks = clouds({70, 131}, 19, 7);
    const auto &a = tasks[0], &b = tasks[1];
    for (const transport::ground_cost& cost : std::vector<transport::ground_cost>{
             transport::cosine{}, transport::squared_euclidean{}, transport::euclidean{}}) {
        holdfast::matrix<double> host(a.size(), b.size());
        const auto x = transport::prepare<double>(a.points, cost), y = transport::prepare<double>(b.points, cost);
        for (std::size_t i = 0; i < a.size(); ++i)
            for (std::size_t j = 0; j < b.size(); ++j) {
                double s = 0;
                for (std::size_t k = 0; k < a.dimension(); ++k)
                    s += (x.points(i, k) - y.points(j, k)) * (x.points(i, k) - y.points(j, k));
                host(i, j) = cost.from_squared(s);
            }
        transport::plain_engine plain(host.view(), a.weights, b.weights);
        const auto facts = plain.summary();
        const auto check = [&](const auto& engine) {
            const double wrong = engine.quantisation();
            CHECK(wrong < 1e-3 * facts.greatest);
            CHECK(std::abs(engine.summary().mean - facts.mean) <= wrong);
            CHECK(std::abs(engine.summary().least - facts.least) <= wrong);
            CHECK(std::abs(engine.summary().greatest - facts.greatest) <= wrong);
            CHECK(engine.summary().deviation == Approx(facts.deviation).epsilon(1e-3));
            const std::vector<double> f(a.size(), 0.0), g(b.size(), 0.0);
            auto ef = engine.from_host(f), eg = engine.from_host(g);
            auto pf = plain.from_host(f), pg = plain.from_host(g);
            CHECK(std::abs(engine.c_transform(ef, eg) - plain.c_transform(pf, pg)) <= 4 * wrong);
        };
        check(transport::cuda_engine<float>(a, b, cost));
        check(transport::cuda_engine<std::uint16_t>(a, b, cost));
    }
    CHECK_REFUSES(transport::cuda_engine<float>(a, clouds({3}, 5, 1)[0], transport::cosine{}), "they have 19 and 5");
}

TEST_CASE("pairs on the chip: twice the same bits, whatever else is in the list") {
    const measures tasks = clouds({12, 9, 30}, 6, 5);
    const auto once = transport::pairwise_cuda(tasks), twice = transport::pairwise_cuda(tasks);
    for (std::size_t k = 0; k < once.lower.size(); ++k) {
        CHECK(std::memcmp(&once.lower.values()[k], &twice.lower.values()[k], sizeof(double)) == 0);
        CHECK(std::memcmp(&once.upper.values()[k], &twice.upper.values()[k], sizeof(double)) == 0);
    }
    const auto alone = transport::pairwise_cuda(std::span(tasks).first(2));
    CHECK(alone(0, 1) == once(0, 1));
    CHECK(transport::pairwise_cuda(std::span(tasks).first(1)).size() == 1);
    CHECK(transport::pairwise_cuda({}).size() == 0);
}

TEST_CASE(
    "pairs in clusters: bounds that hold the exact distance where a block's memory is too small, for every cost") {
    const measures tasks = clouds({90, 3, 70, 11, 1}, 6, 21);
    const small_chip here(12 * 1024, true);
    for (const transport::ground_cost& cost : std::vector<transport::ground_cost>{
             transport::cosine{}, transport::squared_euclidean{}, transport::euclidean{}}) {
        check_against_exact(tasks, {.cost = cost, .relative_gap = 0.03}, 0);
        const auto got = transport::pairwise_cuda(tasks, {.cost = cost, .relative_gap = 0.03}),
                   again = transport::pairwise_cuda(tasks, {.cost = cost, .relative_gap = 0.03});
        CHECK(got.in_clusters == 1);
        CHECK(got.on_chip == 9);
        CHECK(got(0, 2) == again(0, 2));
    }
}

TEST_CASE("large pairs: streamed where that is asked for, or where costs would take more than they may") {
    measures tasks = clouds({100, 3}, 40, 8);
    tasks.push_back(clouds({90}, 40, 9)[0]);
    const std::size_t bytes = 2 * tasks[0].size() * tasks[2].size();
    const small_chip here(16 * 1024, false);
    const auto check = [&](const transport::wasserstein_options& options, std::size_t on_gpu, std::size_t streamed) {
        const auto got = transport::pairwise_cuda(tasks, options);
        const auto exact = transport::wasserstein(tasks[0], tasks[2], {.cost = options.cost, .relative_gap = 0});
        CHECK(got.on_chip == 2);
        CHECK(got.on_gpu == on_gpu);
        CHECK(got.streamed == streamed);
        CHECK(got.lower(0, 2) <= exact.upper);
        CHECK(got.upper(0, 2) >= exact.lower);
        CHECK(got(0, 2).gap() <= options.relative_gap * got.lower(0, 2));
    };
    check({.relative_gap = 0.1, .storage = transport::storage::streamed}, 0, 1);
    check({.relative_gap = 0.1, .memory = bytes - 1}, 0, 1);
    check({.relative_gap = 0.1, .memory = bytes}, 1, 0);
    check({.relative_gap = 0.1, .storage = transport::storage::fixed16, .memory = 0}, 1, 0);
    check({.cost = transport::euclidean{}, .relative_gap = 0.1}, 1, 0);
}

TEST_CASE("pairs on the chip: bad input is refused in a sentence") {
    const measures tasks = clouds({3, 4}, 3, 6);
    CHECK_REFUSES((void)transport::pairwise_cuda(tasks, {.relative_gap = 0}), "Sinkhorn is never exact");
    CHECK_REFUSES((void)transport::pairwise_cuda(tasks, {.merge_within = 0.1}), "are pairwise's");
    const transport::ground_cost own(
        [](std::span<const double> x, std::span<const double> y) { return std::abs(x[0] - y[0]); });
    CHECK_REFUSES((void)transport::pairwise_cuda(tasks, {.cost = own}), "the cost must be cosine");
    const measures other{tasks[0], clouds({4}, 5, 6)[0]};
    CHECK_REFUSES((void)transport::pairwise_cuda(other), "task 0 has 3 and task 1 has 5");
}
