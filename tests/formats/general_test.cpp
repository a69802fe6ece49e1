#include <holdfast/formats/general.hpp>

#include "support/temporary_folder.hpp"
#include "support/test.hpp"

namespace formats = holdfast::formats;

TEST_CASE("multiple choice, pairs and generation are told apart by their fields") {
    const holdfast_test::temporary_folder folder;
    const auto choice = formats::read_general_file(folder.write(
        "mmlu.jsonl", R"({"id": "1", "subject": "law", "question": "q", "choices": ["a", "b", "c"], "answer": 2})"));
    CHECK(choice.name == "mmlu");
    REQUIRE(choice.choices.size() == 1);
    CHECK(choice.choices[0] == formats::choice_item{"1", "q", {"a", "b", "c"}, 2, "law"});
    CHECK(choice.records.empty());
    const auto pair = formats::read_general_file(
        folder.write("crows.jsonl", R"({"id": "1", "choices": ["a", "b"], "answer": 0, "bias_type": "age"})"));
    CHECK(pair.choices[0].question.empty());
    CHECK(pair.choices[0].group == "age");
    const auto generation = formats::read_general_file(
        folder.write("bbh.jsonl", R"({"id": "1", "task": "navigate", "prompt": "p", "answer": "No"})"));
    REQUIRE(generation.records.size() == 1);
    CHECK(generation.records[0] == formats::record{"1", "p", "No", ""});
    CHECK(generation.groups == std::vector<std::string>{"navigate"});
    const auto all = formats::read_general(folder.path());
    REQUIRE(all.size() == 3);
    CHECK(all[0].name == "bbh");
}

TEST_CASE("general sets: what is wrong is named with file, line and field") {
    const holdfast_test::temporary_folder folder;
    const auto read = [&](const std::string& text) {
        return formats::read_general_file(folder.write("x.jsonl", text));
    };
    CHECK_MALFORMED(read(R"({"id": "1", "choices": ["a"], "answer": 0})"),
                    "x.jsonl:1: record 1: field \"choices\" must be a list of 2");
    CHECK_MALFORMED(read(R"({"id": "1", "choices": ["a", 1], "answer": 0})"),
                    "field \"choices\" must hold texts, one is number");
    CHECK_MALFORMED(read(R"({"id": "1", "choices": ["a", "b"]})"), "has no field \"answer\"");
    CHECK_MALFORMED(read(R"({"id": "1", "choices": ["a", "b"], "answer": "a"})"),
                    "must be the index of a choice, it is string");
    CHECK_MALFORMED(read(R"({"id": "1", "choices": ["a", "b"], "answer": 2})"),
                    "field \"answer\" must be 0 ... 1, it is 2");
    CHECK_MALFORMED(read(R"({"id": "1", "choices": ["a", "b"], "answer": -1})"),
                    "field \"answer\" must be 0 ... 1, it is -1");
    CHECK_MALFORMED(read(R"({"id": "1", "prompt": "p"})"), "record 1: has no field \"answer\"");
    CHECK_MALFORMED(read(R"({"id": 1, "prompt": "p", "answer": "a"})"), "field \"id\" must be text");
    CHECK_MALFORMED(read("{\"id\": \"1\", \"prompt\": \"p\", \"answer\": \"a\"}\n"
                         "{\"id\": \"2\", \"choices\": [\"a\", \"b\"], \"answer\": 0}"),
                    "x.jsonl:2: record 2: multiple choice and generation are mixed");
    CHECK_MALFORMED(read(""), "x.jsonl: holds no record");
    CHECK_MALFORMED(formats::read_general_file(folder.path() / "none.jsonl"), "there is no such file");
    std::filesystem::remove(folder.path() / "x.jsonl");
    CHECK_MALFORMED(formats::read_general(folder.path()), "holds no .jsonl file");
    CHECK_MALFORMED(formats::read_general(folder.path() / "none"), "there is no such folder");
}

TEST_CASE("the real ability sets are all read") {
    const auto folder = holdfast_test::shared("data/general");
    if (folder.empty()) SKIP_ALOUD("no shared data here");
    std::size_t choices = 0, records = 0;
    for (const auto& set : formats::read_general(folder)) {
        choices += set.choices.size(), records += set.records.size();
        CHECK(set.choices.empty() != set.records.empty());
    }
    CHECK(choices == 224 + 5 * 200);
    CHECK(records == 216 + 2 * 200);
}
