#include <holdfast/formats/trace.hpp>

#include <cmath>
#include <fstream>

#include "support/temporary_folder.hpp"
#include "support/test.hpp"

namespace formats = holdfast::formats;
using names = std::vector<std::string>;

namespace {

names names_of(const std::vector<formats::task>& tasks) {
    names out;
    for (const auto& t : tasks) out.push_back(t.name);
    return out;
}

constexpr const char* one_record = R"([{"prompt": "Do.\nText: x", "answer": "A"}])";

void write_task(const holdfast_test::temporary_folder& folder, const std::string& name) {
    for (const char* split : {"train", "eval", "test"}) folder.write(name + "/" + split + ".json", one_record);
}

}  // namespace

TEST_CASE("a folder in TRACE's layout is read in natural order, or in the order that tasks.json or the caller gives") {
    const holdfast_test::temporary_folder folder;
    for (const char* name : {"task10", "task2", "task1"}) write_task(folder, name);
    folder.write("notes.txt", "no task");
    folder.write("other/readme", "no task");
    CHECK(names_of(formats::read_trace(folder.path())) == names{"task1", "task2", "task10"});
    CHECK(names_of(formats::read_trace(folder.path(), {.tasks = {"task2", "task1"}})) == names{"task2", "task1"});
    folder.write("tasks.json", R"({"order": ["task2", "task10"], "tasks": {"task2": {"metric": "accuracy"}}})");
    const auto listed = formats::read_trace(folder.path());
    CHECK(names_of(listed) == names{"task2", "task10"});
    CHECK(listed[0].metric == "accuracy");
    CHECK(listed[1].metric.empty());
    REQUIRE(listed[0].train.size() == 1);
    CHECK(listed[0].train[0] == formats::record{"task2/train/1", "Do.\nText: x", "A", "Do."});
    CHECK(listed[0].eval.size() == 1);
}

TEST_CASE("TRACE: eval.json may be missing, and a prompt of one line has no instruction") {
    const holdfast_test::temporary_folder folder;
    folder.write("t/train.json", R"([{"prompt": "<s> import os <EOL>", "answer": ""}])");
    folder.write("t/test.json", one_record);
    const auto tasks = formats::read_trace(folder.path());
    CHECK(tasks[0].eval.empty());
    CHECK(tasks[0].train[0].instruction.empty());
}

TEST_CASE("TRACE: what is wrong is named") {
    const holdfast_test::temporary_folder folder;
    CHECK_MALFORMED(formats::read_trace(folder.path() / "none"), "there is no such folder");
    CHECK_MALFORMED(formats::read_trace(folder.path()), "holds no task: a task is a folder with a file train.json");
    write_task(folder, "t");
    CHECK_MALFORMED(formats::read_trace(folder.path(), {.tasks = {"FOMC"}}), "there is no task \"FOMC\" here");
    folder.write("t/test.json", "[]");
    CHECK_MALFORMED(formats::read_trace(folder.path()), "test.json: holds no record");
    folder.write("t/test.json", "[{\"prompt\": \"x\",\n \"answer\": }]");
    CHECK_MALFORMED(formats::read_trace(folder.path()), "test.json:2: broken JSON");
    folder.write("t/test.json", R"([{"prompt": "x", "answer": "y"}, {"prompt": "x", "anwser": "y"}])");
    CHECK_MALFORMED(formats::read_trace(folder.path()), "test.json: record 2: has no field \"answer\"");
    folder.write("t/test.json", R"([{"prompt": "x", "answer": 4}])");
    CHECK_MALFORMED(formats::read_trace(folder.path()),
                    "test.json: record 1: field \"answer\" must be text, it is number");
    folder.write("t/test.json", "[{\"prompt\": \"\xfc\", \"answer\": \"y\"}]");
    CHECK_MALFORMED(formats::read_trace(folder.path()), "not UTF-8 at byte offset 13");
    std::filesystem::remove(folder.path() / "t/test.json");
    CHECK_MALFORMED(formats::read_trace(folder.path()), "test.json: there is no such file");
    folder.write("tasks.json", R"({"tasks": {}})");
    CHECK_MALFORMED(formats::read_trace(folder.path()), "must be an object with a list \"order\"");
    folder.write("tasks.json", R"({"order": [1]})");
    CHECK_MALFORMED(formats::read_trace(folder.path()), "\"order\" must list names, one is number");
}

TEST_CASE("the real TRACE tasks are all read") {
    const auto folder = holdfast_test::shared("data/trace");
    if (folder.empty()) SKIP_ALOUD("no shared data here");
    const auto tasks = formats::read_trace(folder);
    CHECK(names_of(tasks) == names{"FOMC", "MeetingBank", "ScienceQA", "NumGLUE-cm", "NumGLUE-ds"});
    std::size_t train = 0, eval = 0, test = 0;
    for (const auto& t : tasks) {
        train += t.train.size(), eval += t.eval.size(), test += t.test.size();
        CHECK_FALSE(t.metric.empty());
        for (const auto& r : t.train) CHECK(r.instruction == t.train[0].instruction);
    }
    CHECK(train == 1899);
    CHECK(eval == 360);
    CHECK(test == 410);
    CHECK(tasks[1].metric == "rouge-l");
    CHECK(tasks[0].test[0].answer == "A");
}

