// report: every metric of continual learning from a table of scores that any trainer wrote, with intervals, beside
// other methods, and as a gate. Wrong input: one sentence on standard error, exit 2, nothing written. What fell:
// exit 3.

#include <CLI/CLI.hpp>

#include <charconv>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "command_line.hpp"
#include "inputs.hpp"
#include "outcome.hpp"
#include "page.hpp"
#include "peers.hpp"
#include "tables.hpp"
#include "write_json.hpp"

using namespace report_program;

namespace {

struct settings {
    request asked;
    std::vector<std::string> metric, scale, sizes;
    std::string format = "table", peer, out, gate;
    double confidence = 0.95;
    std::optional<double> gate_confidence;
    bool skip_missing = false;
};

void add_options(CLI::App& app, settings& s) {
    app.add_option(
        "SCORES", s.asked.scores,
        "CSV (stage, then a column per task; empty = not evaluated; a first row base), report.json, a folder "
        "of TRACE results, or lm-evaluation-harness files in the order of training; several are compared; "
        "NAME=FILE names one");
    app.add_option("--baseline", s.asked.baseline, "Scores of a random model, one row: forward transfer");
    app.add_option("--single-task", s.asked.single_task, "Scores of models of one task each, one row: relative gain");
    app.add_option("--before", s.asked.before, "Scores of the model before training");
    app.add_option("--after", s.asked.after, "Scores of the model after training, of the same test sets");
    app.add_option("--suite", s.asked.suites, "general=NAME,NAME,safety=NAME: test sets that are not of the stream");
    app.add_option("--tasks", s.asked.how.tasks, "Tasks in the order of the stream [the file's]")->delimiter(',');
    app.add_option("--metric", s.metric, "TASK=NAME: which number of a result file counts")->delimiter(',');
    app.add_option("--scale", s.scale,
                   "The best score: 100, or TASK=100 [1; 100 for a column of a CSV that goes above 1]")
        ->delimiter(',');
    app.add_option("--sizes", s.sizes, "Number of test items: N, or TASK=N, for intervals")->delimiter(',');
    app.add_flag("--skip-missing", s.skip_missing, "Means leave out what was not evaluated, and say so");
    app.add_option("--format", s.format, "table, json, csv, html, latex, or svg: the diagram of ranks [table]")
        ->check(CLI::IsMember({"table", "json", "csv", "html", "latex", "svg"}));
    app.add_option("--peer", s.peer, "What that project reports: trace, avalanche, gem, mammoth, sapt ...");
    app.add_option("--confidence", s.confidence, "Of intervals, 0 to 1 [0.95]");
    app.add_option("--out", s.out, "File [standard output]");
    app.add_option("--gate", s.gate, "\"forgetting<=0.02, general>=-0.01, task:NAME>=0.7\": exit 3 if one falls");
    app.add_option("--gate-confidence", s.gate_confidence,
                   "Only what falls with this confidence fails the gate, 0 to 1 [every fall does]");
}

double number(const char* option, const std::string& text) {
    double x = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), x);
    require(error == std::errc{} && end == text.data() + text.size() && x > 0 && std::isfinite(x), "report: ", option,
            ": \"", text, "\" is no number above 0");
    return x;
}

/// NAME=NUMBER, or NUMBER for all.
std::map<std::string, double> by_task(const char* option, const std::vector<std::string>& texts, bool whole) {
    std::map<std::string, double> all;
    for (const auto& text : texts) {
        const auto sign = text.rfind('=');
        const double x = number(option, sign == std::string::npos ? text : text.substr(sign + 1));
        require(!whole || (x == std::floor(x) && x < 1e15), "report: ", option, ": \"", text, "\" is no whole number");
        all[sign == std::string::npos ? "" : text.substr(0, sign)] = x;
    }
    return all;
}

int run_report(settings& s) {
    for (const double c : {s.confidence, s.gate_confidence.value_or(0.95)})
        require(c > 0 && c < 1, "report: a confidence lies between 0 and 1 (0.95, not 95), got ", c);
    require(!s.gate_confidence || !s.gate.empty(), "report: --gate-confidence needs --gate");
    const auto gate = s.gate.empty() ? std::vector<metrics::condition>{} : metrics::parse_gate(s.gate);
    for (const auto& text : s.metric) {
        const auto sign = text.find('=');
        require(sign != std::string::npos && sign > 0, "report: --metric reads TASK=NAME, it is \"", text, "\"");
        s.asked.how.metric[text.substr(0, sign)] = text.substr(sign + 1);
    }
    s.asked.how.scale = by_task("--scale", s.scale, false);
    s.asked.how.sizes = by_task("--sizes", s.sizes, true);
    inputs in = read_inputs(s.asked);
    outcome o;
    o.confidence = s.confidence;
    const measuring how{in.beside, s.confidence, s.skip_missing};
    for (const method& m : in.methods) o.measured.push_back(measure(m, how));
    o.methods = std::move(in.methods);
    if (!s.peer.empty()) {
        o.peer = s.peer;
        for (const method& m : o.methods) o.by_peer.push_back(ask_peer(s.peer, m, in.beside));
    }
    if (o.methods.size() > 1) {
        o.differences = differences(o.methods, o.measured, s.confidence);
        o.ranks = rank(o.methods);
    }
    require(s.format != "svg" || o.ranks,
            "report: --format svg: the diagram of ranks needs at least 2 methods over 2 tasks, "
            "each scored after the last stage");
    int code = 0;
    std::string fell;
    for (std::size_t k = 0; k < o.methods.size(); ++k)
        for (auto& v : judge(gate, o.methods[k], o.measured[k], s.gate_confidence.value_or(s.confidence),
                             s.gate_confidence.has_value())) {
            if (v.failed)
                code = 3, fell += "report: gate: " + (o.methods.size() > 1 ? v.method + ": " : "") + v.words() + "\n";
            o.gate.push_back(std::move(v));
        }
    write_result(s.out, s.format == "json"    ? as_json(o)
                        : s.format == "csv"   ? as_csv(o)
                        : s.format == "latex" ? as_latex(o)
                        : s.format == "svg"   ? critical_difference_svg(o)
                        : s.format == "html"  ? as_html(o, in.beside)
                                              : as_table(o));
    std::fputs(fell.c_str(), stderr);
    return code;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("Every metric of continual learning from a table of scores, with intervals; and a gate.", "report");
    settings s;
    add_options(app, s);
    return run_program(app, argc, argv, [&] { return run_report(s); });
}
