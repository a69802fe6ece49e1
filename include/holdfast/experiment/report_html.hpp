#pragma once
// The report as one page of HTML: no script, no font, no picture from elsewhere; it reads on a phone, in the dark, on
// paper and aloud. Builds on page.hpp (the pieces), chart.hpp (the pictures) and style.hpp. What a section has no data
// for is left out, with the reason where there is one. report.hpp's html() and write_html() call it.

#include <holdfast/core/config.hpp>
#include <holdfast/experiment/chart.hpp>
#include <holdfast/experiment/page.hpp>
#include <holdfast/experiment/record.hpp>
#include <holdfast/experiment/style.hpp>
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

/// Writes the page, section by section.
class page : page_writer {
  public:
    page(std::span<const run_record> runs, std::span<const method_summary> methods, std::string_view title)
        : page_writer(runs, methods), title_(title) {}

    std::string write() {
        out_ =
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
            "<meta name=\"color-scheme\" content=\"light dark\">\n<title>" +
            escape(title_) + "</title>\n<style>\n" + style_sheet() + "</style>\n</head>\n<body>\n<main>\n";
        head();
        if (!runs_.empty()) {
            results();
            curves();
            matrices();
            abilities();
            distances();
            replay();
            settings();
        }
        out_ += "</main>\n<footer>Made by holdfast " HOLDFAST_VERSION
                ". Nothing on this page is fetched from anywhere.</footer>\n</body>\n</html>\n";
        return std::move(out_);
    }

  private:
    void head() {
        out_ += "<header>\n<h1>" + escape(title_) + "</h1>\n";
        if (runs_.empty()) {
            out_ += "<p class=\"lead\">There is no run in this report.</p>\n</header>\n";
            return;
        }
        std::size_t most = 0;
        for (const auto& m : methods_) most = std::max(most, m.seeds.size());
        out_ += "<p class=\"lead\">" + counted(methods_.size(), "method", "methods") + " over a stream of " +
                counted(tasks().size(), "task", "tasks") + ", " + counted(most, "seed", "seeds") +
                (most > 1 ? " each; intervals are 95&nbsp;% t intervals of the mean over seeds" : "") + ".</p>\n";
        out_ += "<ol class=\"stream\" aria-label=\"Tasks in the order in which they were learnt\">\n";
        for (std::size_t j = 0; j < tasks().size(); ++j)
            out_ += "<li><b>" + std::to_string(j + 1) + "</b> " + escape(tasks()[j].name) + "</li>\n";
        out_ += "</ol>\n</header>\n";
    }

    void results() {
        section("results", "Results", "One line per method, measured after the last task.");
        std::vector<std::size_t> columns;  // a metric that no method has is told below, not shown as a column of dashes
        for (std::size_t k = 0; k < methods_.front().metrics.size(); ++k)
            if (std::any_of(methods_.begin(), methods_.end(), [&](const auto& m) { return m.metrics[k].present(); }))
                columns.push_back(k);
        std::vector<std::size_t> deltas;
        for (std::size_t k = 0; k < 3; ++k)
            if (std::any_of(methods_.begin(), methods_.end(), [&](const auto& m) { return m.deltas[k].present(); }))
                deltas.push_back(k);
        scroll("Results by method");
        out_ += "<table class=\"results\">\n<thead><tr><th scope=\"col\">method</th>";
        for (const std::size_t k : columns) {
            const auto& e = methods_.front().metrics[k];
            out_ += "<th scope=\"col\"><abbr title=\"" + escape(title_of(e.key)) + "\">" + e.name + "</abbr></th>";
        }
        for (const std::size_t k : deltas) {
            const auto& e = methods_.front().deltas[k];
            out_ += "<th scope=\"col\"><abbr title=\"change of " + escape(title_of(e.key)) + "\">" + e.name +
                    "</abbr></th>";
        }
        out_ += "<th scope=\"col\">time</th></tr></thead>\n<tbody>\n";
        for (std::size_t m = 0; m < methods_.size(); ++m) {
            const auto& s = methods_[m];
            out_ += "<tr><th scope=\"row\">" + swatch(m) + " " + escape(s.method) + "</th>";
            for (const std::size_t k : columns)
                out_ += value_cell(s.metrics[k],
                                   s.metrics[k].key == "backward_transfer" || s.metrics[k].key == "forward_transfer");
            for (const std::size_t k : deltas) out_ += value_cell(s.deltas[k], true);
            out_ += "<td>" + duration(s.seconds.value) + "</td></tr>\n";
        }
        out_ += "</tbody>\n</table>\n</div>\n";
        undone();
        out_ += "<details>\n<summary>What the columns mean</summary>\n<dl>\n";
        for (std::size_t k = 0; k < methods_.front().metrics.size(); ++k)
            meaning(k, [](const auto& s, std::size_t i) { return s.metrics[i]; });
        for (std::size_t k = 0; k < 3; ++k) meaning(k, [](const auto& s, std::size_t i) { return s.deltas[i]; });
        out_ += "</dl>\n</details>\n</section>\n";
    }

