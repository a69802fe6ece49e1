#include <holdfast/experiment/report.hpp>

#include "experiment/sample.hpp"
#include "experiment/toy.hpp"
#include "support/test.hpp"

#include <fstream>
#include <iterator>

namespace experiment = holdfast::experiment;

TEST_CASE("reports of methods and seeds join, and refuse what does not belong") {
    auto r = sample::report();
    CHECK(r.methods() == std::vector<std::string>{"seq", "InsCL <i>"});
    CHECK(r.tasks() == std::vector<std::string>{"FOMC", "a <b> & \"c\"", "Größe"});
    CHECK(r.runs().size() == 6);
    CHECK_REFUSES(r.add(sample::run("seq", 1, 0.5)), "method \"seq\" with seed 1 is in the report already");
    auto other = sample::run("seq", 9, 0.5);
    other.tasks[1].name = "b";
    CHECK_REFUSES(r.add(other), "task 2 is \"b\" where the report has \"a <b> & \"c\"\"");
    other.tasks.pop_back();
    CHECK_REFUSES(r.add(other), "this one has 2 where the report has 3");
    experiment::report half(sample::run("lora", 0, 0.6));
    half.add(sample::run("lora", 1, 0.6));
    auto clash = half;
    CHECK_REFUSES(r.add(sample::report(1)), "already");
    CHECK(r.runs().size() == 6);  // nothing of it was added
    CHECK(r.add(half).methods().back() == "lora");
    CHECK_REFUSES(r.summary("none"), "there is no method \"none\"");
    CHECK_REFUSES(r.csv("none"), "there is no method \"none\"");
}

TEST_CASE("the table lines up, shows intervals, and says what had no place") {
    const std::string table = sample::report().table();
    CHECK_THAT(table, Contains("method"));
    CHECK_THAT(table, Contains("0.4533 ± 0.0083"));  // OP of seq: 4.3027 * (0.01 / 3) / sqrt(3)
    CHECK_THAT(table, Contains("InsCL <i>: asked for more replay than there is; examples without a place: 6"));
    CHECK_THAT(table, Contains("9.9 s"));
    std::istringstream lines(table);
    std::string header, first, second;
    std::getline(lines, header);
    std::getline(lines, first);
    std::getline(lines, second);
    CHECK(experiment::detail::width(header) == experiment::detail::width(first));
    CHECK(experiment::detail::width(first) == experiment::detail::width(second));
    CHECK_THAT(sample::report().table({.seconds = false}), !Contains("9.9 s"));
    CHECK_THAT(sample::report().table({.matrices = false}), !Contains("before training"));
    CHECK(experiment::report().table() == "no runs\n");
}

TEST_CASE("the CSV holds every digit, quotes what must be, and leaves missing scores empty") {
    auto run = sample::run("seq", 7, 0.5);
    run.after[0][2] = std::nan("");
    run.after[0][0] = 1.0 / 3;
    const std::string csv = experiment::report(run).csv("seq");
    CHECK_THAT(csv, Contains("seed,stage,learnt,FOMC,\"\"\"") ||
                        Contains("seed,stage,learnt,FOMC,\"a <b> & \"\"c\"\"\",Größe\n"));
    CHECK_THAT(csv, Contains("7,0,,0.1,0.2,0.3\n"));
    CHECK_THAT(csv, Contains("7,1,FOMC,0.3333333333333333,0.25,\n"));
    CHECK_THAT(csv, Contains("7,2,\"a <b> & \"\"c\"\"\",0.45,"));
}

TEST_CASE("files are written whole, under names that a file system takes") {
    toy::temporary_folder folder("report");
    sample::report().write_csv(folder.path);
    CHECK(std::filesystem::exists(folder.path / "matrix-seq.csv"));
    CHECK(std::filesystem::exists(folder.path / "matrix-InsCL _i_.csv"));
    sample::report().write_html(folder.path / "report.html");
    std::ifstream in(folder.path / "report.html");
    const std::string page{std::istreambuf_iterator<char>(in), {}};
    CHECK(page == sample::report().html());
    CHECK_THROWS_AS(sample::report().write_html(folder.path / "no" / "report.html"), holdfast::format_error);
}
