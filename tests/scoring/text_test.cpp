#include <holdfast/scoring/text.hpp>
#include <holdfast/scoring/tokenisers.hpp>

#include "support/test.hpp"

namespace scoring = holdfast::scoring;
using words = std::vector<std::string_view>;

TEST_CASE("splitting cuts at Python's 29 white space code points and at no other") {
    int spaces = 0;
    for (char32_t c = 0; c < 0x110000; ++c)
        if ((c < 0xD800 || c > 0xDFFF) && scoring::is_space(c)) ++spaces;
    CHECK(spaces == 29);
    CHECK(scoring::split("") == words{});
    CHECK(scoring::split(" \t\n\v\f\r\x1c\x1d\x1e\x1f ") == words{});
    CHECK(scoring::split("  a  b ") == words{"a", "b"});
    CHECK(scoring::split("a\u00a0b\u3000c\u2028d\u0085e") == words{"a", "b", "c", "d", "e"});
    CHECK(scoring::split("zero\u200bwidth") == words{"zero\u200bwidth"});  // U+200B is not white space
    CHECK(scoring::split("我们 今天 北京") == words{"我们", "今天", "北京"});
}

TEST_CASE("splitting at a character keeps the empty pieces") {
    CHECK(scoring::split("", '.') == words{""});
    CHECK(scoring::split("a..b.", '.') == words{"a", "", "b", ""});
    CHECK(scoring::split("...", '.') == words{"", "", "", ""});
}

TEST_CASE("stripping takes white space off both ends only") {
    CHECK(scoring::strip("\u3000 a b \u00a0\n") == "a b");
    CHECK(scoring::strip(" \t ").empty());
    CHECK(scoring::strip("").empty());
    CHECK(scoring::strip("x") == "x");
}

TEST_CASE("lower case is Python's, in every script that has a case") {
    // Each right-hand side is str.lower() of CPython 3.11.
    CHECK(scoring::lower("The CAT") == "the cat");
    CHECK(scoring::lower("DIE STRASSE, DIE MÜLLER-STRAẞE ÄÖÜ") == "die strasse, die müller-straße äöü");
    CHECK(scoring::lower("ПРИВЕТ, Ёлка Їжак") == "привет, ёлка їжак");
    CHECK(scoring::lower("ΟΔΥΣΣΕΥΣ ΣΑΣ") == "οδυσσευς σας");
    CHECK(scoring::lower("Σ") == "σ");
    CHECK(scoring::lower("ΑΣ.Β ΑΣ'Σ") == "ασ.β ασ'ς");
    CHECK(scoring::lower("İstanbul") == "i\u0307stanbul");
    CHECK(scoring::lower("ŁÓDŹ ÇĞŞ ŸŽ Ǆ Ⅷ Ⓐ Ａ ԱԲ Ⴀ Ꭰ 𐐀") == "łódź çğş ÿž ǆ ⅷ ⓐ ａ աբ ⴀ ꭰ 𐐨");
    CHECK(scoring::lower("我们 日本語 עברית عربى ไทย") == "我们 日本語 עברית عربى ไทย");
    CHECK(scoring::lower("") == "");
}

TEST_CASE("bytes that are not UTF-8 count one by one and come back as they were") {
    const std::string broken = "a\xff\xc3 \xe6\x88 b\xf0\x9f\x99\xc0\xaf\xed\xa0\x80\xf5";
    const std::u32string points = scoring::code_points(broken);
    CHECK(points.size() == broken.size());  // none of its bytes goes together with another
    std::string back;
    for (const char32_t c : points) scoring::append(back, c);
    CHECK(back == broken);
    CHECK(scoring::lower("Ä" + broken) == "ä" + broken);
    CHECK(scoring::split(broken).size() == 3);
    CHECK(scoring::first_code_point("\xffx") == "\xff");
    CHECK(scoring::first_code_point("北京") == "北");
    CHECK(scoring::first_code_point("").empty());
}

