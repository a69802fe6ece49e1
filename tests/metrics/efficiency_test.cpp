#include <holdfast/metrics/efficiency.hpp>

#include "support/test.hpp"

#include <vector>

namespace metrics = holdfast::metrics;
using list = std::vector<double>;

TEST_CASE("efficiencies are 1 where nothing grows, and fall with what is added") {
    CHECK(metrics::model_size_efficiency(list{10, 10, 10}).value == 1);
    CHECK(metrics::model_size_efficiency(list{10, 20, 40}).value == Approx((1 + 0.5 + 0.25) / 3));
    CHECK(metrics::model_size_efficiency(list{10, 5}).value == 1);  // at most
    CHECK(metrics::samples_storage_efficiency(list{0, 0}, 50).value == 1);
    CHECK(metrics::samples_storage_efficiency(list{0, 10, 20}, 100).value == Approx(0.9));
    CHECK(metrics::samples_storage_efficiency(list{300}, 100).value == 0);
    CHECK(metrics::computational_efficiency(list{5, 5}, list{5, 5}).value == 1);
    CHECK(metrics::computational_efficiency(list{5, 5}, list{25, 50}).value == Approx(0.15));
    const auto five_epochs = metrics::computational_efficiency(list{5, 5}, list{25, 50}, 5);
    CHECK(five_epochs.value == Approx(0.75));
    CHECK(five_epochs.variant == "one pass over what was spent, mean over stages, epsilon 5");
    CHECK(five_epochs.denominator == 2);
    CHECK(metrics::model_size_efficiency(list{1, 2}).name == "MS");
}

TEST_CASE("the scores of the paper join several into one") {
    const list scores{0.8, 1, 0.5}, weights{0.5, 0.25, 0.25};
    CHECK(metrics::continual_learning_score(scores, weights).value == Approx(0.775));
    CHECK(metrics::continual_learning_stability(list{0.1, 0, 0.2}, weights).value == Approx(0.9));
    CHECK(metrics::continual_learning_score(list{0.3}, list{1}).value == Approx(0.3));
}

TEST_CASE("amounts that are none are refused") {
    CHECK_REFUSES(metrics::model_size_efficiency({}), "needs the size of the model after at least one stage");
    CHECK_REFUSES(metrics::model_size_efficiency(list{1, 0}), "must be above 0, after stage 1 it is 0");
    CHECK_REFUSES(metrics::samples_storage_efficiency(list{-1}, 10), "must not be negative, after stage 0 it is -1");
    CHECK_REFUSES(metrics::samples_storage_efficiency(list{1}, 0), "all training data must be above 0");
    CHECK_REFUSES(metrics::computational_efficiency(list{1}, list{1, 2}), "got 1 and 2");
    CHECK_REFUSES(metrics::computational_efficiency(list{1}, list{1}, 0), "epsilon must be above 0");
    CHECK_REFUSES(metrics::continual_learning_score(list{1.5}, list{1}), "a score lies in 0..1, number 0 is 1.5");
    CHECK_REFUSES(metrics::continual_learning_score(list{0.5, 0.5}, list{1}), "needs a weight for each of 2 scores");
    CHECK_REFUSES(metrics::continual_learning_score(list{0.5, 0.5}, list{1, 1}),
                  "weights must sum to 1, they sum to 2");
    CHECK_REFUSES(metrics::continual_learning_score(list{0.5, 0.5}, list{2, -1}), "a weight must not be negative");
}
