#include <holdfast/scoring/edit_similarity.hpp>
#include <holdfast/scoring/indel_table.hpp>

#include <nlohmann/json.hpp>

#include <fstream>

#include <holdfast/core/random.hpp>

#include "support/test.hpp"

namespace scoring = holdfast::scoring;
using texts = std::vector<std::string>;

namespace {

double fuzz_difflib(const std::string& a, const std::string& b) {
    return scoring::fuzz_ratio<scoring::difflib>{}.score(a, texts{b});
}
double fuzz_indel(const std::string& a, const std::string& b) {
    return scoring::fuzz_ratio<scoring::indel>{}.score(a, texts{b});
}
std::string repeated(const std::string& text, int times) {
    std::string out;
    for (int k = 0; k < times; ++k) out += text;
    return out;
}

}  // namespace

TEST_CASE("difflib's ratio is CPython's on every recorded pair, with autojunk and without") {
    std::ifstream file(std::string(HOLDFAST_TEST_DIR) + "/reference/difflib_pairs.txt");
    std::string head, a_line, b_line, counts;
    REQUIRE(std::getline(file, head));
    int pairs = 0;
    while (std::getline(file, a_line) && std::getline(file, b_line) && std::getline(file, counts)) {
        const std::string a = nlohmann::json::parse(a_line), b = nlohmann::json::parse(b_line);
        const double length = static_cast<double>(scoring::code_points(a).size() + scoring::code_points(b).size());
        const double with = std::stod(counts), without = std::stod(counts.substr(counts.find(' ')));
        INFO(a_line << " | " << b_line);
        CHECK(scoring::difflib{}.ratio(a, b) == (length > 0 ? 2.0 * with / length : 1.0));
        CHECK(scoring::difflib{.autojunk = false}.ratio(a, b) == (length > 0 ? 2.0 * without / length : 1.0));
        ++pairs;
    }
    CHECK(pairs > 300);
}

TEST_CASE("fuzz.ratio with each backend on the published pairs") {
    struct row {
        std::string a, b;
        double difflib, reverse, indel;
    };
    const row rows[] = {
        {"ababab", "aaaaab", 33, 33, 67},
        {"tide", "diet", 25, 50, 50},
        {"abc", "cadb", 57, 29, 57},
        {"A L I E N S", "A S A L", 33, 33, 44},
        {"kitten", "sitting", 62, 62, 62},
        {"bacbbab", "bababab", 43, -1, 86},
        {"return x + 1", "return x+1", 91, 91, 91},
        {"def f(a, b): return a + b", "def g(b, a): return b - a", 72, -1, 76},
        {repeated("if ( a == b ) : return c ", 12), repeated("if ( a == b ) : return d ", 12), 8, 8,
         96},                                                               // 300 characters, CPython 3.11
        {repeated("ab", 120) + "a", repeated("ba", 120) + "b", 0, 0, 100},  // 480 of 482 characters
        {repeated("ab", 30), repeated("ba", 30), 98, 98, 98},
    };
    for (const row& r : rows) {
        INFO(r.a << " | " << r.b);
        CHECK(fuzz_difflib(r.a, r.b) == r.difflib);
        if (r.reverse >= 0) CHECK(fuzz_difflib(r.b, r.a) == r.reverse);
        CHECK(fuzz_indel(r.a, r.b) == r.indel);
        CHECK(fuzz_indel(r.b, r.a) == r.indel);
    }
    CHECK(scoring::indel{}.ratio("bacbbab", "bababab") == Approx(.8571).margin(1e-4));
    CHECK(scoring::difflib{.autojunk = false}.ratio(rows[8].a, rows[8].b) == Approx(.96));
}

TEST_CASE("fuzz.ratio rounds halves to the even integer, as Python does") {
    CHECK(scoring::detail::round_half_even(62.5) == 62);
    CHECK(scoring::detail::round_half_even(63.5) == 64);
    CHECK(scoring::detail::round_half_even(0.5) == 0);
    CHECK(scoring::detail::round_half_even(62.4) == 62);
    CHECK(scoring::detail::round_half_even(62.6) == 63);
    CHECK(fuzz_difflib("abcdexyz", "abcdeuvw") == 62);  // 2 * 5 / 16 = 0.625
}

TEST_CASE("empty texts: equal ones are 100 to fuzz.ratio, 1 to the plain ratio and 0 to TRACE") {
    CHECK(fuzz_difflib("", "") == 100);
    CHECK(fuzz_difflib("", "a") == 0);
    CHECK(fuzz_indel("a", "") == 0);
    CHECK(scoring::edit_similarity<scoring::difflib>{}.score("", texts{""}) == 1);
    CHECK(scoring::edit_similarity<scoring::indel>{}.score("", texts{""}) == 1);
    CHECK(scoring::edit_similarity<scoring::indel>{}.score("a", texts{}) == 0);
    const scoring::trace::py150 s;
    CHECK(s.score("", texts{""}) == 0);
    CHECK(s.score("<STR_LIT>", texts{"<STR_LIT>"}) == 0);  // nothing is left of either
    CHECK(s.score("x", texts{}) == 0);
}

