// A table of scores, and what it says: performance at the end, what was forgotten, what helped in advance.
// Builds with the standard library alone.
#include <holdfast/metrics/continual.hpp>
#include <holdfast/metrics/forgetting.hpp>

#include <iostream>

namespace metrics = holdfast::metrics;

int main() {
    metrics::accuracy_matrix r({"FOMC", "ScienceQA", "NumGLUE-cm"});
    r.before({0.49, 0.44, 0.09});  // row 0: the model as it came
    r.append({0.74, 0.45, 0.10});  // after learning FOMC
    r.append({0.61, 0.76, 0.12});
    r.append({0.58, 0.64, 0.38});

    auto op = metrics::overall_performance(r);            // .value 0.5333, .variant "mean of the last row", .tasks 3
    auto bwt = metrics::backward_transfer(r);             // over T-1 unless asked: {.denominator = over_all_tasks}
    auto fwt = metrics::forward_transfer(r, r.before());  // the baseline is always said, never assumed
    std::cout << op << '\n' << bwt << '\n' << fwt << '\n';

    // One name, several numbers: each says which it is.
    std::cout << metrics::backward_transfer(r, {.denominator = metrics::over_all_tasks}) << '\n'
              << metrics::forgetting(r) << '\n'
              << metrics::forgetting_inclusive(r) << '\n'
              << metrics::learning_accuracy(r) << '\n';

    std::cout << "BWT by stage:";
    for (double b : metrics::backward_transfer_by_stage(r)) std::cout << ' ' << b;  // nan: nothing to forget yet
    std::cout << '\n';
}
