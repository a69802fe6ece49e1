#pragma once
// What one run of one method left behind, as plain data: scores, suites, plans, times, settings. The loop fills it,
// the checkpoint stores it, the report reads it. Builds on concepts.hpp and replay/policy.hpp (the plan); computes
// nothing but the matrix that metrics ask for.

#include <holdfast/core/error.hpp>
#include <holdfast/experiment/concepts.hpp>
#include <holdfast/metrics/accuracy_matrix.hpp>
#include <holdfast/replay/policy.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace holdfast::experiment {

/// A setting and its value as text: what a run was asked to do.
using setting = std::pair<std::string, std::string>;

/// What is known of a task beside its examples.
struct task_record {
    std::string name = {};
    std::string scorer = {};
    double scale = 1;           ///< the score of a perfect answer: 1, or 100 for per cent
    std::size_t train = 0;      ///< training examples
    std::size_t questions = 0;  ///< test examples behind a score

    friend bool operator==(const task_record&, const task_record&) = default;
};

/// A suite and its scores.
struct suite_record {
    capability kind = capability::general;
    task_record about = {};
    std::vector<double> scores = {};  ///< [T + 1] before training, and after each stage; NaN where not measured
};

/// What one stage did. Stage s (from 1) learns task s - 1.
struct stage_record {
    std::string task = {};
    replay::plan plan = {};    ///< examples of which earlier task; what could not be placed is in it
    std::size_t trained = 0;   ///< examples of the task itself that the learner was given
    std::size_t replayed = 0;  ///< examples of earlier tasks
    std::size_t general = 0;   ///< examples of the general data
    double plan_seconds = 0, train_seconds = 0, evaluate_seconds = 0;
    std::vector<std::string> undone = {};  ///< what fell at the gate, one sentence each; empty: the stage stands
    std::vector<double> tried = {};        ///< [T] scores of the model that fell; empty where the stage stands
};

/// One method, one seed.
struct run_record {
    std::string method = {};
    std::string policy = {};
    std::uint64_t seed = 0;
    std::vector<task_record> tasks = {};
    std::vector<double> before = {};              ///< [T] scores before training; NaN = not evaluated
    std::vector<std::vector<double>> after = {};  ///< [T][T] scores after stage s at [s - 1]; NaN = not evaluated
    std::vector<std::vector<double>> items = {};  ///< [T][questions] scores of single questions after the last stage,
                                                  ///< where the learner tells them; else empty
    std::vector<std::vector<double>> nll = {};    ///< [T + 1][T] mean nats per token, if it was asked for; else empty
    std::vector<suite_record> suites = {};
    std::vector<stage_record> stages = {};  ///< [T]
    std::vector<double> single_task = {};   ///< [T] scores of models that learnt one task alone; else empty
    std::vector<std::string> used = {};     ///< which of the learner's optional abilities the run used
    std::vector<setting> config = {};
    double before_seconds = 0;  ///< evaluating before training

    /// All seconds of the run, those before an interruption included.
    [[nodiscard]] double seconds() const {
        double sum = before_seconds;
        for (const auto& s : stages) sum += s.plan_seconds + s.train_seconds + s.evaluate_seconds;
        return sum;
    }

    /// The scores as metrics take them.
    /// @throw invalid_argument if there are no tasks, or two are named alike
    [[nodiscard]] metrics::accuracy_matrix matrix() const {
        std::vector<std::string> names;
        std::vector<metrics::task_traits> traits;
        for (const auto& t : tasks) {
            names.push_back(t.name);
            traits.push_back({.size = t.questions, .scale = t.scale});
        }
        metrics::accuracy_matrix r(std::move(names), std::move(traits));
        if (!before.empty()) r.before(before);
        for (const auto& row : after) r.append(row);
        return r;
    }

    /// The suites of one kind as metrics take them, columns are suites; nothing if there are none of that kind.
    [[nodiscard]] std::optional<metrics::accuracy_matrix> suite_matrix(capability kind) const {
        std::vector<std::string> names;
        std::vector<metrics::task_traits> traits;
        std::vector<const suite_record*> of_kind;
        for (const auto& s : suites) {
            if (s.kind != kind) continue;
            names.push_back(s.about.name);
            traits.push_back({.size = s.about.questions, .scale = s.about.scale});
            of_kind.push_back(&s);
        }
        if (of_kind.empty()) return std::nullopt;
        metrics::accuracy_matrix r(std::move(names), std::move(traits));
        std::vector<double> row(of_kind.size());
        for (std::size_t stage = 0; stage <= after.size(); ++stage) {
            for (std::size_t i = 0; i < row.size(); ++i) row[i] = of_kind[i]->scores[stage];
            if (stage == 0)
                r.before(row);
            else
                r.append(row);
        }
        return r;
    }
};

}  // namespace holdfast::experiment
