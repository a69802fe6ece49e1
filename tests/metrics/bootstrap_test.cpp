#include <holdfast/metrics/bootstrap.hpp>

#include "support/test.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace metrics = holdfast::metrics;
using metrics::bootstrap_rule;

namespace {

const std::vector<double> runs{.715, .702, .731, .698, .722, .709, .740};

double mean(std::span<const double> x) {
    double sum = 0;
    for (double v : x) sum += v;
    return sum / static_cast<double>(x.size());
}

double median(std::span<const double> x) {
    std::vector<double> v(x.begin(), x.end());
    std::sort(v.begin(), v.end());
    return v[v.size() / 2];
}

}  // namespace

TEST_CASE("of three values, the bootstrap distribution of the mean is known, and found") {
    // {0, 0, 3}: the sum has 3·Binomial(3, 1/3), so the mean is 0, 1, 2, 3 with 8, 12, 6, 1 of 27
    const std::vector<double> x{0, 0, 3};
    const auto at = [&](double confidence) {
        return metrics::bootstrap_mean(x, {.confidence = confidence, .rule = bootstrap_rule::percentile});
    };
    CHECK(at(.95).lower == 0);  // 2.5 % < 8/27
    CHECK(at(.95).upper == 3);  // 1/27 = 3.7 % above 2
    CHECK(at(.9).upper == 2);   // 5 % > 3.7 %
    CHECK(at(.3).lower == 1);   // 35 % > 8/27
    CHECK(at(.3).upper == 1);   // 65 % < 20/27
    const auto basic = metrics::bootstrap_mean(x, {.rule = bootstrap_rule::basic});
    CHECK(basic.lower == 2 * 1 - 3);
    CHECK(basic.upper == 2 * 1 - 0);
}

TEST_CASE("the mean's own path equals the general one") {
    const auto rule = GENERATE(bootstrap_rule::percentile, bootstrap_rule::basic, bootstrap_rule::bca);
    const metrics::bootstrap_options o{.resamples = 500, .rule = rule, .seed = 3};
    const auto a = metrics::bootstrap_mean(runs, o), b = metrics::bootstrap(runs, mean, o);
    CHECK(a.lower == Approx(b.lower).margin(1e-12));
    CHECK(a.upper == Approx(b.upper).margin(1e-12));
    CHECK(a.estimate == Approx(b.estimate));
}

TEST_CASE("an interval is the same for any number of threads, another for another seed") {
    const unsigned before = holdfast::threads();
    holdfast::set_threads(1);
    const auto one = metrics::bootstrap(runs, median, {.resamples = 1000});
    const auto one_mean = metrics::bootstrap_mean(runs, {.resamples = 1000});
    holdfast::set_threads(3);
    const auto three = metrics::bootstrap(runs, median, {.resamples = 1000});
    CHECK(one.lower == three.lower);
    CHECK(one.upper == three.upper);
    CHECK(metrics::bootstrap_mean(runs, {.resamples = 1000}).lower == one_mean.lower);
    CHECK(metrics::bootstrap_mean(runs, {.resamples = 1000, .seed = 1}).lower != one_mean.lower);
    holdfast::set_threads(before);
}

TEST_CASE("for many symmetric values all three rules and the t interval agree") {
    holdfast::philox g(1);
    std::vector<double> x(400);
    for (double& v : x) v = holdfast::normal(g);
    const auto t = metrics::t_interval(x);
    for (const auto rule : {bootstrap_rule::percentile, bootstrap_rule::basic, bootstrap_rule::bca}) {
        const auto i = metrics::bootstrap_mean(x, {.rule = rule});
        CHECK(i.lower == Approx(t.lower).margin(0.1 * t.width()));
        CHECK(i.upper == Approx(t.upper).margin(0.1 * t.width()));
    }
}

