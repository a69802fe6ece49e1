#pragma once
// The tables of scores that the tests of metrics/ share, each with where it is from; and random ones.

#include <holdfast/core/random.hpp>
#include <holdfast/metrics/accuracy_matrix.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace tables {

namespace metrics = holdfast::metrics;

/// The user's table of example 01: three tasks of TRACE.
inline metrics::accuracy_matrix three_tasks() {
    metrics::accuracy_matrix r({"FOMC", "ScienceQA", "NumGLUE-cm"});
    r.before({0.49, 0.44, 0.09});
    r.append({0.74, 0.45, 0.10}).append({0.61, 0.76, 0.12}).append({0.58, 0.64, 0.38});
    return r;
}

/// A full 4 x 4 case on which the definitions of five toolkits differ; computed by hand and checked with each toolkit.
inline metrics::accuracy_matrix four_tasks() {
    metrics::accuracy_matrix r({"a", "b", "c", "d"});
    r.before({.35, .20, .25, .05});
    r.append({.80, .30, .20, .10}).append({.84, .70, .25, .15}).append({.50, .60, .90, .30});
    r.append({.65, .78, .55, .88});
    return r;
}
inline const std::vector<double> four_single{.82, .84, .91, .90};     ///< each task learned alone
inline const std::vector<double> four_multitask{.82, .83, .85, .86};  ///< learned with all tasks before it

/// A full 3 x 3 case with a random-initialisation baseline, scores before training, and single-task scores.
inline metrics::accuracy_matrix hand_made() {
    metrics::accuracy_matrix r({"x", "y", "z"});
    r.before({.15, .22, .18});
    r.append({.9, .3, .2}).append({.8, .85, .4}).append({.7, .8, .95});
    return r;
}
inline const std::vector<double> hand_baseline{.1, .25, .2};
inline const std::vector<double> hand_single{.95, .88, .9};

/// O-LoRA's log of its order 1 (accuracy in per cent): only the lower triangle was evaluated.
inline metrics::accuracy_matrix o_lora() {
    metrics::accuracy_matrix r({"dbpedia", "amazon", "yahoo", "agnews"},
                               std::vector<metrics::task_traits>(4, {.scale = 100}));
    r.append({98.7105}).append({98.5526, 57.7632}).append({97.4079, 57.4079, 71.9079});
    r.append({97.7368, 56.0658, 71.0395, 88.6184});
    return r;
}

/// A full table of uniform scores, with scores before training.
inline metrics::accuracy_matrix random_table(std::size_t tasks, std::uint64_t seed) {
    std::vector<std::string> names;
    for (std::size_t j = 0; j < tasks; ++j) names.push_back("task " + std::to_string(j));
    metrics::accuracy_matrix r(names);
    holdfast::philox g(seed);
    std::vector<double> row(tasks);
    for (std::size_t i = 0; i <= tasks; ++i) {
        for (double& x : row) x = holdfast::uniform(g);
        if (i == 0)
            r.before(row);
        else
            r.append(row);
    }
    return r;
}

/// The same scores through f(score, stage, task); before training is stage −1.
template <class F>
metrics::accuracy_matrix changed(const metrics::accuracy_matrix& r, F f) {
    metrics::accuracy_matrix out(r.names(), r.traits());
    std::vector<double> row(r.tasks());
    for (std::size_t j = 0; j < row.size(); ++j) row[j] = f(r.before()[j], -1, j);
    out.before(row);
    for (std::size_t i = 0; i < r.stages(); ++i) {
        for (std::size_t j = 0; j < row.size(); ++j) row[j] = f(r(i, j), static_cast<int>(i), j);
        out.append(row);
    }
    return out;
}

}  // namespace tables
