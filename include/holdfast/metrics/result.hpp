#pragma once
// What every metric answers with: a number that carries its own definition (variant, denominator, tasks, stages,
// scale), because the field uses one name for several numbers. Builds on the standard library alone; leaves out the
// metrics themselves.

#include <cmath>
#include <cstddef>
#include <cstdio>
#include <ostream>
#include <string>

namespace holdfast::metrics {

/// A metric's value and what it means.
struct result {
    double value = 0;
    std::string variant{};   ///< the definition in words: "mean over T-1 earlier tasks"
    std::string name{};      ///< the field's letters: "BWT"
    double denominator = 0;  ///< what the sum was divided by
    std::size_t tasks = 0;   ///< tasks (or cells, where the variant says so) whose scores entered the sum
    std::size_t stages = 0;  ///< training stages whose rows were read
    double scale = 1;        ///< what a perfect score is worth in the unit of `value`: 1, or 100 for per cent
};

/// The value with four decimals, or two where a perfect score is 100; "undefined" for NaN.
[[nodiscard]] inline std::string text(const result& r) {
    if (std::isnan(r.value)) return "undefined";
    char digits[64];
    std::snprintf(digits, sizeof digits, r.scale >= 100 ? "%.2f" : "%.4f", r.value);
    return digits;
}

/// "BWT (mean over T-1 earlier tasks) = -0.1400"; leaves the stream's format flags alone.
inline std::ostream& operator<<(std::ostream& out, const result& r) {
    return out << r.name + " (" + r.variant + ") = " + text(r);
}

}  // namespace holdfast::metrics
