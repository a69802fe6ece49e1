// The model against finite differences, against itself on other numbers of threads, and its refusals.

#include <trainer/adamw.hpp>
#include <trainer/model.hpp>

#include "tiny.hpp"

#include <holdfast/core/parallel.hpp>

#include <cstring>

using namespace trainer_test;
using trainer::basic_model;
using trainer::batch;

namespace {

/// Largest |gradient − finite difference| of every slice, in units of the slice's largest gradient.
std::map<std::string, double> gradient_errors(basic_model<double>& m, const batch& b) {
    m.gradients(b, 3, 11);
    const std::vector<double> gradient(m.gradient().begin(), m.gradient().end());
    const auto loss_at = [&](std::size_t i, double by) {
        const double was = m.trainable()[i];
        m.trainable()[i] = was + by;
        const double loss = m.gradients(b, 3, 11);  // with dropout: the same step has the same masks
        m.trainable()[i] = was;
        return loss;
    };
    std::map<std::string, double> errors;
    for (const trainer::slice& s : m.trainable_slices()) {
        double largest = 0, worst = 0;
        for (std::size_t i = s.offset; i < s.offset + s.size(); ++i)
            largest = std::max(largest, std::fabs(gradient[i]));
        const std::size_t stride = s.size() / 24 + 1;  // some 24 places of each
        for (std::size_t i = s.offset; i < s.offset + s.size(); i += stride) {
            const double step = 1e-4;  // fourth order: error of some step⁴
            const double numeric =
                (8 * (loss_at(i, step) - loss_at(i, -step)) - (loss_at(i, 2 * step) - loss_at(i, -2 * step))) /
                (12 * step);
            worst = std::max(worst, std::fabs(numeric - gradient[i]));
        }
        errors[s.name] = largest > 0 ? worst / largest : 1.0;  // a slice without any gradient is an error too
    }
    return errors;
}

void check_gradients(basic_model<double>& m, const batch& b) {
    for (const auto& [name, error] : gradient_errors(m, b)) {
        INFO(name);
        CHECK(error < 1e-7);
    }
}

std::vector<float> trained(unsigned threads, bool adapted) {
    holdfast::set_threads(threads);
    basic_model<float> m({.vocabulary = 50, .width = 32, .layers = 2, .heads = 4, .kv_heads = 2, .hidden = 48}, 5);
    if (adapted) m.adapt({.rank = 4, .dropout = 0.1}, 9);
    trainer::adamw optimiser({.learning_rate = 0.01}, m.trainable().size());
    for (std::uint64_t step = 0; step < 4; ++step) {
        m.gradients(random_batch(13, 90, 50, step), step, 1);
        optimiser.step(m.trainable(), m.gradient(), m.trainable_slices());
    }
    std::vector<float> all(m.trainable().begin(), m.trainable().end());
    const auto pooled = m.embed(random_batch(40, 90, 50, 77));
    all.insert(all.end(), pooled.values().begin(), pooled.values().end());
    holdfast::set_threads(0);
    return all;
}

}  // namespace

TEST_CASE("every kind of weight has the gradient that finite differences give") {
    const auto [heads, kv_heads] = GENERATE(table<std::size_t, std::size_t>({{4, 4}, {4, 2}, {6, 1}}));
    const bool tied = GENERATE(true, false);
    basic_model<double> m({.vocabulary = 19,
                           .width = 4 * heads,
                           .layers = 2,
                           .heads = heads,
                           .kv_heads = kv_heads,
                           .hidden = 14,
                           .context = 80,
                           .tied_embeddings = tied,
                           .init_deviation = 0.3},
                          7);
    batch b = random_batch(5, 9, 19, 3);
    check_gradients(m, b);
}

