#pragma once
// The report: runs of one or several methods over one or several seeds, and what they say as numbers, as a table for a
// terminal, as CSV, as a page. Builds on summary.hpp (the numbers) and report_html.hpp (the page). JSON needs
// nlohmann-json and stands apart, in report_json.hpp.

#include <holdfast/core/error.hpp>
#include <holdfast/experiment/archive.hpp>
#include <holdfast/experiment/record.hpp>
#include <holdfast/experiment/report_html.hpp>
#include <holdfast/experiment/summary.hpp>
#include <holdfast/experiment/text.hpp>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace holdfast::experiment {

struct table_options {
    bool seconds = true;   ///< a column with the time taken, the one thing that differs from run to run
    bool matrices = true;  ///< below the results, every method's scores after every stage
};

/// Runs over the same tasks. Made by `run`, joined by `add`.
class report {
  public:
    report() = default;
    explicit report(run_record run) { add(std::move(run)); }

    /// Joins the runs of another report: other methods, other seeds.
    /// @throw invalid_argument if its tasks are others, or a method and seed is there already; nothing is added then
    report& add(const report& other) {
        auto before = runs_;
        try {
            for (const auto& run : other.runs_) add(run);
        } catch (...) {
            runs_ = std::move(before);
            throw;
        }
        return *this;
    }

    report& add(run_record run) {
        if (!runs_.empty()) {
            const auto& tasks = runs_.front().tasks;
            require(run.tasks.size() == tasks.size(),
                    "experiment::report::add: all runs must be over the same tasks, this one has ", run.tasks.size(),
                    " where the report has ", tasks.size());
            for (std::size_t j = 0; j < tasks.size(); ++j)
                require(run.tasks[j].name == tasks[j].name && run.tasks[j].scale == tasks[j].scale,
                        "experiment::report::add: all runs must be over the same tasks, task ", j + 1, " is \"",
                        run.tasks[j].name, "\" where the report has \"", tasks[j].name, "\"");
            for (const auto& r : runs_)
                require(r.method != run.method || r.seed != run.seed, "experiment::report::add: method \"", run.method,
                        "\" with seed ", run.seed, " is in the report already");
        }
        runs_.push_back(std::move(run));
        return *this;
    }

    [[nodiscard]] const std::vector<run_record>& runs() const { return runs_; }

    /// Names of the tasks, in order; none if there is no run.
    [[nodiscard]] std::vector<std::string> tasks() const {
        std::vector<std::string> names;
        if (!runs_.empty())
            for (const auto& t : runs_.front().tasks) names.push_back(t.name);
        return names;
    }

    /// Names of the methods, in the order in which they came.
    [[nodiscard]] std::vector<std::string> methods() const {
        std::vector<std::string> names;
        for (const auto& r : runs_)
            if (std::find(names.begin(), names.end(), r.method) == names.end()) names.push_back(r.method);
        return names;
    }

    /// Everything about one method, over its seeds.
    /// @throw invalid_argument if there is no such method
    [[nodiscard]] method_summary summary(std::string_view method) const {
        std::vector<const run_record*> of_method;
        for (const auto& r : runs_)
            if (r.method == method) of_method.push_back(&r);
        require(!of_method.empty(), "experiment::report: there is no method \"", method, "\" in it");
        return summarise(of_method);
    }

    [[nodiscard]] std::vector<method_summary> summaries() const {
        std::vector<method_summary> all;
        for (const auto& m : methods()) all.push_back(summary(m));
        return all;
    }

    /// One number: value("inscl", "backward_transfer"); keys as in report.json, the deltas' included.
    [[nodiscard]] estimate value(std::string_view method, std::string_view key) const {
        return summary(method).at(key);
    }

