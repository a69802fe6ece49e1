#pragma once
// Scores beside what guessing gives, and beside whether an answer could be read at all: a score of 0 where guessing
// gives 0.33 is a lost format, not lost knowledge. Builds on accuracy_matrix.hpp. Leaves out the scoring itself; the
// share of answers that parse is a matrix of the same shape that the caller fills.

#include <holdfast/metrics/accuracy_matrix.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::metrics {

/// What always answering the commonest label scores, 0..1.
/// @param labels  the reference answers of a test set [n], n >= 1
[[nodiscard]] inline double majority_share(std::span<const std::string> labels) {
    require(!labels.empty(), "metrics::majority_share: needs at least one label, got none");
    std::map<std::string_view, std::size_t> counts;
    std::size_t most = 0;
    for (const auto& label : labels) most = std::max(most, ++counts[label]);
    return static_cast<double>(most) / static_cast<double>(labels.size());
}

/// The same table as shares of what lies between chance and perfect: 0 is guessing, 1 is perfect, below 0 worse than
/// both.
///
///     x' = ( x − c ) / ( best − c )
///
/// Metrics of it compare tasks with two choices and with five.
/// @param r       scores [stages, T]
/// @param chance  what guessing scores [T], in each task's own unit
/// @throw         invalid_argument if chance is missing, or is a perfect score
[[nodiscard]] inline accuracy_matrix above_chance(const accuracy_matrix& r, std::span<const double> chance) {
    constexpr auto function = "metrics::above_chance";
    require(chance.size() == r.tasks(), function, ": needs a score of chance for each of ", r.tasks(), " tasks, got ",
            chance.size());
    auto traits = r.traits();
    for (auto& t : traits) t.scale = 1, t.orientation = orientation::higher_is_better;
    std::vector<double> floor(r.tasks());
    for (std::size_t j = 0; j < floor.size(); ++j) {
        floor[j] = r.comparable(j, chance[j]);
        require(floor[j] < r.scale(), function, ": chance must score below perfect, that of task ", j, " (",
                r.names()[j], ") is ", chance[j]);
    }
    accuracy_matrix out(r.names(), traits);
    std::vector<double> row(r.tasks());
    const auto corrected = [&](std::size_t j, double own) {
        return (r.comparable(j, own) - floor[j]) / (r.scale() - floor[j]);
    };
    if (!r.before().empty()) {
        for (std::size_t j = 0; j < row.size(); ++j) row[j] = corrected(j, r.before()[j]);
        out.before(row);
    }
    for (std::size_t i = 0; i < r.stages(); ++i) {
        for (std::size_t j = 0; j < row.size(); ++j) row[j] = corrected(j, r(i, j));
        out.append(row);
    }
    return out;
}

/// A cell whose answers could not be read.
struct collapse {
    std::size_t stage = 0, task = 0;
    double score = 0;  ///< as put in
    double valid = 0;  ///< share of answers that parsed, 0..1
};

/// The cells that score below chance because the answers have lost their form.
/// @param r            scores [stages, T]
/// @param valid        share of answers that parse [stages, T], 0..1; a cell that was not measured is never named
/// @param chance       what guessing scores [T], in each task's own unit
/// @param valid_below  a share of answers that parse below this is a collapse
[[nodiscard]] inline std::vector<collapse> format_collapse(const accuracy_matrix& r, const accuracy_matrix& valid,
                                                           std::span<const double> chance, double valid_below = 0.5) {
    constexpr auto function = "metrics::format_collapse";
    require(chance.size() == r.tasks(), function, ": needs a score of chance for each of ", r.tasks(), " tasks, got ",
            chance.size());
    require(valid.tasks() == r.tasks() && valid.stages() == r.stages(), function,
            ": needs the share of readable answers for ", r.stages(), " stages and ", r.tasks(), " tasks, got ",
            valid.stages(), " and ", valid.tasks());
    std::vector<collapse> found;
    for (std::size_t i = 0; i < r.stages(); ++i)
        for (std::size_t j = 0; j < r.tasks(); ++j)
            if (r.score(i, j) < r.comparable(j, chance[j]) && valid(i, j) < valid_below)  // false where either is NaN
                found.push_back({i, j, r(i, j), valid(i, j)});
    return found;
}

}  // namespace holdfast::metrics
