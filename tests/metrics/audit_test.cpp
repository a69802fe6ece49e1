#include <holdfast/metrics/audit.hpp>

#include "support/test.hpp"

#include <nlohmann/json.hpp>

#include <fstream>
#include <sstream>

namespace metrics = holdfast::metrics;

TEST_CASE("an audit counts copies, contradictions and empty answers") {
    const std::vector<std::string> prompts{"a", "a", "a", "b", "b", "c"}, answers{"1", "1", "1", "1", "2", ""};
    const auto a = metrics::audit(prompts, answers);
    CHECK(a.rows == 6);
    CHECK(a.different == 4);
    CHECK(a.prompts == 3);
    CHECK(a.most_copies == 3);
    CHECK(a.conflicts == 1);
    CHECK(a.empty_answers == 1);
    std::ostringstream out;
    out << a;
    CHECK(out.str() == "6 rows, 4 different, most copies 3, 1 prompt with two answers, 1 empty answers");
}

TEST_CASE("leakage counts test rows, and whether training gave the answer away") {
    const std::vector<std::string> train{"a", "b", "b"}, train_answers{"1", "1", "2"};
    const std::vector<std::string> test{"a", "a", "b", "c"}, test_answers{"1", "2", "2", "1"};
    const auto l = metrics::leakage(train, train_answers, test, test_answers);
    CHECK(l.rows == 4);
    CHECK(l.seen == 3);
    CHECK(l.same_answer == 2);
    std::ostringstream out;
    out << l;
    CHECK(out.str() == "3 of 4 test rows seen in training, 2 with the same answer");
}

TEST_CASE("an empty split is clean, and lists must pair up") {
    const std::vector<std::string> none, one{"a"};
    CHECK(metrics::audit(none, none).most_copies == 0);
    CHECK(metrics::leakage(none, none, one, one).seen == 0);
    CHECK_REFUSES(metrics::audit(one, none), "metrics::audit: needs an answer for each prompt, got 0 for 1");
    CHECK_REFUSES(metrics::leakage(one, none, one, one),
                  "metrics::leakage: needs an answer for each prompt, got 0 for 1");
    CHECK_REFUSES(metrics::leakage(one, one, one, none),
                  "metrics::leakage: needs an answer for each prompt, got 0 for 1");
}

TEST_CASE("the five tasks of the data pack hold no copy, no contradiction and no leak") {
    const auto folder = holdfast_test::shared("data/trace");
    if (folder.empty()) SKIP_ALOUD("data/trace is not at hand (HOLDFAST_SHARED_DIR)");
    for (const char* task : {"FOMC", "MeetingBank", "NumGLUE-cm", "NumGLUE-ds", "ScienceQA"}) {
        CAPTURE(task);
        const auto read = [&](const char* split, const char* field) {
            std::vector<std::string> column;
            for (const auto& row : nlohmann::json::parse(std::ifstream(folder / task / split)))
                column.push_back(row.at(field).get<std::string>());
            return column;
        };
        const auto prompts = read("train.json", "prompt"), answers = read("train.json", "answer");
        const auto a = metrics::audit(prompts, answers);
        CHECK(a.different == a.rows);
        CHECK(a.conflicts == 0);
        CHECK(a.empty_answers == 0);
        CHECK(metrics::leakage(prompts, answers, read("test.json", "prompt"), read("test.json", "answer")).seen == 0);
    }
}
