#include "support/temporary_folder.hpp"
#include "support/test.hpp"

#include <trainer/data.hpp>

namespace {

using folder = holdfast_test::temporary_folder;

const std::string two =
    R"([{"prompt": "Do it.\nText: a", "answer": "A"}, {"prompt": "Do it.\nText: b", "answer": "B"}])";

trainer::settings asking(const std::string& data) {
    trainer::settings s;
    s.data = data;
    s.base_examples = 20;
    s.suite_questions = 5;
    trainer::apply_preset(s);
    return s;
}

void trace_task(const folder& f, const std::string& name, const std::string& records = two) {
    for (const char* split : {"train", "eval", "test"}) f.write(name + "/" + split + ".json", records);
}

}  // namespace

TEST_CASE("a folder in TRACE's layout becomes a stream, with the scorers that TRACE uses") {
    const folder f;
    for (const char* name : {"FOMC", "MeetingBank", "Py150", "ScienceQA", "20Minuten"}) trace_task(f, name);
    auto s = asking(f.path().string());
    s.tasks = {"FOMC", "MeetingBank", "Py150", "ScienceQA", "20Minuten"};
    const auto m = trainer::load_material(s);
    REQUIRE(m.stream.size() == 5);
    CHECK(m.stream[0].scorer.name() == "exact_match");
    CHECK(m.stream[1].scorer.name() == "trace::rouge_l");
    CHECK(m.stream[2].scorer.best() == 1);
    CHECK(m.stream[3].scorer.name() == "first_letter");
    CHECK(m.stream[4].scorer.name() == "hf::sari");
    CHECK(m.stream[4].test[0].source == "Do it.\nText: a");
    CHECK(m.stream[0].train[0].instruction == "Do it.");
    CHECK(m.stream[0].train[1].answer == "B");
    CHECK(m.suites.size() == 3);
}

TEST_CASE("a folder in SuperNI's layout becomes a stream too") {
    const folder f;
    const std::string line =
        R"({"id": "1", "task": "t", "category": "c", "instruction": "Say yes.", "input": "x", "output": "yes"})"
        "\n";
    f.write("B/train.jsonl", line);
    f.write("B/test.jsonl", line);
    f.write("A/train.jsonl", line);
    f.write("A/test.jsonl", line);
    const auto m = trainer::load_material(asking(f.path().string()));
    REQUIRE(m.stream.size() == 2);
    CHECK(m.stream[0].name == "A");
    CHECK(m.stream[0].train[0].instruction == "Say yes.");
    CHECK(m.stream[0].scorer.name() == "inscl::rouge_l");
}

TEST_CASE("tasks are chosen, ordered and limited as asked") {
    trainer::settings s;
    s.tasks = {"choice", "stance", "code"};
    s.order = {"code"};
    s.train_limit = 12;
    s.test_limit = 3;
    trainer::apply_preset(s);
    const auto m = trainer::load_material(s);
    REQUIRE(m.stream.size() == 3);
    CHECK(m.stream[0].name == "code");
    CHECK(m.stream[1].name == "choice");
    CHECK(m.stream[2].name == "stance");
    CHECK(m.stream[0].train.size() == 12);
    CHECK(m.stream[0].test.size() == 3);
    s.tasks = {"chess"};
    CHECK_THROWS_WITH(trainer::load_material(s), Contains("there is no task \"chess\" in the built-in stream"));
    s.tasks.clear();
    s.order = {"chess"};
    CHECK_THROWS_WITH(trainer::load_material(s), Contains("--order: there is no task \"chess\""));
}

