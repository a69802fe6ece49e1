// What the host decides for the kernels: tile maps, places in shared memory, cuts of long sums, workspaces, refusals.
#include <holdfast/kernels/detail/lora_plan.hpp>
#include <holdfast/kernels/detail/tile.hpp>

#include "support/test.hpp"

#include <set>
#include <vector>

namespace kernels = holdfast::kernels;
namespace detail = holdfast::kernels::detail;

TEST_CASE("the tile map covers every tile once, and neighbours in time are neighbours in space") {
    for (const int group : {1, 3, 8})
        for (int m = 1; m <= 20; ++m)
            for (int n = 1; n <= 9; ++n) {
                std::vector<int> seen(std::size_t(m * n));
                for (int block = 0; block < m * n; ++block) {
                    const auto t = detail::tile_of(block, m, n, group);
                    REQUIRE((t.m >= 0 && t.m < m && t.n >= 0 && t.n < n));
                    ++seen[std::size_t(t.m * n + t.n)];
                }
                REQUIRE(std::set<int>(seen.begin(), seen.end()) == std::set<int>{1});
            }
    const auto last_of_first_group = detail::tile_of(8 * 5 - 1, 100, 5, 8);
    CHECK((last_of_first_group.m == 7 && last_of_first_group.n == 4));
}

namespace {

template <int Chunks>
void check_swizzle() {
    const int rows = 64;
    std::set<int> places;
    for (int row = 0; row < rows; ++row)
        for (int chunk = 0; chunk < Chunks; ++chunk) places.insert(detail::swizzled<Chunks>(row, chunk));
    CHECK(places.size() == std::size_t(rows * Chunks));
    CHECK(*places.begin() == 0);
    CHECK(*places.rbegin() == rows * Chunks - 1);
    for (int row = 0; row < rows; row += 8)
        for (int chunk = 0; chunk < Chunks; ++chunk) {
            std::set<int> banks;  // the eight rows that one ldmatrix reads
            for (int i = 0; i < 8; ++i) banks.insert(detail::swizzled<Chunks>(row + i, chunk) % 8);
            CHECK(banks.size() == 8);
        }
}

}  // namespace

TEST_CASE("a shared tile is a permutation in which eight rows of a column never share a bank") {
    check_swizzle<2>();
    check_swizzle<4>();
    check_swizzle<8>();
    check_swizzle<16>();
}

TEST_CASE("a cut sum covers all of it, with no empty part") {
    for (const std::int64_t tiles : {1, 2, 7, 64, 255, 256, 5000})
        for (const std::int64_t depth : {0, 1, 63, 64, 65, 256, 257, 1000, 4096, 11008, 100000}) {
            const auto s = detail::split_sum(tiles, depth);
            const std::int64_t steps = (depth + detail::step_depth - 1) / detail::step_depth;
            REQUIRE(s.splits >= 1);
            REQUIRE(s.splits <= 32);
            REQUIRE(std::int64_t(s.splits) * s.steps >= steps);
            if (steps > 0) REQUIRE(std::int64_t(s.splits - 1) * s.steps < steps);
            if (s.splits > 1) REQUIRE(s.steps >= 4);
        }
    CHECK(detail::split_sum(1, 4096).splits == 16);
    CHECK(detail::split_sum(300, 4096).splits == 1);
}

TEST_CASE("the parts of a workspace lie on borders of 256 bytes, one after the other, and inside it") {
    for (const std::int64_t m : {1, 5, 64, 1000, 8191})
        for (const std::int64_t r : {1, 16, 65, 256}) {
            const kernels::lora_shape s{m, 4096, 11009, r};
            for (const bool keeps : {false, true}) {
                const auto f = detail::plan_forward(s, 2, true, keeps, keeps);
                const auto partial = std::size_t(detail::partial_size(m, r, f.shrink, false)) * 4;
                const std::size_t u = keeps ? 0 : std::size_t(m * detail::padded_rank(r)) * 2;
                const std::size_t mask = keeps ? 0 : std::size_t(m) * kernels::mask_words(4096) * 4;
                for (const auto at : {f.u, f.mask, f.partial}) CHECK(at % 256 == 0);
                CHECK(f.u + u <= f.mask);
                CHECK(f.mask + mask <= f.partial);
                CHECK(f.partial + partial <= f.bytes);
                CHECK(f.bytes < u + mask + partial + 3 * 256);
            }
            const auto b = detail::plan_backward(s, 2);
            CHECK(b.ds + std::size_t(m * detail::padded_rank(r)) * 2 <= b.partial);
            for (const auto& [rows, split] :
                 {std::pair{m, b.ds_split}, std::pair{s.in, b.a_split}, std::pair{s.out, b.b_split}})
                CHECK(b.partial + std::size_t(rows * r * split.splits) * 4 * (split.splits > 1) <= b.bytes);
        }
}

TEST_CASE("a shape that cannot be is named") {
    const auto words = [](kernels::lora_shape s) { return detail::in_words("f", detail::check_shape(s)); };
    CHECK(words({8, 8, 8, 8}).empty());
    CHECK(words({0, 1, 1, 256}).empty());
    CHECK(words({-1, 8, 8, 8}) == "f: tokens must not be negative, they are -1");
    CHECK(words({8, 0, 8, 8}) == "f: in must be at least 1, it is 0");
    CHECK(words({8, 8, 8, 0}) == "f: rank must be 1 to 256, it is 0");
    CHECK(words({8, 8, 8, 257}) == "f: rank must be 1 to 256, it is 257");
    CHECK(words({8, 8, 1LL << 31, 8}) == "f: out must be at most 2147482623, it is 2147483648");
    CHECK(words({1LL << 31, 8, 8, 8}) == "f: tokens must be at most 2147482623, it is 2147483648");
}
