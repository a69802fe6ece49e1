#pragma once
// --format html: the page of experiment's report, with every metric, the comparison, a critical-difference diagram and
// the gate as sections of its own, in the same style. Nothing on it is fetched from elsewhere.

#include <holdfast/experiment/report.hpp>
#include <holdfast/experiment/text.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "outcome.hpp"
#include "tables.hpp"

namespace report_program {

namespace experiment = holdfast::experiment;

/// A run as experiment's page takes it; times are not known.
inline experiment::run_record as_record(const method& m, const run& r, const references& beside) {
    experiment::run_record one;
    one.method = m.name, one.seed = r.seed, one.before_seconds = nan, one.single_task = beside.single_task;
    const auto& s = r.stream->scores();
    const auto task_of = [](const metrics::accuracy_matrix& t, std::size_t j) {
        return experiment::task_record{.name = t.names()[j],
                                       .scorer = {},
                                       .scale = t.traits()[j].scale,
                                       .train = 0,
                                       .questions = t.traits()[j].size};
    };
    const auto own = [](const metrics::accuracy_matrix& t, std::size_t j,
                        double x) {  // higher better, in its own scale
        return t.traits()[j].orientation == metrics::orientation::higher_is_better ? x : t.traits()[j].scale - x;
    };
    for (std::size_t j = 0; j < s.tasks(); ++j) {
        one.tasks.push_back(task_of(s, j));
        one.before.push_back(own(s, j, r.stream->score(0, j)));
    }
    for (std::size_t i = 0; i < s.stages(); ++i) {
        one.after.emplace_back();
        for (std::size_t j = 0; j < s.tasks(); ++j) one.after[i].push_back(own(s, j, s(i, j)));
        one.stages.push_back({.task = s.names()[i]});
    }
    for (std::size_t k = 0; k < 3; ++k) {
        if (!r.suites[k]) continue;
        const auto& t = *r.suites[k];
        for (std::size_t j = 0; j < t.tasks(); ++j) {
            experiment::suite_record suite{.kind = static_cast<experiment::capability>(k),
                                           .about = task_of(t.scores(), j),
                                           .scores = std::vector<double>(s.stages() + 1, nan)};
            suite.scores[0] = own(t.scores(), j, t.score(0, j));
            const std::size_t last = std::min(t.stages().size(), s.stages());  // one row is that of the end
            for (std::size_t i = 0; i < last; ++i)
                suite.scores[s.stages() - last + i + 1] = own(t.scores(), j, t.score(i + 1, j));
            one.suites.push_back(std::move(suite));
        }
    }
    return one;
}

inline std::string html_table(const std::vector<std::string>& head, const std::vector<std::vector<std::string>>& rows) {
    std::string all =
        "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Table\">\n<table "
        "class=\"settings\">\n<thead><tr>";
    for (const auto& h : head) all += "<th scope=\"col\">" + text::escape(h) + "</th>";
    all += "</tr></thead>\n<tbody>\n";
    const auto cell = [](const std::string& words) {  // an interval stays on one line
        std::string shown = text::escape(words);
        const auto bounds = shown.find('[');
        if (bounds != std::string::npos && shown.find("\u00a0", bounds) != std::string::npos)
            shown.insert(bounds, "<span style=\"white-space:nowrap\">").append("</span>");
        return "<td>" + shown + "</td>";
    };
    for (const auto& row : rows) {
        all += "<tr>";
        for (std::size_t c = 0; c < row.size(); ++c)
            all += c == 0 ? "<th scope=\"row\">" + text::escape(row[c]) + "</th>" : cell(row[c]);
        all += "</tr>\n";
    }
    return all + "</tbody>\n</table>\n</div>\n";
}

/// --format svg is this alone.
/// Demšar's diagram: methods at their mean ranks, a bar joins those that Nemenyi's test cannot tell apart.
inline std::string critical_difference_svg(const outcome& o) {
    const auto& ranks = o.ranks->friedman.mean_ranks;
    const auto k = static_cast<double>(ranks.size());
    const double left = 60, width = 480, step = 24;
    const auto x = [&](double rank) { return left + width * (rank - 1) / std::max(k - 1, 1.0); };
    std::vector<std::size_t> order(ranks.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return ranks[a] < ranks[b]; });
    const auto px = [](double v) { return text::fixed(v, 1); };
    const auto line = [&](double x1, double y1, double x2, double y2, const char* style) {
        return "<line x1=\"" + px(x1) + "\" y1=\"" + px(y1) + "\" x2=\"" + px(x2) + "\" y2=\"" + px(y2) + "\" " +
               style + "/>\n";
    };
    const auto label = [&](double at, double y, const std::string& words, const char* anchor) {
        return "<text x=\"" + px(at) + "\" y=\"" + px(y) + "\" text-anchor=\"" + anchor + "\" font-size=\"13\">" +
               text::escape(words) + "</text>\n";
    };
    std::string bars;
    double y = 52;
    std::size_t reached = 0;
    for (std::size_t i = 0; i < order.size(); ++i) {
        std::size_t end = i;
        while (end + 1 < order.size() && ranks[order[end + 1]] - ranks[order[i]] <= o.ranks->critical_difference) ++end;
        if (end == i || end + 1 <= reached) continue;
        reached = end + 1;
        bars += line(x(ranks[order[i]]) - 3, y, x(ranks[order[end]]) + 3, y,
                     "stroke=\"var(--ink,#14242b)\" stroke-width=\"5\"");
        y += 11;
    }
    const double first = y + 12;
    const double height = first + step * static_cast<double>((order.size() + 1) / 2) + 10;
    std::string svg = "<svg viewBox=\"0 0 600 " + px(height) +
                      "\" role=\"img\" aria-label=\"Critical difference diagram\" "
                      "xmlns=\"http://www.w3.org/2000/svg\" fill=\"currentColor\">\n";
    const double cd = std::min(o.ranks->critical_difference, k - 1) * width / std::max(k - 1, 1.0);
    svg += line(left, 14, left + cd, 14, "stroke=\"var(--ink,#14242b)\" stroke-width=\"2\"") +
           label(left, 10, "critical difference " + text::fixed(o.ranks->critical_difference, 2), "start");
    svg += line(left, 40, left + width, 40, "stroke=\"var(--ink,#14242b)\" stroke-width=\"1.5\"");
    for (std::size_t r = 1; r <= ranks.size(); ++r)
        svg += line(x(static_cast<double>(r)), 35, x(static_cast<double>(r)), 40, "stroke=\"var(--ink,#14242b)\"") +
               label(x(static_cast<double>(r)), 31, std::to_string(r), "middle");
    for (std::size_t i = 0; i < order.size(); ++i) {
        const bool better = i < (order.size() + 1) / 2;  // named on the left, the others on the right
        const double at = x(ranks[order[i]]);
        const double row = first + step * static_cast<double>(better ? i : order.size() - 1 - i) + 6;
        const double to = better ? 2 : 598;  // under the name, whatever its length
        svg += line(at, 40, at, row, "stroke=\"var(--faint,#5a6b72)\"") +
               line(at, row, to, row, "stroke=\"var(--faint,#5a6b72)\"") +
               label(better ? 2 : 598, row - 4, o.methods[order[i]].name + " " + text::fixed(ranks[order[i]], 2),
                     better ? "start" : "end");
    }
    return svg + bars + "</svg>\n";
}

