// Tags: their normal form, precomputed ones, and keywords in three languages.

#include "support/test.hpp"

#include <holdfast/replay/tagger.hpp>

#include <string>
#include <vector>

namespace replay = holdfast::replay;
using tags = std::vector<std::string>;

TEST_CASE("a tag in normal form has lower case, letters only, and the singular of its nouns") {
    CHECK(replay::normalize_tag("Sentiment-Analysis") == "sentiment analysis");
    CHECK(replay::normalize_tag("sentiment  analyses 2!") == "sentiment analysis");
    CHECK(replay::normalize_tag("Movies & Reviews") == "movie review");
    CHECK(replay::normalize_tag("queries, boxes, matches, classes, buses") == "query box match class buse");
    CHECK(replay::normalize_tag("Children's stories") == "child s story");
    CHECK(replay::normalize_tag("bus gas lens ties news this") ==
          "bus gas len tie new this");  // rules, not a dictionary
    CHECK(replay::normalize_tag("123 !?") == "");
    CHECK(replay::normalize_tag("") == "");
}

TEST_CASE("letters of every script survive, unless only A to Z are asked for") {
    CHECK(replay::normalize_tag("ÜBERSETZUNG Ärzte Straße") == "übersetzung ärzte straße");
    CHECK(replay::normalize_tag("情感，分析！") == "情感 分析");
    CHECK(replay::normalize_tag("Ответ ÉTÉ ΛΟΓΟΣ ŁÓDŹ") == "ответ été λογοσ łódź");
    CHECK(replay::normalize_tag("a×b €5 “q” 👍 x") == "a b q x");
    CHECK(replay::normalize_tag("Ärzte 情感 tags", replay::tag_letters::ascii) == "rzte tag");
    CHECK(replay::normalize_tag("bad \xff\xc3 utf \xe4\xb8") == "bad utf");
}

TEST_CASE("keywords leave out stop words and what every instruction says") {
    const replay::keyword_tagger tagger;
    CHECK(tagger.tags("In this task, you are given a movie review. Classify its sentiment as positive or negative.") ==
          tags{"movie", "review", "classify", "sentiment", "positive", "negative"});
    CHECK(tagger.tags("Gegeben ist ein deutscher Text. Vereinfache die schwierigen Wörter, ohne den Sinn zu ändern.") ==
          tags{"deutscher", "vereinfache", "schwierigen", "wörter", "sinn", "ändern"});
    CHECK(tagger.tags("判断下列文本的情感：积极、消极") == tags{"判断", "列文", "文本", "情感", "积极", "消极"});
    CHECK(tagger.tags("用Python写代码") == tags{"用", "python", "写代", "代码"});
    CHECK(tagger.tags("").empty());
    CHECK(tagger.tags("Is it so? 42 + 1").empty());
}

TEST_CASE("the most frequent keywords stay when there are too many, in the order of the text") {
    const replay::keyword_tagger two{.max_tags = 2};
    CHECK(two.tags("apples pears plums pears plums") == tags{"pear", "plum"});
    CHECK(two.tags("apple pear plum") == tags{"apple", "pear"});
    CHECK(replay::keyword_tagger{.max_tags = 0}.tags("apple").empty());
}

TEST_CASE("precomputed tags are looked up by the instruction's text") {
    const replay::precomputed_tagger tagger({{"Add.", {"Arithmetic"}}, {"None.", {}}});
    CHECK(tagger.tags("Add.") == tags{"Arithmetic"});
    CHECK(tagger.tags("None.").empty());
    CHECK_REFUSES(tagger.tags("Sub."),
                  "replay::precomputed_tagger: every instruction needs its tags, there are none for 'Sub.'");
    CHECK_REFUSES(tagger.tags(std::string(100, 'x')), "for '" + std::string(60, 'x') + "...'");
}
