#include "support/test.hpp"

#include <trainer/tokeniser.hpp>

#include <holdfast/core/random.hpp>

#include <map>
#include <sstream>

namespace {

const std::vector<std::string> texts = {"an apple and another apple on the table, and the other table",
                                        "the theatre there: 12 and 120", "the other theme\n\nthen the end",
                                        "ééé Grüße 漢字", "    indented = 1\n\tif x:\n        return 10"};

/// Byte pair encoding by its definition: count all pairs of all pieces anew before every join.
std::vector<std::pair<trainer::token, trainer::token>> joins_by_definition(std::size_t vocabulary) {
    std::map<std::string, int> counts;
    for (const auto& text : texts)
        trainer::detail::for_each_piece(text, [&](std::string_view piece) { ++counts[std::string(piece)]; });
    std::vector<std::pair<std::vector<trainer::token>, int>> pieces;
    for (const auto& [piece, n] : counts) {
        std::vector<trainer::token> tokens;
        for (const char c : piece) tokens.push_back(static_cast<unsigned char>(c));
        pieces.emplace_back(tokens, n);
    }
    std::vector<std::pair<trainer::token, trainer::token>> joins;
    while (trainer::first_merge + joins.size() < vocabulary) {
        std::map<std::pair<trainer::token, trainer::token>, int> pairs;
        const auto digit = [](trainer::token t) { return t >= '0' && t <= '9'; };
        for (const auto& [tokens, n] : pieces)
            for (std::size_t i = 0; i + 1 < tokens.size(); ++i)
                if (!digit(tokens[i]) && !digit(tokens[i + 1])) pairs[{tokens[i], tokens[i + 1]}] += n;
        std::pair<trainer::token, trainer::token> best{};
        int most = 1;
        for (const auto& [pair, n] : pairs)  // in order of the pair: the first of equals stays
            if (n > most) {
                most = n;
                best = pair;
            }
        if (most < 2) break;
        for (auto& [tokens, n] : pieces)
            for (std::size_t i = 0; i + 1 < tokens.size(); ++i)
                if (tokens[i] == best.first && tokens[i + 1] == best.second) {
                    tokens[i] = trainer::first_merge + static_cast<trainer::token>(joins.size());
                    tokens.erase(tokens.begin() + static_cast<std::ptrdiff_t>(i) + 1);
                }
        joins.push_back(best);
    }
    return joins;
}

std::string saved(const trainer::tokeniser& t) {
    std::ostringstream out;
    t.save(out);
    return out.str();
}

}  // namespace

TEST_CASE("joins follow the definition of byte pair encoding, counted anew at every step") {
    std::ostringstream expected;
    const auto joins = joins_by_definition(300);
    REQUIRE(joins.size() > 10);
    expected << "holdfast-bpe 1 " << joins.size() << '\n';
    for (const auto& [left, right] : joins) expected << left << ' ' << right << '\n';
    CHECK(saved(trainer::tokeniser::train(texts, 300)) == expected.str());
}

TEST_CASE("any text makes the round trip through the tokeniser") {
    const auto t = trainer::tokeniser::train(texts, 300);
    for (const auto& text : texts) CHECK(t.decode(t.encode(text)) == text);
    holdfast::philox g{1};
    for (int round = 0; round < 50; ++round) {
        std::string bytes(holdfast::uniform_index(g, 200), ' ');
        for (char& c : bytes) c = static_cast<char>(holdfast::uniform_index(g, 256));
        CHECK(t.decode(t.encode(bytes)) == bytes);
    }
    CHECK(t.encode("").empty());
    CHECK(t.decode(std::vector<trainer::token>{trainer::begin_token, 'a', trainer::end_token}) == "a");
}

TEST_CASE("encoding a training piece gives the tokens that training left") {
    const auto t = trainer::tokeniser::train(texts, 300);
    CHECK(t.encode(" the").size() == 1);
    CHECK(t.encode("120").size() == 3);  // digits are never joined
    CHECK(t.encode("thethe").size() <= 4);
}

TEST_CASE("special tokens are never the encoding of a text") {
    const auto t = trainer::tokeniser::train(texts, 300);
    for (const auto& text : texts)
        for (const auto token : t.encode(text)) CHECK((token < 256 || token >= trainer::first_merge));
}

TEST_CASE("a saved tokeniser comes back, and a damaged one is refused") {
    const auto t = trainer::tokeniser::train(texts, 300);
    std::istringstream in(saved(t));
    CHECK(trainer::tokeniser::load(in) == t);
    const auto load = [](const std::string& text) {
        std::istringstream stream(text);
        return trainer::tokeniser::load(stream);
    };
    CHECK_REFUSES(load("gpt 1 0\n"), "does not begin with 'holdfast-bpe 1'");
    CHECK_REFUSES(load("holdfast-bpe 1 2\n97 98\n"), "the file ends after 1 of 2 joins");
    CHECK_REFUSES(load("holdfast-bpe 1 1\n97 300\n"), "join 0 uses a token not yet made");
    CHECK_REFUSES(trainer::tokeniser::train(texts, 100), "at least 260 tokens, asked for 100");
    CHECK_REFUSES(t.decode(std::vector<trainer::token>{5000}), "found 5000");
}

TEST_CASE("a long text without spaces is cut into pieces, so that encoding stays fast") {
    const auto t = trainer::tokeniser::train(texts, 300);
    const std::string text(100000, 'a');
    CHECK(t.decode(t.encode(text)) == text);
}
