#include <holdfast/scoring/rouge_google.hpp>

#include <holdfast/core/random.hpp>

#include "support/test.hpp"

#include <map>

namespace scoring = holdfast::scoring;
using texts = std::vector<std::string>;

TEST_CASE("Google's ROUGE-L and ROUGE-N on the package's own cases") {
    const scoring::google::rouge_l l;
    CHECK(l.match("testing", "testing one two").f() == Approx(.5));
    CHECK(l.match("testing", "testing one two").recall() == Approx(1. / 3));
    const auto o = l.match("testing two", "testing one two");
    CHECK(o.precision() == 1);
    CHECK(o.recall() == Approx(2. / 3));
    CHECK(o.f() == Approx(.8));
    CHECK(l.score("he die of hungers", texts{"he was dying of hunger"}) == Approx(.444444).margin(1e-6));
    CHECK(l.score("Die Müller Strasse ist lang", texts{"Die Müller-Straße ist lang"}) == Approx(.769231).margin(1e-6));
    CHECK(l.score("the the the cat", texts{"the the cat"}) == Approx(.857143).margin(1e-6));
    CHECK(l.score("我们", texts{"我们"}) == 0);
    CHECK(l.score("b", texts{"a", "b"}) == 1);

    const scoring::google::rouge_n one{1}, two{2};
    CHECK(one.match("testing", "testing one two").f() == Approx(.5));
    CHECK(one.match("the the the cat", "the cat") == scoring::overlap{2, 4, 2});
    CHECK(two.match("a b c", "b c a b") == scoring::overlap{2, 2, 3});
    CHECK(two.score("one", texts{"one"}) == 0);
    CHECK(scoring::google::rouge_n{0}.score("one", texts{"one"}) == 0);
}

TEST_CASE("Google's ROUGE is that of ROUGE-1.5.5 on the texts of the package's tests") {
    // Lines of google-research/rouge, testdata/target.txt and prediction.txt (Apache-2.0); the values are those of runs
    // of the Perl script, in rouge_scorer_test.py.
    const texts target{
        "ZfbCUIUuePaiLVUlCaUXxkpu XPeWing tUHfPMuZ',-Xd Y BrUgVJing M-HV.-DgdDaY.rFDJCRing Ht-LM EKBDXkME,yz'RBr "
        "q'wtion wIojNbN wL,b .a-'XdQggyFl jB-RPP'iyOIcUxer tKM L",
        "KsJdPByEtAor fE-Qg Dpdbring cw-WeFyu vC MoBL Xdn g wkvcEiGvKtion BDFhrpMtion psing sbKao Q m qiing LMmer "
        "HqqLFXe,XPY,J XsurkMer ,ed nB'wH'bWVHjWFEing tQ.saefZwJtKrTlixYpMMsJing UCAPwNHeYVjDing c T BUySKtion "
        "gMPfJpwGw p'NvxAoping eu pBwMBKV'I DNxqelhu,PHPxDEq,mtion SN"};
    const texts prediction{"rFDJCRtion Ht-LM EKtDXkME,yz'RBr q'wer wrojNbN wL,b .a-'XdQggyFl jB-RPP'iyOIcUxi",
                           "n cw-WeFyu vC MoBL Xdn g wkvcEiGvKtion BDFhrpMer pstion sbKao Q m qier LMmed HqqLFXe,XPY,J "
                           "XsurkMeo ,ed nB'wH'bWVHjWFEer tQ.saefZwJtKrTlixYpMMNJtion UCAPwNHeYVjD"};
    const auto is = [](const scoring::overlap& o, double recall, double precision, double f) {
        CHECK(o.recall() == Approx(recall).margin(5e-6));
        CHECK(o.precision() == Approx(precision).margin(5e-6));
        CHECK(o.f() == Approx(f).margin(5e-6));
    };
    for (const bool stem : {false, true}) {
        const scoring::google::rouge_n one{1, stem}, two{2, stem};
        is(one.match(prediction[0], target[0]), .40741, .68750, .51163);
        is(two.match(prediction[0], target[0]), .30769, .53333, .39024);
        is(two.match(prediction[1], target[1]), .29268, .48000, .36364);
    }
    is(scoring::google::rouge_n{1}.match(prediction[1], target[1]), .40476, .65385, .50000);
    is(scoring::google::rouge_n{1, true}.match(prediction[1], target[1]), .42857, .69231, .52941);
    is(scoring::google::rouge_l{}.match(prediction[0], target[0]), .40741, .68750, .51163);
    is(scoring::google::rouge_l{}.match(prediction[1], target[1]), .40476, .65385, .50000);
}