inline std::string open_section(const char* id, const char* title, const std::string& lead) {
    return std::string("<section aria-labelledby=\"") + id + "\">\n<h2 id=\"" + id + "\">" + title +
           "</h2>\n<p class=\"lead\">" + text::escape(lead) + "</p>\n";
}

inline std::string folded(const char* title, const std::string& what) {
    return std::string("<details>\n<summary>") + title + "</summary>\n" + what + "</details>\n";
}

inline std::string gate_section(const outcome& o) {
    std::vector<std::vector<std::string>> rows;
    for (const verdict& v : o.gate)
        rows.push_back({v.failed ? "fell" : v.met ? "kept" : "chance", v.method, v.words()});
    if (rows.empty()) return {};
    return open_section("gate", "Gate", "Conditions that the model had to meet.") +
           html_table({"verdict", "method", "condition"}, rows) + "</section>\n";
}

/// An interval on one line.
inline std::string together(const metrics::interval& i, int decimals) {
    std::string all = bounds(i, [&](double x) { return text::shown(x, decimals); });
    if (const auto blank = all.find(' '); blank != std::string::npos) all.replace(blank, 1, "\u00a0");
    return all;
}

/// Metrics down; one method: value, interval, definition; several: a column each.
inline std::string metrics_section(const outcome& o) {
    std::vector<std::string> head = {"metric"};
    for (const method& m : o.methods) head.push_back(m.name);
    head.push_back("definition");
    std::vector<std::vector<std::string>> rows, missing;
    for (const auto& id : o.ids()) {
        rows.push_back({id});
        std::string definition;
        for (const auto& m : o.measured) {
            const value* v = m.find(id);
            if (v) definition = v->result.variant;
            rows.back().push_back(!v ? "–"
                                     : text::with_minus(metrics::text(v->result)) + " " +
                                           together(v->interval, text::decimals_of(v->result.scale)));
        }
        rows.back().push_back(definition);
    }
    for (std::size_t k = 0; k < o.methods.size(); ++k)
        for (const auto& s : o.measured[k].skipped) missing.push_back({s.id, o.methods[k].name, s.reason});
    return open_section("every-metric", "Every metric",
                        "Each under its own name, with the " + percent(o.confidence) +
                            " interval that runs or test items allow.") +
           html_table(head, rows) +
           (missing.empty() ? ""
                            : folded("What could not be computed", html_table({"metric", "method", "why"}, missing))) +
           "</section>\n";
}

