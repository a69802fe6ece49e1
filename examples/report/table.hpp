#pragma once
// What report reads everything into: tables of scores with how sure each score is, runs of them, methods of runs.
// Nothing is read or computed here (read.hpp, measure.hpp).

#include <holdfast/core/error.hpp>
#include <holdfast/core/matrix.hpp>
#include <holdfast/metrics/accuracy_matrix.hpp>
#include <holdfast/metrics/item_errors.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace report_program {

namespace metrics = holdfast::metrics;
using holdfast::format_error;
using holdfast::refuse;
using holdfast::require;
using holdfast::sentence;

inline constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// One task as columns of numbers, before it is part of a table. Everything is in the task's own unit.
struct column {
    std::string name{};
    metrics::task_traits traits{};
    double before = nan;
    std::vector<double> after{};         // [stages]
    double before_error = nan;           // standard error; NaN = by the number of items, if that is known
    std::vector<double> after_errors{};  // [stages], or empty
};

/// A score, or its error, of one task in the unit that another table has for it.
inline double in_unit(double x, const metrics::task_traits& from, const metrics::task_traits& to) {
    return from.scale == to.scale ? x : x / from.scale * to.scale;
}

/// Scores of tasks after stages, and the variance of each.
class table {
  public:
    /// @param stages  names of the rows
    table(std::vector<column> columns, std::vector<std::string> stages)
        : scores_(names_of(columns), traits_of(columns)),
          stages_(std::move(stages)),
          variance_(stages_.size() + 1, columns.size(), nan) {
        std::vector<double> row(columns.size());
        bool any = false;
        for (std::size_t j = 0; j < row.size(); ++j) any |= !std::isnan(row[j] = columns[j].before);
        if (any) scores_.before(row);
        for (std::size_t i = 0; i < stages_.size(); ++i) {
            for (std::size_t j = 0; j < row.size(); ++j) row[j] = columns[j].after[i];
            scores_.append(row);
        }
        for (std::size_t j = 0; j < columns.size(); ++j) {
            const column& c = columns[j];
            variance_(0, j) = variance_of(c, c.before, c.before_error);
            for (std::size_t i = 0; i < stages_.size(); ++i)
                variance_(i + 1, j) = variance_of(c, c.after[i], c.after_errors.empty() ? nan : c.after_errors[i]);
        }
    }

    [[nodiscard]] const metrics::accuracy_matrix& scores() const { return scores_; }
    [[nodiscard]] const std::vector<std::string>& stages() const { return stages_; }
    [[nodiscard]] std::size_t tasks() const { return scores_.tasks(); }

    /// Score and variance; row 0 is before training, row i + 1 after stage i. NaN = not evaluated, not known.
    [[nodiscard]] double score(std::size_t row, std::size_t task) const {
        if (row > 0) return scores_(row - 1, task);
        return scores_.before().empty() ? nan : scores_.before()[task];
    }
    [[nodiscard]] double variance(std::size_t row, std::size_t task) const { return variance_(row, task); }

    [[nodiscard]] const holdfast::matrix<double>& variances() const { return variance_; }

    /// The columns again, to take some out or to put them in another order.
    [[nodiscard]] std::vector<column> columns() const {
        std::vector<column> all;
        for (std::size_t j = 0; j < tasks(); ++j) {
            column c{.name = scores_.names()[j], .traits = scores_.traits()[j], .before = score(0, j)};
            c.before_error = std::sqrt(variance_(0, j));
            for (std::size_t i = 0; i < stages_.size(); ++i) {
                c.after.push_back(scores_(i, j));
                c.after_errors.push_back(std::sqrt(variance_(i + 1, j)));
            }
            all.push_back(std::move(c));
        }
        return all;
    }

  private:
    static std::vector<std::string> names_of(const std::vector<column>& columns) {
        std::vector<std::string> names;
        for (const auto& c : columns) names.push_back(c.name);
        return names;
    }
    static std::vector<metrics::task_traits> traits_of(const std::vector<column>& columns) {
        std::vector<metrics::task_traits> traits;
        for (const auto& c : columns) traits.push_back(c.traits);
        return traits;
    }
    /// The error said, else that of so many items right or wrong.
    static double variance_of(const column& c, double score, double error) {
        return std::isnan(error) ? metrics::score_variance(score, c.traits) : error * error;
    }

    metrics::accuracy_matrix scores_;
    std::vector<std::string> stages_;
    holdfast::matrix<double> variance_;  // [1 + stages, T]
};

enum ability { general, instruction_following, safety };
inline constexpr std::array<const char*, 3> ability_names = {"general", "instruction_following", "safety"};

/// One training: the stream's tasks, and suites that it does not teach.
struct run {
    std::uint64_t seed = 0;
    std::optional<table> stream;
    std::array<std::optional<table>, 3> suites;  // by ability
    std::optional<table> others{};               // sets of --before and --after that are neither
};

/// One way to train: one run, or one per seed.
struct method {
    std::string name;
    std::string source;  // file or folder, for what is wrong
    std::vector<run> runs;
};

/// Scores given beside the tables, by the tasks of the stream; empty where they were not.
struct references {
    std::vector<double> baseline, single_task;  // [T]
};

}  // namespace report_program
