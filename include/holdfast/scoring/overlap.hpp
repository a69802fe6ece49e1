#pragma once
// Precision, recall and F from counts that add up: what ROUGE and token F1 are made of. Builds on the standard library
// only. Leaves out what a unit is (words, n-grams, a common subsequence).

#include <algorithm>
#include <span>
#include <string>

namespace holdfast::scoring {

/// What a score of common units is made of: sums of these over items give the micro average, means of the scores the
/// macro average.
struct overlap {
    double matches = 0;     ///< units found in both
    double predicted = 0;   ///< units of the prediction
    double referenced = 0;  ///< units of the reference

    double precision() const { return predicted > 0 ? matches / predicted : 0; }
    double recall() const { return referenced > 0 ? matches / referenced : 0; }
    /// Harmonic mean of both; 0 where nothing matches.
    double f() const { return harmonic(precision(), recall()); }

    static double harmonic(double p, double r) { return p > 0 && r > 0 ? 2 * p * r / (p + r) : 0; }

    overlap& operator+=(const overlap& o) {
        matches += o.matches, predicted += o.predicted, referenced += o.referenced;
        return *this;
    }
    bool operator==(const overlap&) const = default;
};

namespace detail {

/// The counts of the reference with the highest f(counts), the first of equals, into numbers [3]; returns that f.
template <class Match, class F>
double measure_best(std::span<const std::string> references, std::span<double> numbers, Match match, F f) {
    overlap of_best;
    double highest = -1;
    for (const std::string& reference : references) {
        const overlap o = match(reference);
        if (const double now = f(o); now > highest) highest = now, of_best = o;
    }
    numbers[0] = of_best.matches, numbers[1] = of_best.predicted, numbers[2] = of_best.referenced;
    return std::max(highest, 0.0);
}

}  // namespace detail

}  // namespace holdfast::scoring