    /// Stages that fell at the gate.
    void undone() {
        std::string items;
        for (const auto& r : runs_)
            for (const auto& s : r.stages)
                for (const auto& reason : s.undone)
                    items += "<li><b>" + escape(r.method) + "</b>, seed " + std::to_string(r.seed) + ": " +
                             escape(s.task) + " was undone, since " + escape(reason) + "</li>\n";
        if (!items.empty())
            out_ += "<p>These stages fell at the gate, and the model went back to where it was before:</p>\n<ul>\n" +
                    items + "</ul>\n";
    }

    template <class Get>
    void meaning(std::size_t k, Get get) {
        std::string variant, reason;
        for (const auto& s : methods_) {
            const estimate e = get(s, k);
            if (e.present() && variant.empty()) variant = e.variant;
            if (!e.present() && reason.empty()) reason = s.method + ": " + e.reason;
        }
        const estimate first = get(methods_.front(), k);
        out_ += "<dt>" + first.name + " · " + escape(title_of(first.key)) + "</dt><dd>" + escape(variant) +
                (variant.empty() || reason.empty() ? "" : ". ") +
                (reason.empty() ? "" : "<span class=\"absent\">Absent for " + escape(reason) + "</span>") + "</dd>\n";
    }

    void curves() {
        if (tasks().size() < 2) return;
        section("curves", "Stage by stage", "After each task, over the tasks learnt so far.");
        std::vector<series> op, bwt;
        for (const auto& s : methods_) {
            op.push_back({s.method, s.op_by_stage});
            bwt.push_back({s.method, s.bwt_by_stage});
        }
        legend();
        out_ += "<div class=\"charts\">\n";
        figure("<b>OP</b> · overall performance", line_chart("op", "Overall performance by stage", op, false));
        figure("<b>BWT</b> · backward transfer; below zero is forgetting",
               line_chart("bwt", "Backward transfer by stage", bwt, true));
        out_ += "</div>\n<details>\n<summary>The same as a table</summary>\n";
        scroll("Overall performance and backward transfer by stage");
        out_ += "<table>\n<thead><tr><th scope=\"col\">tasks learnt</th>";
        for (std::size_t i = 0; i < tasks().size(); ++i) out_ += "<th scope=\"col\">" + std::to_string(i + 1) + "</th>";
        out_ += "</tr></thead>\n<tbody>\n";
        for (const auto& s : methods_) {
            const auto row = [&](const char* name, const std::vector<estimate>& points) {
                out_ += "<tr><th scope=\"row\">" + escape(s.method) + " " + name + "</th>";
                for (const auto& p : points)
                    out_ += "<td>" + shown(p.value, decimals_of(s.scale) - 1) + interval(p, decimals_of(s.scale) - 1) +
                            "</td>";
                out_ += "</tr>\n";
            };
            row("OP", s.op_by_stage);
            row("BWT", s.bwt_by_stage);
        }
        out_ += "</tbody>\n</table>\n</div>\n</details>\n</section>\n";
    }

    void matrices() {
        const bool several =
            std::any_of(methods_.begin(), methods_.end(), [](const auto& m) { return m.seeds.size() > 1; });
        const bool mixed = std::any_of(tasks().begin(), tasks().end(),
                                       [&](const auto& t) { return t.scale != methods_.front().scale; });
        section(
            "matrices", "Every task after every stage",
            std::string("A column is a task; going down it, one sees what becomes of it as later tasks are learnt. The "
                        "outlined score is the one right after learning the task; to its right stand tasks not learnt "
                        "yet") +
                (several ? ". Scores are means over seeds." : ".") +
                (mixed ? " Tasks are scored on different scales; here all are brought to 0 to 1." : ""));
        const double scale = methods_.front().scale;
        scale_bar("0", shown(scale, 0) + " best");
        for (const auto& s : methods_) {
            const int d = s.scale >= 100 ? 1 : 3;
            scroll("Scores of " + s.method);
            heat_table();
            out_ += "<caption>" + escape(s.method) + "</caption>\n";
            task_headers("after");
            const auto cell = [&](double x, const std::string& classes) {
                if (std::isnan(x))
                    out_ += "<td class=\"none\">–</td>";
                else
                    out_ += "<td" + (classes.empty() ? "" : " class=\"" + classes + "\"") + " " + shade(x / s.scale) +
                            ">" + shown(x, d) + "</td>";
            };
            out_ += "<tr class=\"before\"><th scope=\"row\">before training</th>";
            for (const double x : s.before) cell(x, "ahead");
            out_ += "</tr>\n";
            for (std::size_t i = 0; i < s.after.size(); ++i) {
                out_ += "<tr><th scope=\"row\"><b>" + std::to_string(i + 1) + "</b> <span>" + escape(tasks()[i].name) +
                        "</span></th>";
                for (std::size_t j = 0; j < s.after[i].size(); ++j)
                    cell(s.after[i][j], j == i ? "learnt" : j > i ? "ahead" : "");
                out_ += "</tr>\n";
            }
            out_ += "</tbody>\n</table>\n</div>\n";
        }
        out_ += "</section>\n";
    }

