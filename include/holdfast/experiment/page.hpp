#pragma once
// The building blocks of the report's page: sections, tables that scroll, heat maps, legends, figures. Builds on
// chart.hpp and summary.hpp. Which sections there are, and what they say, is report_html.hpp.

#include <holdfast/experiment/chart.hpp>
#include <holdfast/experiment/record.hpp>
#include <holdfast/experiment/summary.hpp>
#include <holdfast/experiment/text.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::experiment::detail {

/// Settings of all runs: one value where they agree, "METHOD: value" by method where they do not.
inline std::vector<setting> common_settings(std::span<const run_record> runs) {
    std::vector<setting> all;
    std::vector<std::string> names;
    for (const auto& r : runs)
        for (const auto& [name, value] : r.config)
            if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    for (const auto& name : names) {
        std::vector<setting> by_method;
        bool same = true;
        for (const auto& r : runs)
            for (const auto& [n, value] : r.config)
                if (n == name) {
                    if (!by_method.empty() && by_method.front().second != value) same = false;
                    const setting one{r.method, value};
                    if (std::find(by_method.begin(), by_method.end(), one) == by_method.end()) by_method.push_back(one);
                }
        std::string value = by_method.front().second;
        if (!same) {
            value.clear();
            for (const auto& [method, v] : by_method) value += (value.empty() ? "" : "; ") + method + ": " + v;
        }
        all.emplace_back(name, value);
    }
    return all;
}

/// What is written so far, and the pieces to go on with.
class page_writer {
  protected:
    page_writer(std::span<const run_record> runs, std::span<const method_summary> methods)
        : runs_(runs), methods_(methods) {
        for (const auto& m : methods_) names_.push_back(m.method);
    }

    [[nodiscard]] const std::vector<task_record>& tasks() const { return runs_.front().tasks; }

    static std::string counted(std::size_t n, std::string_view one, std::string_view many) {
        return std::to_string(n) + " " + std::string(n == 1 ? one : many);
    }

    void section(std::string_view id, std::string_view title, const std::string& lead) {
        out_ += "<section aria-labelledby=\"" + std::string(id) + "\">\n<h2 id=\"" + std::string(id) + "\">" +
                std::string(title) + "</h2>\n";
        if (!lead.empty()) out_ += "<p class=\"lead\">" + lead + "</p>\n";
    }

    static std::string interval(const estimate& e, int decimals) {
        if (!e.has_interval()) return {};
        return "<span class=\"interval\">± " + shown((e.upper - e.lower) / 2, decimals) + "</span>";
    }

    /// A page shows one decimal less than a terminal: what intervals over a few seeds can bear.
    static int decimals(const estimate& e) { return decimals_of(e.scale) - 1; }

    std::string value_cell(const estimate& e, bool signed_value) {
        if (!e.present()) return "<td class=\"absent\">–</td>";
        const int d = decimals(e);
        return "<td>" + (signed_value ? signed_number(e.value, d) : shown(e.value, d)) + interval(e, d) + "</td>";
    }

    std::string swatch(std::size_t m) const {
        return "<svg class=\"swatch\" viewBox=\"0 0 30 12\" aria-hidden=\"true\"><path class=\"curve\" "
               "style=\"stroke:var(--m" +
               std::to_string(m % method_colours) + ")\"" + dashes(m) + " d=\"M0 6L30 6\"/>" + marker(m, 15, 6) +
               "</svg>";
    }

    static std::string title_of(std::string_view key) {
        if (key == "overall_performance") return "overall performance: the mean score at the end";
        if (key == "backward_transfer") return "backward transfer: below zero is forgetting";
        if (key == "forward_transfer")
            return "forward transfer: tasks not learnt yet, against the model before training";
        if (key == "forgetting") return "forgetting: the loss since each task's best stage";
        if (key == "average_incremental") return "average incremental score: the mean of OP over all stages";
        if (key == "learning_accuracy") return "learning accuracy: each task right after its turn";
        if (key == "relative_gain") return "relative gain: per cent of a model that learnt the task alone";
        if (key == "general") return "general ability";
        if (key == "instruction_following") return "instruction following";
        if (key == "safety") return "safety";
        return std::string(key);
    }

    void scroll(const std::string& what) {
        out_ += "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"" + escape(what) + "\">\n";
    }

    void legend() {
        if (methods_.size() < 2) return;
        out_ += "<ul class=\"legend\">\n";
        for (std::size_t m = 0; m < methods_.size(); ++m)
            out_ += "<li>" + swatch(m) + " " + escape(methods_[m].method) + "</li>\n";
        out_ += "</ul>\n";
    }

    void figure(const std::string& caption, const std::string& svg) {
        out_ += "<figure>\n<figcaption>" + caption + "</figcaption>\n" + svg + "</figure>\n";
    }

    static std::string shade(double share) {
        const double s = std::clamp(share, 0.0, 1.0) * static_cast<double>(scale_steps - 1);
        const std::string step = std::to_string(static_cast<std::size_t>(std::lround(s)));
        return "style=\"background:var(--h" + step + ");color:var(--i" + step + ")\"";
    }

    void scale_bar(const std::string& low, const std::string& high) {
        out_ += "<p class=\"scale\"><span>" + low + "</span><span class=\"ramp\" aria-hidden=\"true\">";
        for (std::size_t k = 0; k < scale_steps; ++k)
            out_ += "<i style=\"background:var(--h" + std::to_string(k) + ")\"></i>";
        out_ += "</span><span>" + high + "</span></p>\n";
    }

    /// Columns of one width; where the screen is too narrow for them, the table scrolls.
    void heat_table() {
        out_ += "<table class=\"heat" + std::string(tasks().size() > 10 ? " many" : "") +
                "\" style=\"--tasks:" + std::to_string(tasks().size()) + "\">\n";
    }

    void task_headers(const char* corner) {
        out_ += std::string("<thead><tr><th scope=\"col\">") + corner + "</th>";
        for (std::size_t j = 0; j < tasks().size(); ++j)
            out_ += "<th scope=\"col\"><b>" + std::to_string(j + 1) + "</b> <span>" + escape(tasks()[j].name) +
                    "</span></th>";
        out_ += "</tr></thead>\n<tbody>\n";
    }

    std::span<const run_record> runs_;
    std::span<const method_summary> methods_;
    std::vector<std::string> names_ = {};  ///< of the methods
    std::string out_ = {};
};

}  // namespace holdfast::experiment::detail
