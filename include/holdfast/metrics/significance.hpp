#pragma once
// How sure a number is: intervals for scores and for means over runs, exact tests, and a Bayesian comparison.
// The one header that needs Boost.Math (1.74 or newer). Builds on permutation.hpp, which it includes.
// Leaves out resampling (bootstrap.hpp), ranks of many methods (ranking.hpp), corrections (multiple_testing.hpp).

#if !__has_include(<boost/math/distributions/students_t.hpp>)
#error "holdfast/metrics/significance.hpp needs Boost.Math 1.74: install libboost-math-dev and link holdfast::math"
#endif

#include <holdfast/core/error.hpp>
#include <holdfast/metrics/accuracy_matrix.hpp>
#include <holdfast/metrics/permutation.hpp>
#include <holdfast/metrics/share_bounds.hpp>

#include <boost/math/distributions/beta.hpp>
#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/chi_squared.hpp>
#include <boost/math/distributions/fisher_f.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <ostream>
#include <span>
#include <string>

namespace holdfast::metrics {

/// An estimate and the interval around it that covers the truth with the stated confidence.
struct interval {
    double estimate = 0, lower = 0, upper = 0;
    double confidence = 0.95;
    std::size_t n = 0;     ///< runs or items behind it
    std::string method{};  ///< "t", "Wilson" ...