    void abilities() {
        if (runs_.front().suites.empty()) return;
        section("abilities", "Abilities outside the stream",
                "What the stream did to abilities that it does not teach: score after the last task less the score "
                "before training.");
        std::vector<bar_group> groups;
        const char* titles[] = {"general ability", "instruction following", "safety"};
        for (std::size_t k = 0; k < 3; ++k) {
            bar_group g{titles[k], {}};
            bool any = false;
            for (const auto& s : methods_) {
                g.bars.push_back(s.deltas[k]);
                any = any || s.deltas[k].present();
            }
            if (any) groups.push_back(std::move(g));
        }
        out_ += "<div class=\"charts\">\n";
        if (!groups.empty())
            figure("Change of ability", delta_chart("deltas", "Change of ability by method", groups, names_));
        out_ += "<div>\n";
        scroll("Scores of the suites before and after");
        out_ += "<table class=\"wrap\">\n<thead><tr><th scope=\"col\">suite</th><th scope=\"col\">before</th>";
        for (const auto& s : methods_) out_ += "<th scope=\"col\">" + escape(s.method) + "</th>";
        out_ += "</tr></thead>\n<tbody>\n";
        const auto& suites = runs_.front().suites;
        for (std::size_t i = 0; i < suites.size(); ++i) {
            const auto mean_score = [&](std::string_view method, bool after) {
                std::vector<double> scores;
                for (const auto& r : runs_)
                    if ((method.empty() || r.method == method) && i < r.suites.size() && !r.suites[i].scores.empty())
                        scores.push_back(after ? r.suites[i].scores.back() : r.suites[i].scores.front());
                return shown(mean_of(scores).value, suites[i].about.scale >= 100 ? 1 : 3);
            };
            out_ +=
                "<tr><th scope=\"row\">" + escape(suites[i].about.name) + "</th><td>" + mean_score("", false) + "</td>";
            for (const auto& s : methods_) out_ += "<td>" + mean_score(s.method, true) + "</td>";
            out_ += "</tr>\n";
        }
        out_ += "</tbody>\n</table>\n</div>\n</div>\n</div>\n</section>\n";
    }

    void distances() {
        const method_summary* measured = nullptr;
        double most = 0;
        for (const auto& s : methods_)
            for (const auto& row : s.distance)
                for (const auto& d : row)
                    if (!std::isnan(d.value)) {
                        if (!measured) measured = &s;
                        if (measured == &s) most = std::max(most, d.value);
                    }
        if (!measured) return;
        section("distances", "How far apart the tasks are",
                "Distance from each task to every earlier one, as <b>" + escape(measured->method) +
                    "</b> measured it when the task's turn came. InsCL rehearses more of a task that is further away.");
        scale_bar("0", shown(most, 3));
        scroll("Distances between tasks");
        heat_table();
        task_headers("learning");
        for (std::size_t i = 0; i < measured->distance.size(); ++i) {
            out_ += "<tr><th scope=\"row\"><b>" + std::to_string(i + 1) + "</b> <span>" + escape(tasks()[i].name) +
                    "</span></th>";
            for (const auto& d : measured->distance[i])
                if (std::isnan(d.value))
                    out_ += "<td class=\"none\"></td>";
                else
                    out_ += "<td " + shade(most > 0 ? d.value / most : 0) + " title=\"" + to_string(d.status) +
                            ", between " + fixed(d.lower, 4) + " and " + fixed(d.upper, 4) + "\">" + shown(d.value, 3) +
                            "</td>";
            out_ += "</tr>\n";
        }
        out_ += "</tbody>\n</table>\n</div>\n</section>\n";
    }