inline std::string peer_section(const outcome& o) {
    if (o.by_peer.empty()) return {};
    std::vector<std::string> head = {"name"};
    for (const method& m : o.methods) head.push_back(m.name);
    head.push_back("definition");
    std::vector<std::vector<std::string>> rows;
    for (std::size_t i = 0; i < o.by_peer.front().size(); ++i) {
        rows.push_back({o.by_peer.front()[i].name});
        for (const auto& m : o.by_peer) rows.back().push_back(metrics::text(m[i]));
        rows.back().push_back(o.by_peer.front()[i].variant);
    }
    return open_section("peer", "As a peer reports it", "The numbers of " + o.peer + ", under its own names.") +
           html_table(head, rows) + "</section>\n";
}

/// The diagram and the tested differences; those that test items alone give an interval are folded away.
inline std::string differences_section(const outcome& o) {
    std::vector<std::vector<std::string>> tested, others;
    for (const difference& d : o.differences) {
        if (std::isnan(d.interval.lower)) continue;
        const int digits = text::decimals_of(o.measured[d.a].find(d.id)->result.scale);
        (d.test ? tested : others)
            .push_back({o.methods[d.a].name + " − " + o.methods[d.b].name, d.id,
                        text::shown(d.interval.estimate, digits), together(d.interval, digits),
                        d.test ? text::fixed(d.corrected_p, 4) : "–", d.interval.method});
    }
    if (tested.empty() && others.empty()) return {};
    std::string all = open_section("differences", "Method against method",
                                   "Paired differences; p by exact sign flips of the pairs, corrected by Holm.");
    if (o.ranks)
        all +=
            "<figure>\n<figcaption>Mean ranks over tasks; 1 is best. A bar joins what cannot be told apart at 0.05 "
            "(Nemenyi).</figcaption>\n" +
            critical_difference_svg(o) + "</figure>\n";
    const std::vector<std::string> head = {"difference", "metric", "value", "interval", "p", "pairs"};
    if (!tested.empty()) all += html_table(head, tested);
    if (!others.empty()) all += folded("By other metrics, from test items alone", html_table(head, others));
    return all + "</section>\n";
}

inline std::string sections(const outcome& o) {
    return gate_section(o) + metrics_section(o) + peer_section(o) + differences_section(o);
}

inline std::string as_html(const outcome& o, const references& beside) {
    experiment::report pages;
    for (const method& m : o.methods)
        for (const run& r : m.runs)
            if (r.stream) pages.add(as_record(m, r, beside));
    std::string page = pages.html(o.methods.size() == 1 ? o.methods[0].name : "What was kept");
    if (pages.runs().empty()) {
        const std::string none = "<p class=\"lead\">There is no run in this report.</p>\n";
        if (const auto at = page.find(none); at != std::string::npos) page.erase(at, none.size());
    }
    const auto end = page.find("</main>");
    return page.insert(end, sections(o));
}

}  // namespace report_program
