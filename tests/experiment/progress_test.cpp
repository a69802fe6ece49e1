#include <holdfast/experiment/progress.hpp>

#include "support/test.hpp"

#include <cstdio>
#include <memory>
#include <string>

namespace experiment = holdfast::experiment;

namespace {

std::string written(bool terminal) {
    std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::tmpfile(), std::fclose);
    REQUIRE(file);
    experiment::progress_bar bar(file.get(), terminal);
    const std::vector<std::string> tasks = {"sums"};
    bar.run_begin(tasks, "inscl");
    bar.stage_begin(0, 2, "before training");
    bar.scored(0, "sums", 0.25);
    bar.stage_end(0);
    bar.stage_begin(1, 2, "sums");
    holdfast::replay::plan plan;
    plan.examples = {{1, 2}, {3}};
    bar.replayed(1, plan);
    bar.step(1, 1, 2);
    bar.scored(1, "sums", 0.5);
    bar.scored(1, "other", 1.0);
    bar.stage_end(1);
    std::string text(10000, '\0');
    std::rewind(file.get());
    text.resize(std::fread(text.data(), 1, text.size(), file.get()));
    return text;
}

}  // namespace

TEST_CASE("away from a terminal progress is plain lines") {
    const std::string text = written(false);
    CHECK(text.find('\r') == std::string::npos);
    CHECK(text.find('\x1b') == std::string::npos);
    CHECK_THAT(text, Contains("inscl: stage 0 of 1, before training, mean score 0.250, about "));
    CHECK_THAT(text, Contains("inscl: stage 1 of 1, sums, 3 replayed, mean score 0.750, ") && Contains(" in all\n"));
}

TEST_CASE("on a terminal progress is a bar that is drawn over") {
    const std::string text = written(true);
    CHECK_THAT(text, Contains("\r\x1b[K") && Contains("░") && Contains("0 %  before training"));
    CHECK(text.ends_with(" in all\n"));
}
