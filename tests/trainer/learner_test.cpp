#include "support/temporary_folder.hpp"
#include "support/test.hpp"

#include <trainer/learner.hpp>
#include <trainer/stream.hpp>

#include <cmath>

namespace {

namespace experiment = holdfast::experiment;

/// A model of a few thousand numbers, and words enough for the examples of one task.
struct tiny_world {
    trainer::settings settings;
    experiment::task task;
    trainer::base_model base;

    tiny_world() : settings(small()), task(of_stream()), base(made()) {}

    static trainer::settings small() {
        trainer::settings s;
        trainer::apply_preset(s);
        s.model.width = 32;
        s.model.layers = 2;
        s.model.heads = 2;
        s.model.kv_heads = 1;
        s.model.hidden = 64;
        s.model.vocabulary = 300;
        s.model.context = 256;
        s.longest_prompt = 96;
        s.longest_answer = 8;
        s.stage.epochs = 2;
        s.adapter.epochs = 2;
        s.lora.dropout = 0.1;
        return s;
    }
    static experiment::task of_stream() { return trainer::built_in_stream({.train = 24, .test = 6})[5]; }
    trainer::base_model made() const {
        std::vector<std::string> texts;
        for (const auto& e : task.train) texts.push_back(e.prompt);
        auto words = trainer::tokeniser::train(texts, settings.model.vocabulary);
        auto config = settings.model;
        config.vocabulary = words.vocabulary();
        return {std::move(words), trainer::model(config, 1), "tiny", false};
    }
};

}  // namespace

TEST_CASE("an example is laid out as begin, prompt, mark, answer, end, and cut where it is too long") {
    const tiny_world w;
    const auto& words = w.base.words;
    const auto e = trainer::encode_example(words, "ab", "c", {});
    CHECK(e.tokens ==
          std::vector<std::int32_t>{trainer::begin_token, 'a', 'b', trainer::answer_token, 'c', trainer::end_token});
    CHECK(e.answer == 4);
    const auto cut = trainer::encode_example(words, "xyzab", "cdef", {.prompt = 2, .answer = 3});
    CHECK(cut.tokens ==
          std::vector<std::int32_t>{trainer::begin_token, 'a', 'b', trainer::answer_token, 'c', 'd', 'e'});
}

TEST_CASE("training lowers the loss, with all weights and with adapters, and evaluating changes nothing") {
    const tiny_world w;
    for (const bool lora : {false, true}) {
        trainer::learner l(w.base, w.settings, lora, 1);
        const auto mean_loss = [&] {
            double sum = 0;
            for (const auto& e : w.task.train) sum += l.nll(e);
            return sum;
        };
        const double before = mean_loss();
        const auto scores = l.evaluate_items(w.task);
        CHECK(scores.size() == 6);
        CHECK(mean_loss() == before);
        l.train(w.task.train, {.stage = 1});
        CHECK(mean_loss() < before);
        CHECK(std::isfinite(mean_loss()));
    }
}

TEST_CASE("a learner that was saved and loaded goes on to the bit") {
    const tiny_world w;
    for (const bool lora : {false, true}) {
        const holdfast_test::temporary_folder folder;
        const std::string path = (folder.path() / "saved").string();
        trainer::learner a(w.base, w.settings, lora, 3), b(w.base, w.settings, lora, 3);
        a.train(w.task.train, {.stage = 1});
        a.save(path);
        b.load(path);
        CHECK(a.nll(w.task.test[0]) == b.nll(w.task.test[0]));
        a.train(w.task.train, {.stage = 2});
        b.train(w.task.train, {.stage = 2});
        CHECK(a.nll(w.task.test[0]) == b.nll(w.task.test[0]));
    }
    const holdfast_test::temporary_folder folder;
    const std::string path = (folder.path() / "other").string();
    trainer::learner full(w.base, w.settings, false, 3), lora(w.base, w.settings, true, 3);
    full.save(path);
    CHECK_THROWS_AS(lora.load(path), holdfast::format_error);
    CHECK_THROWS_WITH(lora.load(path), Contains("does not hold what this method trains"));
}

TEST_CASE("multiple choice takes the option that the model finds likeliest per byte") {
    const tiny_world w;
    trainer::learner l(w.base, w.settings, false, 1);
    experiment::task t;
    t.scorer = trainer::choice_by_likelihood{};
    experiment::example e;
    e.prompt = "What is it?";
    const std::vector<std::string> options = {"12", "a rather long answer", "7"};
    e.source = trainer::joined_choices(options);
    double best = 1e300;
    for (const std::string& option : options) {
        experiment::example asked = e;
        asked.answer = option;
        const double tokens = static_cast<double>(
            std::min<std::size_t>(w.base.words.encode(option).size() + 1, w.settings.longest_answer));
        const double per_byte = l.nll(asked) * tokens / static_cast<double>(option.size() + 1);
        if (per_byte < best) {
            best = per_byte;
            e.answer = option;
        }
    }
    t.test = {e};
    CHECK(l.evaluate(t) == 1);
}

TEST_CASE("in-context learning shows six examples after the first stage, and asks each task once") {
    const tiny_world w;
    trainer::in_context l(w.base, w.settings);
    const auto before = l.evaluate_items(w.task);
    l.train(w.task.train);
    const auto after = l.evaluate_items(w.task);
    CHECK(before.size() == after.size());
    CHECK(l.evaluate_items(w.task) == after);
    const holdfast_test::temporary_folder folder;
    const std::string path = (folder.path() / "icl").string();
    l.save(path);
    trainer::in_context other(w.base, w.settings);
    other.load(path);
    CHECK(other.evaluate_items(w.task) == after);
}

TEST_CASE("nothing to learn from, or a batch of nothing, is refused") {
    const tiny_world w;
    trainer::model m = w.base.weights;
    const std::vector<trainer::encoded> none;
    CHECK_REFUSES(trainer::fit(m, none, {}, holdfast::philox{1}), "there are no examples to learn from");
    const auto some = trainer::encode_examples(w.base.words, w.task.train, {});
    CHECK_REFUSES(trainer::fit(m, some, {.batch = 0}, holdfast::philox{1}), "must be at least 1");
}