TEST_CASE("sequences longer than an attention block have the right gradient too") {
    basic_model<double> m({.vocabulary = 11,
                           .width = 8,
                           .layers = 1,
                           .heads = 2,
                           .kv_heads = 1,
                           .hidden = 6,
                           .context = 150,
                           .init_deviation = 0.4},
                          3);
    batch b = random_batch(1, 3, 11, 5);
    std::vector<std::int32_t> tokens(141), targets(141);
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        tokens[i] = static_cast<std::int32_t>(i * i % 11);
        targets[i] = static_cast<std::int32_t>(i * 7 % 11);
    }
    b.add(tokens, targets);
    check_gradients(m, b);
}

TEST_CASE("adapters on every projection have the gradient that finite differences give, dropout included") {
    const double dropout = GENERATE(0.0, 0.25);
    auto m = recorded_model<double>();
    using enum trainer::projection;
    m.adapt({.on = {query, key, value, output, gate, up, down}, .rank = 2, .alpha = 4, .dropout = dropout}, 21);
    for (double& w : m.trainable())
        if (w == 0) w = 0.1;  // B starts at zero, and then A has no gradient
    check_gradients(m, random_batch(4, 8, 23, 1));
}

TEST_CASE("new adapters change nothing, and training them leaves the base alone") {
    basic_model<float> m(tiny(), 1);
    const batch b = four_sequences();
    const double before = m.loss(b);
    const std::vector<float> base(std::as_const(m).parameters().begin(), std::as_const(m).parameters().end());
    m.adapt({.rank = 4, .dropout = 0.1}, 2);
    CHECK(m.trainable_slices().size() == 2 * 2 * 2);  // two layers, q and v, A and B
    CHECK(m.loss(b) == before);
    trainer::adamw optimiser({.learning_rate = 0.05, .weight_decay = 0}, m.trainable().size());
    for (std::uint64_t step = 0; step < 20; ++step) {
        m.gradients(b, step);
        optimiser.step(m.trainable(), m.gradient(), m.trainable_slices());
    }
    CHECK(m.loss(b) < before - 0.1);
    CHECK(std::equal(base.begin(), base.end(), std::as_const(m).parameters().begin()));
    m.drop_adapters();
    CHECK(m.loss(b) == before);
}

TEST_CASE("training and embedding have the same bits on one thread and on many") {
    const bool adapted = GENERATE(false, true);
    const std::vector<float> one = trained(1, adapted), three = trained(3, adapted), eight = trained(8, adapted);
    CHECK(std::memcmp(one.data(), three.data(), one.size() * sizeof(float)) == 0);
    CHECK(std::memcmp(one.data(), eight.data(), one.size() * sizeof(float)) == 0);
}

TEST_CASE("the first weights have the same bits everywhere") {
    const basic_model<float> m(tiny(), 42);
    const basic_model<float> again(tiny(), 42), other(tiny(), 43);
    CHECK(std::equal(m.parameters().begin(), m.parameters().end(), again.parameters().begin()));
    CHECK_FALSE(std::equal(m.parameters().begin(), m.parameters().end(), other.parameters().begin()));
    holdfast::philox g(42, 0);  // slice 0 is the embedding
    CHECK(m.parameters()[0] == static_cast<float>(0.06 * holdfast::normal(g)));
}

TEST_CASE("the number of shards changes rounding only, packing changes nothing") {
    auto one = recorded_model<double>(1), five = recorded_model<double>(5);
    const batch b = four_sequences();
    CHECK(one.gradients(b) == Approx(five.gradients(b)).epsilon(1e-13));
    const std::vector<double> reference(one.gradient().begin(), one.gradient().end());
    CHECK(furthest(std::span<const double>(five.gradient()), reference) < 1e-13);

    double nll = 0;
    std::size_t targets = 0;
    for (std::size_t s = 0; s < b.sequences(); ++s) {  // each sequence alone
        batch alone;
        const std::size_t first = b.offsets[s], length = b.offsets[s + 1] - first;
        alone.add(std::span(b.tokens).subspan(first, length), std::span(b.targets).subspan(first, length));
        const auto l = one.likelihoods(alone)[0];
        CHECK(l.nll == Approx(one.likelihoods(b)[s].nll).epsilon(1e-12));
        nll += l.nll;
        targets += l.targets;
    }
    CHECK(nll / static_cast<double>(targets) == Approx(one.loss(b)));
}

