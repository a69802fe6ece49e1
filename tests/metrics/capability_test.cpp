#include <holdfast/metrics/capability.hpp>

#include "support/test.hpp"

#include <nlohmann/json.hpp>

#include <fstream>

namespace metrics = holdfast::metrics;

TEST_CASE("general ability after continual learning, all rows of TRACE's table 2") {
    const auto path = holdfast_test::shared("vectors/general_ability.json");
    if (path.empty()) SKIP_ALOUD("general_ability.json is not at hand (HOLDFAST_SHARED_DIR)");
    const auto file = nlohmann::json::parse(std::ifstream(path));
    std::vector<double> base;
    std::size_t rows = 0;
    for (const auto& row : file.at("rows")) {
        const auto scores = row.at("scores").get<std::vector<double>>();
        if (row.at("method") == "base") base = scores;
        const double delta = metrics::general_ability_delta(base, scores).value;
        const auto who = row.at("model").get<std::string>() + " " + row.at("method").get<std::string>();
        CAPTURE(who);
        CHECK(delta == Approx(row.at("computed_delta").get<double>()).margin(1e-9));
        // The published column is rounded from other digits than the printed cells (0.012 off at most), but for two
        // slips of arithmetic in the paper: the Vicuna LoRA rows print -5.13 and -6.18 where their cells give -5.31,
        // -6.81.
        const bool slip = who.find("Vicuna") != std::string::npos && row.at("method") == "LoraSeq";
        CHECK((std::abs(delta - row.at("published_delta").get<double>()) < 0.015) != slip);
        ++rows;
    }
    CHECK(rows == 20);
}

TEST_CASE("the deltas of LLaMA-2-7B-Chat, written out") {
    const std::vector<double> base{46.56, 26.08, 40.23, 23.47, 70.55, 76.22};
    const std::vector<double> seq{46.43, 3.49, 30.11, 33.23, 77.89, 76.5};
    const auto delta = metrics::general_ability_delta(base, seq);
    CHECK(delta.value == Approx(-2.576667).margin(1e-6));
    CHECK(delta.tasks == 6);
    CHECK(delta.denominator == 6);
    CHECK(delta.name == "general ability delta");
    CHECK(metrics::instruction_following_delta(base, seq).name == "instruction following delta");
    CHECK(metrics::safety_delta(base, seq).name == "safety delta");
    CHECK(metrics::safety_delta(base, seq).value == delta.value);
}

TEST_CASE("a suite is measured after any stage, and may have more stages than test sets") {
    metrics::accuracy_matrix suite({"MMLU", "BoolQ"}, {{.scale = 100}, {.scale = 100}});
    suite.before({50, 70});
    suite.append({48, 71}).append({47, 66}).append({46, 64});
    CHECK(metrics::general_ability_delta(suite).value == Approx(-5));
    CHECK(metrics::general_ability_delta(suite, {.stage = 0}).value == Approx(-.5));
    CHECK(metrics::general_ability_delta(suite).scale == 100);
    CHECK_REFUSES(metrics::general_ability_delta(suite, {.stage = 3}), "metrics::general_ability_delta: stage 3 of 3");
}

TEST_CASE("the deltas refuse what they cannot compare") {
    metrics::accuracy_matrix suite({"MMLU", "BoolQ"});
    suite.append({.5});
    CHECK_REFUSES(metrics::safety_delta(suite), "metrics::safety_delta: needs the scores before training");
    suite.before({.5, .5});
    CHECK_REFUSES(metrics::safety_delta(suite), "needs the score of task 1 (BoolQ) after stage 0");
    CHECK(metrics::safety_delta(suite, {.missing = metrics::missing_cells::skip}).tasks == 1);
    suite.set(0, 1, .5).before({.5});
    CHECK_REFUSES(metrics::safety_delta(suite), "needs the score before training of task 1 (BoolQ)");
    const std::vector<double> one{.5}, two{.5, .5}, none;
    CHECK_REFUSES(metrics::general_ability_delta(one, two), "needs as many scores before as after, got 1 and 2");
    CHECK_REFUSES(metrics::general_ability_delta(none, none), "needs at least one test set, got none");
    metrics::accuracy_matrix empty({"MMLU"});
    empty.before({.5});
    CHECK_REFUSES(metrics::instruction_following_delta(empty), "the suite has no scores after training");
    CHECK_REFUSES(metrics::general_ability_delta(suite, {.denominator = metrics::over_earlier_tasks}),
                  "the denominator is the number of test sets");
}

TEST_CASE("a judge's verdicts make one number, and a changed mind is a tie") {
    using metrics::verdict;
    CHECK(metrics::both_orders(verdict::win, verdict::win) == verdict::win);
    CHECK(metrics::both_orders(verdict::win, verdict::lose) == verdict::tie);
    CHECK(metrics::both_orders(verdict::tie, verdict::lose) == verdict::tie);
    // TRACE figure 2, helpfulness of SeqFT: 14/34/53, which sum to 101
    CHECK(metrics::net_win_rate(14, 34, 53).value == Approx(-39.0 / 101));
    CHECK(metrics::net_win_rate(0, 5, 0).value == 0);
    CHECK_REFUSES(metrics::net_win_rate(0, 0, 0), "metrics::net_win_rate: needs at least one verdict, got 0");
    CHECK_REFUSES(metrics::net_win_rate(-1, 2, 0), "counts must not be below 0, got -1, 2 and 0");
}

TEST_CASE("bias is the distance from one half") {
    CHECK(metrics::distance_from_parity(65.82, 100) == Approx(15.82));
    CHECK(metrics::distance_from_parity(0.4) == Approx(0.1));
    CHECK_REFUSES(metrics::distance_from_parity(65.82),
                  "metrics::distance_from_parity: a share lies in 0..1, got 65.82");
}