TEST_CASE("the stemmer makes forms of one word equal") {
    const scoring::google::rouge_l stemmed{.stem = true};
    CHECK(stemmed.score("he die of hungers", texts{"he was dying of hunger"}) == Approx(.888889).margin(1e-6));
    CHECK(scoring::superni::rouge_l{}.score("he die of hungers", texts{"he was dying of hunger"}) ==
          stemmed.score("he die of hungers", texts{"he was dying of hunger"}));
    CHECK(scoring::google::words("The skies, enjoyed possibly; dogs", true) == "the sky enjoy possibl dog");
    CHECK(scoring::google::words("ties", true) == "tie");
    CHECK(scoring::google::words("was", true) == "was");  // three letters are left alone
}

TEST_CASE("ROUGE-Lsum takes the union over lines, with each word of the prediction used once") {
    const scoring::google::rouge_lsum s;
    const auto o = s.match("w1 w2 w6 w7 w8\nw1 w3 w8 w9 w5", "w1 w2 w3 w4 w5");
    CHECK(o.recall() == Approx(.8));
    CHECK(o.precision() == Approx(.4));
    CHECK(o.f() == Approx(.5333).margin(1e-4));
    CHECK(s.score("", texts{"a"}) == 0);
    CHECK(s.score("\n\n", texts{"\n"}) == 0);
    CHECK(s.score("b\na", texts{"a\nb"}) == 1);
}

namespace {

/// Any bytes, many of them of words, some of the signs whose lower case is a letter.
std::string any_text(holdfast::philox& g, std::size_t longest) {
    static const texts pieces{"\xe2\x84\xaa", "\xc4\xb0", "é", "北", "Σ", "\xff", "\xe2\x84", std::string(1, '\0')};
    std::string text;
    const std::size_t size = holdfast::uniform_index(g, longest + 1), gap = 2 + holdfast::uniform_index(g, 40);
    const bool ascii = holdfast::uniform_index(g, 2) == 0;
    while (text.size() < size) {
        if (holdfast::uniform_index(g, gap) != 0)
            text.push_back("abcXYZ019zAq"[holdfast::uniform_index(g, 12)]);
        else if (ascii || holdfast::uniform_index(g, 3) != 0)
            text.push_back(static_cast<char>(holdfast::uniform_index(g, ascii ? 128 : 256)));
        else
            text += pieces[holdfast::uniform_index(g, pieces.size())];
    }
    return text;
}

/// Words of the lower-cased text, a byte at a time.
texts plain_words(std::string_view text) {
    texts words{""};
    for (const char c : scoring::lower(text)) {
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
            words.back().push_back(c);
        else if (!words.back().empty())
            words.emplace_back();
    }
    if (words.back().empty()) words.pop_back();
    return words;
}

}  // namespace