TEST_CASE("every code point survives the way there and back") {
    std::string text;
    std::size_t n = 0;
    for (char32_t c = 0; c < 0x110000; ++c) {
        if (c >= 0xD800 && c <= 0xDFFF) continue;
        scoring::append(text, c);
        ++n;
    }
    const std::u32string points = scoring::code_points(text);
    REQUIRE(points.size() == n);
    CHECK(points.front() == 0);
    CHECK(points.back() == 0x10FFFF);
    CHECK(std::is_sorted(points.begin(), points.end()));
}

TEST_CASE("word characters are Python's \\w") {
    for (const char32_t c : U"aZ0_éЖ我ßͅ٣") {
        if (c == 0 || c == 0x345) continue;
        CHECK(scoring::is_word(c));
    }
    for (const char32_t c : {U' ', U'-', U'.', U'“', U'—', U'。', U'\u0301', U'€'}) CHECK_FALSE(scoring::is_word(c));
    CHECK_FALSE(scoring::is_word(0xDCFF));
}

TEST_CASE("TRACE's words end at white space and at full stops") {
    CHECK(scoring::split_space_or_stop("Hello world. 3.14 a..b") == words{"Hello", "world", "3", "14", "a", "b"});
    CHECK(scoring::split_space_or_stop("...") == words{});
}

TEST_CASE("rouge-score's words are runs of [a-z0-9]") {
    CHECK(scoring::rouge_score_tokens("Testing, one-two: 3.5!") == "testing one two 3 5");
    CHECK(scoring::rouge_score_tokens("naïve café") == "na ve caf");
    CHECK(scoring::rouge_score_tokens("我们") == "");
    CHECK(scoring::rouge_score_tokens("İ") == "i");  // lower case makes a plain i and a mark
}

TEST_CASE("13a sets signs apart as mteval does") {
    // Expected values from sacreBLEU's Tokenizer13a, worked by hand from its four substitutions.
    CHECK(scoring::tokens_13a("Hello, world!") == "Hello , world !");
    CHECK(scoring::tokens_13a("It costs $3,000.50.") == "It costs $ 3,000.50 .");
    CHECK(scoring::tokens_13a("don't stop-me 3-4 a..b") == "don't stop-me 3 - 4 a . . b");
    CHECK(scoring::tokens_13a("&quot;x&quot; &amp;lt; &lt;y&gt;") == "\" x \" < < y >");
    CHECK(scoring::tokens_13a("a<skipped>b-\nc\nd") == "abc d");
    CHECK(scoring::tokens_13a("(“schön”)") == "( “schön” )");
    CHECK(scoring::tokens_13a("  ") == "");
}

TEST_CASE("sacreBLEU's international tokeniser sets signs of every script apart, not between numbers") {
    // Measured with sacrebleu 2.6.0 (regex 2026.11.15).
    const std::pair<const char*, const char*> cases[] = {
        {"Hello, world!", "Hello , world !"},
        {"It costs $3,000.50.", "It costs $ 3,000.50."},
        {"“Schön”, sagt er: 5€ – oder 5.", "“ Schön ” , sagt er : 5 € – oder 5."},
        {"东京（日本）。3,5、4", "东京 （ 日本 ） 。3,5、4"},
        {"a..b 1. .", "a . . b 1 . ."},
        {"½% ²x x² -3-4", "½ % ²x x² - 3-4"},
        {"🙂ok e\u0301", "🙂 ok e\u0301"},
        {"...", ". . ."},
        {"don't 12:30", "don ' t 12:30"},
        {"$", "$"},
        {"1.", "1."},
        {"¿qué?", "¿ qué ?"},
        {"", ""},
        {"\xff.\xff", "\xff . \xff"},
    };
    for (const auto& [text, tokens] : cases) {
        INFO(text);
        CHECK(scoring::tokens_intl(text) == tokens);
    }
}

TEST_CASE("white space at the end is any that Python knows") {
    CHECK(scoring::strip_end("a b \u3000\n\u00a0") == "a b");
    CHECK(scoring::strip_end("\u3000") == "");
    CHECK(scoring::strip_end(" 北") == " 北");
    CHECK(scoring::strip_end("a\x80") == "a\x80");
    CHECK(scoring::strip("\u2003 a\u2028") == "a");
}
