#pragma once
// Choosing by what is known of the items rather than by lot: the highest scores (surprise, loss, information), bins of
// uncertainty, herding (the mean is kept), k-centre greedy (nothing is far from a chosen one), and even draws
// (systematic). Builds on core and sampler.hpp.

#include <holdfast/core/error.hpp>
#include <holdfast/core/matrix.hpp>
#include <holdfast/core/parallel.hpp>
#include <holdfast/core/random.hpp>
#include <holdfast/replay/sampler.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace holdfast::replay {

/// The n items with the highest scores, highest first; the lower index among equals. SuRe by NLL, MIR by increase of
/// loss, InsCL by InsInfo.
///
/// @throw invalid_argument for more items than there are, or a NaN score
/// @cost  O(size + n log n)
[[nodiscard]] inline std::vector<std::uint32_t> top_k(std::span<const double> scores, std::size_t n) {
    detail::check_count("top_k", scores.size());
    require(n <= scores.size(), "replay::top_k: ", n, " items asked, there are ", scores.size());
    std::vector<std::uint32_t> order(scores.size());
    for (std::size_t i = 0; i < scores.size(); ++i) {
        require(!std::isnan(scores[i]), "replay::top_k: a score is a number, score ", i, " is NaN");
        order[i] = static_cast<std::uint32_t>(i);
    }
    const auto higher = [&](std::uint32_t a, std::uint32_t b) {
        return scores[a] != scores[b] ? scores[a] > scores[b] : a < b;
    };
    const auto last = order.begin() + static_cast<std::ptrdiff_t>(n);
    if (n < order.size()) std::nth_element(order.begin(), last, order.end(), higher);
    std::sort(order.begin(), last, higher);
    order.resize(n);
    return order;
}

/// Uncertainty bins: the items in order of their uncertainty, from which every (size / n)-th is taken, so that sure and
/// unsure ones are there in equal parts. Number i of the n is number floor(i size / n) of that order.
///
/// @return [n] different items, the surest first
/// @throw  invalid_argument for more items than there are, or a NaN score
/// @see    Bang et al. 2021 (Rainbow Memory), arXiv:2103.17230
[[nodiscard]] inline std::vector<std::uint32_t> uncertainty_bins(std::span<const double> uncertainty, std::size_t n) {
    detail::check_count("uncertainty_bins", uncertainty.size());
    require(n <= uncertainty.size(), "replay::uncertainty_bins: ", n, " items asked, there are ", uncertainty.size());
    std::vector<std::uint32_t> order(uncertainty.size()), chosen(n);
    for (std::size_t i = 0; i < uncertainty.size(); ++i) {
        require(!std::isnan(uncertainty[i]), "replay::uncertainty_bins: a score is a number, score ", i, " is NaN");
        order[i] = static_cast<std::uint32_t>(i);
    }
    std::stable_sort(order.begin(), order.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return uncertainty[a] < uncertainty[b]; });
    for (std::size_t i = 0; i < n; ++i) chosen[i] = order[i * order.size() / n];
    return chosen;
}

/// Systematic sampling: n even steps through the weights laid end to end, from one random start. Item i comes
/// floor(n p_i) or ceil(n p_i) times, p_i its share: the least variance that draws with these expectations can have.
///
/// @return [n] items in ascending order
/// @throw  invalid_argument for a negative, infinite or NaN weight, or if all are 0 and n is not
[[nodiscard]] inline std::vector<std::uint32_t> systematic(std::span<const double> weights, std::size_t n, philox g) {
    detail::check_weights("systematic", weights);
    double total = 0;
    for (const double w : weights) total += w;
    require(n == 0 || total > 0, "replay::systematic: at least one weight must be above 0, all ", weights.size(),
            " are 0");
    std::vector<std::uint32_t> drawn;
    const double start = uniform(g);
    double reached = 0;
    std::size_t last = 0;
    for (std::size_t i = 0; i < weights.size() && drawn.size() < n; ++i) {
        if (weights[i] > 0) last = i;
        reached += weights[i];
        const double steps = reached / total * static_cast<double>(n);
        while (drawn.size() < n && static_cast<double>(drawn.size()) + start < steps)
            drawn.push_back(static_cast<std::uint32_t>(i));
    }
    drawn.resize(n, static_cast<std::uint32_t>(last));  // a step that rounding put beyond the end
    return drawn;
}

