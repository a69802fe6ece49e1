#pragma once
// The gate of a fine-tuning pipeline: conditions on metrics and tasks, and whether what fell can be chance.
// "forgetting<=0.02, general>=-0.01, task:FOMC>=0.70"

#include <cctype>
#include <charconv>
#include <cmath>
#include <holdfast/experiment/text.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "measure.hpp"

namespace report_program {

struct condition {
    std::string text;  // as written, without blanks
    std::string what;  // an identifier of a metric, or task:NAME
    bool at_least = true, strict = false;
    double limit = 0;
};

inline std::string without_blanks(std::string_view text) {
    const auto first = text.find_first_not_of(" \t\n");
    return first == std::string_view::npos
               ? std::string{}
               : std::string(text.substr(first, text.find_last_not_of(" \t\n") + 1 - first));
}

inline std::vector<condition> parse_gate(std::string_view text) {
    std::vector<condition> all;
    while (!text.empty()) {
        const auto comma = std::min(text.find(','), text.size());
        condition c{.text = without_blanks(text.substr(0, comma)), .what = {}};
        text.remove_prefix(std::min(comma + 1, text.size()));
        const auto sign = c.text.find_first_of("<>");
        require(sign != std::string::npos && sign > 0,
                "report: --gate: a condition reads NAME<=NUMBER or NAME>=NUMBER, this one is \"", c.text, "\"");
        c.at_least = c.text[sign] == '>';
        c.strict = sign + 1 >= c.text.size() || c.text[sign + 1] != '=';
        c.what = without_blanks(std::string_view(c.text).substr(0, sign));
        const std::string number = without_blanks(std::string_view(c.text).substr(sign + (c.strict ? 1 : 2)));
        const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), c.limit);
        require(error == std::errc{} && end == number.data() + number.size() && std::isfinite(c.limit),
                "report: --gate: \"", number, "\" in \"", c.text, "\" is no number");
        for (const auto& [shown, id] : {std::pair{"general", "general_ability_delta"},
                                        {"instruction_following", "instruction_following_delta"},
                                        {"instruction", "instruction_following_delta"},
                                        {"safety", "safety_delta"},
                                        {"OP", "overall_performance"},
                                        {"BWT", "backward_transfer"}})
            if (c.what == shown) c.what = id;
        c.text = without_blanks(c.text.substr(0, sign)) + (c.at_least ? ">" : "<") + (c.strict ? "" : "=") + number;
        all.push_back(std::move(c));
    }
    require(!all.empty(), "report: --gate: holds no condition");
    return all;
}

struct verdict {
    condition asked;
    std::string method;
    metrics::interval found;
    double scale = 1;
    bool met = true, failed = false;

    [[nodiscard]] bool knows_chance() const { return !std::isnan(found.lower); }
    /// Not met, and the whole interval lies on the wrong side.
    [[nodiscard]] bool excludes_chance() const {
        return knows_chance() && (asked.at_least ? found.upper < asked.limit : found.lower > asked.limit);
    }

    /// "forgetting is 0.1604, 0.1404 above the limit of 0.02; its 95 % interval [0.1, 0.2] excludes chance"
    [[nodiscard]] std::string words() const {
        namespace text = holdfast::experiment::detail;
        const int d = text::decimals_of(scale);
        std::string s = asked.what + " is " + text::fixed(found.estimate, d);
        const std::string limit = text::shortest(asked.limit);
        if (met) return s + ", as " + asked.text + " asks";
        const double by = std::abs(found.estimate - asked.limit);
        s += by > 0 ? ", " + text::fixed(by, d) + (asked.at_least ? " below" : " above") + " the limit of " + limit
                    : ", the limit itself, which " + asked.text + " leaves out";
        if (!knows_chance())
            return s + "; whether that is chance is not known (--sizes says how many test items there are)";
        s += "; its " + text::shortest(100 * found.confidence) + " % interval [" + text::fixed(found.lower, d) + ", " +
             text::fixed(found.upper, d) + "] " +
             (excludes_chance() ? "excludes chance" : "reaches the limit: it can be chance");
        return s + (failed ? "" : ", and is let pass");
    }
};

/// The last score of a task, of the stream or of a suite, over runs.
inline std::optional<value> last_score(const method& m, const std::string& task, double confidence) {
    value v{.id = "task:" + task};
    for (const run& r : m.runs) {
        const table* found = nullptr;
        const auto look = [&](const std::optional<table>& t) {
            if (!t || found) return;
            for (const std::string& name : t->scores().names())
                if (name == task) found = &*t;
        };
        look(r.stream);
        for (const auto& s : r.suites) look(s);
        look(r.others);
        if (!found) return std::nullopt;
        const std::size_t j = found->scores().index(task), last = found->stages().size();
        const double score = found->score(last, j);
        require(!std::isnan(score), "report: --gate: task \"", task, "\" was not evaluated after the last stage");
        v.runs.push_back(score);
        v.error = std::sqrt(found->variance(last, j));
        v.result.scale = found->scores().traits()[j].scale;
        v.interval = {score, nan, nan, confidence, 0, ""};
        const auto& traits = found->scores().traits()[j];
        if (m.runs.size() == 1 && traits.size > 0 && score >= 0 && score <= traits.scale && last > 0)
            v.interval = score_interval(found->scores(), last - 1, j, confidence);
    }
    double sum = 0;
    for (const double x : v.runs) sum += x;
    v.result.value = sum / static_cast<double>(v.runs.size());
    if (!v.has_interval()) v.interval = interval_of(v, confidence);
    return v;
}

/// @param forgive  what can be chance does not fail
inline std::vector<verdict> judge(const std::vector<condition>& gate, const method& m, const measurement& measured,
                                  double confidence, bool forgive) {
    std::vector<verdict> all;
    for (const condition& c : gate) {
        verdict v{.asked = c, .method = m.name, .found = {}};
        if (c.what.starts_with("task:")) {
            const auto score = last_score(m, c.what.substr(5), confidence);
            require(score.has_value(), "report: --gate: there is no task \"", c.what.substr(5), "\" in ", m.source);
            v.found = score->interval;
            v.found.estimate = score->result.value;
            v.scale = score->result.scale;
        } else {
            const value* found = measured.find(c.what);
            const std::string reason = measured.reason(c.what);
            require(found || !reason.empty(), "report: --gate: there is no metric \"", c.what,
                    "\"; the identifiers are those of --format json, general, instruction, safety, and task:NAME");
            require(found, "report: --gate: ", c.what, " cannot be judged: ", reason);
            v.found = interval_of(*found, confidence);
            v.scale = found->result.scale;
        }
        const double x = v.found.estimate, slack = 1e-12 * std::max(1.0, std::abs(c.limit));
        v.met = c.strict ? (c.at_least ? x > c.limit + slack : x < c.limit - slack)
                         : (c.at_least ? x >= c.limit - slack : x <= c.limit + slack);
        v.failed = !v.met && (!forgive || !v.knows_chance() || v.excludes_chance());
        all.push_back(std::move(v));
    }
    return all;
}

}  // namespace report_program
