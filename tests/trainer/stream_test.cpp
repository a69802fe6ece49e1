#include "support/test.hpp"

#include <trainer/stream.hpp>
#include <trainer/suites.hpp>

#include <map>
#include <set>

namespace {

/// A question without its instruction.
std::string body(const holdfast::experiment::example& e) { return e.prompt.substr(e.instruction.size()); }

}  // namespace

TEST_CASE("the built-in stream has eight tasks, each with twenty instructions or more") {
    const auto stream = trainer::built_in_stream();
    REQUIRE(stream.size() == 8);
    for (const auto& t : stream) {
        INFO(t.name);
        CHECK(t.train.size() == 300);
        CHECK(t.test.size() == 60);
        std::set<std::string> instructions;
        for (const auto& e : t.train) {
            instructions.insert(e.instruction);
            CHECK(e.prompt.substr(0, e.prompt.find('\n')) == e.instruction);
            CHECK(!e.answer.empty());
        }
        CHECK(instructions.size() >= 20);
    }
}

TEST_CASE("no question of the built-in stream stands in two splits, or twice in one") {
    for (const auto& t : trainer::built_in_stream()) {
        INFO(t.name);
        std::set<std::string> bodies;
        for (const auto* split : {&t.train, &t.eval, &t.test})
            for (const auto& e : *split) CHECK(bodies.insert(body(e)).second);
    }
}

TEST_CASE("a perfect answer has the best score of its task, and another task's answer does not") {
    const auto stream = trainer::built_in_stream({.train = 20, .test = 20});
    for (const auto& t : stream)
        for (const auto& e : t.test) {
            INFO(t.name << ": " << e.prompt);
            const std::vector<std::string> references = {e.answer};
            // SARI as Hugging Face computes it can stay a little below 100 for the reference itself
            CHECK(t.scorer.score(e.answer, references, e.source) > 0.95 * t.scorer.best());
            CHECK(t.scorer.score("zebra", references, e.source) < 0.7 * t.scorer.best());
        }
}

TEST_CASE("the letters of the two classification tasks say different things, and are about equally frequent") {
    const auto stream = trainer::built_in_stream();
    for (const std::size_t i : {0u, 1u}) {
        std::map<std::string, int> count;
        for (const auto& e : stream[i].train) ++count[e.answer];
        REQUIRE(count.size() == 3);
        for (const auto& [letter, n] : count) CHECK(n > 70);
    }
}

TEST_CASE("the stream is the same for the same seed, and less of it is its head") {
    const auto a = trainer::built_in_stream({.train = 50}), b = trainer::built_in_stream({.train = 10});
    for (std::size_t i = 0; i < a.size(); ++i) {
        for (std::size_t k = 0; k < 10; ++k) CHECK(a[i].train[k].prompt == b[i].train[k].prompt);
        for (std::size_t k = 0; k < 60; ++k) CHECK(a[i].test[k].prompt == b[i].test[k].prompt);
    }
    CHECK(trainer::built_in_stream({.seed = 1, .train = 5})[0].train[0].prompt !=
          trainer::built_in_stream({.seed = 2, .train = 5})[0].train[0].prompt);
    // the first question, word for word: another platform or another library must not change it
    CHECK(a[5].name == "quantities");
    CHECK(a[5].train[0].prompt ==
          "Read the story and do the sum. No unit is needed.\nQuestion:\n"
          "How many corners are there in the 9 squares that Olga counted?\nAnswer:");
}

TEST_CASE("a task that cannot make so many questions says so") {
    CHECK_REFUSES(trainer::built_in_stream({.train = 4000}), "different questions for train");
}

TEST_CASE("the suites hold three capabilities, and no held-out question is in the base model's training text") {
    using holdfast::experiment::capability;
    const auto base = trainer::built_in_suites({.train = 300, .test = 40});
    REQUIRE(base.suites.size() == 3);
    CHECK(base.suites[0].kind == capability::general);
    CHECK(base.suites[1].kind == capability::instruction_following);
    CHECK(base.suites[2].kind == capability::safety);
    CHECK(base.train.size() == 900);
    std::set<std::string> learnt;
    for (const auto& e : base.train) learnt.insert(e.prompt);
    for (const auto& s : base.suites) {
        CHECK(s.questions.test.size() == 40);
        for (const auto& e : s.questions.test) {
            CHECK(learnt.count(e.prompt) == 0);
            CHECK(!e.prompt.empty());
            CHECK(e.prompt[0] != '\n');
        }
    }
}