namespace detail {

template <class View>
void check_points(const char* who, const View& x, std::size_t n) {
    check_count(who, x.rows());
    require(n <= x.rows(), "replay::", who, ": ", n, " items asked, there are ", x.rows());
    for (std::size_t i = 0; i < x.rows(); ++i)
        for (std::size_t c = 0; c < x.cols(); ++c)
            require(std::isfinite(static_cast<double>(x(i, c))), "replay::", who, ": points are finite, row ", i,
                    " is not");
}

/// Sum of f(c) over 0 .. n-1 in eight strands: an order of its own that compilers turn into vectors, the same
/// everywhere.
template <class F>
double in_strands(std::size_t n, F f) {
    double strand[8] = {};
    std::size_t c = 0;
    for (; c + 8 <= n; c += 8)
        for (std::size_t k = 0; k < 8; ++k) strand[k] += f(c + k);
    for (std::size_t k = 0; c < n; ++c, ++k) strand[k] += f(c);
    return ((strand[0] + strand[4]) + (strand[2] + strand[6])) + ((strand[1] + strand[5]) + (strand[3] + strand[7]));
}

/// The same for a row of points, with the row as a pointer where its numbers lie side by side.
template <class View, class F>
double over_row(const View& x, std::size_t i, F f) {
    const auto* row = x.data() + static_cast<std::ptrdiff_t>(i) * x.row_stride();
    if (x.col_stride() == 1)
        return in_strands(x.cols(), [&](std::size_t c) { return f(static_cast<double>(row[c]), c); });
    return in_strands(x.cols(), [&](std::size_t c) { return f(static_cast<double>(x(i, c)), c); });
}

/// The free item with the least value(i), the lower index among equals.
template <class Value>
std::size_t least_free(std::size_t n, const std::vector<char>& taken, Value value) {
    using best_of = std::pair<double, std::size_t>;
    const best_of none{std::numeric_limits<double>::infinity(), n};
    return parallel_reduce(
               n, std::size_t{1024}, none,
               [&](std::size_t begin, std::size_t end) {
                   best_of best = none;
                   for (std::size_t i = begin; i < end; ++i)
                       if (!taken[i]) best = std::min(best, best_of{value(i), i});
                   return best;
               },
               [](const best_of& a, const best_of& b) { return std::min(a, b); })
        .second;
}

}  // namespace detail

namespace detail {

/// Points around their mean in a byte per number, and how far that is off: herding's criterion within bounds at a
/// quarter of the memory that the points take.
class coarse_points {
  public:
    template <class View>
    coarse_points(const View& x, const std::vector<double>& mean)
        : d_(x.cols()), numbers_(x.rows() * x.cols()), scale_(x.rows()), square_(x.rows()), off_(x.rows()) {
        parallel_chunks(x.rows(), 1024, [&](std::size_t begin, std::size_t end, std::size_t) {
            for (std::size_t i = begin; i < end; ++i) {
                double largest = 0, off = 0;
                for (std::size_t c = 0; c < d_; ++c)
                    largest = std::max(largest, std::abs(static_cast<double>(x(i, c)) - mean[c]));
                scale_[i] = largest / 127;
                for (std::size_t c = 0; c < d_; ++c) {
                    const double y = static_cast<double>(x(i, c)) - mean[c];
                    const double q = largest > 0 ? std::floor(y / scale_[i] + 0.5) : 0.0;
                    numbers_[i * d_ + c] = static_cast<signed char>(std::clamp(q, -127.0, 127.0));
                    off += (y - q * scale_[i]) * (y - q * scale_[i]);
                    square_[i] += y * y;
                }
                off_[i] = std::sqrt(off);
            }
        });
    }

    /// |y_i|^2 + 2 y_i . sum, y_i the point around the mean, as lower[i] and the least upper bound of those not taken.
    double bounds(const std::vector<double>& sum, const std::vector<char>& taken, std::vector<double>& lower) const {
        std::vector<float> to(d_);
        double length = 0;
        for (std::size_t c = 0; c < d_; ++c) to[c] = static_cast<float>(sum[c]), length += sum[c] * sum[c];
        length = std::sqrt(length);
        const double rounding = (static_cast<double>(d_) + 8) * 0x1p-23;  // of floats, generously
        return parallel_reduce(
            square_.size(), std::size_t{1024}, std::numeric_limits<double>::infinity(),
            [&](std::size_t begin, std::size_t end) {
                double least = std::numeric_limits<double>::infinity();
                for (std::size_t i = begin; i < end; ++i) {
                    const double near = square_[i] + 2 * scale_[i] * product(&numbers_[i * d_], to.data());
                    const double norm = std::sqrt(square_[i]);
                    const double off =
                        2 * length * (off_[i] + rounding * (norm + off_[i])) + 1e-9 * (square_[i] + 2 * norm * length);
                    lower[i] = near - off;
                    if (!taken[i]) least = std::min(least, near + off);
                }
                return least;
            },
            [](double a, double b) { return std::min(a, b); });
    }

  private:
    double product(const signed char* a, const float* b) const {
        float strand[32] = {};
        std::size_t c = 0;
        for (; c + 32 <= d_; c += 32)
            for (std::size_t k = 0; k < 32; ++k) strand[k] += static_cast<float>(a[c + k]) * b[c + k];
        for (std::size_t k = 0; c < d_; ++c, ++k) strand[k] += static_cast<float>(a[c]) * b[c];
        for (std::size_t half = 16; half > 0; half /= 2)
            for (std::size_t k = 0; k < half; ++k) strand[k] += strand[k + half];
        return static_cast<double>(strand[0]);
    }