TEST_CASE("BCa leans towards the long tail of a skewed sample") {
    holdfast::philox g(2);
    std::vector<double> x(30);
    for (double& v : x) v = holdfast::exponential(g);
    const auto p = metrics::bootstrap_mean(x, {.rule = bootstrap_rule::percentile});
    const auto b = metrics::bootstrap_mean(x, {.rule = bootstrap_rule::bca});
    CHECK(b.lower > p.lower);
    CHECK(b.upper > p.upper);
    CHECK(b.method == "BCa bootstrap");
}

TEST_CASE("the intervals move and scale with the values") {
    std::vector<double> y;
    for (double v : runs) y.push_back(100 * v + 7);
    const auto a = metrics::bootstrap_mean(runs), b = metrics::bootstrap_mean(y);
    CHECK(b.lower == Approx(100 * a.lower + 7));
    CHECK(b.upper == Approx(100 * a.upper + 7));
}

TEST_CASE("equal values have an interval without width") {
    const std::vector<double> same(5, .25);
    const auto i = metrics::bootstrap_mean(same);
    CHECK(i.lower == .25);
    CHECK(i.upper == .25);
}

TEST_CASE("groups resampled on both levels keep the spread between them") {
    // items within a group agree, groups do not: the width must come from the groups
    const std::vector<std::vector<double>> groups{std::vector<double>(50, .2), std::vector<double>(50, .5),
                                                  std::vector<double>(50, .8), std::vector<double>(50, .5)};
    std::vector<double> flat;
    for (const auto& g : groups) flat.insert(flat.end(), g.begin(), g.end());
    const auto nested = metrics::bootstrap_groups(groups), naive = metrics::bootstrap_mean(flat);
    CHECK(nested.estimate == Approx(.5));
    CHECK(nested.width() > 4 * naive.width());
    CHECK(nested.n == 200);
}

TEST_CASE("the bootstrap refuses what cannot be resampled") {
    const std::vector<double> one{.5}, nan{.5, std::nan("")};
    CHECK_REFUSES(metrics::bootstrap_mean(one),
                  "metrics::bootstrap_mean: one value has no spread, needs at least 2, got 1");
    CHECK_REFUSES(metrics::bootstrap(one, mean), "metrics::bootstrap: one value has no spread");
    CHECK_REFUSES(metrics::bootstrap_mean(nan), "value 1 must be finite");
    CHECK_REFUSES(metrics::bootstrap_mean(runs, {.confidence = .99, .resamples = 100}),
                  "100 resamples are too few for a confidence of 0.99");
    const std::vector<std::vector<double>> groups{{.5}, {}};
    CHECK_REFUSES(metrics::bootstrap_groups(groups), "metrics::bootstrap_groups: group 1 has no values");
}

