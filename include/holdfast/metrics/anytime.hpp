#pragma once
// Metrics of scores measured often, every few training steps and not once per stage: what a model was worth on the way,
// how deep it fell after a task switch, how fast it learned. Builds on matrix.hpp and options.hpp.
// Leaves out the measuring; a curve is a span of scores in the order they were measured.

#include <holdfast/core/error.hpp>
#include <holdfast/core/matrix.hpp>
#include <holdfast/metrics/options.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <deque>
#include <span>
#include <vector>

namespace holdfast::metrics {

namespace detail {

inline void check_curve(const char* function, std::span<const double> curve, std::size_t least) {
    require(curve.size() >= least, function, ": needs at least ", least, least == 1 ? " score" : " scores", ", got ",
            curve.size());
    for (std::size_t i = 0; i < curve.size(); ++i)
        require(std::isfinite(curve[i]), function, ": score ", i, " must be finite, it is ", curve[i]);
}

}  // namespace detail

enum class area_rule {
    trapezoid,  ///< straight lines between the scores
    step,       ///< each score holds until the next is measured
};

/// Anytime score (A_AUC): the mean height of the curve over what was spent to get there.
///
///     1/(x_n − x_0) · ∫ A(x) dx
///
/// @param x      samples, steps or floating point operations spent [n], ascending
/// @param score  A [n], n >= 2
/// @see          Koh et al. 2022 (i-Blurry), arXiv:2110.10031, which has steps
[[nodiscard]] inline double anytime_score(std::span<const double> x, std::span<const double> score,
                                          area_rule rule = area_rule::trapezoid) {
    constexpr auto function = "metrics::anytime_score";
    detail::check_curve(function, score, 2);
    require(x.size() == score.size(), function, ": needs a place for each score, got ", x.size(), " for ",
            score.size());
    double area = 0;
    for (std::size_t i = 1; i < x.size(); ++i) {
        require(x[i] > x[i - 1], function, ": places must ascend, place ", i, " is ", x[i], " after ", x[i - 1]);
        area += (x[i] - x[i - 1]) * (rule == area_rule::step ? score[i - 1] : (score[i - 1] + score[i]) / 2);
    }
    return area / (x.back() - x.front());
}

/// Learning curve area (LCA): the mean score over the first β + 1 batches of each task, the zero-shot one included.
///
///     LCA_β = 1/(β+1) · Σ_{b<=β} 1/T · Σ_j A[j][b]
///
/// @param curves  A [T, batches]: row j holds task j's score before its batch 0, 1, ...; at least β + 1 of them
/// @see           Chaudhry et al. 2019 (A-GEM), arXiv:1812.00420
template <matrix_like M>
[[nodiscard]] result learning_curve_area(const M& curves, std::size_t beta = 10) {
    constexpr auto function = "metrics::learning_curve_area";
    const auto v = holdfast::view(curves);
    require(v.rows() > 0 && v.cols() > beta, function, ": needs at least one task and ", beta + 1, " batches, got ",
            v.rows(), " and ", v.cols());
    detail::mean m;
    for (std::size_t j = 0; j < v.rows(); ++j)
        for (std::size_t b = 0; b <= beta; ++b) {
            const auto x = static_cast<double>(v(j, b));
            require(std::isfinite(x), function, ": the score of task ", j, " before batch ", b, " was not evaluated");
            m.add(x);
        }
    auto r = m.over("LCA", sentence("mean over tasks and the first ", beta + 1, " batches"), v.rows(), 1);
    r.tasks = v.rows();
    return r;
}

/// The largest fall within any `window` successive scores (windowed forgetting WF^w of one task); 0 if it never falls.
///
///     max_{m < n < m + w} A_m − A_n
///
/// @param curve   [n], n >= 1
/// @param window  w >= 2 scores, both ends included
/// @cost          O(n)
/// @see           De Lange et al. 2023, arXiv:2205.13452; average over tasks for WF
[[nodiscard]] inline double largest_fall(std::span<const double> curve, std::size_t window) {
    constexpr auto function = "metrics::largest_fall";
    detail::check_curve(function, curve, 1);
    require(window >= 2, function, ": a window holds at least 2 scores, got ", window);
    std::deque<std::size_t> peaks;  // falling scores of the window, the highest in front
    double fall = 0;
    for (std::size_t n = 0; n < curve.size(); ++n) {
        if (!peaks.empty() && peaks.front() + window <= n) peaks.pop_front();
        if (!peaks.empty()) fall = std::max(fall, curve[peaks.front()] - curve[n]);
        while (!peaks.empty() && curve[peaks.back()] <= curve[n]) peaks.pop_back();
        peaks.push_back(n);
    }
    return fall;
}

/// The largest rise within any `window` successive scores (windowed plasticity WP^w of one task); 0 if it never rises.
[[nodiscard]] inline double largest_rise(std::span<const double> curve, std::size_t window) {
    constexpr auto function = "metrics::largest_rise";
    detail::check_curve(function, curve, 1);
    require(window >= 2, function, ": a window holds at least 2 scores, got ", window);
    std::vector<double> mirrored(curve.begin(), curve.end());
    for (double& x : mirrored) x = -x;
    return largest_fall(mirrored, window);
}

/// What happens to an old task right after a switch: models often fall first and recover, unseen by scores per stage.
struct stability_gap_result {
    double depth = 0;          ///< level before the switch less the lowest score after it; below zero if it only rose
    std::size_t lowest = 0;    ///< where that is, in scores after the switch
    bool recovered = false;    ///< whether it came back to the level
    std::size_t recovery = 0;  ///< scores after the switch until it was back; meaningless if it did not recover
};

/// The stability gap of one task at one switch.
/// @param curve      scores [n] of the old task; curve[change - 1] is the last before the switch
/// @param change     where the new task begins, 1 <= change < n
/// @param tolerance  how far below the level still counts as recovered, >= 0
/// @see              De Lange et al. 2023, arXiv:2205.13452
[[nodiscard]] inline stability_gap_result stability_gap(std::span<const double> curve, std::size_t change,
                                                        double tolerance = 0) {
    constexpr auto function = "metrics::stability_gap";
    detail::check_curve(function, curve, 2);
    require(change >= 1 && change < curve.size(), function, ": the switch lies at 1..", curve.size() - 1, ", got ",
            change);
    require(tolerance >= 0, function, ": a tolerance is at least 0, got ", tolerance);
    const double level = curve[change - 1];
    const auto after = curve.subspan(change);
    const auto low = std::min_element(after.begin(), after.end());
    stability_gap_result g;
    g.depth = level - *low;
    g.lowest = static_cast<std::size_t>(low - after.begin());
    for (std::size_t n = g.depth > tolerance ? g.lowest : 0; n < after.size() && !g.recovered; ++n)
        if (after[n] >= level - tolerance) g.recovered = true, g.recovery = n;
    return g;
}

/// Forward transfer of learning curves (Continual World): the area gained over learning alone, of what could be gained.
///
///     FT = 1/T · Σ_j ( a_j − b_j ) / ( 1 − b_j )
///
/// @param area       a [T]: anytime_score of each task while it is learned in the stream, in 0..1
/// @param reference  b [T]: the same when it is learned alone, in 0..1, below 1
/// @see              Wołczyk et al. 2021, arXiv:2105.10919
[[nodiscard]] inline result forward_transfer_area(std::span<const double> area, std::span<const double> reference) {
    constexpr auto function = "metrics::forward_transfer_area";
    detail::check_curve(function, area, 1);
    require(area.size() == reference.size(), function, ": needs a reference for each of ", area.size(), " areas, got ",
            reference.size());
    detail::mean m;
    for (std::size_t j = 0; j < area.size(); ++j) {
        require(area[j] >= 0 && area[j] <= 1, function, ": an area lies in 0..1, that of task ", j, " is ", area[j]);
        require(reference[j] >= 0 && reference[j] < 1, function,
                ": a reference lies in 0..1, 1 left out, that of task ", j, " is ", reference[j]);
        m.add((area[j] - reference[j]) / (1 - reference[j]));
    }
    return m.over("FT", "mean share of the area that learning alone leaves", area.size(), 1);
}

}  // namespace holdfast::metrics
