#include "support/test.hpp"

#include <holdfast/core/parallel.hpp>
#include <holdfast/core/random.hpp>

#include <atomic>
#include <numeric>
#include <stdexcept>
#include <thread>
#include <vector>

namespace {

struct with_threads {  // leaves the pool as it found it
    explicit with_threads(unsigned n) : before(holdfast::threads()) { holdfast::set_threads(n); }
    ~with_threads() { holdfast::set_threads(before); }
    unsigned before;
};

}  // namespace

TEST_CASE("every index is visited once, whatever the grain and the threads") {
    for (const unsigned threads : {1u, 2u, 5u}) {
        const with_threads pool(threads);
        for (const std::size_t n : {0u, 1u, 2u, 7u, 1000u})
            for (const std::size_t grain : {0u, 1u, 3u, 5000u}) {
                std::vector<int> visits(n, 0);
                holdfast::parallel_for(
                    n, [&](std::size_t i) { ++visits[i]; }, grain);
                CHECK(visits == std::vector<int>(n, 1));
            }
    }
}

TEST_CASE("chunks depend on the size and the grain alone") {
    const with_threads pool(3);
    std::vector<std::size_t> begins(4), ends(4);
    holdfast::parallel_chunks(10, 3, [&](std::size_t begin, std::size_t end, std::size_t chunk) {
        begins[chunk] = begin;
        ends[chunk] = end;
    });
    CHECK(begins == std::vector<std::size_t>{0, 3, 6, 9});
    CHECK(ends == std::vector<std::size_t>{3, 6, 9, 10});
}

TEST_CASE("a parallel sum has the same bits on any number of threads") {
    std::vector<double> values(10007);
    holdfast::philox g{1};
    for (double& v : values) v = holdfast::normal(g);
    const auto sum = [&] {
        return holdfast::parallel_reduce(
            values.size(), 64, 0.0,
            [&](std::size_t begin, std::size_t end) {
                double s = 0;
                for (; begin < end; ++begin) s += values[begin];
                return s;
            },
            [](double a, double b) { return a + b; });
    };
    const with_threads one(1);
    const double expected = sum();
    for (const unsigned threads : {2u, 3u, 8u}) {
        holdfast::set_threads(threads);
        CHECK(sum() == expected);
    }
    CHECK(holdfast::parallel_reduce(
              0, 1, 5, [](std::size_t, std::size_t) { return 1; }, [](int a, int b) { return a + b; }) == 5);
}

TEST_CASE("a loop that is not worth waking anyone for runs where it is, and gives the same") {
    const with_threads pool(3);
    const auto here = std::this_thread::get_id();
    for (const double nanoseconds : {0.0, 1000.0, 1e6}) {
        std::vector<int> visits(1000, 0);
        std::atomic<int> elsewhere{0}, astray{0};
        holdfast::parallel_chunks(visits.size(), 7, holdfast::about{nanoseconds},
                                  [&](std::size_t begin, std::size_t end, std::size_t chunk) {
                                      if (begin != 7 * chunk) ++astray;
                                      for (; begin < end; ++begin) ++visits[begin];
                                      if (std::this_thread::get_id() != here) ++elsewhere;
                                  });
        CHECK(visits == std::vector<int>(1000, 1));
        CHECK(astray == 0);
        if (nanoseconds < holdfast::about::worth_waking) CHECK(elsewhere == 0);
    }
}

TEST_CASE("the error of the first chunk that failed is the one that is thrown") {
    const with_threads pool(4);
    for (int repeat = 0; repeat < 20; ++repeat) {
        std::atomic<int> ran{0};
        CHECK_THROWS_WITH(holdfast::parallel_for(100,
                                                 [&](std::size_t i) {
                                                     ++ran;
                                                     if (i % 10 == 3) throw std::runtime_error(std::to_string(i));
                                                 }),
                          "3");
        CHECK(ran >= 4);
    }
    int after = 0;
    holdfast::parallel_for(1, [&](std::size_t) { ++after; });
    CHECK(after == 1);
}

TEST_CASE("a loop inside a loop, and loops of several threads, all finish") {
    const with_threads pool(3);
    std::atomic<int> count{0};
    holdfast::parallel_for(8, [&](std::size_t) { holdfast::parallel_for(8, [&](std::size_t) { ++count; }); });
    CHECK(count == 64);
    std::vector<std::thread> callers;
    for (int t = 0; t < 4; ++t)
        callers.emplace_back([&] {
            for (int i = 0; i < 50; ++i) holdfast::parallel_for(16, [&](std::size_t) { ++count; });
        });
    for (auto& caller : callers) caller.join();
    CHECK(count == 64 + 4 * 50 * 16);
}
