#include <holdfast/formats/csv_scores.hpp>

#include <holdfast/core/random.hpp>

#include "support/temporary_folder.hpp"
#include "support/test.hpp"

namespace formats = holdfast::formats;

namespace {

formats::score_table parse(const std::string& text) { return formats::parse_csv_scores(text, "s.csv"); }

}  // namespace

TEST_CASE("a table of scores is read: base first, an empty field is not evaluated") {
    const auto t = parse(
        "stage,FOMC,\"Num, \"\"cm\"\"\"\r\nbase,0.49,\r\nFOMC, 0.74 ,1e-1\r\n\r\n\"second\nstage\",-3,\"0.5\"\r\n");
    CHECK(t.tasks == std::vector<std::string>{"FOMC", "Num, \"cm\""});
    CHECK(t.stages == std::vector<std::string>{"FOMC", "second\nstage"});
    REQUIRE(t.base.size() == 2);
    CHECK(t.base[0] == 0.49);
    CHECK(std::isnan(t.base[1]));
    CHECK(t.scores(0, 0) == 0.74);
    CHECK(t.scores(0, 1) == 0.1);
    CHECK(t.scores(1, 0) == -3);
    CHECK(t.scores(1, 1) == 0.5);
    CHECK(t.scale == std::vector<double>{1, 1});
    CHECK(parse("stage,A\n1,0.5").base.empty());
    CHECK(std::isnan(parse("stage,A,B\n1,,").scores(0, 1)));
    CHECK(parse("stage,A\nbase,0.5").scores.rows() == 0);  // measured before training, nothing learnt yet
}

TEST_CASE("a table written is the table read") {
    formats::score_table t{
        {"a,b", "c\"d", " e "}, {"1", "2\n", ""}, {}, holdfast::matrix<double>(3, 3, 1.0 / 3), {1, 1, 1}, {}};
    t.scores(0, 1) = std::numeric_limits<double>::quiet_NaN();
    t.scores(2, 2) = -1e-300;
    t.tasks[2] = "e";
    for (const bool with_base : {false, true}) {
        if (with_base) t.base = {0.1, std::numeric_limits<double>::quiet_NaN(), 100};
        const std::string csv = formats::to_csv(t);
        const auto back = parse(csv);
        CHECK(back.tasks == t.tasks);
        CHECK(formats::to_csv(back) == formats::to_csv(parse(formats::to_csv(back))));
        for (std::size_t i = 0; i < 3; ++i)
            for (std::size_t j = 0; j < 3; ++j) CHECK((back.scores(i, j) == t.scores(i, j) || (i == 0 && j == 1)));
        CHECK(back.base.size() == t.base.size());
    }
}

TEST_CASE("CSV: what is wrong is named with file and line") {
    CHECK_MALFORMED(parse(""), "s.csv: is empty");
    CHECK_MALFORMED(parse("step,A\n"), "s.csv:1: the first column must be called stage, it is called \"step\"");
    CHECK_MALFORMED(parse("stage\n1"), "names no task after stage");
    CHECK_MALFORMED(parse("stage,A,\n"), "column 3 has no task name");
    CHECK_MALFORMED(parse("stage,A,A\n"), "task \"A\" stands twice");
    CHECK_MALFORMED(parse("stage,A\n"), "s.csv:1: holds no row after the header");
    CHECK_MALFORMED(parse("stage,A,B\n1,0.5\n"), "s.csv:2: has 2 fields, the header has 3");
    CHECK_MALFORMED(parse("stage,A\n1,0.5\n2,0.5,\n"), "s.csv:3: has 3 fields, the header has 2");
    CHECK_MALFORMED(parse("stage,A\n1,high\n"), "s.csv:2: task \"A\": \"high\" is not a finite number");
    CHECK_MALFORMED(parse("stage,A\n1,nan\n"), "leave the field empty");
    CHECK_MALFORMED(parse("stage,A\n1,inf\n"), "is not a finite number");
    CHECK_MALFORMED(parse("stage,A\n1,\"0,5\"\n"), "\"0,5\" is not a finite number");
    CHECK_MALFORMED(parse("stage,A\n1,0.5\nbase,0.5\n"), "s.csv:3: the row base must be the first one");
    CHECK_MALFORMED(parse("stage,A\n1,\"0.5\n\n"), "s.csv:2: a quoted field is never closed");
    CHECK_MALFORMED(parse("stage,A\n\"1\"x,2\n"), "s.csv:2: text follows a closing quote");
    CHECK_MALFORMED(parse("stage,A\n1x\",2\n"), "s.csv:2: a quote stands inside a field");
    const holdfast_test::temporary_folder folder;
    CHECK_MALFORMED(formats::read_csv_scores(folder.path() / "none.csv"), "none.csv: there is no such file");
    CHECK_MALFORMED(formats::read_csv_scores(folder.write("x.csv",
                                                          "stage,Stra\xdf"
                                                          "e\n")),
                    "x.csv:1: not UTF-8 at byte offset 10");
    CHECK(formats::read_csv_scores(folder.write("y.csv", "\xef\xbb\xbfstage,A\n1,2\n")).scores(0, 0) == 2);
}

TEST_CASE("random bytes are a table or a format_error, never anything else") {
    holdfast::philox g{5};
    const std::string letters = "stage,A\"\n\r1.5 base";
    int tables = 0;
    for (int round = 0; round < 5000; ++round) {
        std::string text = round % 2 ? "stage,A,B\n" : "";
        for (std::size_t n = holdfast::uniform_index(g, 30); n > 0; --n)
            text += letters[holdfast::uniform_index(g, letters.size())];
        try {
            (void)parse(text);
            ++tables;
        } catch (const holdfast::format_error&) {}
    }
    CHECK(tables > 0);
}
