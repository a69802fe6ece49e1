// Any trainer in the loop: a stream of three tasks, three replay policies, one table. This learner, a perceptron over
// words and pairs of words, forgets since all tasks pull at the same weights; yours trains and evaluates, as it likes.
#include <holdfast/experiment/run.hpp>
#include <holdfast/replay/inscl.hpp>
#include <holdfast/transport/embedding.hpp>

#include <iostream>
#include <sstream>

namespace experiment = holdfast::experiment;
namespace replay = holdfast::replay;
using holdfast::transport::hashing_embedder;

struct perceptron {
    std::vector<double> weights = std::vector<double>(1 << 14);

    static std::vector<std::size_t> features(const std::string& prompt) {
        const auto place = [](const std::string& text) {
            std::uint64_t h = 0;
            for (const char c : text) h = h * 131 + static_cast<unsigned char>(c);
            return static_cast<std::size_t>(h % (1 << 14));
        };
        std::istringstream words(prompt.substr(0, prompt.rfind(' ')));
        const std::string number = prompt.substr(prompt.rfind(' ') + 1);
        std::vector<std::size_t> found = {place(number)};
        for (std::string word; words >> word;) found.push_back(place(word + number));
        return found;
    }
    double sum(const std::string& prompt) const {
        double s = 0;
        for (const std::size_t f : features(prompt)) s += weights[f];
        return s;
    }

    // What every learner has:
    void train(std::span<const experiment::example> examples) {
        for (int epoch = 0; epoch < 4; ++epoch)
            for (const auto& e : examples) {
                const double target = e.answer == "yes" ? 1 : -1;
                if (sum(e.prompt) * target < 1)
                    for (const std::size_t f : features(e.prompt)) weights[f] += 0.25 * target;
            }
    }
    double evaluate(const experiment::task& task) const {
        double total = 0;
        for (const auto& e : task.test)
            total += task.scorer.score(sum(e.prompt) > 0 ? "yes" : "no", std::vector{e.answer});
        return total / static_cast<double>(task.test.size());
    }
    // What some have, and policies use: similarity between tasks needs points.
    auto embed(std::span<const std::string> texts) const { return hashing_embedder{}.embed(texts); }
};

experiment::task numbers(std::string name, std::vector<std::string> instructions, bool (*rule)(int)) {
    experiment::task t{.name = std::move(name)};
    for (int n = 0; n < 60; ++n)
        for (const auto& said : instructions)
            (said == instructions[0] ? t.test : t.train)
                .push_back(
                    {.prompt = said + " " + std::to_string(n), .answer = rule(n) ? "yes" : "no", .instruction = said});
    return t;
}

int main() {
    const std::vector stream = {
        numbers("even", {"is it even", "is the number even", "say if even"}, [](int n) { return n % 2 == 0; }),
        numbers("large", {"is it large", "is the number large", "say if large"}, [](int n) { return n >= 30; }),
        numbers("triple", {"is it triple", "is the number triple", "say if triple"}, [](int n) { return n % 3 == 0; })};
    experiment::report report;
    const auto learn = [&](const auto& policy) {
        perceptron model;  // the same start for every policy
        report.add(experiment::run(stream, model, policy, {.seed = 1}));
    };
    learn(replay::no_replay{});
    learn(replay::random_replay{.budget_per_task = 40});
    learn(replay::inscl{.budget_per_task = 40});
    std::cout << report.table({.seconds = false});  // report.write_html("report.html") draws it
}
