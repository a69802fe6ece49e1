// What the trainer's tests share: a tiny model, the batch of tests/reference/llama_torch.py, and its recording.
#pragma once

#include <trainer/model.hpp>

#include "support/test.hpp"

#include <cmath>
#include <cstdint>
#include <fstream>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace trainer_test {

inline trainer::model_config tiny() {
    return {.vocabulary = 23, .width = 16, .layers = 2, .heads = 4, .kv_heads = 2, .hidden = 20, .context = 32};
}

/// Four sequences of 5, 1, 7 and 2 tokens; some places have nothing to predict.
inline trainer::batch four_sequences() {
    using list = std::vector<std::int32_t>;
    const list sequences[] = {{3, 1, 4, 1, 5}, {9}, {2, 6, 5, 3, 5, 8, 22}, {0, 7}};
    const list targets[] = {{-1, 4, 1, 5, 9}, {2}, {-1, -1, 3, 5, 8, 22, -1}, {7, 0}};
    trainer::batch b;
    for (int s = 0; s < 4; ++s) b.add(sequences[s], targets[s]);
    return b;
}

/// w_i = 0.3 sin(1.7 i + 0.5), gains 1 + a third of it: the recording's start.
template <class Real>
void start_as_recorded(trainer::basic_model<Real>& m) {
    const auto w = m.parameters();
    for (const trainer::slice& s : m.slices())
        for (std::size_t i = s.offset; i < s.offset + s.size(); ++i) {
            const double value = 0.3 * std::sin(1.7 * static_cast<double>(i) + 0.5);
            w[i] = static_cast<Real>(s.decays ? value : 1 + value / 3);
        }
}

template <class Real>
trainer::basic_model<Real> recorded_model(std::size_t shards = 4) {
    trainer::basic_model<Real> m(tiny(), 0, shards);
    start_as_recorded(m);
    return m;
}

/// LoRA of rank 3 on all seven projections, A and B = 0.2 sin(2.3 i + 0.1).
template <class Real>
void adapt_as_recorded(trainer::basic_model<Real>& m) {
    using enum trainer::projection;
    m.adapt({.on = {query, key, value, output, gate, up, down}, .rank = 3, .alpha = 6}, 1);
    const auto w = m.trainable();
    for (std::size_t i = 0; i < w.size(); ++i)
        w[i] = static_cast<Real>(0.2 * std::sin(2.3 * static_cast<double>(i) + 0.1));
}

/// A batch of random sequences of 1 to `longest` tokens; every third place has nothing to predict.
inline trainer::batch random_batch(std::size_t sequences, std::size_t longest, std::size_t vocabulary,
                                   std::uint64_t seed) {
    holdfast::philox g(seed);
    const auto draw = [&] { return static_cast<std::int32_t>(holdfast::uniform_index(g, vocabulary)); };
    trainer::batch b;
    for (std::size_t s = 0; s < sequences; ++s) {
        std::vector<std::int32_t> tokens(1 + holdfast::uniform_index(g, longest)), targets(tokens.size());
        for (auto& t : tokens) t = draw();
        for (std::size_t i = 0; i < targets.size(); ++i) targets[i] = (s + i) % 3 ? draw() : -1;
        b.add(tokens, targets);
    }
    return b;
}

/// tests/reference/llama_torch.txt: lists of numbers by name.
inline const std::vector<double>& recorded(const std::string& name) {
    static const auto all = [] {
        std::map<std::string, std::vector<double>> lists;
        std::ifstream file(HOLDFAST_TEST_DIR "/reference/llama_torch.txt");
        std::string line;
        std::getline(file, line);  // versions
        while (std::getline(file, line)) {
            const std::size_t space = line.rfind(' ');
            auto& list = lists[line.substr(0, space)];
            list.resize(std::stoul(line.substr(space + 1)));
            for (double& value : list) file >> value;
            std::getline(file, line);
        }
        return lists;
    }();
    return all.at(name);
}

/// Largest |a − b| / (1 + |b|) over two lists of the same length; infinite where the lengths differ.
template <class A>
double furthest(std::span<const A> a, const std::vector<double>& b) {
    if (a.size() != b.size() || a.empty()) return std::numeric_limits<double>::infinity();
    double worst = 0;
    for (std::size_t i = 0; i < b.size(); ++i) {
        const double apart = std::fabs(static_cast<double>(a[i]) - b[i]) / (1 + std::fabs(b[i]));
        worst = apart <= worst ? worst : apart;  // keeps a NaN
    }
    return worst;
}
template <class A>
double furthest(const std::vector<A>& a, const std::vector<double>& b) {
    return furthest(std::span<const A>(a), b);
}

}  // namespace trainer_test
