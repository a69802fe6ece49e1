#include <holdfast/core/parallel.hpp>
#include <holdfast/core/random.hpp>
#include <holdfast/transport/all_pairs.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include "support/temporary_folder.hpp"
#include "support/test.hpp"

namespace transport = holdfast::transport;
using holdfast::certified;
using holdfast::matrix;
using holdfast::philox;

namespace {

using measure = transport::discrete_measure<float>;

std::vector<measure> some_tasks(std::size_t count) {
    philox g{71};
    std::vector<measure> tasks;
    for (std::size_t t = 0; t < count; ++t) {
        matrix<float> x(8 + 5 * t, 6);
        for (float& v : x.values()) v = float(holdfast::normal(g) + 0.3 * double(t));
        tasks.push_back(transport::measure(x));
    }
    return tasks;
}

}  // namespace

TEST_CASE("without a cache all pairs have pairwise's bits") {
    const auto tasks = some_tasks(5);
    const auto plain = transport::pairwise(std::span<const measure>(tasks));
    const auto all = transport::all_pairs(std::span<const measure>(tasks));
    CHECK(all.value == plain.value);
    CHECK(all.lower == plain.lower);
    CHECK(all.upper == plain.upper);
    CHECK(all.measured == 10);
    CHECK(all.remembered == 0);
    CHECK(transport::all_pairs(std::span<const measure>()).size() == 0);
    CHECK(transport::all_pairs(std::span<const measure>(tasks).first(1)).value == matrix<double>(1, 1));
}

TEST_CASE("a cache serves other orders and later runs, to the bit") {
    const holdfast_test::temporary_folder at;
    auto tasks = some_tasks(5);
    transport::all_pairs_result first;
    {
        transport::distance_cache cache(at.path());
        first = transport::all_pairs(std::span<const measure>(tasks), {}, {.cache = &cache});
        CHECK(first.measured == 10);
        CHECK(cache.size() == 10);
    }
    std::reverse(tasks.begin(), tasks.end());
    transport::distance_cache again(at.path()), empty;
    const auto second = transport::all_pairs(std::span<const measure>(tasks), {}, {.cache = &again});
    const auto afresh = transport::all_pairs(std::span<const measure>(tasks), {}, {.cache = &empty});
    CHECK(second.measured == 0);
    CHECK(second.remembered == 10);
    CHECK(afresh.measured == 10);
    CHECK(afresh.value == second.value);
    for (std::size_t i = 0; i < 5; ++i)
        for (std::size_t j = 0; j < 5; ++j) CHECK(second(i, j) == first(4 - i, 4 - j));
}

TEST_CASE("a key knows contents, weights, cost and accuracy, and nothing else") {
    const auto tasks = some_tasks(2);
    const auto a = transport::fingerprint_of(tasks[0]), b = transport::fingerprint_of(tasks[1]);
    const transport::wasserstein_options plain{};
    CHECK(a != b);
    CHECK(transport::distance_key(a, b, plain) == transport::distance_key(b, a, plain));
    for (const auto& other :
         {transport::wasserstein_options{.cost = transport::euclidean{}},
          transport::wasserstein_options{.storage = transport::storage::streamed},
          transport::wasserstein_options{.merge_within = 0.1}, transport::wasserstein_options{.relative_gap = 0},
          transport::wasserstein_options{.method = transport::solver::sinkhorn},
          transport::wasserstein_options{.simplex_limit = 1}, transport::wasserstein_options{.max_iterations = 1}})
        CHECK(transport::distance_key(a, b, other) != transport::distance_key(a, b, plain));
    auto heavier = tasks[0], moved = tasks[0];
    std::swap(heavier.points(0, 0), heavier.points(0, 1));
    moved.points(2, 3) += 1e-6f;
    CHECK(transport::fingerprint_of(heavier) != a);
    CHECK(transport::fingerprint_of(moved) != a);
    const transport::wasserstein_options own{
        .cost = [](std::span<const double>, std::span<const double>) { return 1.0; }};
    CHECK(!transport::distance_key(a, b, own));
    transport::distance_cache cache;
    CHECK(transport::all_pairs(std::span<const measure>(tasks), own, {.cache = &cache}).measured == 1);
    CHECK(cache.size() == 0);
}

