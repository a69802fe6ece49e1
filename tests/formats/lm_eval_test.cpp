#include <holdfast/formats/lm_eval.hpp>

#include <holdfast/core/random.hpp>

#include "support/temporary_folder.hpp"
#include "support/test.hpp"

namespace formats = holdfast::formats;

namespace {

std::vector<formats::lm_eval_score> parse(const std::string& text, const formats::lm_eval_options& o = {}) {
    return formats::parse_lm_eval_results(text, "r.json", o);
}

const char* const results = R"({
 "results": {
  "zeta": {"alias": "zeta", "acc,none": 0.5, "acc_stderr,none": 0.05, "acc_norm,none": 0.6},
  "mmlu": {"alias": "mmlu", "acc,none": 0.25, "acc_stderr,none": 0.01},
  "mmlu_law": {"alias": " - law", "acc,none": 0.2, "acc_stderr,none": 0.02},
  "gsm8k": {"alias": "gsm8k", "exact_match,strict-match": 0.1, "exact_match_stderr,strict-match": 0.01,
            "exact_match,flexible-extract": 0.3, "exact_match_stderr,flexible-extract": "N/A"},
  "wiki": {"word_perplexity,none": 12.5, "word_perplexity_stderr,none": "N/A"},
  "wmt": {"bleu,none": 31.5, "sample_len": 7}
 },
 "group_subtasks": {"mmlu": ["mmlu_law"], "zeta": []},
 "higher_is_better": {"wiki": {"word_perplexity": false}, "zeta": {"acc": true}},
 "n-samples": {"zeta": {"original": 500, "effective": 100}}
})";

}  // namespace

TEST_CASE("a results file of the harness: order of the file, groups for their subjects, errors and items") {
    const auto scores = parse(results);
    REQUIRE(scores.size() == 5);
    CHECK(scores[0].task == "zeta");
    CHECK(scores[0].metric == "acc,none");
    CHECK(scores[0].value == 0.5);
    CHECK(scores[0].error == 0.05);
    CHECK(scores[0].items == 100);
    CHECK(scores[1].task == "mmlu");
    CHECK(scores[1].items == 0);
    CHECK(scores[2].metric == "exact_match,strict-match");
    CHECK(scores[2].value == 0.1);
    CHECK(scores[3].metric == "word_perplexity,none");
    CHECK_FALSE(scores[3].higher_is_better);
    CHECK(std::isnan(scores[3].error));
    CHECK(scores[4].scale == 100);
    CHECK(parse(R"({"results": {"a": {"f1": 0.5, "acc": 0.25, "acc_stderr": 0.125}}})")[0].error == 0.125);  // 0.3
}

TEST_CASE("the metric of a task can be chosen, with its filter or without") {
    CHECK(parse(results, {.metric = {{"gsm8k", "exact_match,flexible-extract"}}})[2].value == 0.3);
    CHECK(parse(results, {.metric = {{"zeta", "acc_norm"}}})[0].value == 0.6);
    CHECK_MALFORMED(parse(results, {.metric = {{"zeta", "f1"}}}),
                    "r.json: task \"zeta\" has no metric \"f1\"; it has acc,none, acc_norm,none");
}

