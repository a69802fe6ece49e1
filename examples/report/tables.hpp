#pragma once
// --format table, csv and latex.

#include <holdfast/experiment/text.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "outcome.hpp"

namespace report_program {

namespace text = holdfast::experiment::detail;

/// @param number  double -> text
template <class Number>
std::string bounds(const metrics::interval& i, const Number& number) {
    return std::isnan(i.lower) ? std::string{} : "[" + number(i.lower) + ", " + number(i.upper) + "]";
}
inline std::string bounds(const metrics::interval& i, int decimals) {
    return bounds(i, [&](double x) { return text::fixed(x, decimals); });
}

/// Rows in columns two spaces apart, all to the left but the numbers.
inline std::string in_columns(const std::vector<std::vector<std::string>>& rows, std::size_t numbers) {
    std::vector<std::size_t> widths;
    for (const auto& row : rows) {
        widths.resize(std::max(widths.size(), row.size()), 0);
        for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], text::width(row[c]));
    }
    std::string all;
    for (const auto& row : rows) {
        std::string line;
        for (std::size_t c = 0; c < row.size(); ++c) {
            const std::string gap(widths[c] - text::width(row[c]), ' ');
            line += (c > 0 ? "  " : "") + (c == 0 || c > numbers ? row[c] + gap : gap + row[c]);
        }
        line.erase(line.find_last_not_of(' ') + 1);
        all += line + "\n";
    }
    return all;
}

inline std::string percent(double confidence) { return text::shortest(100 * confidence) + " %"; }

/// What is missing and why; where several methods lack it for one reason, once.
inline std::string not_computed(const outcome& o) {
    std::vector<metrics::catalogue::omission> reasons;
    std::vector<std::string> of;  // which methods
    for (std::size_t k = 0; k < o.measured.size(); ++k)
        for (const auto& s : o.measured[k].skipped) {
            std::size_t i = 0;
            while (i < reasons.size() && (reasons[i].id != s.id || reasons[i].reason != s.reason)) ++i;
            if (i == reasons.size()) reasons.push_back(s), of.emplace_back();
            of[i] += (of[i].empty() ? "" : ", ") + o.methods[k].name;
        }
    if (reasons.empty()) return {};
    std::string everyone;
    for (const method& m : o.methods) everyone += (everyone.empty() ? "" : ", ") + m.name;
    std::vector<std::pair<std::string, std::vector<std::string>>> by_reason;
    for (std::size_t i = 0; i < reasons.size(); ++i) {
        std::string why = reasons[i].reason;
        if (why.starts_with("metrics::")) why.erase(0, std::min(why.find(": ") + 2, why.size()));
        why += of[i] == everyone ? "" : " (" + of[i] + ")";
        auto at = std::find_if(by_reason.begin(), by_reason.end(), [&](const auto& r) { return r.first == why; });
        if (at == by_reason.end()) at = by_reason.insert(at, {why, {}});
        at->second.push_back(reasons[i].id);
    }
    std::vector<std::vector<std::string>> rows;
    for (const auto& [why, ids] : by_reason)
        if (ids.size() > 4)
            rows.push_back({"  " + ids.front() + " and " + std::to_string(ids.size() - 1) + " more", why});
        else
            for (const auto& id : ids) rows.push_back({"  " + id, why});
    return "\nnot computed:\n" + in_columns(rows, 0);
}