    /// The results in columns, for a terminal. A mean over seeds has its 95 % t interval as "± half".
    [[nodiscard]] std::string table(const table_options& options = {}) const {
        if (runs_.empty()) return "no runs\n";
        const auto all = summaries();
        std::vector<std::vector<std::string>> rows(1);
        std::vector<std::string> notes;
        rows[0].push_back("method");
        const auto column = [&](auto get) {
            if (std::none_of(all.begin(), all.end(), [&](const auto& s) { return get(s).present(); })) return;
            rows[0].push_back(get(all.front()).name);
            for (std::size_t m = 0; m < all.size(); ++m) rows[m + 1].push_back(with_interval(get(all[m])));
        };
        for (const auto& s : all) rows.push_back({s.method});
        for (std::size_t k = 0; k < all.front().metrics.size(); ++k)
            column([k](const method_summary& s) { return s.metrics[k]; });
        for (std::size_t k = 0; k < 3; ++k) column([k](const method_summary& s) { return s.deltas[k]; });
        if (options.seconds) {
            rows[0].push_back("time");
            for (std::size_t m = 0; m < all.size(); ++m) rows[m + 1].push_back(detail::duration(all[m].seconds.value));
        }
        std::string text = detail::aligned(rows);
        for (const auto& s : all) {
            double unplaced = 0;
            for (const double n : s.unplaced) unplaced += n;
            if (unplaced > 0)
                text += s.method + ": asked for more replay than there is; examples without a place: " +
                        detail::fixed(unplaced, 0) + "\n";
        }
        for (const auto& r : runs_)
            for (const auto& s : r.stages)
                for (const auto& reason : s.undone)
                    text += sentence(r.method, ", seed ", r.seed, ": ", s.task, " was undone: ", reason, "\n");
        if (options.matrices)
            for (const auto& s : all) text += "\n" + matrix_text(s);
        return text;
    }

    /// One method's scores: before training, and after every stage; means over seeds.
    [[nodiscard]] std::string matrix_table(std::string_view method) const { return matrix_text(summary(method)); }

    /// The matrix of a method with every digit, for other programs: a line per seed and stage, stage 0 before training,
    /// scores in each task's own unit, empty where not evaluated.
    [[nodiscard]] std::string csv(std::string_view method) const {
        std::string text = "seed,stage,learnt";
        for (const auto& t : tasks()) text += "," + detail::csv_field(t);
        text += "\n";
        bool any = false;
        for (const auto& r : runs_) {
            if (r.method != method) continue;
            any = true;
            const auto line = [&](std::size_t stage, const std::vector<double>& row) {
                text += std::to_string(r.seed) + "," + std::to_string(stage) + "," +
                        (stage ? detail::csv_field(r.tasks[stage - 1].name) : std::string{});
                for (const double x : row) text += "," + detail::shortest(x);
                text += "\n";
            };
            line(0, r.before);
            for (std::size_t i = 0; i < r.after.size(); ++i) line(i + 1, r.after[i]);
        }
        require(any, "experiment::report::csv: there is no method \"", method, "\" in it");
        return text;
    }

    /// The whole report as one self-contained page.
    [[nodiscard]] std::string html(std::string_view title = "What was kept") const {
        const auto all = summaries();
        return detail::page(runs_, all, title).write();
    }

    /// @throw format_error if the file cannot be written; what stood there before is then untouched
    void write_html(const std::filesystem::path& file, std::string_view title = "What was kept") const {
        write_atomically(file, html(title));
    }

    /// Writes matrix-METHOD.csv for every method; signs that a file name cannot bear become '_'.
    void write_csv(const std::filesystem::path& folder) const {
        for (const auto& m : methods()) {
            std::string name = m;
            for (char& c : name)
                if (std::string_view("/\\:*?\"<>|").find(c) != std::string_view::npos ||
                    static_cast<unsigned char>(c) < 0x20)
                    c = '_';
            write_atomically(folder / ("matrix-" + name + ".csv"), csv(m));
        }
    }

  private:
    static std::string with_interval(const estimate& e) {
        const int d = e.key == "relative_gain" ? 2 : detail::decimals_of(e.scale);
        if (!e.present()) return "-";
        return detail::fixed(e.value, d) +
               (e.has_interval() ? " ± " + detail::fixed(e.upper - e.value, d) : std::string{});
    }

    [[nodiscard]] std::string matrix_text(const method_summary& s) const {
        std::vector<std::vector<std::string>> rows(1);
        rows[0].push_back(s.method);
        const int d = s.scale >= 100 ? 1 : 3;
        for (const auto& t : tasks()) rows[0].push_back(t);
        const auto line = [&](std::string name, const std::vector<double>& scores) {
            rows.push_back({std::move(name)});
            for (const double x : scores) rows.back().push_back(detail::fixed(x, d));
        };
        line("before training", s.before);
        for (std::size_t i = 0; i < s.after.size(); ++i) line("after " + runs_.front().tasks[i].name, s.after[i]);
        return detail::aligned(rows);
    }

    std::vector<run_record> runs_;
};

}  // namespace holdfast::experiment
