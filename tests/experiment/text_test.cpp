#include <holdfast/experiment/text.hpp>

#include "support/test.hpp"

#include <cmath>
#include <limits>

namespace text = holdfast::experiment::detail;

TEST_CASE("numbers as text: decimals, dashes, no minus before zero") {
    CHECK(text::fixed(0.125, 2) == "0.12");
    CHECK(text::fixed(-0.001, 2) == "0.00");
    CHECK(text::fixed(-0.006, 2) == "-0.01");
    CHECK(text::fixed(-3, 0) == "-3");
    CHECK(text::fixed(std::nan(""), 2) == "-");
    CHECK(text::fixed(std::numeric_limits<double>::max(), 2).size() == 312);
    CHECK(text::shortest(0.1) == "0.1");
    CHECK(text::shortest(1.0 / 3) == "0.3333333333333333");
    CHECK(text::shortest(std::nan("")) == "");
    CHECK(text::duration(3.14) == "3.1 s");
    CHECK(text::duration(59.7) == "1 min 0 s");
    CHECK(text::duration(200) == "3 min 20 s");
    CHECK(text::duration(7500) == "2 h 5 min");
}

TEST_CASE("text for HTML and CSV is escaped") {
    CHECK(text::escape("<a href='x' id=\"y\">&") == "&lt;a href=&#39;x&#39; id=&quot;y&quot;&gt;&amp;");
    CHECK(text::escape("ä\x01z\n") == "ä\xEF\xBF\xBDz\n");
    CHECK(text::csv_field("plain") == "plain");
    CHECK(text::csv_field("a,b") == "\"a,b\"");
    CHECK(text::csv_field("say \"x\"\n") == "\"say \"\"x\"\"\n\"");
}

TEST_CASE("columns line up by what a reader sees, not by bytes") {
    CHECK(text::width("Größe") == 5);
    CHECK(text::aligned({{"x", "value"}, {"Größe", "1"}, {"ab", "22 ± 3"}}) ==
          "x       value\nGröße       1\nab     22 ± 3\n");
}
