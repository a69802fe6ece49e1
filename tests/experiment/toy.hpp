#pragma once
// A learner that is small, forgets, and depends on the order of its examples to the last bit; and a stream for it.

#include <holdfast/core/matrix.hpp>
#include <holdfast/experiment/concepts.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <unistd.h>

namespace toy {

namespace experiment = holdfast::experiment;

inline std::size_t hash(const std::string& text) {
    std::uint64_t h = 7;
    for (const char c : text) h = h * 131 + static_cast<unsigned char>(c);
    return static_cast<std::size_t>(h % 512);
}

/// A perceptron over words and pairs of (word, last word), with all that a learner may have.
struct learner {
    std::vector<double> weights = std::vector<double>(512, 0.0);
    std::vector<experiment::stage_info> told = {};    ///< what train was told
    std::vector<std::vector<std::string>> seen = {};  ///< ids in the order of training, per call
    std::size_t embeddings = 0;                       ///< calls of embed
    bool trained = false;

    static std::vector<std::size_t> features(const std::string& prompt) {
        const std::string last = prompt.substr(prompt.rfind(' ') + 1);
        std::istringstream words(prompt);
        std::vector<std::size_t> found;
        for (std::string w; words >> w;) found.push_back(hash(w == last ? w : w + last));
        return found;
    }
    double sum(const std::string& prompt) const {
        double s = 0;
        for (const std::size_t f : features(prompt)) s += weights[f];
        return s;
    }
    void train(std::span<const experiment::example> examples, const experiment::stage_info& where) {
        told.push_back(where);
        seen.emplace_back();
        trained = true;
        for (std::size_t i = 0; i < examples.size(); ++i) {
            const auto& e = examples[i];
            seen.back().push_back(e.id);
            const double target = e.answer == "yes" ? 1 : -1, s = sum(e.prompt);
            if (s * target < 1)
                for (const std::size_t f : features(e.prompt)) weights[f] += 0.3 * (target - 0.1 * s);
            if (where.step) where.step(i + 1, examples.size());
        }
    }
    void train(std::span<const experiment::example> examples) { train(examples, {}); }
    std::vector<double> evaluate_items(const experiment::task& task) const {
        std::vector<double> items;
        for (const auto& e : task.test)
            items.push_back(task.scorer.score(sum(e.prompt) > 0 ? "yes" : "no", std::vector{e.answer}));
        return items;
    }
    double evaluate(const experiment::task& task) const {
        double total = 0;
        for (const double x : evaluate_items(task)) total += x;
        return total / static_cast<double>(task.test.size());
    }
    /// Depends on the weights: a trained model embeds differently, so a run that embeds too late is found out.
    holdfast::matrix<float> embed(std::span<const std::string> texts) {
        ++embeddings;
        holdfast::matrix<float> rows(texts.size(), 8);
        for (std::size_t i = 0; i < texts.size(); ++i) {
            std::istringstream words(texts[i]);
            rows(i, 0) = 1;
            for (std::string w; words >> w;)
                rows(i, hash(w) % 8) += static_cast<float>(1 + weights[hash(w)] * 3 + (trained ? 1 : 0));
        }
        return rows;
    }
    void save(const std::string& path) const {
        std::ofstream out(path, std::ios::binary);
        out.write(reinterpret_cast<const char*>(weights.data()),
                  static_cast<std::streamsize>(weights.size() * sizeof(double)));
    }
    void load(const std::string& path) {
        std::ifstream in(path, std::ios::binary);
        in.read(reinterpret_cast<char*>(weights.data()), static_cast<std::streamsize>(weights.size() * sizeof(double)));
        if (!in) throw std::runtime_error("toy: cannot load " + path);
        trained = true;
    }
    double nll(const experiment::example& e) const { return 1 + 0.01 * sum(e.prompt); }
};

/// "WORD it even 17" -> yes or no by a rule of the task's own; three instructions, the first for the test.
inline experiment::task numbers(const std::string& name, int modulus, int count = 24) {
    experiment::task t;
    t.name = name;
    for (int n = 0; n < count; ++n)
        for (const char* said : {"is it", "would you call", "say whether"})
            (std::string_view(said) == "is it" ? t.test : t.train)
                .push_back({.id = name + ":" + std::to_string(n) + said[0],
                            .prompt = std::string(said) + " " + name + " " + std::to_string(n),
                            .answer = n % modulus == 0 ? "yes" : "no",
                            .instruction = std::string(said) + " " + name});
    return t;
}

inline std::vector<experiment::task> stream() {
    return {numbers("even", 2), numbers("triple", 3), numbers("fourfold", 4), numbers("fivefold", 5, 12)};
}

inline std::vector<experiment::suite> suites() {
    return {{experiment::capability::general, numbers("general", 6)},
            {experiment::capability::safety, numbers("safe", 7)},
            {experiment::capability::general, numbers("counting", 8)}};
}

/// A folder that is gone when the test is.
struct temporary_folder {
    std::filesystem::path path;
    explicit temporary_folder(const std::string& name)
        : path(std::filesystem::temp_directory_path() / ("holdfast-" + name + "-" + std::to_string(::getpid()))) {
        std::filesystem::remove_all(path);
        std::filesystem::create_directories(path);
    }
    temporary_folder(const temporary_folder&) = delete;
    temporary_folder& operator=(const temporary_folder&) = delete;
    ~temporary_folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path, ignored);
    }
};

}  // namespace toy
