#include <holdfast/formats/superni.hpp>

#include <set>

#include "support/temporary_folder.hpp"
#include "support/test.hpp"

namespace formats = holdfast::formats;

namespace {

std::string line(const std::string& input) {
    return R"({"id": "task1-x", "task": "task1", "category": "C", "instruction": "Do it.", "input": ")" + input +
           R"(", "output": "yes"})" + "\n";
}

}  // namespace

TEST_CASE("SuperNI groups are read with instruction, empty line and input as the prompt") {
    const holdfast_test::temporary_folder folder;
    for (const char* group : {"B", "A"}) {
        folder.write(std::string(group) + "/train.jsonl", line("über Straße 我") + line(""));
        folder.write(std::string(group) + "/test.jsonl", line("x"));
    }
    auto tasks = formats::read_superni(folder.path());
    REQUIRE(tasks.size() == 2);
    CHECK(tasks[0].name == "A");
    REQUIRE(tasks[0].train.size() == 2);
    CHECK(tasks[0].train[0] == formats::record{"task1-x", "Do it.\n\nüber Straße 我", "yes", "Do it."});
    CHECK(tasks[0].train[1].prompt == "Do it.");
    CHECK(tasks[0].eval.empty());
    folder.write("categories.json", R"({"order": ["B", "A"]})");
    CHECK(formats::read_superni(folder.path())[0].name == "B");
    CHECK(formats::read_superni(folder.path(), {.tasks = {"A"}}).size() == 1);
}

TEST_CASE("SuperNI: what is wrong is named with file and line") {
    const holdfast_test::temporary_folder folder;
    CHECK_MALFORMED(formats::read_superni(folder.path() / "none"), "there is no such folder");
    CHECK_MALFORMED(formats::read_superni(folder.path()), "holds no task: a task is a folder with a file train.jsonl");
    folder.write("A/test.jsonl", line("x"));
    folder.write("A/train.jsonl", line("x") + "{\"id\": \n");
    CHECK_MALFORMED(formats::read_superni(folder.path()), "train.jsonl:2: broken JSON");
    folder.write("A/train.jsonl", line("x") + "\n" + R"({"id": "1", "instruction": "i", "output": ["o"]})");
    CHECK_MALFORMED(formats::read_superni(folder.path()),
                    "train.jsonl:3: record 2: field \"output\" must be text, it is array");
    folder.write("A/train.jsonl", R"({"id": "1", "instruction": "i", "output": "o"})");
    CHECK_MALFORMED(formats::read_superni(folder.path()), "train.jsonl:1: record 1: has no field \"input\"");
    folder.write("A/train.jsonl", "");
    CHECK_MALFORMED(formats::read_superni(folder.path()), "train.jsonl: holds no record");
    folder.write("A/train.jsonl", "{\"id\": \"\xff\"}");
    CHECK_MALFORMED(formats::read_superni(folder.path()), "train.jsonl:1: not UTF-8 at byte offset 8");
    CHECK_MALFORMED(formats::read_superni(folder.path(), {.tasks = {"Z"}}), "there is no task \"Z\" here");
}

TEST_CASE("the real SuperNI groups are all read, in InsCL's order") {
    const auto folder = holdfast_test::shared("data/superni");
    if (folder.empty()) SKIP_ALOUD("no shared data here");
    const auto tasks = formats::read_superni(folder);
    REQUIRE(tasks.size() == 16);
    CHECK(tasks.front().name == "Classification");
    CHECK(tasks.back().name == "Mathematics");
    std::set<std::string> instructions;
    for (const auto& t : tasks) {
        CHECK(t.train.size() == 300);
        CHECK(t.test.size() == 60);
        for (const auto& r : t.train) instructions.insert(r.instruction);
    }
    CHECK(instructions.size() == 171);
}
