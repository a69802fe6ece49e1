#include <holdfast/scoring/lcs.hpp>

#include <holdfast/core/random.hpp>

#include "support/test.hpp"

namespace scoring = holdfast::scoring;
using ids = std::vector<std::uint32_t>;

namespace {

std::vector<std::vector<std::uint32_t>> textbook(const ids& a, const ids& b) {
    std::vector<std::vector<std::uint32_t>> table(a.size() + 1, std::vector<std::uint32_t>(b.size() + 1, 0));
    for (std::size_t i = 1; i <= a.size(); ++i)
        for (std::size_t j = 1; j <= b.size(); ++j)
            table[i][j] = a[i - 1] == b[j - 1] ? table[i - 1][j - 1] + 1 : std::max(table[i - 1][j], table[i][j - 1]);
    return table;
}

ids random_ids(holdfast::philox& g, std::size_t n, std::size_t alphabet) {
    ids out(n);
    for (auto& x : out) x = static_cast<std::uint32_t>(holdfast::uniform_index(g, alphabet));
    return out;
}

}  // namespace

TEST_CASE("the bit-parallel length equals the textbook table's, and the walk takes the same path") {
    holdfast::philox g{7};
    for (int round = 0; round < 600; ++round) {
        const std::size_t alphabet = 1 + holdfast::uniform_index(g, 1 + static_cast<std::size_t>(round) % 40);
        const std::size_t longest = round % 20 == 0 ? 600 : 140;
        const ids a = random_ids(g, holdfast::uniform_index(g, longest), alphabet);
        const ids b = random_ids(g, holdfast::uniform_index(g, longest), alphabet);
        const auto table = textbook(a, b);
        REQUIRE(scoring::lcs_length(a, b, alphabet) == table[a.size()][b.size()]);

        std::vector<std::pair<std::size_t, std::size_t>> walked, expected;
        scoring::lcs_walk(a, b, alphabet, [&](std::size_t i, std::size_t j) { walked.emplace_back(i, j); });
        for (std::size_t i = a.size(), j = b.size(); i > 0 && j > 0;) {
            if (a[i - 1] == b[j - 1])
                expected.emplace_back(--i, --j);
            else if (table[i - 1][j] > table[i][j - 1])
                --i;
            else
                --j;
        }
        REQUIRE(walked == expected);
    }
}

TEST_CASE("exact multiples of 64 columns are counted right") {
    for (const std::size_t n : {63u, 64u, 65u, 128u, 192u}) {
        ids a(n), b(n);
        for (std::size_t k = 0; k < n; ++k)
            a[k] = static_cast<std::uint32_t>(k), b[k] = static_cast<std::uint32_t>(n - 1 - k);
        CHECK(scoring::lcs_length(a, b, n) == 1);
        CHECK(scoring::lcs_length(a, a, n) == n);
        ids c = a;
        c.front() = static_cast<std::uint32_t>(n), c.back() = static_cast<std::uint32_t>(n);
        CHECK(scoring::lcs_length(a, c, n + 1) == n - 2);
    }
}

TEST_CASE("long sequences over a large alphabet, where masks are sparse and rows are redone in blocks") {
    holdfast::philox g{11};
    // 9000 x 8800 bits exceed what is kept at once, 4000 symbols x 138 words the dense masks.
    const ids a = random_ids(g, 9000, 4000);
    ids b = a;
    for (int k = 0; k < 3000; ++k)
        b[holdfast::uniform_index(g, b.size())] = static_cast<std::uint32_t>(holdfast::uniform_index(g, 4000));
    b.resize(8800);
    std::vector<std::uint32_t> above(b.size() + 1, 0), row(b.size() + 1, 0);
    for (std::size_t i = 1; i <= a.size(); ++i) {
        for (std::size_t j = 1; j <= b.size(); ++j)
            row[j] = a[i - 1] == b[j - 1] ? above[j - 1] + 1 : std::max(above[j], row[j - 1]);
        above.swap(row);
    }
    CHECK(scoring::lcs_length(a, b, 4000) == above.back());
    std::size_t pairs = 0, last_i = a.size(), last_j = b.size();
    bool in_order = true;
    scoring::lcs_walk(a, b, 4000, [&](std::size_t i, std::size_t j) {
        in_order = in_order && i < last_i && j < last_j && a[i] == b[j];
        last_i = i, last_j = j, ++pairs;
    });
    CHECK(in_order);
    CHECK(pairs == above.back());
}

TEST_CASE("every form of the length is that of the plain one, at every vector width") {
    namespace detail = scoring::detail;
    holdfast::philox g{13};
    const auto check = [&](std::size_t n, std::size_t m, std::size_t alphabet, bool alike) {
        const ids a = random_ids(g, n, alphabet);
        ids b = random_ids(g, m, alphabet);
        if (alike)
            for (std::size_t k = 0; k < std::min(n, m); ++k)
                if (holdfast::uniform_index(g, 4) != 0) b[k] = a[k];
        INFO(n << " rows, " << m << " columns, " << alphabet << " symbols");
        detail::lcs_memory plain;
        const std::size_t length = detail::lcs_plain(a, b, alphabet, plain);
        REQUIRE(scoring::lcs_length(a, b, alphabet) == length);
#if HOLDFAST_SCORING_VECTORS
        detail::wave_memory memory;
        const auto same = [&](auto form) {
            REQUIRE(form(a, b, alphabet, memory) == length);
            const auto zero = [](auto x) { return x == 0; };
            REQUIRE(std::all_of(memory.local.begin(), memory.local.end(), zero));
            REQUIRE(std::all_of(memory.table.begin(), memory.table.end(), zero));
            REQUIRE(form(a, b, alphabet, memory) == length);  // nothing of the last call is left
        };
        if (b.size() <= 256) same(detail::lcs_added);
        same(detail::lcs_sse2);
        const detail::simd_level level = detail::machine_level();
        if (level != detail::simd_level::baseline) same(detail::lcs_avx2);
        if (level == detail::simd_level::avx512) same(detail::lcs_avx512);
#endif
    };
    for (const std::size_t m :
         {1u, 63u, 64u, 65u, 128u, 200u, 256u, 257u, 511u, 512u, 513u, 1025u, 2048u, 2049u, 2600u})
        for (const std::size_t n : {1u, 7u, 64u, 300u, 1000u})
            check(n, m, 1 + holdfast::uniform_index(g, 1 + 2 * m), m % 2 == 0);
    for (int round = 0; round < 60; ++round)
        check(1 + holdfast::uniform_index(g, 700), 1 + holdfast::uniform_index(g, 2500),
              1 + holdfast::uniform_index(g, round % 2 == 0 ? 5 : 900), round % 3 != 0);
    check(5000, 4700, 1, false);
    check(5000, 4700, 3000, true);
}

TEST_CASE("empty sequences have an empty common subsequence") {
    const ids none, some{0, 1};
    CHECK(scoring::lcs_length(none, none, 0) == 0);
    CHECK(scoring::lcs_length(none, some, 2) == 0);
    CHECK(scoring::lcs_length(some, none, 2) == 0);
    scoring::lcs_walk(none, some, 2, [](std::size_t, std::size_t) { FAIL("nothing to visit"); });
}