TEST_CASE("words are found as by a loop over bytes, at every vector width") {
    namespace detail = scoring::detail;
    holdfast::philox g{5};
    detail::marked_text marked;
    for (int round = 0; round < 1500; ++round) {
        const std::string text = any_text(g, round % 100 == 0 ? 20'000 : round % 3 == 0 ? 5 : 300);
        const texts words = plain_words(text);
        std::string joined;
        for (const std::string& w : words) joined += (joined.empty() ? "" : " ") + w;
        REQUIRE(scoring::rouge_score_tokens(text) == joined);
        marked.mark(text);
        REQUIRE(marked.words == words.size());
        for (std::size_t k = 0; k < words.size(); ++k) REQUIRE(marked.word(k) == words[k]);

        const std::size_t blocks = text.size() / 64;
        std::string line(64 * (blocks + 1), ' '), other = line;
        std::vector<std::uint64_t> bits(blocks), bits_there(blocks);
        const bool beyond = detail::mark_words_plain(text.data(), blocks, line.data(), bits.data());
        const auto same = [&](auto form) {
            REQUIRE(form(text.data(), blocks, other.data(), bits_there.data()) == beyond);
            REQUIRE(bits == bits_there);
            for (std::size_t k = 0; k < 64 * blocks; ++k)
                if ((bits[k / 64] >> (k % 64) & 1) != 0) REQUIRE(line[k] == other[k]);
        };
        same(detail::mark_blocks);
        std::vector<std::uint32_t> places(64 * (blocks + 1)), there(64 * (blocks + 1));
        const std::size_t found = detail::place_words(bits.data(), blocks, places.data());
        texts whole = plain_words(std::string_view(text).substr(0, 64 * blocks));
        if (text.find("\xe2\x84\xaa") == std::string::npos && text.find("\xc4\xb0") == std::string::npos) {
            REQUIRE(found == whole.size());
            for (std::size_t k = 0; k < found; ++k)
                REQUIRE(line.substr(places[2 * k], places[2 * k + 1] - places[2 * k]) == whole[k]);
        }
#if HOLDFAST_SCORING_VECTORS
        same(detail::mark_words_sse2);
        if (detail::machine_level() != detail::simd_level::baseline) same(detail::mark_words_avx2);
        if (detail::machine_has_vbmi2()) {
            std::size_t found_there = 0;
            REQUIRE(detail::find_words_vbmi2(std::string_view(text).substr(0, 64 * blocks), other.data(), there.data(),
                                             found_there) == beyond);
            REQUIRE(found_there == found);
            REQUIRE(std::equal(places.begin(), places.begin() + static_cast<std::ptrdiff_t>(2 * found), there.begin()));
        }
#endif
    }
}

TEST_CASE("words have the same number just where they, or their stems, are the same, at every vector width") {
    namespace detail = scoring::detail;
    holdfast::philox g{6};
    const texts long_ones{"hyperparameters",  "internationalization", "internationalizations",
                          "abcdefghijklmnop", "abcdefghijklmno",      "abcdefghi",
                          "abcdefgh",         "generalizations",      "relational",
                          "conditionally"};
    const auto of = [&](std::size_t longest) {
        std::string text = any_text(g, longest);
        for (std::size_t k = holdfast::uniform_index(g, 6); k > 0; --k) {
            const std::string& word = long_ones[holdfast::uniform_index(g, long_ones.size())];
            text += " " + (holdfast::uniform_index(g, 2) == 0 ? word : text.substr(text.size() / 2) + word);
        }
        return text;
    };
    scoring::google::detail::pair_memory m;  // one for all rounds: nothing of the last may be left
    for (int round = 0; round < 1200; ++round) {
        const bool stem = round % 2 == 1;
        const std::string prediction = of(round % 100 < 2 ? 20'000 : 200),
                          reference = of(round % 100 < 2 ? 20'000 : 200);
        texts words[2] = {plain_words(prediction), plain_words(reference)};
        if (stem)
            for (texts& all : words)
                for (std::string& w : all)
                    if (w.size() > 3) w = scoring::porter_stem(w);
        scoring::google::detail::number_words(prediction, reference, stem, m);
        std::map<std::string, std::uint32_t> first;
        for (const std::string& w : words[1]) first.try_emplace(w, static_cast<std::uint32_t>(first.size() + 1));
        REQUIRE(m.number.size() == first.size() + 1);
        for (const std::size_t k : {0u, 1u}) {
            REQUIRE(m.words[k].size() == words[k].size());
            for (std::size_t i = 0; i < words[k].size(); ++i) {
                const auto it = first.find(words[k][i]);
                REQUIRE(m.words[k][i] == (it == first.end() ? 0 : it->second));
            }
        }
        std::vector<std::uint32_t> plain(words[0].size());
        m.number.find_plain(m.keys[0], plain.data());
        REQUIRE(std::equal(plain.begin(), plain.end(), m.words[0].begin()));

        detail::word_keys keys, there;
        detail::find_keys(m.text[0], keys);
        detail::find_keys_plain(m.text[0], there);
        REQUIRE(std::equal(there.key.begin(), there.key.begin() + static_cast<std::ptrdiff_t>(there.words),
                           keys.key.begin()));
        REQUIRE(std::equal(there.hash.begin(), there.hash.begin() + static_cast<std::ptrdiff_t>(there.words),
                           keys.hash.begin()));
        REQUIRE(there.count_of_longs == keys.count_of_longs);
        REQUIRE(std::equal(there.longs.begin(), there.longs.begin() + static_cast<std::ptrdiff_t>(there.count_of_longs),
                           keys.longs.begin()));

        scoring::google::detail::keep_common(m);
        for (const std::size_t k : {0u, 1u}) {
            std::vector<std::uint32_t> kept;
            for (const std::string& w : words[k])
                if (std::find(words[1 - k].begin(), words[1 - k].end(), w) != words[1 - k].end())
                    kept.push_back(first.at(w));
            REQUIRE(std::vector<std::uint32_t>(m.words[k].begin(), m.words[k].end()) == kept);
        }
        std::vector<std::uint32_t> ids(40), met(8), other;
        for (auto& id : ids) id = static_cast<std::uint32_t>(holdfast::uniform_index(g, met.size()));
        for (auto& x : met) x = static_cast<std::uint32_t>(holdfast::uniform_index(g, 2));
        const std::size_t n = holdfast::uniform_index(g, 24);
        other = ids;
        const std::size_t kept = detail::keep_met(ids.data(), n, met.data());
        REQUIRE(detail::keep_met_plain(other.data(), n, met.data()) == kept);
        REQUIRE(std::equal(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(kept), other.begin()));
    }
}

TEST_CASE("a megabyte equals itself in rouge-score's words too") {
    std::string text;
    for (int k = 0; text.size() < 1'000'000; ++k)
        text += "w" + std::to_string(k * 7919 % 20011) + (k % 17 == 16 ? "\n" : " ");
    CHECK(scoring::google::rouge_l{}.score(text, texts{text}) == 1);
    CHECK(scoring::google::rouge_lsum{}.score(text, texts{text}) == 1);
    CHECK(scoring::google::rouge_n{2}.score(text, texts{text}) == 1);
}