TEST_CASE("a cache file that was torn or changed loses its bad lines alone") {
    const holdfast_test::temporary_folder at;
    const transport::fingerprint one{1, 2}, two{3, 4}, three{5, 6};
    {
        transport::distance_cache cache(at.path());
        cache.store(one, {0.5, 0.25, 0.75, holdfast::status::certified});
        cache.store(one, certified<double>::exactly(9));  // what was first stays
        cache.store(two, certified<double>::exactly(0.1));
    }
    std::string text;
    {
        std::ifstream in(at.path() / "distances");
        std::getline(in, text, '\0');
    }
    REQUIRE(text.size() == 2 * 119);
    text[119 + 40] = text[119 + 40] == '0' ? '1' : '0';                // inside the second record
    std::ofstream(at.path() / "distances") << text << "0123456789ab";  // and a third that was cut
    {
        transport::distance_cache cache(at.path());
        CHECK(cache.size() == 1);
        CHECK(cache.ignored() == 2);
        CHECK(cache.find(one) == certified<double>{0.5, 0.25, 0.75, holdfast::status::certified});
        CHECK(!cache.find(two));
        cache.store(three, certified<double>::exactly(3));
    }
    const transport::distance_cache cache(at.path());
    CHECK(cache.find(three) == certified<double>::exactly(3));
    CHECK(cache.size() == 2);
}

TEST_CASE("progress counts every pair once, on any number of threads") {
    const auto tasks = some_tasks(6);
    for (const unsigned threads : {1u, 4u}) {
        holdfast::set_threads(threads);
        std::vector<std::size_t> seen;
        const auto tell = [&](std::size_t done, std::size_t pairs) {
            CHECK(pairs == 15);
            seen.push_back(done);
        };
        CHECK(transport::all_pairs(std::span<const measure>(tasks), {}, {.progress = tell}).measured == 15);
        REQUIRE(seen.size() == 16);
        for (std::size_t k = 0; k < 16; ++k) CHECK(seen[k] == k);
    }
    holdfast::set_threads(0);
}

TEST_CASE("a distance of the user's fills the table, and is remembered by its name") {
    const auto tasks = some_tasks(4);
    transport::distance_cache cache;
    const auto sizes = [](const measure& a, const measure& b) {
        const double x = double(a.size()), y = double(b.size());
        return certified<double>::exactly(x > y ? x - y : y - x);
    };
    const auto table = transport::all_pairs_by(std::span<const measure>(tasks), sizes, "sizes", {.cache = &cache});
    CHECK(table.value(0, 3) == 15);
    CHECK(table.value(3, 0) == 15);
    CHECK(transport::all_pairs_by(std::span<const measure>(tasks), sizes, "sizes", {.cache = &cache}).remembered == 6);
    CHECK(transport::all_pairs_by(std::span<const measure>(tasks), sizes, "other", {.cache = &cache}).remembered == 0);
    CHECK(transport::all_pairs_by(std::span<const measure>(tasks), sizes, {}, {.cache = &cache}).measured == 6);
}

TEST_CASE("a cache says where it cannot be") {
    const holdfast_test::temporary_folder at;
    const auto file = at.write("file", "x");
    CHECK_MALFORMED(transport::distance_cache(file), "cannot be made a folder");
    CHECK_MALFORMED(transport::distance_cache(file / "deeper"), "cannot be made a folder");
    std::filesystem::create_directories(at.path() / "distances");
    CHECK_MALFORMED(transport::distance_cache(at.path()), "is a folder, not a file");
}
