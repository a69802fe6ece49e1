// The code that users are promised to be able to write, whole, so that it keeps compiling. README.md shows parts of it.

#include "support/test.hpp"

#include <holdfast/adapters/lora.hpp>
#include <holdfast/experiment/progress.hpp>
#include <holdfast/experiment/run.hpp>
#include <holdfast/metrics/continual.hpp>
#include <holdfast/replay/inscl.hpp>
#include <holdfast/transport/embedding.hpp>
#include <holdfast/transport/engine_eigen.hpp>
#include <holdfast/transport/similarity.hpp>

#include <Eigen/Core>

#include <sstream>
#include <string>
#include <vector>

namespace metrics = holdfast::metrics;
namespace transport = holdfast::transport;
namespace replay = holdfast::replay;
namespace adapters = holdfast::adapters;

TEST_CASE("a table of scores, and what it says") {
    metrics::accuracy_matrix r({"FOMC", "ScienceQA", "NumGLUE-cm"});
    r.before({0.49, 0.44, 0.09});
    r.append({0.74, 0.45, 0.10});
    r.append({0.61, 0.76, 0.12});
    r.append({0.58, 0.64, 0.38});

    auto op = metrics::overall_performance(r);
    auto bwt = metrics::backward_transfer(r);
    auto fwt = metrics::forward_transfer(r, r.before());
    auto over_all = metrics::backward_transfer(r, {.denominator = metrics::over_all_tasks});
    std::ostringstream said;
    said << bwt;
    CHECK(said.str() == "BWT (mean over T-1 earlier tasks) = -0.1400");
    CHECK(op.value == Approx(1.6 / 3));
    CHECK(op.tasks == 3);
    CHECK(op.variant == "mean of the last row");
    CHECK(over_all.value == Approx(-0.28 / 3));
    CHECK(fwt.value == Approx((0.45 - 0.44 + 0.12 - 0.09) / 2));

    const Eigen::MatrixXd m = (Eigen::MatrixXd(2, 2) << 0.9, 0.1, 0.6, 0.8).finished();
    CHECK(metrics::backward_transfer(metrics::accuracy_matrix::from(m, {"a", "b"})).value == Approx(-0.3));
}

TEST_CASE("how far apart two tasks are") {
    const auto embed = [](const std::vector<std::string>& texts) {
        const auto rows = transport::hashing_embedder{}.embed(texts);
        return Eigen::MatrixXf(Eigen::Map<const Eigen::Matrix<float, -1, -1, Eigen::RowMajor>>(
            rows.data(), Eigen::Index(rows.rows()), Eigen::Index(rows.cols())));
    };
    Eigen::MatrixXf a = embed({"Add the numbers.", "Sum the list."}), b = embed({"Is the review positive?"});
    auto w = transport::wasserstein(a, b);
    CHECK(w.lower <= w.value);
    CHECK(w.value <= w.upper);
    CHECK((w.status == transport::status::certified || w.status == transport::status::exact));

    auto exact = transport::wasserstein(a, b, {.relative_gap = 0});
    CHECK(exact.value == Approx(w.value).epsilon(0.01));
    const std::vector tasks{a, b};
    auto table = transport::pairwise(tasks, {.cost = transport::squared_euclidean{}, .relative_gap = 0.01});
    CHECK(table.value(0, 1) == table.value(1, 0));
    CHECK(table.value(0, 0) == 0);

    const auto x = transport::measure(a), y = transport::measure(b);
    const auto cost = transport::cost_matrix(x.points, y.points, transport::cosine{});
    transport::eigen_engine<double> engine(cost.view(), x.weights, y.weights);
    auto plan = transport::sinkhorn(engine, {.epsilon = 0.05});
    CHECK(plan.converged);
}

TEST_CASE("what to replay") {
    const std::vector<std::string> instructions{"Add the numbers.", "Add the numbers.", "Is the review positive?"};
    std::vector<replay::task_memory> past{replay::task_memory::from("sums", instructions),
                                          replay::task_memory::from("more sums", instructions)};
    auto current = replay::task_memory::from("words", instructions);
    for (auto* memory : {&past[0], &past[1], &current})
        memory->embedding = transport::hashing_embedder{}.embed(memory->instructions);
    const std::vector<std::vector<std::vector<std::string>>> tags_of_each_instruction{{{"math", "add"}, {"math"}},
                                                                                      {{"math"}, {"review"}}};
    const std::vector<double> distances{0.2, 0.6};
    const std::vector<std::size_t> sizes{3, 3};
    const std::size_t budget = 4, j = 0;
    const std::uint64_t seed = 1, task = 2;

    auto info = replay::insinfo(tags_of_each_instruction);
    auto quotas = replay::allocate(distances, budget, {.rule = replay::sainte_lague{}, .capacity = sizes});
    auto picks = replay::draw(replay::weighted_without_replacement{info[j]}, quotas[j], holdfast::philox{seed, task});
    CHECK(picks.size() == quotas[j]);
    CHECK(quotas[0] + quotas[1] + quotas.unplaced == budget);

    replay::inscl policy{.budget_per_task = 2};
    auto plan = policy.plan(past, current, holdfast::philox{seed});
    REQUIRE(plan.examples.size() == 2);
    CHECK(plan.examples[0].size() + plan.examples[1].size() + plan.unplaced == 4);
    CHECK_FALSE(plan.why(0, plan.examples[0].empty() ? 0 : plan.examples[0][0]).empty());
}

TEST_CASE("an adapter") {
    const Eigen::MatrixXf x = Eigen::MatrixXf::Ones(3, 8), dy = Eigen::MatrixXf::Ones(3, 6);
    Eigen::MatrixXf w = Eigen::MatrixXf::Ones(6, 8), y(3, 6);
    holdfast::philox generator{1};
    adapters::lora<float> adapter({.in = 8, .out = 6, .rank = 2, .alpha = 4, .dropout = 0.05f});
    auto saved = adapter.forward(x, w, y, generator);
    auto grad = adapter.backward(dy, x, w, saved);
    adapter.merge_into(w);
    CHECK(y(0, 0) == 8);  // B starts at zero
    CHECK(grad.x(0, 0) == 6);
    CHECK(grad.b.rows() == 6);
    CHECK(grad.a.cols() == 8);
}

namespace {

// example-begin
struct my_trainer {  // libtorch, llm.c, ggml, a process in Python ...
    void train(std::span<const holdfast::experiment::example> examples) { seen += examples.size(); }
    double evaluate(const holdfast::experiment::task& task) {  // a score; does not change the model
        return 1 / (1 + double(task.test.size()) / double(seen + 1));
    }
    std::size_t seen = 0;
};
// example-end

}  // namespace

TEST_CASE("any trainer") {
    std::vector<holdfast::experiment::task> stream(2);
    stream[0] = {.name = "one",
                 .train = {{.id = "1", .prompt = "a", .answer = "b"}},
                 .test = {{.id = "2", .prompt = "c", .answer = "d"}}};
    stream[1] = {.name = "two",
                 .train = {{.id = "3", .prompt = "e", .answer = "f"}},
                 .test = {{.id = "4", .prompt = "g", .answer = "h"}}};
    const auto words = std::tmpfile();
    REQUIRE(words != nullptr);
    my_trainer trainer;
    auto report = holdfast::experiment::run(stream, trainer, replay::random_replay{.budget_per_task = 200},
                                            holdfast::experiment::progress_bar{words, false});
    std::fclose(words);
    CHECK(report.table().find("random") != std::string::npos);
    CHECK(trainer.seen == 3);  // stage two rehearsed the one example there was
}