TEST_CASE("the draws are the generator's words scaled to n, each index as likely as the other, at every vector width") {
    namespace detail = metrics::detail;
    for (const std::uint64_t n : {1u, 2u, 3u, 7u, 64u, 10'000u, 3'000'000'000u, 4'294'967'295u}) {
        const std::uint64_t seed = 0x123456789abcdefu, stream = 0xfedcba9876543210u,
                            reject = (std::uint64_t{1} << 32) % n;
        for (const std::uint64_t first : {0u, 16u, 0xfffffff0u}) {
            std::vector<std::uint64_t> expected;
            for (std::uint64_t i = 0; i < 4; ++i)
                for (std::uint64_t c = 0; c < 32; ++c) {
                    holdfast::philox g(seed, stream);
                    g.discard(4 * (first + c) + i);
                    const std::uint64_t product = g() * n;
                    if (product % (std::uint64_t{1} << 32) >= reject) expected.push_back(product >> 32);
                }
            const detail::draw_problem p{seed, stream, n, reject};
            detail::draw_block block;
            const auto check = [&] {
                CHECK(std::vector<std::uint64_t>(block.index.begin(),
                                                 block.index.begin() + static_cast<std::ptrdiff_t>(block.count)) ==
                      expected);
            };
            detail::draw_plain(p, first, block);
            check();
#if HOLDFAST_X86_LEVELS
            if (detail::draw_sse2(p, first, block)) check();
            if (__builtin_cpu_supports("avx2") && detail::draw_avx2(p, first, block)) check();
            if (__builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
                __builtin_cpu_supports("avx512vl") && detail::draw_avx512(p, first, block))
                check();
            CHECK(detail::draw_sse2(p, first, block) == (expected.size() == 128));
#endif
        }
    }
    std::vector<std::size_t> times(10);
    std::size_t drawn = 0;
    for (std::uint64_t stream = 0; stream < 1000; ++stream)
        detail::each_draw(5, stream, 10, [&](std::span<const std::uint64_t> index) {
            drawn += index.size();
            for (const std::uint64_t k : index) ++times.at(k);
        });
    CHECK(drawn == 10'000);
    double chi_squared = 0;
    for (const std::size_t t : times)
        chi_squared += (static_cast<double>(t) - 1000) * (static_cast<double>(t) - 1000) / 1000;
    CHECK(chi_squared < 27.9);  // 9 degrees of freedom, 0.1 %
}

TEST_CASE("the sum of a resample has the bits of the plain loop, rejected words or not") {
    namespace detail = metrics::detail;
    for (const std::size_t n : {1u, 2u, 7u, 8u, 127u, 128u, 129u, 255u, 256u, 1000u, 10'000u, 1'500'007u}) {
        const std::uint64_t reject_below = (std::uint64_t{1} << 32) % n;
        std::vector<double> values(n);
        for (std::size_t k = 0; k < n; ++k)
            values[k] = std::ldexp(std::sin(static_cast<double>(k)), static_cast<int>(k % 40));
        for (std::uint64_t stream = 0; stream < (n > 100'000 ? 2 : 50); ++stream) {
            const detail::draw_problem p{7 * stream + 3, stream << 20, n, reject_below};
            std::array<double, 8> part{};
            detail::draw_block block;
            std::size_t rejected = 0;
            for (std::size_t left = n, first = 0; left > 0; first += 32) {
                detail::draw_plain(p, first, block);
                rejected += 128 - block.count;
                for (std::size_t k = 0; k < block.count && left > 0; ++k, --left) part[k % 8] += values[block.index[k]];
            }
            const double sum =
                ((part[0] + part[1]) + (part[2] + part[3])) + ((part[4] + part[5]) + (part[6] + part[7]));
            REQUIRE(detail::resampled_sum(values, p.seed, p.stream) == sum);
            if (n > 1'000'000) CHECK(rejected > 100);
        }
    }
}

TEST_CASE("a statistic of sums has the interval of the same statistic of the items") {
    const auto rule = GENERATE(bootstrap_rule::percentile, bootstrap_rule::bca);
    const metrics::bootstrap_options o{.resamples = 500, .rule = rule, .seed = 3};
    holdfast::matrix<double> numbers(runs.size(), 2);
    std::vector<double> rows;
    for (std::size_t i = 0; i < runs.size(); ++i) {
        numbers(i, 0) = runs[i], numbers(i, 1) = static_cast<double>(i + 1);
        rows.push_back(static_cast<double>(i));
    }
    const auto ratio = [](std::span<const double> sums, std::size_t) { return sums[0] / sums[1]; };
    const auto sums = metrics::bootstrap_sums(numbers.view(), ratio, o);
    const auto items = metrics::bootstrap(
        rows,
        [&](std::span<const double> drawn) {
            double above = 0, below = 0;
            for (const double row : drawn) above += runs[static_cast<std::size_t>(row)], below += row + 1;
            return above / below;
        },
        o);
    CHECK(sums.estimate == Approx(items.estimate));
    CHECK(sums.lower == Approx(items.lower));
    CHECK(sums.upper == Approx(items.upper));
    CHECK(sums.n == runs.size());
    CHECK_REFUSES(metrics::bootstrap_sums(holdfast::matrix<double>(1, 2).view(), ratio), "needs at least 2");
}
