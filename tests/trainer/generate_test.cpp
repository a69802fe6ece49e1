// Greedy decoding with the cache against the forward pass without one.

#include <trainer/adamw.hpp>
#include <trainer/generate.hpp>

#include "tiny.hpp"

#include <holdfast/core/parallel.hpp>

using namespace trainer_test;
using prompts_type = std::vector<std::vector<std::int32_t>>;

namespace {

/// A model whose weights say something: large enough that no two logits are nearly equal.
template <class Real>
trainer::basic_model<Real> loud_model() {
    return trainer::basic_model<Real>({.vocabulary = 61,
                                       .width = 24,
                                       .layers = 3,
                                       .heads = 6,
                                       .kv_heads = 2,
                                       .hidden = 40,
                                       .context = 90,
                                       .init_deviation = 0.35},
                                      17);
}

prompts_type random_prompts(std::size_t n, std::size_t longest, std::uint64_t seed) {
    const trainer::batch b = random_batch(n, longest, 61, seed);
    prompts_type all;
    for (std::size_t s = 0; s < n; ++s)
        all.emplace_back(b.tokens.begin() + b.offsets[s], b.tokens.begin() + b.offsets[s + 1]);
    return all;
}

/// The definition: the whole sequence through the model for every token.
template <class Real>
prompts_type without_cache(trainer::basic_model<Real>& m, const prompts_type& prompts,
                           const trainer::generate_options& o) {
    prompts_type answers(prompts.size());
    for (std::size_t p = 0; p < prompts.size(); ++p) {
        std::vector<std::int32_t> text = prompts[p];
        while (answers[p].size() < o.max_new_tokens && text.size() <= m.config().context) {
            trainer::batch b;
            b.add(text);
            const auto logits = m.logits(b);
            const auto last = logits.row(text.size() - 1);
            const auto t = static_cast<std::int32_t>(std::max_element(last.begin(), last.end()) - last.begin());
            if (t == o.stop) break;
            answers[p].push_back(t);
            text.push_back(t);
        }
    }
    return answers;
}

}  // namespace

TEMPLATE_TEST_CASE("decoding with the cache gives the tokens of the forward pass", "", float, double) {
    auto m = loud_model<TestType>();
    const prompts_type prompts = random_prompts(37, 30, 4);
    const auto free = without_cache(m, prompts, {.max_new_tokens = 25});
    CHECK(trainer::generate<TestType>(m, prompts, {.max_new_tokens = 25}) == free);
    // a token that many answers hold ends them at different places
    const std::int32_t stop = free[0][5];
    const auto stopped = without_cache(m, prompts, {.max_new_tokens = 25, .stop = stop});
    CHECK(stopped != free);
    CHECK(trainer::generate<TestType>(m, prompts, {.max_new_tokens = 25, .stop = stop}) == stopped);
}

TEST_CASE("a sequence ends where the context is full") {
    auto m = loud_model<double>();
    const prompts_type prompts{std::vector<std::int32_t>(90, 3), std::vector<std::int32_t>(85, 5), {7}};
    const auto answers = trainer::generate<double>(m, prompts, {.max_new_tokens = 20});
    CHECK(answers == without_cache(m, prompts, {.max_new_tokens = 20}));
    CHECK(answers[0].size() == 1);  // what comes behind the last place of the context is still said
    CHECK(answers[1].size() == 6);
    CHECK(answers[2].size() == 20);
}

TEST_CASE("adapters speak in generation too") {
    auto m = loud_model<double>();
    m.adapt({.rank = 4}, 3);
    for (double& w : m.trainable()) w += 0.3;
    const prompts_type prompts = random_prompts(9, 20, 8);
    const auto adapted = trainer::generate<double>(m, prompts, {.max_new_tokens = 10});
    m.merge_adapters();
    CHECK(trainer::generate<double>(m, prompts, {.max_new_tokens = 10}) == adapted);
    auto base = loud_model<double>();
    CHECK(trainer::generate<double>(base, prompts, {.max_new_tokens = 10}) != adapted);
}

TEST_CASE("answers do not depend on the number of threads") {
    auto m = loud_model<float>();
    const prompts_type prompts = random_prompts(150, 40, 2);
    holdfast::set_threads(1);
    const auto one = trainer::generate<float>(m, prompts, {.max_new_tokens = 12, .stop = 5});
    holdfast::set_threads(5);
    CHECK(trainer::generate<float>(m, prompts, {.max_new_tokens = 12, .stop = 5}) == one);
    holdfast::set_threads(0);
}

TEST_CASE("generation refuses prompts that the model cannot read") {
    auto m = loud_model<float>();
    CHECK(trainer::generate<float>(m, prompts_type{}, {}).empty());
    CHECK(trainer::generate<float>(m, prompts_type{{1}}, {.max_new_tokens = 0}) == prompts_type{{}});
    CHECK_REFUSES(trainer::generate<float>(m, prompts_type{{1}, {}}, {}), "sequence 1 is empty");
    CHECK_REFUSES(trainer::generate<float>(m, prompts_type{std::vector<std::int32_t>(91, 1)}, {}), "has 91 tokens");
    CHECK_REFUSES(trainer::generate<float>(m, prompts_type{{61}}, {}), "token 61 is outside");
}
