#pragma once
// How the loop asks a learner and tells an observer: every optional member is looked for here and nowhere else, at
// compile time. Builds on concepts.hpp and core/matrix.hpp; decides nothing about the run (run.hpp).

#include <holdfast/core/error.hpp>
#include <holdfast/core/matrix.hpp>
#include <holdfast/experiment/concepts.hpp>

#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace holdfast::experiment::detail {

template <class L>
inline constexpr bool trains_with_stage = requires(L& l, std::span<const example> examples, const stage_info& where) {
    l.train(examples, where);
};

template <class L>
inline constexpr bool scores_items = requires(L& l, const task& t) {
    { l.evaluate_items(t) } -> std::convertible_to<std::vector<double>>;
};

template <class L>
inline constexpr bool embeds = requires(L& l, std::span<const std::string> texts) {
    { l.embed(texts) } -> matrix_like;
};

template <class L>
inline constexpr bool saves_and_loads = requires(L& l, const std::string& path) {
    l.save(path);
    l.load(path);
};

template <class L>
inline constexpr bool has_nll = requires(L& l, const example& e) {
    { l.nll(e) } -> std::convertible_to<double>;
};

/// One score, and the scores it is the mean of, where the learner tells them.
struct answer {
    double score = 0;
    std::vector<double> items = {};
};

template <class Learner>
answer ask(Learner& learner, const task& about) {
    answer a;
    if constexpr (scores_items<Learner>) {
        a.items = learner.evaluate_items(about);
        require(a.items.size() == about.test.size(), "experiment::run: learner.evaluate_items(task) must return one ",
                "score per question, for task \"", about.name, "\" it returned ", a.items.size(), " of ",
                about.test.size());
        double sum = 0;
        for (const double x : a.items) sum += x;
        a.score = sum / static_cast<double>(a.items.size());  // no question: NaN, not evaluated
    } else {
        a.score = static_cast<double>(learner.evaluate(about));
    }
    require(!std::isinf(a.score), "experiment::run: a score must be finite (NaN = not evaluated), that of task \"",
            about.name, "\" is ", a.score);
    return a;
}

/// Rows of any matrix as our own floats.
template <class Matrix>
matrix<float> to_floats(const Matrix& rows, std::size_t texts, std::string_view of) {
    const auto v = view(rows);
    require(v.rows() == texts, "experiment::run: embed(texts) must return one row per text, for task \"", of,
            "\" it returned ", v.rows(), " of ", texts);
    matrix<float> copy(v.rows(), v.cols());
    for (std::size_t i = 0; i < v.rows(); ++i)
        for (std::size_t j = 0; j < v.cols(); ++j) copy(i, j) = static_cast<float>(v(i, j));
    return copy;
}

/// The observer behind hooks that do nothing where it has none.
template <class Observer>
class told {
  public:
    explicit told(Observer& o) : o_(o) {}

    void run_begin([[maybe_unused]] std::span<const std::string> tasks, [[maybe_unused]] std::string_view method) {
        if constexpr (requires { o_.run_begin(tasks, method); }) o_.run_begin(tasks, method);
    }
    void stage_begin([[maybe_unused]] std::size_t stage, [[maybe_unused]] std::size_t stages,
                     [[maybe_unused]] std::string_view name) {
        if constexpr (requires { o_.stage_begin(stage, stages, name); }) o_.stage_begin(stage, stages, name);
    }
    void replayed([[maybe_unused]] std::size_t stage, [[maybe_unused]] const replay::plan& plan) {
        if constexpr (requires { o_.replayed(stage, plan); }) o_.replayed(stage, plan);
    }
    void scored([[maybe_unused]] std::size_t stage, [[maybe_unused]] std::string_view task,
                [[maybe_unused]] double score) {
        if constexpr (requires { o_.scored(stage, task, score); }) o_.scored(stage, task, score);
    }
    void undone([[maybe_unused]] std::size_t stage, [[maybe_unused]] std::span<const std::string> reasons) {
        if constexpr (requires { o_.undone(stage, reasons); }) o_.undone(stage, reasons);
    }
    void stage_end([[maybe_unused]] std::size_t stage) {
        if constexpr (requires { o_.stage_end(stage); }) o_.stage_end(stage);
    }
    void resumed([[maybe_unused]] std::size_t stage) {
        if constexpr (requires { o_.resumed(stage); }) o_.resumed(stage);
    }
    /// What a learner calls through stage_info::step; empty where nobody listens.
    std::function<void(std::size_t, std::size_t)> step([[maybe_unused]] std::size_t stage) {
        if constexpr (requires { o_.step(stage, stage, stage); })
            return [this, stage](std::size_t done, std::size_t total) { o_.step(stage, done, total); };
        else
            return {};
    }

  private:
    Observer& o_;
};

}  // namespace holdfast::experiment::detail
