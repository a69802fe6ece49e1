#include <holdfast/scoring/porter.hpp>

#include "support/test.hpp"

using holdfast::scoring::porter_stem;

TEST_CASE("stems are those of nltk.stem.PorterStemmer") {
    // NLTK 3.10.4, mode NLTK_EXTENSIONS; each line a step of the algorithm, then the words that other flavours stem
    // differently.
    const std::pair<const char*, const char*> pairs[] = {
        {"caresses", "caress"},
        {"ponies", "poni"},
        {"ties", "tie"},
        {"cats", "cat"},
        {"caress", "caress"},
        {"feed", "feed"},
        {"agreed", "agre"},
        {"plastered", "plaster"},
        {"bled", "bled"},
        {"motoring", "motor"},
        {"sing", "sing"},
        {"conflated", "conflat"},
        {"hopping", "hop"},
        {"falling", "fall"},
        {"fizzed", "fizz"},
        {"filing", "file"},
        {"failing", "fail"},
        {"happy", "happi"},
        {"sky", "sky"},
        {"enjoy", "enjoy"},
        {"by", "by"},
        {"relational", "relat"},
        {"conditional", "condit"},
        {"digitizer", "digit"},
        {"vietnamization", "vietnam"},
        {"formaliti", "formal"},
        {"sensibiliti", "sensibl"},
        {"fundamentally", "fundament"},
        {"geologi", "geolog"},
        {"triplicate", "triplic"},
        {"formative", "form"},
        {"hopeful", "hope"},
        {"goodness", "good"},
        {"revival", "reviv"},
        {"adoption", "adopt"},
        {"homologous", "homolog"},
        {"replacement", "replac"},
        {"probate", "probat"},
        {"rate", "rate"},
        {"controll", "control"},
        {"roll", "roll"},
        {"skies", "sky"},
        {"dying", "die"},
        {"innings", "inning"},
        {"possibly", "possibl"},
        {"news", "news"},
        {"a", "a"},
        {"", ""},
        {"yy", "yy"},
        {"yyyy", "yyyi"},
    };
    for (const auto& [word, stem] : pairs) CHECK(porter_stem(word) == stem);
}
