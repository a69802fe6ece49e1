// Who tells the user how far the run is: a bar with the time left on a terminal, plain lines otherwise. Standard error
// only; standard output belongs to the tables.
//
// It is an experiment::observer, one for all runs of the program, so that the time left is that of the whole.
#pragma once

#include <holdfast/experiment/concepts.hpp>

#include <unistd.h>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace trainer {

class progress {
  public:
    /// @param stages  of all runs together; a run has one more than it has tasks
    /// @param scales  the best score of a task, where it is not 1
    progress(std::size_t stages, std::map<std::string, double, std::less<>> scales = {})
        : scales_(std::move(scales)), all_(stages), terminal_(isatty(2) != 0), start_(clock::now()) {}

    /// A line for the user, whichever way the rest is shown.
    void say(const std::string& line) {
        clear();
        std::fprintf(stderr, "%s\n", line.c_str());
        std::fflush(stderr);
    }

    /// Something that is not a run: the base model. Without a terminal every quarter of it is a line.
    void part(const std::string& what, std::size_t done, std::size_t total) {
        const double share = static_cast<double>(done) / static_cast<double>(total);
        if (!terminal_ && done * 4 / total != (done - 1) * 4 / total)
            std::fprintf(stderr, "%s %d%%\n", what.c_str(), static_cast<int>(share * 100));
        draw(what + " " + std::to_string(static_cast<int>(share * 100)) + "%", 0);
        if (done == total) start_ = clock::now();  // what follows has another pace
    }

    void run_begin(std::span<const std::string> tasks, std::string_view method) {
        method_ = std::string(method);
        tasks_ = tasks.size();
        seen_sum_ = 0;
    }
    void stage_begin(std::size_t stage, std::size_t stages, std::string_view name) {
        stages_ = stages;
        name_ = std::string(name);
        scored_ = 0;
        stage_start_ = clock::now();
        seen_sum_ = learnt_ = 0;
        seen_ = 0;
        (void)stage;
        draw(method_ + ": " + name_, 0);
    }
    void step(std::size_t, std::size_t done, std::size_t total) {
        draw(method_ + ": " + name_, total == 0 ? 0 : 0.7 * static_cast<double>(done) / static_cast<double>(total));
    }
    void scored(std::size_t stage, std::string_view task, double score) {
        ++scored_;
        if (const auto scale = scales_.find(task); scale != scales_.end()) score /= scale->second;
        if (scored_ <= stage && scored_ <= tasks_ && !std::isnan(score)) {  // tasks come in their order, suites last
            seen_sum_ += score;
            ++seen_;
            if (task == name_) learnt_ = score;
        }
        draw(method_ + ": " + name_,
             0.7 + 0.3 * std::min(1.0, static_cast<double>(scored_) / static_cast<double>(tasks_ + 3)));
    }
    void undone(std::size_t, std::span<const std::string> reasons) {
        for (const std::string& r : reasons) say(method_ + ": " + name_ + " is undone: " + r);
        scored_ = seen_ = 0;  // the scores that follow are of the model before
        seen_sum_ = learnt_ = 0;
    }
    void stage_end(std::size_t stage) {
        ++done_;
        ++lived_;
        if (terminal_) {
            draw(method_ + ": " + name_, 0);
            return;
        }
        const double seconds = std::chrono::duration<double>(clock::now() - stage_start_).count();
        if (stage == 0)
            std::fprintf(stderr, "%s stage 0/%zu: before training, %.1f s%s\n", method_.c_str(), stages_ - 1, seconds,
                         left(0).c_str());
        else
            std::fprintf(stderr, "%s stage %zu/%zu: learnt %s (%.3g), mean of tasks so far %.3g, %.1f s%s\n",
                         method_.c_str(), stage, stages_ - 1, name_.c_str(), learnt_,
                         seen_ == 0 ? 0.0 : seen_sum_ / static_cast<double>(seen_), seconds, left(0).c_str());
        std::fflush(stderr);
    }
    void resumed(std::size_t stage) {
        done_ += stage + 1;
        say(method_ + ": stages up to " + std::to_string(stage) + " come from the checkpoint");
    }

    /// Takes the bar away; call it before the tables are printed.
    void clear() {
        if (terminal_ && drawn_) std::fputs("\r\033[K", stderr);
        drawn_ = false;
    }

  private:
    using clock = std::chrono::steady_clock;

    std::string left(double inside) const {
        const double lived = static_cast<double>(lived_) + inside;
        if (lived < 1) return "";
        const double elapsed = std::chrono::duration<double>(clock::now() - start_).count();
        const double rest = elapsed / lived * std::max(0.0, static_cast<double>(all_ - std::min(all_, done_)) - inside);
        char text[64];
        std::snprintf(text, sizeof text, ", about %d:%02d left", static_cast<int>(rest) / 60,
                      static_cast<int>(rest) % 60);
        return text;
    }

    void draw(const std::string& what, double inside) {
        if (!terminal_) return;
        const auto now = clock::now();
        if (drawn_ && now - last_ < std::chrono::milliseconds(100)) return;
        last_ = now;
        drawn_ = true;
        const double share =
            all_ == 0 ? 0 : std::min(1.0, (static_cast<double>(done_) + inside) / static_cast<double>(all_));
        constexpr int width = 28;
        std::string bar(static_cast<std::size_t>(share * width), '#');
        bar.resize(width, '.');
        std::fprintf(stderr, "\r\033[K[%s] %3d%% %s%s", bar.c_str(), static_cast<int>(share * 100), what.c_str(),
                     left(inside).c_str());
        std::fflush(stderr);
    }

    std::map<std::string, double, std::less<>> scales_;
    std::size_t all_, done_ = 0, lived_ = 0, stages_ = 1, tasks_ = 0, scored_ = 0, seen_ = 0;
    double seen_sum_ = 0, learnt_ = 0;
    std::string method_, name_;
    bool terminal_, drawn_ = false;
    clock::time_point start_, stage_start_{}, last_{};
};

}  // namespace trainer