    std::size_t d_;
    std::vector<signed char> numbers_;
    std::vector<double> scale_, square_, off_;
};

}  // namespace detail

/// Herding: one after the other the item that brings the mean of the chosen closest to the mean of all (iCaRL).
///
/// @param points  [size, d]
/// @return        [n] different items in the order of choice, so that a beginning is the choice for fewer
/// @throw         invalid_argument for more items than there are, or a point that is not finite
/// @cost          O(n size d), most of it over a byte per number, which are kept beside the points
/// @see           Rebuffi et al. 2017 (iCaRL), arXiv:1611.07725; Welling 2009, "Herding dynamical weights to learn"
template <matrix_like Matrix>
[[nodiscard]] std::vector<std::uint32_t> herding(const Matrix& points, std::size_t n) {
    const auto x = view(points);
    const std::size_t size = x.rows(), d = x.cols();
    detail::check_points("herding", x, n);
    std::vector<double> mean(d, 0), sum(d, 0), target(d), square(size, 0);
    for (std::size_t i = 0; i < size; ++i)
        for (std::size_t c = 0; c < d; ++c) {
            const auto value = static_cast<double>(x(i, c));
            mean[c] += value / static_cast<double>(size);
            square[i] += value * value;
        }
    std::vector<char> taken(size, 0);
    std::vector<std::uint32_t> chosen;
    // For more than a few items it pays to look at bounds first; the choice among what they leave is the same.
    std::optional<detail::coarse_points> coarse;
    if (n > 8) coarse.emplace(x, mean);
    std::vector<double> around(d, 0), lower(coarse ? size : 0);
    while (chosen.size() < n) {
        // |(sum + x) / (k + 1) - mean|^2 grows with |x|^2 - 2 x . ((k + 1) mean - sum).
        const auto k = static_cast<double>(chosen.size() + 1);
        for (std::size_t c = 0; c < d; ++c) target[c] = 2 * (k * mean[c] - sum[c]);
        for (std::size_t c = 0; c < d; ++c) around[c] = sum[c] - (k - 1) * mean[c];
        const double cut = coarse ? coarse->bounds(around, taken, lower) : 0;
        const std::size_t best = detail::least_free(size, taken, [&](std::size_t i) {
            if (coarse && lower[i] > cut) return std::numeric_limits<double>::infinity();
            return square[i] -
                   detail::over_row(x, i, [to = target.data()](double value, std::size_t c) { return value * to[c]; });
        });
        taken[best] = 1;
        for (std::size_t c = 0; c < d; ++c) sum[c] += static_cast<double>(x(best, c));
        chosen.push_back(static_cast<std::uint32_t>(best));
    }
    return chosen;
}

/// k-centre greedy: one after the other the item that is farthest (Euclidean) from all chosen, beginning with `first`.
/// The largest distance from any item to its nearest chosen one is at most twice the least possible.
///
/// @return  [n] different items in the order of choice
/// @throw   invalid_argument for more items than there are, a first that is not one, or a point that is not finite
/// @cost    O(n size d)
/// @see     Gonzalez 1985; Sener & Savarese 2018, arXiv:1708.00489
template <matrix_like Matrix>
[[nodiscard]] std::vector<std::uint32_t> k_centre(const Matrix& points, std::size_t n, std::size_t first = 0) {
    const auto x = view(points);
    const std::size_t size = x.rows(), d = x.cols();
    detail::check_points("k_centre", x, n);
    require(n == 0 || first < size, "replay::k_centre: there are ", size, " items, the first is to be ", first);
    std::vector<double> nearest(size, std::numeric_limits<double>::infinity()), centre(d);
    std::vector<char> taken(size, 0);
    std::vector<std::uint32_t> chosen;
    for (std::size_t at = first; chosen.size() < n;) {
        chosen.push_back(static_cast<std::uint32_t>(at));
        taken[at] = 1;
        if (chosen.size() == n) break;
        for (std::size_t c = 0; c < d; ++c) centre[c] = static_cast<double>(x(at, c));
        parallel_chunks(size, 1024, [&](std::size_t begin, std::size_t end, std::size_t) {
            for (std::size_t i = begin; i < end; ++i) {
                const double square = detail::over_row(x, i, [to = centre.data()](double value, std::size_t c) {
                    return (value - to[c]) * (value - to[c]);
                });
                nearest[i] = std::min(nearest[i], square);
            }
        });
        at = detail::least_free(size, taken, [&](std::size_t i) { return -nearest[i]; });
    }
    return chosen;
}

}  // namespace holdfast::replay