TEST_CASE("Py150's literals become code before TRACE compares") {
    using scoring::codexglue::literals_to_code;
    CHECK(literals_to_code("x = <NUM_LIT> + <STR_LIT> + <CHAR_LIT>") == "x = 0 +  + ");
    CHECK(literals_to_code("f(<STR_LIT:name>, <NUM_LIT:42>, <CHAR_LIT:c>)") == "f(name, 42, c)");
    CHECK(literals_to_code("<STR_LIT:a\nb> <STR_LIT:>") == "a\nb ");
    CHECK(literals_to_code("<STR_LIT:open") == "<STR_LIT:open");
    CHECK(literals_to_code("a < b > c") == "a < b > c");
    CHECK(literals_to_code("<BOOL_LIT:x>") == "<BOOL_LIT:x>");
    // A replacement that makes a new literal of the kind that is still to come: the original replaces that too.
    CHECK(literals_to_code("<<STR_LIT:STR_LIT:y>> <STR_LIT:y>") == "y y");
    CHECK(literals_to_code("") == "");

    const scoring::trace::py150 s;
    CHECK(s.name() == "trace::py150");
    CHECK(s.best == 100);
    CHECK(s.score("print ( <STR_LIT:hi> )", texts{"print ( hi )"}) == 100);
    CHECK(s.score("tide", texts{"diet"}) == 25);
    CHECK(scoring::trace::basic_py150<scoring::indel>{}.score("tide", texts{"diet"}) == 50);
}

TEST_CASE("CodeXGLUE strips before it compares") {
    const scoring::codexglue::edit_sim<> similarity;
    CHECK(similarity.score("  x = <NUM_LIT>\n", texts{"x = 0"}) == 100);
    CHECK(similarity.score("", texts{""}) == 100);
    CHECK(scoring::trace::py150{}.score(" x", texts{"x"}) == 67);
    const scoring::codexglue::exact_match exact;
    CHECK(exact.score("x  = <NUM_LIT:1>", texts{"x = 1"}) == 1);
    CHECK(exact.score("x=1", texts{"x = 1"}) == 0);
}

TEST_CASE("a character is a code point, not a byte") {
    CHECK(scoring::indel{}.ratio("天气", "天空") == 0.5);
    CHECK(scoring::difflib{}.ratio("Straße", "Strasse") == Approx(2.0 * 5 / 13));  // "Stra", then "e"
    CHECK(scoring::indel{}.ratio("\xff\xfe", "\xff") == Approx(2.0 / 3));
}

TEST_CASE("a megabyte of text is compared, and equals itself") {
    std::string text;
    for (int k = 0; text.size() < 1'000'000; ++k) text += "line " + std::to_string(k * 7919 % 10007) + "\n";
    CHECK(fuzz_difflib(text, text) == 100);
    CHECK(scoring::difflib{}.ratio(text, text + "q") > 0.99);
    const std::string changed = "q" + text.substr(1, text.size() - 2) + "q";
    CHECK(scoring::indel{}.ratio(text.substr(0, 100'000), changed.substr(7, 100'000)) > 0.99);
    CHECK(fuzz_difflib(std::string(1'000'000, 'a'), std::string(999'999, 'a')) == 100);
    CHECK(fuzz_difflib("b" + std::string(1'000'000, 'a'), std::string(1'000'000, 'a')) == 0);  // autojunk drops the a
}

TEST_CASE("a table of indel ratios holds the ratio of every pair, at every length and vector width") {
    holdfast::philox g{11};
    const std::vector<std::string> signs{"a", "b", "c", " ", "ü", "我", "\xff", "🙂"};
    const auto random_texts = [&](std::size_t count, std::size_t longest) {
        std::vector<std::string> all(count);
        for (std::string& t : all)
            for (std::size_t n = holdfast::uniform_index(g, longest); n > 0; --n)
                t += signs[holdfast::uniform_index(g, signs.size())];
        return all;
    };
    for (const std::size_t longest : {5u, 64u, 70u, 300u}) {
        const auto a = random_texts(7, longest), b = random_texts(37, longest);
        const auto table = scoring::indel_table(a, b);
        for (std::size_t i = 0; i < a.size(); ++i)
            for (std::size_t j = 0; j < b.size(); ++j) REQUIRE(table(i, j) == scoring::indel{}.ratio(a[i], b[j]));
    }
    CHECK(scoring::indel_table({}, random_texts(3, 5)).rows() == 0);
    CHECK(scoring::indel_table(random_texts(3, 5), {}).cols() == 0);
    const std::vector<std::string> empty{""};
    CHECK(scoring::indel_table(empty, empty)(0, 0) == 1);

    for (const std::size_t words : {1u, 3u}) {  // each width against the plain loops, on random masks
        namespace detail = scoring::detail;
        detail::lane_group group;
        group.words = words;
        group.masks.assign(5 * words * detail::lane_group::lanes, 0);
        const auto bits = [&] { return std::uint64_t{g()} << 32 | g(); };
        for (std::size_t k = words * detail::lane_group::lanes; k < group.masks.size(); ++k)
            group.masks[k] = bits() & bits();
        std::vector<std::uint32_t> rows(200);
        for (auto& r : rows) r = static_cast<std::uint32_t>(holdfast::uniform_index(g, 5));
        const std::vector<std::uint64_t> ones(words * detail::lane_group::lanes, ~std::uint64_t{0});
        auto plain = ones;
        detail::lanes_plain::run(rows, group, plain.data());
        const auto check = [&](auto run) {
            auto state = ones;
            run(rows, group, state.data());
            CHECK(state == plain);
        };
        check(detail::run_lanes);
#if HOLDFAST_SCORING_VECTORS
        check(detail::run_lanes_sse2);
        if (__builtin_cpu_supports("avx2")) check(detail::run_lanes_avx2);
#endif
    }
}
