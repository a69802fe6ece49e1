#pragma once
// A report made by hand: two methods, three seeds, three tasks, every optional part filled in.

#include <holdfast/experiment/report.hpp>

#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

namespace sample {

namespace experiment = holdfast::experiment;

inline experiment::run_record run(const std::string& method, std::uint64_t seed, double kept) {
    experiment::run_record r;
    r.method = method;
    r.policy = method == "seq" ? "none" : "inscl";
    r.seed = seed;
    r.tasks = {
        {"FOMC", "accuracy", 1, 100, 20}, {"a <b> & \"c\"", "rouge_l", 1, 60, 30}, {"Größe", "accuracy", 1, 40, 10}};
    const double s = 0.01 * static_cast<double>(seed);
    r.before = {0.1, 0.2, 0.3};
    r.after = {{0.9 + s, 0.25, 0.3}, {0.9 * kept, 0.8 + s, 0.35}, {0.8 * kept, 0.7 * kept, 0.6 + s}};
    r.items = {{1, 0, 1}, {0.5}, {}};
    r.nll = {{1, 2, 3}, {1, 2, 3}, {1, 2, 3}, {0.5, std::nan(""), 2}};
    r.single_task = {0.95, 0.85, 0.65};
    const double nan = std::nan("");
    r.suites = {{experiment::capability::general, {"mmlu", "accuracy", 1, 0, 50}, {0.5, nan, nan, 0.5 * kept}},
                {experiment::capability::safety, {"refusals", "accuracy", 1, 0, 50}, {0.4, nan, nan, 0.4 * kept + s}}};
    for (std::size_t i = 0; i < 3; ++i) {
        experiment::stage_record stage;
        stage.task = r.tasks[i].name;
        stage.trained = r.tasks[i].train;
        stage.plan_seconds = 0.125;
        stage.train_seconds = 2;
        stage.evaluate_seconds = 1;
        stage.plan.examples.resize(i);
        stage.plan.quotas.assign(i, method == "seq" ? 0 : 7);
        for (std::size_t j = 0; j < i && method != "seq"; ++j) {
            stage.plan.examples[j] = {1, 3, 5, 4, 2};
            stage.plan.distance.push_back(
                {0.3 + 0.1 * static_cast<double>(j), 0.29, 0.41, holdfast::status::certified});
            stage.replayed += 5;
        }
        stage.plan.unplaced = method == "seq" ? 0 : 2 * i;
        stage.general = method == "seq" ? 0 : 4;
        stage.plan.general_data = method != "seq";
        stage.plan.mix =
            method == "seq" ? holdfast::replay::mixing::interleaved : holdfast::replay::mixing::trailing_epoch;
        r.stages.push_back(stage);
    }
    r.used = {"embed(texts)"};
    r.config = {{"epochs", "3"}, {"rate", method == "seq" ? "0.1" : "0.2"}};
    r.before_seconds = 0.5;
    return r;
}

inline experiment::report report(std::size_t seeds = 3) {
    experiment::report r;
    for (std::size_t s = 0; s < seeds; ++s) r.add(run("seq", s, 0.5));
    for (std::size_t s = 0; s < seeds; ++s) r.add(run("InsCL <i>", s, 0.9));
    return r;
}

}  // namespace sample