TEST_CASE("sample files: the mean over questions, of the first filter, with its standard error") {
    const holdfast_test::temporary_folder folder;
    const auto file = folder.write("samples_gsm8k_cot_2024-05-01T10-00-00.1.jsonl",
                                   R"({"doc_id": 0, "filter": "strict", "metrics": ["exact_match"], "exact_match": 1.0}
{"doc_id": 0, "filter": "loose", "metrics": ["exact_match"], "exact_match": 1.0}
{"doc_id": 1, "filter": "strict", "metrics": ["exact_match"], "exact_match": 0.0}
{"doc_id": 2, "filter": "strict", "exact_match": true}
{"doc_id": 3, "filter": "strict", "exact_match": 0}
)");
    const auto s = formats::read_lm_eval_samples(file);
    CHECK(s.task == "gsm8k_cot");
    CHECK(s.metric == "exact_match,strict");
    CHECK(s.value == 0.5);
    CHECK(s.items == 4);
    CHECK(s.error == Approx(std::sqrt(1.0 / 3 / 4)));
    CHECK_MALFORMED(formats::read_lm_eval_samples(folder.write("s.jsonl", "{\"acc\": 1}\n{\"doc\": 2}\n")),
                    "s.jsonl:2: record 2: has no field \"acc\"");
    CHECK_MALFORMED(formats::read_lm_eval_samples(folder.write("t.jsonl", "{\"acc\": \"1\"}\n")),
                    "field \"acc\" must be a number, it is string");
    CHECK_MALFORMED(formats::read_lm_eval_samples(folder.write("u.jsonl", "{\"doc\": 1}\n")), "names no metric");
    CHECK_MALFORMED(formats::read_lm_eval_samples(folder.write("v.jsonl", "{\"acc\": \n")), "v.jsonl:1: broken JSON");
}

TEST_CASE("a folder of one evaluation: its last results file, else its samples") {
    const holdfast_test::temporary_folder folder;
    folder.write("a/model/results_2024-05-01.json", R"({"results": {"x": {"acc,none": 0.1}}})");
    folder.write("a/model/results_2024-06-01.json", R"({"results": {"x": {"acc,none": 0.2}}})");
    CHECK(formats::read_lm_eval(folder.path() / "a")[0].value == 0.2);
    folder.write("b/samples_x_2024-05-01T1.jsonl", "{\"acc\": 0}\n");
    folder.write("b/samples_x_2024-06-01T1.jsonl", "{\"acc\": 1}\n");
    folder.write("b/samples_y_2024-06-01T1.jsonl", "{\"acc\": 1}\n");
    const auto b = formats::read_lm_eval(folder.path() / "b");
    REQUIRE(b.size() == 2);
    CHECK(b[0].task == "x");
    CHECK(b[0].value == 1);
    CHECK_MALFORMED(formats::read_lm_eval(folder.write("c/readme", "").parent_path()), "holds no results*.json");
    CHECK_MALFORMED(formats::read_lm_eval(folder.path() / "none.json"), "there is no such file");
}

TEST_CASE("results files that are none are refused with file and field") {
    CHECK_MALFORMED(parse("{\n\"results\": \n"), "r.json:3: broken JSON");
    CHECK_MALFORMED(parse("[]"), "must be an object with an object \"results\"");
    CHECK_MALFORMED(parse(R"({"results": {}})"), "holds no task");
    CHECK_MALFORMED(parse(R"({"results": {"a": 1}})"), "task \"a\" must be an object");
    CHECK_MALFORMED(parse(R"({"results": {"a": {"alias": "a", "acc_stderr": 1}}})"), "task \"a\" has no number");
}

TEST_CASE("random JSON is scores or a format_error, never anything else") {
    holdfast::philox g{7};
    const std::string parts[] = {"{",
                                 "}",
                                 "\"results\":",
                                 "\"a\":",
                                 "\"acc,none\":",
                                 "0.5",
                                 ",",
                                 "[",
                                 "]",
                                 "\"x\"",
                                 "null",
                                 "\"group_subtasks\":",
                                 "\"n-samples\":",
                                 "\"effective\":",
                                 "\"higher_is_better\":",
                                 "1e999"};
    int read = 0;
    for (int round = 0; round < 20000; ++round) {
        std::string text = round % 2 ? R"({"results": {"a": {"acc": 0.5}}, )" : "";
        for (std::size_t n = holdfast::uniform_index(g, 12); n > 0; --n) text += parts[holdfast::uniform_index(g, 16)];
        if (round % 2) text += "}";
        try {
            (void)parse(text);
            ++read;
        } catch (const holdfast::format_error&) {}
    }
    CHECK(read > 0);
    CHECK(parse(R"({"results": {"a": {"acc": 0.5}}, "n-samples": {"a": 5}, "group_subtasks": {"a": 7}})")[0].value ==
          0.5);
}