    void replay() {
        const auto replays = [](const method_summary& s) {
            double sum = 0;
            for (std::size_t i = 0; i < s.replayed.size(); ++i) {
                sum += s.general[i] + s.unplaced[i];
                for (const double n : s.replayed[i]) sum += n;
            }
            return sum > 0;
        };
        if (std::none_of(methods_.begin(), methods_.end(), replays)) return;
        section("replay", "What was replayed",
                "Examples of earlier tasks that were rehearsed while a task was learnt, by the number of the task they "
                "come "
                "from. G is general data; a dashed piece was asked for and had no place, the task being too small.");
        out_ += "<div class=\"charts\">\n";
        for (std::size_t m = 0; m < methods_.size(); ++m)
            if (replays(methods_[m]))
                figure("<b>" + escape(names_[m]) + "</b>",
                       replay_chart("replay" + std::to_string(m), "Examples replayed by " + names_[m], methods_[m]));
        out_ += "</div>\n<details>\n<summary>The same as tables</summary>\n";
        for (const auto& s : methods_) {
            if (!replays(s)) continue;
            scroll("Examples replayed by " + s.method);
            out_ += "<table>\n<caption>" + escape(s.method) + "</caption>\n<thead><tr><th scope=\"col\">learning</th>";
            for (std::size_t j = 0; j < s.replayed.size(); ++j)
                out_ += "<th scope=\"col\">" + std::to_string(j + 1) + "</th>";
            out_ += "<th scope=\"col\">general</th><th scope=\"col\">no place</th></tr></thead>\n<tbody>\n";
            for (std::size_t i = 0; i < s.replayed.size(); ++i) {
                out_ += "<tr><th scope=\"row\">" + std::to_string(i + 1) + " " + escape(tasks()[i].name) + "</th>";
                for (std::size_t j = 0; j < s.replayed[i].size(); ++j)
                    out_ += j < i ? "<td>" + shown(s.replayed[i][j], 0) + "</td>" : std::string("<td></td>");
                out_ += "<td>" + shown(s.general[i], 0) + "</td><td>" + shown(s.unplaced[i], 0) + "</td></tr>\n";
            }
            out_ += "</tbody>\n</table>\n</div>\n";
        }
        out_ += "</details>\n</section>\n";
    }

    /// Left out where nobody said: scores that came from a table.
    void settings() {
        const auto told = [](const auto& t) { return !t.scorer.empty() || t.train > 0; };
        if (std::none_of(tasks().begin(), tasks().end(), told) && common_settings(runs_).empty() &&
            std::all_of(methods_.begin(), methods_.end(), [](const auto& s) { return s.policy.empty(); }))
            return;
        section("settings", "How it was run", "");
        scroll("Tasks");
        out_ +=
            "<table>\n<caption>Tasks</caption>\n<thead><tr><th scope=\"col\">task</th><th scope=\"col\">score</th><th "
            "scope=\"col\">best</th><th scope=\"col\">training examples</th><th scope=\"col\">test "
            "questions</th></tr></thead>\n<tbody>\n";
        for (const auto& t : tasks())
            out_ += "<tr><th scope=\"row\">" + escape(t.name) + "</th><td>" + escape(t.scorer) + "</td><td>" +
                    shown(t.scale, 0) + "</td><td>" + std::to_string(t.train) + "</td><td>" +
                    std::to_string(t.questions) + "</td></tr>\n";
        out_ += "</tbody>\n</table>\n</div>\n";
        scroll("Settings");
        out_ +=
            "<table class=\"settings\">\n<caption>Settings</caption>\n<thead><tr><th scope=\"col\">setting</th><th "
            "scope=\"col\">value</th></tr></thead>\n<tbody>\n";
        const auto row = [&](const std::string& name, const std::string& value) {
            out_ += "<tr><th scope=\"row\">" + escape(name) + "</th><td>" + escape(value) + "</td></tr>\n";
        };
        for (const auto& s : methods_) {
            std::string seeds, used;
            for (const auto seed : s.seeds) seeds += (seeds.empty() ? "" : ", ") + std::to_string(seed);
            for (const auto& r : runs_)
                if (r.method == s.method) {
                    for (const auto& u : r.used) used += (used.empty() ? "" : ", ") + u;
                    break;
                }
            row(s.method, "policy " + s.policy + "; " + (s.seeds.size() == 1 ? "seed " : "seeds ") + seeds +
                              (used.empty() ? "" : "; the learner's " + used));
        }
        for (const auto& [name, value] : common_settings(runs_)) row(name, value);
        out_ += "</tbody>\n</table>\n</div>\n</section>\n";
    }

    std::string title_;
};

}  // namespace holdfast::experiment::detail