TEST_CASE("TRACE's result files become a table: rounds and places as numbers, SARI out of its tuple") {
    const holdfast_test::temporary_folder folder;
    const auto result = [&](int round, int i, const std::string& task, const std::string& eval) {
        folder.write("results-" + std::to_string(round) + "-" + std::to_string(i) + "-" + task + ".json",
                     "{\"eval\": " + eval + ", \"prompts\": [], \"results\": [], \"labels\": []}");
    };
    for (int round = 0; round < 11; ++round)
        for (int i = 0; i <= round; ++i)
            result(round, i, i == 2 ? "20Minuten" : "Num-" + std::to_string(i),
                   i == 2   ? "{\"bleu-1\": 0.1, \"rouge-L\": 0.3, \"sari\": [{\"sari\": 38.5}]}"
                   : i == 3 ? "{\"similarity\": 52.25}"
                            : "{\"rouge-L\": 0.9, \"accuracy\": 0." + std::to_string(10 + round) + "}");
    folder.write("readme.txt", "not a result");
    const auto t = formats::read_trace_results(folder.path());
    CHECK(t.tasks == names{"Num-0", "Num-1", "20Minuten", "Num-3", "Num-4", "Num-5", "Num-6", "Num-7", "Num-8", "Num-9",
                           "Num-10"});
    CHECK(t.stages.back() == "10");
    CHECK(t.scores(10, 0) == 0.20);
    CHECK(t.scores(9, 0) == 0.19);
    CHECK(t.scores(2, 2) == 38.5);
    CHECK(t.scores(3, 3) == 52.25);
    CHECK(std::isnan(t.scores(0, 1)));
    CHECK(t.metric[2] == "sari");
    CHECK(t.scale[2] == 100);
    CHECK(t.scale[3] == 100);
    CHECK(t.scale[0] == 1);
    const auto rouge = formats::read_trace_results(folder.path(), {.metric = {{"20Minuten", "rouge-L"}}});
    CHECK(rouge.scores(2, 2) == 0.3);
    CHECK(rouge.scale[2] == 1);
}

TEST_CASE("TRACE's result files: what is wrong is named") {
    const holdfast_test::temporary_folder folder;
    CHECK_MALFORMED(formats::read_trace_results(folder.path()), "holds no file results-{round}-{i}-{task}.json");
    folder.write("results-0-0-a.json", "{}");
    CHECK_MALFORMED(formats::read_trace_results(folder.path()), "must be an object with an object \"eval\"");
    folder.write("results-0-0-a.json", R"({"eval": {"f": 1}})");
    CHECK_MALFORMED(formats::read_trace_results(folder.path()), "\"eval\" has none of: accuracy, similarity, sari");
    folder.write("results-0-0-a.json", R"({"eval": {"accuracy": "high"}})");
    CHECK_MALFORMED(formats::read_trace_results(folder.path()), "\"eval\" field \"accuracy\" must be a number");
    folder.write("results-0-0-a.json", R"({"eval": {"accuracy": 0.5}})");
    folder.write("results-2-0-a.json", R"({"eval": {"accuracy": 0.5}})");
    CHECK_MALFORMED(formats::read_trace_results(folder.path()), "has no result file of round 1");
    folder.write("results-1-0-b.json", R"({"eval": {"accuracy": 0.5}})");
    CHECK_MALFORMED(formats::read_trace_results(folder.path()), "place 0 is task \"a\" in another file");
    std::filesystem::remove(folder.path() / "results-1-0-b.json");
    folder.write("results-1-0-a.json", R"({"eval": {"rouge-L": 0.5}})");
    CHECK_MALFORMED(formats::read_trace_results(folder.path()), "has rouge-L, other rounds of this task have accuracy");
    folder.write("results-1-0-a.json", R"({"eval": {"accuracy": 0.5}})");
    folder.write("results-1-2-c.json", R"({"eval": {"accuracy": 0.5}})");
    CHECK_MALFORMED(formats::read_trace_results(folder.path()), "has no result file of task number 1");
    CHECK_MALFORMED(formats::read_trace_results(folder.path() / "none"), "there is no such folder");
    CHECK_FALSE(formats::detail::parse_result_name("results-x-0-a.json"));
    CHECK_FALSE(formats::detail::parse_result_name("results-0-0-.json"));
    CHECK_FALSE(formats::detail::parse_result_name("results-0-0.json"));
    CHECK_FALSE(formats::detail::parse_result_name("results-99999999999999999999999-0-a.json"));
}
