// score: predictions that any model wrote, scored by any scorer of the library, with an interval. The value is what the
// scorer's origin reports of a corpus: the mean of the items, or the score of their counts added up. Reads JSON Lines
// {"prediction", "references", "source"}. Wrong input: one sentence on standard error, exit 2.

#include <holdfast/experiment/text.hpp>
#include <holdfast/formats/json.hpp>
#include <holdfast/metrics/bootstrap.hpp>
#include <holdfast/metrics/significance.hpp>
#include <holdfast/scoring/catalogue.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <span>
#include <string>
#include <vector>

#include "command_line.hpp"

namespace formats = holdfast::formats;
namespace metrics = holdfast::metrics;
namespace scoring = holdfast::scoring;
namespace text = holdfast::experiment::detail;
using holdfast::require;
using holdfast::sentence;
using ordered_json = nlohmann::ordered_json;

namespace {

struct settings {
    std::string predictions, scorer, format = "table";
    bool list = false;
    double confidence = 0.95;
};

/// "references" is a list of texts, or one text; "reference" is the same.
std::vector<std::string> references_of(const formats::json_record& r) {
    const char* name = r.value.contains("references") ? "references" : "reference";
    const auto field = r.value.find(name);
    if (field == r.value.end()) r.refuse("has no field \"references\"");
    if (field->is_string()) return {field->get<std::string>()};
    if (!field->is_array())
        r.refuse(sentence("field \"", name, "\" must be a list of texts, it is ", field->type_name()));
    std::vector<std::string> all;
    for (const auto& one : *field) {
        if (!one.is_string()) r.refuse(sentence("field \"", name, "\" must hold texts, one is ", one.type_name()));
        all.push_back(one.get<std::string>());
    }
    if (all.empty()) r.refuse(sentence("field \"", name, "\" holds no text"));
    return all;
}

std::vector<scoring::item> read_items(const std::string& path, const scoring::any_scorer& scorer) {
    std::vector<scoring::item> items;
    for (const auto& r : formats::read_json_lines(path)) {
        if (scorer.uses_source() && !r.value.contains("source"))
            r.refuse(sentence("has no field \"source\", which ", scorer.name(), " needs"));
        items.push_back({r.text("prediction"), references_of(r), r.text_or_empty("source")});
    }
    return items;
}

/// What the scorer's origin reports of the corpus, with an interval: Wilson's for scores that are all right or wrong,
/// else a bootstrap over items; none for one graded item.
metrics::interval interval_of(const scoring::any_scorer& scorer, const scoring::corpus_scores& corpus,
                              double confidence) {
    const auto& scores = corpus.scores;
    const double best = scorer.best(), mean = scorer.reports_pooled() ? corpus.pooled : corpus.mean;
    if (!scorer.reports_pooled() &&
        std::all_of(scores.begin(), scores.end(), [&](double x) { return x == 0 || x == best; })) {
        const auto right = std::count(scores.begin(), scores.end(), best);
        auto i = metrics::wilson(static_cast<std::size_t>(right), scores.size(), confidence);
        i.estimate = mean, i.lower *= best, i.upper *= best;
        return i;
    }
    if (scores.size() < 2) return {mean, metrics::not_evaluated, metrics::not_evaluated, confidence, 1, ""};
    const metrics::bootstrap_options options{.confidence = confidence};
    auto i = scorer.reports_pooled()
                 ? metrics::bootstrap_sums(
                       corpus.numbers.view(),
                       [&](std::span<const double> sums, std::size_t n) { return scorer.pooled(sums, n); }, options)
                 : metrics::bootstrap_mean(scores, options);
    i.estimate = mean;
    return i;
}

std::string listing(const std::string& format) {
    if (format == "json") {
        ordered_json all = ordered_json::array();
        for (const auto& s : scoring::catalogue())
            all.push_back({{"scorer", s.scorer.name()},
                           {"definition", s.definition},
                           {"origin", s.origin},
                           {"best", s.scorer.best()},
                           {"reports", s.scorer.reports_pooled() ? "pooled" : "mean"},
                           {"needs_source", s.scorer.uses_source()}});
        return all.dump(2) + "\n";
    }
    std::size_t name = 0, definition = 0;
    for (const auto& s : scoring::catalogue()) {
        name = std::max(name, text::width(s.scorer.name()));
        definition = std::max(definition, text::width(s.definition));
    }
    std::string all;
    for (const auto& s : scoring::catalogue())
        all += std::string(s.scorer.name()) + std::string(name + 2 - text::width(s.scorer.name()), ' ') +
               std::string(s.definition) + std::string(definition + 2 - text::width(s.definition), ' ') +
               std::string(s.origin) + "\n";
    return all;
}

std::string result(const settings& s) {
    const auto scorer = scoring::named(s.scorer);
    const auto items = read_items(s.predictions, scorer);
    const auto corpus = scoring::score_corpus(scorer, items);
    const auto& scores = corpus.scores;
    const auto i = interval_of(scorer, corpus, s.confidence);
    if (s.format == "json") {
        ordered_json j{{"scorer", scorer.name()}, {"value", i.estimate}};
        if (!std::isnan(i.lower)) j["lower"] = i.lower, j["upper"] = i.upper;
        j["n"] = scores.size();
        j["confidence"] = s.confidence;
        if (!i.method.empty()) j["interval"] = i.method;
        if (scorer.pools()) j["mean"] = corpus.mean, j["pooled"] = corpus.pooled;
        j["per_item"] = scores;
        return j.dump() + "\n";
    }
    const int d = text::decimals_of(scorer.best());
    const std::string interval = std::isnan(i.lower)
                                     ? std::string("none, one item has no spread")
                                     : "[" + text::fixed(i.lower, d) + ", " + text::fixed(i.upper, d) + "] (" +
                                           text::shortest(100 * s.confidence) + " %, " + i.method + ")";
    const std::string pooling = scorer.pools() ? "\nof items  " + text::fixed(corpus.mean, d) + " (mean)\nof counts " +
                                                     text::fixed(corpus.pooled, d) + " (pooled)"
                                               : std::string();
    const auto [low, high] = std::minmax_element(scores.begin(), scores.end());
    return "scorer    " + std::string(scorer.name()) + "\nvalue     " + text::fixed(i.estimate, d) + "\ninterval  " +
           interval + pooling + "\nitems     " + std::to_string(scores.size()) + "\nlowest    " + text::fixed(*low, d) +
           "\nhighest   " + text::fixed(*high, d) + "\n";
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("Predictions scored by any scorer, with an interval.", "score");
    settings s;
    app.add_option("PREDICTIONS", s.predictions, "JSON Lines: {\"prediction\", \"references\": [..], \"source\"}");
    app.add_option("--scorer", s.scorer, "Its name, for example trace::rouge_l; --list names all");
    app.add_option("--format", s.format, "table or json [table]")->check(CLI::IsMember({"table", "json"}));
    app.add_option("--confidence", s.confidence, "Of the interval, 0 to 1 [0.95]");
    app.add_flag("--list", s.list, "Every scorer with its definition and origin");
    return run_program(app, argc, argv, [&] {
        require(s.list || !s.predictions.empty(), "score: PREDICTIONS, a file of JSON Lines, is needed, or --list");
        require(s.list || !s.scorer.empty(), "score: --scorer NAME is needed; --list names all");
        require(s.confidence > 0 && s.confidence <= 0.9998,
                "score: a confidence lies between 0 and 0.9998 (0.95, not 95), got ", s.confidence);
        write_result({}, s.list ? listing(s.format) : result(s));
    });
}