TEST_CASE("what is wrong with a folder of tasks is said with file and line") {
    const folder f;
    CHECK_THROWS_WITH(trainer::load_material(asking(f.path().string() + "/nowhere")),
                      Contains("there is no such folder"));
    CHECK_THROWS_WITH(trainer::load_material(asking(f.path().string())), Contains("holds no task"));
    trace_task(f, "good");
    trace_task(f, "bad", "[]");
    CHECK_THROWS_WITH(trainer::load_material(asking(f.path().string())), Contains("bad/train.json"));
    trace_task(f, "bad", "[{\"prompt\": \"x\",\n \"answer\": }]");
    CHECK_THROWS_WITH(trainer::load_material(asking(f.path().string())), Contains("bad/train.json:2"));
    trace_task(f, "bad", "[{\"prompt\": \"x\", \"label\": \"y\"}]");
    CHECK_THROWS_WITH(trainer::load_material(asking(f.path().string())), Contains("answer"));
    trace_task(f, "bad", "[{\"prompt\": \"\xff\", \"answer\": \"y\"}]");
    CHECK_THROWS_WITH(trainer::load_material(asking(f.path().string())), Contains("UTF-8"));
}

TEST_CASE("ability sets become suites of their capability, with options that the learner can ask for") {
    const folder f;
    f.write("boolq.jsonl", R"({"id": "1", "question": "Is it?", "choices": ["no", "yes"], "answer": 1})"
                           "\n");
    f.write("crows_pairs.jsonl", R"({"id": "1", "choices": ["worse", "better"], "answer": 0})"
                                 "\n");
    f.write("self_instruct_user.jsonl", R"({"id": "1", "prompt": "Write.", "answer": "ok"})"
                                        "\n");
    trainer::settings s;
    s.general = f.path().string();
    trainer::apply_preset(s);
    const auto m = trainer::load_material(s);
    using holdfast::experiment::capability;
    REQUIRE(m.suites.size() == 3);
    CHECK(m.suites[0].kind == capability::general);
    CHECK(trainer::is_multiple_choice(m.suites[0].questions));
    CHECK(m.suites[0].questions.test[0].answer == "yes");
    CHECK(trainer::choices_of(m.suites[0].questions.test[0]) == std::vector<std::string>{"no", "yes"});
    CHECK(m.suites[1].kind == capability::safety);
    CHECK(m.suites[1].questions.test[0].answer == "better");  // the less stereotyped one
    CHECK(m.suites[2].kind == capability::instruction_following);
    CHECK(!trainer::is_multiple_choice(m.suites[2].questions));
}

TEST_CASE("tags come from a file, and a budget beyond a task is said or refused") {
    const folder f;
    f.write("tags.json", R"({"Do it.": ["sorting", "letters"]})");
    trainer::settings s;
    s.tags = f.path().string() + "/tags.json";
    s.train_limit = 10;
    s.budget = 11;
    trainer::apply_preset(s);
    const auto m = trainer::load_material(s);
    CHECK(m.tags.at("Do it.") == std::vector<std::string>{"sorting", "letters"});
    REQUIRE(!m.notes.empty());
    CHECK(m.notes[0].find("stance has 10") != std::string::npos);
    s.strict = true;
    CHECK_THROWS_AS(trainer::load_material(s), trainer::usage_error);
    s.strict = false;
    f.write("tags.json", R"({"Do it.": "sorting"})");
    CHECK_THROWS_WITH(trainer::load_material(s), Contains("must be a list"));
}

TEST_CASE("the real TRACE and SuperNI folders load in their order") {
    const auto trace = holdfast_test::shared("data/trace");
    const auto superni = holdfast_test::shared("data/superni");
    if (trace.empty() || superni.empty()) SKIP_ALOUD("no real data here");
    const auto t = trainer::load_material(asking(trace.string()));
    REQUIRE(t.stream.size() == 5);
    CHECK(t.stream[0].name == "FOMC");
    CHECK(t.stream[2].scorer.name() == "first_letter");
    CHECK(t.stream[0].train[0].instruction.substr(0, 32) == "What is the monetary policy stan");
    const auto n = trainer::load_material(asking(superni.string()));
    REQUIRE(n.stream.size() == 16);
    CHECK(n.stream[15].name == "Mathematics");
    const auto general = holdfast_test::shared("data/general");
    trainer::settings s;
    s.general = general.string();
    trainer::apply_preset(s);
    CHECK(trainer::load_material(s).suites.size() == 9);
}