TEST_CASE("sequences with nothing to predict change nothing") {
    auto m = recorded_model<double>();
    const batch b = four_sequences();
    const double loss = m.gradients(b);
    const std::vector<double> gradient(m.gradient().begin(), m.gradient().end());
    batch more = b;
    for (int s = 0; s < 6; ++s) more.add(std::vector<std::int32_t>{1, 2, 3, 4, 5, 6});  // whole shards of them
    CHECK(m.gradients(more) == Approx(loss).epsilon(1e-13));
    CHECK(furthest(std::span<const double>(m.gradient()), gradient) < 1e-13);
    CHECK(m.likelihoods(more)[9].targets == 0);
    CHECK(m.likelihoods(more)[9].nll == 0);
    CHECK(m.loss(more) == Approx(loss).epsilon(1e-13));
}

TEST_CASE("an answer is learnt, what stands before it is read only") {
    batch b;
    b.add_answer(std::vector<std::int32_t>{5, 6, 7, 8, 9}, 3);
    CHECK(b.targets == std::vector<std::int32_t>{-1, -1, 8, 9, -1});
}

TEST_CASE("shards share a batch out by tokens, whatever the threads") {
    const std::vector<std::uint32_t> offsets{0, 10, 20, 30, 40, 50, 60, 70, 80};
    std::size_t at = 0;
    for (const trainer::part& p : trainer::in_shards(offsets, 4)) {
        CHECK(p.first == at);
        CHECK(p.offsets.back() == 20);
        at = p.last;
    }
    CHECK(at == 8);
    const std::vector<std::uint32_t> one{0, 7};
    std::size_t held = 0;
    for (const trainer::part& p : trainer::in_shards(one, 3)) held += p.offsets.back();
    CHECK(held == 7);
    CHECK(trainer::in_pieces(offsets, 25).size() == 4);
    CHECK(trainer::in_pieces(offsets, 5).size() == 8);
}

TEST_CASE("a model says what is wrong with its sizes and its batches") {
    using trainer::model;
    CHECK_REFUSES(model({.width = 0}), "every size must be above 0");
    CHECK_REFUSES(model({.width = 30, .heads = 4}), "4 does not divide 30");
    CHECK_REFUSES(model({.heads = 4, .kv_heads = 3}), "3 does not divide 4");
    CHECK_REFUSES(model({.width = 12, .heads = 4}), "even head size, it is 3");
    CHECK_REFUSES(model({.norm_eps = 0}), "norm_eps");
    CHECK_REFUSES(model(tiny(), 0, 0), "at least one shard");
    model m(tiny(), 0);
    batch b;
    CHECK_REFUSES(m.gradients(b), "nothing to predict");
    b.add(std::vector<std::int32_t>{1, 23}, std::vector<std::int32_t>{2, -1});
    CHECK_REFUSES(m.gradients(b), "token 23 is outside the vocabulary of 23");
    b.clear();
    b.add(std::vector<std::int32_t>{1, 2}, std::vector<std::int32_t>{-2, 1});
    CHECK_REFUSES(m.loss(b), "target -2 is outside");
    b.clear();
    b.add(std::vector<std::int32_t>(33, 1));
    CHECK_REFUSES(m.embed(b), "sequence 0 has 33 tokens, the context is 32");
    b.clear();
    b.add({});
    CHECK_REFUSES(m.embed(b), "sequence 0 is empty");
    CHECK_REFUSES(b.add(std::vector<std::int32_t>{1, 2}, std::vector<std::int32_t>{1}), "2 tokens have 1 targets");
    CHECK_REFUSES(m.adapt({.on = {}}, 1), "at least one projection");
    CHECK_REFUSES(m.adapt({.on = {trainer::projection::up, trainer::projection::up}}, 1), "twice for up_proj");
}