    [[nodiscard]] bool covers(double x) const { return lower <= x && x <= upper; }
    [[nodiscard]] double width() const { return upper - lower; }
};

/// "0.7150 [0.7037, 0.7263] (95 % t interval, n = 7)"
inline std::ostream& operator<<(std::ostream& out, const interval& i) {
    char text[128];
    std::snprintf(text, sizeof text, "%.4f [%.4f, %.4f] (%g %% ", i.estimate, i.lower, i.upper, 100 * i.confidence);
    return out << text + i.method + " interval, n = " + std::to_string(i.n) + ")";
}

namespace detail {

// The distributions that the other headers of this folder need, so that Boost stays in this one.
inline double normal_quantile(double p) { return boost::math::quantile(boost::math::normal(), p); }
inline double normal_cdf(double x) { return boost::math::cdf(boost::math::normal(), x); }
inline double students_t_quantile(double df, double p) { return boost::math::quantile(boost::math::students_t(df), p); }
inline double students_t_cdf(double df, double x) { return boost::math::cdf(boost::math::students_t(df), x); }
inline double chi_squared_tail(double df, double x) {
    return boost::math::cdf(boost::math::complement(boost::math::chi_squared(df), x));
}
inline double fisher_f_tail(double df1, double df2, double x) {
    return boost::math::cdf(boost::math::complement(boost::math::fisher_f(df1, df2), x));
}

inline void check_confidence(const char* function, double confidence) {
    require(confidence > 0 && confidence < 1, function, ": a confidence lies between 0 and 1 (0.95, not 95), got ",
            confidence);
}

inline void check_counts(const char* function, std::size_t successes, std::size_t trials) {
    require(trials > 0, function, ": needs at least one item, got none");
    require(successes <= trials, function, ": ", successes, " right of ", trials, " is not possible");
}

struct moments {
    double mean = 0, sd = 0;  // sd with n − 1
};

inline moments moments_of(std::span<const double> values) {
    moments m;
    for (double x : values) m.mean += x;
    m.mean /= static_cast<double>(values.size());
    for (double x : values) m.sd += (x - m.mean) * (x - m.mean);
    m.sd = std::sqrt(m.sd / (static_cast<double>(values.size()) - 1));
    return m;
}

}  // namespace detail

/// Confidence interval of a mean over runs (seeds, orders), by Student's t.
///
///     mean ± t_{n-1} · s / √n
///
/// @param values      one per run [n], n >= 2
/// @param confidence  0..1
/// @throw             invalid_argument if n < 2 (one run has no spread), or a value is not finite
[[nodiscard]] inline interval t_interval(std::span<const double> values, double confidence = 0.95) {
    constexpr auto function = "metrics::t_interval";
    detail::check_confidence(function, confidence);
    require(values.size() >= 2, function, ": one run has no spread, needs at least 2, got ", values.size());
    detail::check_finite(function, values);
    const auto m = detail::moments_of(values);
    const auto n = static_cast<double>(values.size());
    const double half = detail::students_t_quantile(n - 1, 0.5 + confidence / 2) * m.sd / std::sqrt(n);
    return {m.mean, m.mean - half, m.mean + half, confidence, values.size(), "t"};
}

/// Paired t test: is the mean of the differences 0, if they are normal?
/// @return  statistic: t, with n − 1 degrees of freedom; no smallest p
[[nodiscard]] inline test_result t_test(std::span<const double> differences) {
    constexpr auto function = "metrics::t_test";
    require(differences.size() >= 2, function, ": needs at least 2 pairs, got ", differences.size());
    detail::check_finite(function, differences);
    const auto m = detail::moments_of(differences);
    require(m.sd > 0, function, ": all differences are ", m.mean, ", t is not defined without spread");
    const auto n = static_cast<double>(differences.size());
    test_result t;
    t.name = "paired t test", t.n = differences.size();
    t.statistic = m.mean / (m.sd / std::sqrt(n));
    t.p = 2 * detail::students_t_cdf(n - 1, -std::abs(t.statistic));
    return t;
}
[[nodiscard]] inline test_result t_test(std::span<const double> a, std::span<const double> b) {
    return t_test(detail::differences("metrics::t_test", a, b));
}

/// Wilson's score interval of a share: good for few items and for shares near 0 or 1.
///
///     ( p + z²/2n ± z √( p(1−p)/n + z²/4n² ) ) / ( 1 + z²/n )
///
/// @param share  p in 0..1, an accuracy over n items; any mean of items in 0..1 gives a wider interval than it needs
/// @see          Wilson 1927
[[nodiscard]] inline interval wilson_share(double share, std::size_t n, double confidence = 0.95) {
    constexpr auto function = "metrics::wilson";
    detail::check_confidence(function, confidence);
    require(n > 0, function, ": needs at least one item, got none");
    require(share >= 0 && share <= 1, function, ": a share lies in 0..1, got ", share);
    const auto [lower, upper] =
        detail::wilson_bounds(share, static_cast<double>(n), detail::normal_quantile(0.5 + confidence / 2));
    return {share, lower, upper, confidence, n, "Wilson"};
}

/// Wilson's interval from counts.
/// @param successes, trials  items right, of all
[[nodiscard]] inline interval wilson(std::size_t successes, std::size_t trials, double confidence = 0.95) {
    detail::check_counts("metrics::wilson", successes, trials);
    return wilson_share(static_cast<double>(successes) / static_cast<double>(trials), trials, confidence);
}

/// Clopper-Pearson interval of a share: covers at least as often as it says, so it is wide ("exact").
/// @see  Clopper & Pearson 1934
[[nodiscard]] inline interval clopper_pearson(std::size_t successes, std::size_t trials, double confidence = 0.95) {
    constexpr auto function = "metrics::clopper_pearson";
    detail::check_confidence(function, confidence);
    detail::check_counts(function, successes, trials);
    using binomial = boost::math::binomial_distribution<double>;
    const auto k = static_cast<double>(successes), n = static_cast<double>(trials);
    const double side = (1 - confidence) / 2;
    return {k / n,
            successes == 0 ? 0 : binomial::find_lower_bound_on_p(n, k, side),
            successes == trials ? 1 : binomial::find_upper_bound_on_p(n, k, side),
            confidence,
            trials,
            "Clopper-Pearson"};
}

/// Jeffreys' interval of a share: Bayesian with the prior Beta(1/2, 1/2); 0 and 1 are closed at the ends.
/// @see  Brown, Cai & DasGupta 2001
[[nodiscard]] inline interval jeffreys(std::size_t successes, std::size_t trials, double confidence = 0.95) {
    constexpr auto function = "metrics::jeffreys";
    detail::check_confidence(function, confidence);
    detail::check_counts(function, successes, trials);
    const auto k = static_cast<double>(successes), n = static_cast<double>(trials);
    const boost::math::beta_distribution<double> posterior(k + 0.5, n - k + 0.5);
    const double side = (1 - confidence) / 2;
    return {k / n,
            successes == 0 ? 0 : boost::math::quantile(posterior, side),
            successes == trials ? 1 : boost::math::quantile(boost::math::complement(posterior, side)),
            confidence,
            trials,
            "Jeffreys"};
}

/// Wilson's interval around one cell of the matrix, in the task's own unit; its size must be known.
/// For a task scored right or wrong per item. For a graded score (ROUGE-L ...) it is wider than it needs to be.
[[nodiscard]] inline interval score_interval(const accuracy_matrix& r, std::size_t stage, std::size_t task,
                                             double confidence = 0.95) {
    constexpr auto function = "metrics::score_interval";
    const double x = r(stage, task);
    const auto& traits = r.traits()[task];
    require(!std::isnan(x), function, ": the score of task ", task, " (", r.names()[task], ") after stage ", stage,
            " was not evaluated");
    require(traits.size > 0, function, ": needs the number of test items of task ", task, " (", r.names()[task],
            "), say it in task_traits::size");
    require(x >= 0 && x <= traits.scale, function, ": the score of task ", task, " (", r.names()[task],
            ") must lie in 0..", traits.scale, ", its scale, it is ", x);
    auto i = wilson_share(x / traits.scale, traits.size, confidence);
    i.estimate = x, i.lower *= traits.scale, i.upper *= traits.scale;
    return i;
}

/// McNemar's exact test: two models on the same items, of which only those that one alone gets right tell anything.
///
///     p = 2 · P( Binomial(b + c, 1/2) <= min(b, c) ), at most 1
///
/// @param only_a, only_b  items that only the first, only the second got right
/// @return                statistic: the smaller count; n: only_a + only_b
/// @see                   McNemar 1947
[[nodiscard]] inline test_result mcnemar(std::size_t only_a, std::size_t only_b) {
    test_result t;
    t.name = "exact McNemar test", t.n = only_a + only_b;
    t.statistic = static_cast<double>(std::min(only_a, only_b));
    t.smallest_p = std::min(1.0, std::ldexp(2.0, -static_cast<int>(std::min<std::size_t>(t.n, 1000))));
    if (t.n > 0)
        t.p = std::min(1.0, 2 * boost::math::cdf(boost::math::binomial(static_cast<double>(t.n), 0.5), t.statistic));
    return t;
}

/// McNemar's test from item scores: an item is right where its score is at least one half.
/// @param a, b  [n], the same items in the same order
[[nodiscard]] inline test_result mcnemar(std::span<const double> a, std::span<const double> b) {
    constexpr auto function = "metrics::mcnemar";
    require(a.size() == b.size(), function, ": needs the same items on either side, got ", a.size(), " and ", b.size());
    detail::check_finite(function, a);
    detail::check_finite(function, b);
    std::size_t only_a = 0, only_b = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        only_a += a[i] >= 0.5 && b[i] < 0.5;
        only_b += b[i] >= 0.5 && a[i] < 0.5;
    }
    return mcnemar(only_a, only_b);
}