/// One method: value, interval and definition of every metric. Several: a column of values for each, then differences.
inline std::string as_table(const outcome& o) {
    std::string all;
    const bool one = o.methods.size() == 1;
    std::vector<std::vector<std::string>> rows(1, {"metric"});
    if (one) {
        const bool any = std::any_of(o.measured[0].values.begin(), o.measured[0].values.end(),
                                     [](const value& v) { return v.has_interval(); });
        rows[0].push_back(o.methods[0].name);
        if (any) rows[0].push_back(percent(o.confidence) + " interval");
        rows[0].push_back("definition");
        for (const value& v : o.measured[0].values) {
            rows.push_back({v.id, metrics::text(v.result)});
            if (any) rows.back().push_back(bounds(v.interval, text::decimals_of(v.result.scale)));
            rows.back().push_back(v.result.variant);
        }
        all += in_columns(rows, any ? 2 : 1);
    } else {
        for (const auto& m : o.methods) rows[0].push_back(m.name);
        for (const auto& id : o.ids()) {
            rows.push_back({id});
            for (const auto& m : o.measured) {
                const value* v = m.find(id);
                const int d = v ? text::decimals_of(v->result.scale) : 4;
                rows.back().push_back(!v ? "-"
                                         : metrics::text(v->result) +
                                               (v->has_interval() && v->runs.size() > 1
                                                    ? " ± " + text::fixed(v->interval.width() / 2, d)
                                                    : ""));
            }
        }
        all += in_columns(rows, o.methods.size());
        rows.assign(1, {"difference", "metric", "value", percent(o.confidence) + " interval", "p", "p (Holm)", "of"});
        for (const difference& d : o.differences) {
            if (std::isnan(d.interval.lower)) continue;
            const int digits = text::decimals_of(o.measured[d.a].find(d.id)->result.scale);
            rows.push_back({o.methods[d.a].name + " - " + o.methods[d.b].name, d.id,
                            text::fixed(d.interval.estimate, digits), bounds(d.interval, digits),
                            d.test ? text::fixed(d.test->p, 4) : "", d.test ? text::fixed(d.corrected_p, 4) : "",
                            d.interval.method + (d.test && !d.test->can_reach(0.05) ? "; " + d.test->verdict() : "")});
        }
        if (rows.size() > 1) all += "\n" + in_columns(rows, 0);
        if (o.ranks) {
            all += "\nmean ranks over " + std::to_string(o.ranks->friedman.rows) + " tasks (1 is best):";
            for (std::size_t k = 0; k < o.methods.size(); ++k)
                all += (k ? ", " : " ") + o.methods[k].name + " " + text::fixed(o.ranks->friedman.mean_ranks[k], 2);
            all += "; Friedman p = " + text::fixed(o.ranks->friedman.p, 4) +
                   "; critical difference at 0.05: " + text::fixed(o.ranks->critical_difference, 2) + "\n";
        }
    }
    for (std::size_t k = 0; k < o.by_peer.size(); ++k) {
        rows.assign(1, {"as " + o.peer + " reports it", o.methods[k].name, "definition"});
        for (const auto& r : o.by_peer[k]) rows.push_back({r.name, metrics::text(r), r.variant});
        all += "\n" + in_columns(rows, 1);
    }
    all += not_computed(o);
    if (!o.gate.empty()) {
        all += "\ngate:\n";
        for (const verdict& v : o.gate)
            all += std::string("  ") +
                   (v.failed ? "FELL  "
                    : v.met  ? "kept  "
                             : "chance  ") +
                   (one ? "" : v.method + ": ") + v.words() + "\n";
    }
    return all;
}

inline std::string as_csv(const outcome& o) {
    std::string all = "method,metric,value,lower,upper,variant,stage,tasks\n";
    for (std::size_t k = 0; k < o.methods.size(); ++k)
        for (const value& v : o.measured[k].values)
            all += text::csv_field(o.methods[k].name) + "," + v.id + "," + text::shortest(v.result.value) + "," +
                   text::shortest(v.interval.lower) + "," + text::shortest(v.interval.upper) + "," +
                   text::csv_field(v.result.variant) + "," + std::to_string(v.stage) + "," +
                   std::to_string(v.result.tasks) + "\n";
    return all;
}

