#pragma once
// Conditions that a fine-tuned model has to meet: "forgetting<=0.02, general>=-0.01, task:FOMC>=0.70", read and judged,
// and what fell told in a sentence. Builds on core/error.hpp. Leaves out where the numbers come from (catalogue.hpp,
// item_errors.hpp) and what is done with a model that fell (experiment/run.hpp, the program report).

#include <holdfast/core/error.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace holdfast::metrics {

/// One condition, as parse_gate reads it.
struct condition {
    std::string text = {};  ///< as written, without blanks
    std::string what = {};  ///< an identifier of catalogue.hpp, or task:NAME
    bool at_least = true;   ///< ">" or ">="
    bool strict = false;    ///< "<" or ">": the limit itself is not enough
    double limit = 0;       ///< in the metric's own unit

    /// Whether a value meets it; rounding errors of a mean do not decide.
    [[nodiscard]] bool met_by(double value) const {
        const double slack = 1e-12 * std::max(1.0, std::abs(limit));
        if (strict) return at_least ? value > limit + slack : value < limit - slack;
        return at_least ? value >= limit - slack : value <= limit + slack;
    }
};

/// A condition and the number it was held against.
struct judgement {
    condition asked = {};
    double value = 0;
    double lower = std::numeric_limits<double>::quiet_NaN();  ///< NaN: how sure the number is, is not known
    double upper = std::numeric_limits<double>::quiet_NaN();
    double confidence = 0.95;
    double scale = 1;     ///< what a perfect score is worth in the unit of `value`
    bool met = true;      ///< the value meets the condition
    bool failed = false;  ///< it does not, and the one who judged does not forgive it

    [[nodiscard]] bool knows_chance() const { return !std::isnan(lower); }
    /// The whole interval lies on the wrong side.
    [[nodiscard]] bool excludes_chance() const {
        return knows_chance() && (asked.at_least ? upper < asked.limit : lower > asked.limit);
    }

    /// "forgetting is 0.1604, 0.1404 above the limit of 0.02; its 95 % interval [0.1, 0.2] excludes chance"
    [[nodiscard]] std::string words() const {
        const auto fixed = [this](double x) {
            std::array<char, 64> digits{};
            std::snprintf(digits.data(), digits.size(), scale >= 100 ? "%.2f" : "%.4f", x);
            const std::string shown = digits.data();
            return shown[0] == '-' && shown.find_first_not_of("-0.") == std::string::npos ? shown.substr(1) : shown;
        };
        std::string s = asked.what + " is " + fixed(value);
        if (met) return s + ", as " + asked.text + " asks";
        const double by = std::abs(value - asked.limit);
        s += by > 0
                 ? ", " + fixed(by) + (asked.at_least ? " below" : " above") + " the limit of " + sentence(asked.limit)
                 : ", the limit itself, which " + asked.text + " leaves out";
        if (!knows_chance()) return s + "; whether that is chance is not known, since the number of test items is not";
        s += sentence("; its ", 100 * confidence, " % interval [") + fixed(lower) + ", " + fixed(upper) + "] " +
             (excludes_chance() ? "excludes chance" : "reaches the limit: it can be chance");
        return s + (failed ? "" : ", and is let pass");
    }
};

/// Holds a number against a condition.
///
/// @param lower, upper  bounds at `confidence`, NaN where they are not known
/// @param forgive       what can be chance does not fail; what is not known to be chance does
[[nodiscard]] inline judgement judge(const condition& asked, double value, double lower, double upper,
                                     double confidence, double scale, bool forgive) {
    judgement v{.asked = asked,
                .value = value,
                .lower = lower,
                .upper = upper,
                .confidence = confidence,
                .scale = scale,
                .met = asked.met_by(value)};
    v.failed = !v.met && (!forgive || !v.knows_chance() || v.excludes_chance());
    return v;
}

/// Reads conditions separated by commas, each NAME<=NUMBER, NAME>=NUMBER, NAME<NUMBER or NAME>NUMBER.
///
/// NAME is an identifier of all_metrics, `task:` and a task's name, or a short form: general, instruction_following (or
/// instruction), safety for the three deltas, OP, BWT. Whether there is such a metric is not known here.
/// @throw invalid_argument for a text without a condition, or one that does not read so
[[nodiscard]] inline std::vector<condition> parse_gate(std::string_view text) {
    constexpr auto function = "metrics::parse_gate";
    constexpr std::array<std::pair<std::string_view, std::string_view>, 6> short_forms = {
        {{"general", "general_ability_delta"},
         {"instruction_following", "instruction_following_delta"},
         {"instruction", "instruction_following_delta"},
         {"safety", "safety_delta"},
         {"OP", "overall_performance"},
         {"BWT", "backward_transfer"}}};
    const auto trimmed = [](std::string_view s) {
        const auto first = s.find_first_not_of(" \t\r\n");
        return first == std::string_view::npos
                   ? std::string{}
                   : std::string(s.substr(first, s.find_last_not_of(" \t\r\n") + 1 - first));
    };
    std::vector<condition> all;
    while (!text.empty()) {
        const auto comma = std::min(text.find(','), text.size());
        condition c;
        c.text = trimmed(text.substr(0, comma));
        text.remove_prefix(std::min(comma + 1, text.size()));
        const auto sign = c.text.find_first_of("<>");
        require(sign != std::string::npos && sign > 0, function,
                ": a condition reads NAME<=NUMBER or NAME>=NUMBER, this one is \"", c.text, "\"");
        c.at_least = c.text[sign] == '>';
        c.strict = sign + 1 >= c.text.size() || c.text[sign + 1] != '=';
        const std::string name = trimmed(std::string_view(c.text).substr(0, sign));
        const std::string number = trimmed(std::string_view(c.text).substr(sign + (c.strict ? 1 : 2)));
        const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), c.limit);
        require(error == std::errc{} && end == number.data() + number.size() && std::isfinite(c.limit), function,
                ": \"", number, "\" in \"", c.text, "\" is no number");
        c.what = name;
        for (std::size_t i = 0; i < short_forms.size(); ++i)
            if (name == short_forms[i].first) c.what = short_forms[i].second;
        c.text = name + (c.at_least ? ">" : "<") + (c.strict ? "" : "=") + number;
        all.push_back(std::move(c));
    }
    require(!all.empty(), function, ": holds no condition");
    return all;
}

}  // namespace holdfast::metrics
