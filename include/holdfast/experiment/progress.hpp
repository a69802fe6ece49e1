#pragma once
// An observer that shows how far a run is: on a terminal a bar with the time left, elsewhere a plain line per stage.
// Builds on the concept of concepts.hpp and on text.hpp. Writes to standard error unless told otherwise, so that
// standard output stays the program's.

#include <holdfast/core/error.hpp>
#include <holdfast/experiment/concepts.hpp>
#include <holdfast/experiment/text.hpp>
#include <holdfast/replay/policy.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>

#if __has_include(<unistd.h>)
#include <unistd.h>
#endif

namespace holdfast::experiment {

/// Whether a file is a terminal that a bar can be drawn on.
inline bool is_terminal([[maybe_unused]] std::FILE* file) {
#if __has_include(<unistd.h>)
    return ::isatty(::fileno(file)) != 0;
#else
    return false;
#endif
}

/// The observer. A learner that calls stage_info::step moves the bar inside a stage.
class progress_bar {
  public:
    explicit progress_bar(std::FILE* out = stderr) : progress_bar(out, is_terminal(out)) {}
    progress_bar(std::FILE* out, bool terminal) : out_(out), terminal_(terminal) {}

    void run_begin(std::span<const std::string>, std::string_view method) {
        method_ = method;
        start_ = clock::now();
        first_ = -1;
    }
    void resumed(std::size_t stage) { line(sentence("goes on after stage ", stage)); }
    void stage_begin(std::size_t stage, std::size_t stages, std::string_view name) {
        stages_ = stages;
        name_ = name;
        replayed_ = 0;
        sum_ = 0;
        scores_ = 0;
        if (first_ < 0) first_ = static_cast<double>(stage);
        draw(static_cast<double>(stage), true);
    }
    void replayed(std::size_t, const replay::plan& plan) { replayed_ = plan.size(); }
    void step(std::size_t stage, std::size_t done, std::size_t total) {
        // Evaluating comes after training, and is given a tenth of the stage: a guess that errs towards patience.
        const double part = total ? static_cast<double>(std::min(done, total)) / static_cast<double>(total) : 0.0;
        draw(static_cast<double>(stage) + 0.9 * part, false);
    }
    void scored(std::size_t, std::string_view, double score) {
        if (std::isnan(score)) return;
        sum_ += score;
        ++scores_;
    }
    void undone(std::size_t, std::span<const std::string> reasons) {
        for (const auto& r : reasons) line("undone: " + r);
        sum_ = 0;
        scores_ = 0;
    }
    void stage_end(std::size_t stage) {
        const double done = static_cast<double>(stage) + 1;
        std::string text = sentence("stage ", stage, " of ", stages_ - 1, ", ", name_);
        if (replayed_ > 0) text += sentence(", ", replayed_, " replayed");
        if (scores_ > 0) text += ", mean score " + detail::fixed(sum_ / static_cast<double>(scores_), 3);
        line(text + left(done));
    }

  private:
    using clock = std::chrono::steady_clock;

    [[nodiscard]] std::string left(double done) const {
        const double seconds = std::chrono::duration<double>(clock::now() - start_).count();
        const double begun = std::max(first_, 0.0);
        if (done >= static_cast<double>(stages_)) return ", " + detail::duration(seconds) + " in all";
        if (done <= begun || stages_ == 0) return {};
        return ", about " + detail::duration(seconds / (done - begun) * (static_cast<double>(stages_) - done)) +
               " left";
    }

    void draw(double done, bool now) {
        if (!terminal_) return;
        if (!now && clock::now() - drawn_ < std::chrono::milliseconds(100)) return;
        drawn_ = clock::now();
        const std::size_t cells = 24;
        const double share = stages_ ? std::clamp(done / static_cast<double>(stages_), 0.0, 1.0) : 0.0;
        const auto full = static_cast<std::size_t>(share * static_cast<double>(cells));
        std::string bar;
        for (std::size_t i = 0; i < cells; ++i) bar += i < full ? "█" : "░";
        std::fprintf(out_, "\r\x1b[K%s %s %3.0f %%  %s%s", method_.c_str(), bar.c_str(), 100 * share, name_.c_str(),
                     left(done).c_str());
        std::fflush(out_);
    }

    void line(const std::string& text) {
        std::fprintf(out_, "%s%s: %s\n", terminal_ ? "\r\x1b[K" : "", method_.c_str(), text.c_str());
        std::fflush(out_);
    }

    std::FILE* out_;
    bool terminal_;
    std::string method_ = {}, name_ = {};
    std::size_t stages_ = 0, replayed_ = 0, scores_ = 0;
    double sum_ = 0, first_ = -1;
    clock::time_point start_ = clock::now(), drawn_ = {};
};

static_assert(observer<progress_bar>);

}  // namespace holdfast::experiment