inline std::string latex_text(std::string_view plain) {
    std::string safe;
    for (const char c : plain) {
        if (c == '\\')
            safe += "\\textbackslash{}";
        else if (c == '~' || c == '^')
            safe += std::string("\\") + c + "{}";
        else if (std::string_view("&%$#_{}").find(c) != std::string_view::npos)
            safe += std::string("\\") + c;
        else
            safe += c;
    }
    return safe;
}

/// A table for booktabs: methods down, the metrics of a paper across, the best of each in bold; then every difference.
inline std::string as_latex(const outcome& o) {
    struct shown {
        const char *id, *head;
        bool lower_is_better;
    };
    std::vector<shown> columns;
    for (const shown& s : {shown{"overall_performance", "OP", false},
                           {"backward_transfer", "BWT", false},
                           {"forward_transfer", "FWT", false},
                           {"forward_transfer_zero_shot", "FWT$_0$", false},
                           {"forgetting", "F", true},
                           {"average_incremental", "AIA", false},
                           {"learning_accuracy", "LA", false},
                           {"relative_gain", "RG", false},
                           {"general_ability_delta", "$\\Delta R^G$", false},
                           {"instruction_following_delta", "$\\Delta R^I$", false},
                           {"safety_delta", "$\\Delta R^S$", false}})
        for (const auto& m : o.measured)
            if (m.find(s.id)) {
                columns.push_back(s);
                break;
            }
    const auto number = [](double x, double scale) {
        const std::string digits = text::fixed(x, scale >= 100 ? 2 : 3);
        return digits[0] == '-' ? "$-$" + digits.substr(1) : digits;
    };
    std::string all =
        "% \\usepackage{booktabs}\n\\begin{tabular}{l" + std::string(columns.size(), 'r') + "}\n\\toprule\nmethod";
    for (const shown& c : columns)
        all += std::string(" & ") + c.head + (c.lower_is_better ? " $\\downarrow$" : " $\\uparrow$");
    all += " \\\\\n\\midrule\n";
    for (std::size_t k = 0; k < o.methods.size(); ++k) {
        all += latex_text(o.methods[k].name);
        for (const shown& c : columns) {
            const value* v = o.measured[k].find(c.id);
            all += " & ";
            if (!v) {
                all += "--";
                continue;
            }
            bool best = o.methods.size() > 1;
            for (const auto& m : o.measured)
                if (const value* other = m.find(c.id))
                    best &= c.lower_is_better ? v->result.value <= other->result.value
                                              : v->result.value >= other->result.value;
            const std::string digits = number(v->result.value, v->result.scale);
            all += best ? "\\textbf{" + digits + "}" : digits;
            if (v->has_interval())
                all += " {\\scriptsize $\\pm$ " + number(v->interval.width() / 2, v->result.scale) + "}";
        }
        all += " \\\\\n";
    }
    all += "\\bottomrule\n\\end{tabular}\n";
    if (o.methods.size() < 2) return all;
    all += "\n\\begin{tabular}{llrrr}\n\\toprule\ndifference & metric & value & " + latex_text(percent(o.confidence)) +
           " interval & $p$ (Holm) \\\\\n\\midrule\n";
    for (const difference& d : o.differences) {
        const auto column = std::find_if(columns.begin(), columns.end(), [&](const shown& c) { return d.id == c.id; });
        if (column == columns.end()) continue;
        const double scale = o.measured[d.a].find(d.id)->result.scale;
        all += latex_text(o.methods[d.a].name) + " $-$ " + latex_text(o.methods[d.b].name) + " & " + column->head +
               " & " + number(d.interval.estimate, scale) + " & " +
               (std::isnan(d.interval.lower)
                    ? "--"
                    : "[" + number(d.interval.lower, scale) + ", " + number(d.interval.upper, scale) + "]") +
               " & " + (d.test ? text::fixed(d.corrected_p, 3) : "--") + " \\\\\n";
    }
    return all + "\\bottomrule\n\\end{tabular}\n";
}

}  // namespace report_program
