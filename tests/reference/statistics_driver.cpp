// Answers statistics_parity.py: reads "NAME numbers..." lines, writes the result's numbers, one line each. Built by
// that script; no part of the test suite.
#include <holdfast/metrics/bootstrap.hpp>
#include <holdfast/metrics/multiple_testing.hpp>
#include <holdfast/metrics/permutation.hpp>
#include <holdfast/metrics/ranking.hpp>
#include <holdfast/metrics/significance.hpp>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iterator>
#include <map>
#include <string>
#include <vector>

namespace metrics = holdfast::metrics;
using numbers = std::vector<double>;

namespace {

numbers of(const metrics::interval& i) { return {i.lower, i.upper}; }
numbers of(const metrics::test_result& t) { return {t.statistic, t.p}; }
std::size_t count(double x) { return static_cast<std::size_t>(x); }
numbers first_half(const numbers& x) { return {x.begin(), x.begin() + static_cast<std::ptrdiff_t>(x.size() / 2)}; }
numbers second_half(const numbers& x) { return {x.begin() + static_cast<std::ptrdiff_t>(x.size() / 2), x.end()}; }

numbers friedman(const numbers& x) {  // methods, then the scores row by row
    const std::size_t methods = count(x[0]);
    const auto f =
        metrics::friedman(holdfast::matrix<double>((x.size() - 1) / methods, methods, numbers(x.begin() + 1, x.end())));
    return {f.chi_squared, f.p};
}

numbers bootstrap(const numbers& x, metrics::bootstrap_rule rule) {
    return of(metrics::bootstrap_mean(x, {.resamples = 20'000, .rule = rule}));
}

const std::map<std::string, std::function<numbers(const numbers&)>> functions{
    {"t_test", [](const numbers& x) { return of(metrics::t_test(x)); }},
    {"t_interval", [](const numbers& x) { return of(metrics::t_interval(x, .9)); }},
    {"sign_flip", [](const numbers& x) { return numbers{metrics::sign_flip(x).p}; }},
    {"wilcoxon_wilcox", [](const numbers& x) { return of(metrics::wilcoxon(x)); }},
    {"wilcoxon_pratt", [](const numbers& x) { return of(metrics::wilcoxon(x, {.zeros = metrics::zero_rule::pratt})); }},
    {"wilcoxon_zsplit",
     [](const numbers& x) { return of(metrics::wilcoxon(x, {.zeros = metrics::zero_rule::split})); }},
    {"kendall", [](const numbers& x) { return numbers{metrics::kendall(first_half(x), second_half(x))}; }},
    {"spearman", [](const numbers& x) { return numbers{metrics::spearman(first_half(x), second_half(x))}; }},
    {"friedman", friedman},
    {"holm", [](const numbers& x) { return metrics::holm(x); }},
    {"fdr_bh", [](const numbers& x) { return metrics::benjamini_hochberg(x); }},
    {"fdr_by", [](const numbers& x) { return metrics::benjamini_yekutieli(x); }},
    {"wilson", [](const numbers& x) { return of(metrics::wilson(count(x[0]), count(x[1]), .9)); }},
    {"beta", [](const numbers& x) { return of(metrics::clopper_pearson(count(x[0]), count(x[1]), .9)); }},
    {"jeffreys", [](const numbers& x) { return of(metrics::jeffreys(count(x[0]), count(x[1]), .9)); }},
    {"mcnemar", [](const numbers& x) { return numbers{metrics::mcnemar(count(x[0]), count(x[1])).p}; }},
    {"percentile", [](const numbers& x) { return bootstrap(x, metrics::bootstrap_rule::percentile); }},
    {"basic", [](const numbers& x) { return bootstrap(x, metrics::bootstrap_rule::basic); }},
    {"BCa", [](const numbers& x) { return bootstrap(x, metrics::bootstrap_rule::bca); }},
};

}  // namespace

int main() {
    std::string line;
    for (int c = std::getchar(); c != EOF; c = std::getchar()) {
        if (c != '\n') {
            line.push_back(static_cast<char>(c));
            continue;
        }
        const std::size_t space = line.find(' ');
        numbers x;
        for (const char* at = line.c_str() + space; *at != 0;) {
            char* end = nullptr;
            x.push_back(std::strtod(at, &end));
            at = end;
        }
        for (const double y : functions.at(line.substr(0, space))(x)) std::printf("%.17g ", y);
        std::printf("\n");
        line.clear();
    }
}