/// How likely a difference lies below, in, or above a region of practical equivalence (ROPE).
struct rope_result {
    double below = 0, inside = 0, above = 0;
};

/// Bayesian correlated t test: P(difference < −rope), in it, and > rope, where runs share data.
///
///     difference ~ t_{n-1}( mean, √( (1/n + ρ/(1−ρ)) s² ) )
///
/// @param differences  d [n], n >= 2
/// @param rope         half the width of what counts as equal, >= 0, in the unit of d
/// @param correlation  ρ in 0..1: the share of test data that runs have in common (1/k for k-fold)
/// @see                Corani & Benavoli 2015; Benavoli et al. 2017
[[nodiscard]] inline rope_result correlated_t(std::span<const double> differences, double rope, double correlation) {
    constexpr auto function = "metrics::correlated_t";
    require(differences.size() >= 2, function, ": needs at least 2 differences, got ", differences.size());
    require(rope >= 0, function, ": a region of equivalence has a width of at least 0, got ", rope);
    require(correlation >= 0 && correlation < 1, function, ": a correlation lies in 0..1, 1 left out, got ",
            correlation);
    detail::check_finite(function, differences);
    const auto m = detail::moments_of(differences);
    const auto n = static_cast<double>(differences.size());
    const double scale = m.sd * std::sqrt(1 / n + correlation / (1 - correlation));
    require(scale > 0, function, ": all differences are ", m.mean, ", nothing to infer a spread from");
    rope_result r;
    r.below = detail::students_t_cdf(n - 1, (-rope - m.mean) / scale);
    r.above = detail::students_t_cdf(n - 1, (m.mean - rope) / scale);
    r.inside = std::max(0.0, 1 - r.below - r.above);
    return r;
}

}  // namespace holdfast::metrics
