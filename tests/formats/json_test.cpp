#include <holdfast/formats/json.hpp>

#include "support/temporary_folder.hpp"
#include "support/test.hpp"

namespace formats = holdfast::formats;

TEST_CASE("broken JSON is named with file and line") {
    const holdfast_test::temporary_folder folder;
    CHECK_MALFORMED(formats::parse_json("[1,\n2,\n}", "x.json"), "x.json:3: broken JSON: ");
    CHECK_MALFORMED(formats::parse_json("", "x.json"), "x.json:1: broken JSON: ");
    CHECK_MALFORMED(formats::parse_json("[1] [2]", "x.json"), "x.json:1: broken JSON: ");
    CHECK_MALFORMED(formats::read_json(folder.write("a.json", "{\"a\": \"no end")), "a.json:1: broken JSON: ");
    CHECK_MALFORMED(formats::read_json(folder.write("b.json", "[\"\xff\"]")), "not UTF-8 at byte offset 2");
    CHECK_MALFORMED(formats::parse_json("[1e999]", "x.jsonl", 7), "x.jsonl:7: broken JSON: a number is too large");
    CHECK_MALFORMED(formats::parse_json("[1,\n1e999]", "x.json"), "x.json: broken JSON: a number is too large");
    const std::string deep(200'000, '[');
    CHECK_MALFORMED(formats::parse_json(deep, "deep"), "deep:1: broken JSON: ");
}

TEST_CASE("JSON Lines names the line, passes over blank ones and takes either line end") {
    const holdfast_test::temporary_folder folder;
    const auto records = formats::read_json_lines(folder.write("a.jsonl", "{\"a\": \"x\"}\r\n\n  \n{\"a\": \"y\"}"));
    REQUIRE(records.size() == 2);
    CHECK(records[1].line == 4);
    CHECK(records[1].number == 2);
    CHECK(records[1].text("a") == "y");
    CHECK_MALFORMED(formats::read_json_lines(folder.write("b.jsonl", "{}\n{\"a\":\n}")), "b.jsonl:2: broken JSON: ");
    CHECK_MALFORMED(formats::read_json_lines(folder.write("c.jsonl", "{}\n[]\n")),
                    "c.jsonl:2: record 2: must be an object, it is array");
    CHECK_MALFORMED(formats::read_json_lines(folder.write("d.jsonl", "\n \n")), "d.jsonl: holds no record");
}

TEST_CASE("an array must hold objects, and one at least") {
    const holdfast_test::temporary_folder folder;
    CHECK(formats::read_json_array(folder.write("a.json", "[{}, {}]")).size() == 2);
    CHECK_MALFORMED(formats::read_json_array(folder.write("b.json", "{}")),
                    "must hold a list of records, it holds object");
    CHECK_MALFORMED(formats::read_json_array(folder.write("c.json", "[]")), "holds no record");
    CHECK_MALFORMED(formats::read_json_array(folder.write("d.json", "[{}, 3]")),
                    "d.json: record 2: must be an object, it is number");
}

TEST_CASE("a field is asked for by name and type") {
    const formats::json_record r{formats::parse_json(R"({"a": "x", "n": 3})", "f"), "f", 7, 2};
    CHECK(r.text("a") == "x");
    CHECK(r.text_or_empty("b").empty());
    CHECK_MALFORMED(r.text("b"), "f:7: record 2: has no field \"b\"");
    CHECK_MALFORMED(r.text("n"), "f:7: record 2: field \"n\" must be text, it is number");
    CHECK_MALFORMED(r.text_or_empty("n"), "must be text");
}
