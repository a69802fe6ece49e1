#pragma once
// Tags of an instruction: the tagger role, how a tag is brought to its normal form, tags that somebody else made, and a
// keyword tagger that needs no model. Any UTF-8 text; tables for English, German and Chinese.
// Builds on core. Leaves out what tags are worth (insinfo.hpp) and reading them from files.

#include <holdfast/core/error.hpp>

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace holdfast::replay {

/// Says in a few words what an instruction is about.
/// 1. tags(instruction)  UTF-8 text -> tags; the same text gives the same tags; none is legal
template <class T>
concept tagger = requires(const T& t, std::string_view instruction) {
    { t.tags(instruction) } -> std::convertible_to<std::vector<std::string>>;
};

/// Which letters survive in a tag: those of every script, or A to Z alone (what InsCL's released code keeps).
enum class tag_letters { every_script, ascii };

namespace detail {

/// The code point at `at`, which moves past it; 0xfffd for a byte that is not UTF-8.
inline char32_t next_code_point(std::string_view text, std::size_t& at) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(at++);
    if (first < 0x80) return first;
    const int more = first >= 0xf0 && first < 0xf5   ? 3
                     : first >= 0xe0 && first < 0xf0 ? 2
                     : first >= 0xc2 && first < 0xe0 ? 1
                                                     : 0;
    if (more == 0 || at + static_cast<std::size_t>(more) > text.size()) return 0xfffd;
    char32_t c = first & (0x3fu >> more);
    for (int i = 0; i < more; ++i) {
        const unsigned char next = byte(at + static_cast<std::size_t>(i));
        if ((next & 0xc0) != 0x80) return 0xfffd;
        c = c << 6 | (next & 0x3fu);
    }
    at += static_cast<std::size_t>(more);
    return c;
}

inline void append_code_point(std::string& to, char32_t c) {
    const auto put = [&](char32_t b) { to += static_cast<char>(static_cast<unsigned char>(b)); };
    if (c < 0x80)
        put(c);
    else if (c < 0x800)
        put(0xc0 | c >> 6), put(0x80 | (c & 0x3f));
    else if (c < 0x10000)
        put(0xe0 | c >> 12), put(0x80 | (c >> 6 & 0x3f)), put(0x80 | (c & 0x3f));
    else
        put(0xf0 | c >> 18), put(0x80 | (c >> 12 & 0x3f)), put(0x80 | (c >> 6 & 0x3f)), put(0x80 | (c & 0x3f));
}

struct code_range {
    char32_t first, last;
};

/// Above ASCII everything is a letter but these: digits, punctuation, symbols, private use, what is not UTF-8.
inline constexpr std::array<code_range, 31> not_letters{
    {{0x80, 0xa9},      {0xab, 0xb4},     {0xb6, 0xb9},     {0xbb, 0xbf},     {0xd7, 0xd7},     {0xf7, 0xf7},
     {0x2c2, 0x2c5},    {0x2d2, 0x2df},   {0x37e, 0x37e},   {0x387, 0x387},   {0x55a, 0x55f},   {0x589, 0x58a},
     {0x5be, 0x5be},    {0x60c, 0x61f},   {0x660, 0x66d},   {0x6d4, 0x6d4},   {0x6f0, 0x6f9},   {0x964, 0x970},
     {0x2000, 0x218f},  {0x2190, 0x2bff}, {0x2e00, 0x2e7f}, {0x3000, 0x3004}, {0x3007, 0x3030}, {0x30fb, 0x30fb},
     {0xe000, 0xf8ff},  {0xfe10, 0xfe6f}, {0xff01, 0xff20}, {0xff3b, 0xff40}, {0xff5b, 0xff65}, {0xffe0, 0xffff},
     {0x1f000, 0x1faff}}};

inline bool is_letter(char32_t c) {
    if (c < 0x80) return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    for (const code_range& r : not_letters)
        if (c >= r.first && c <= r.last) return false;
    return true;
}

/// Scripts written without spaces: Han, Hiragana, Katakana.
inline bool is_unspaced(char32_t c) {
    return (c >= 0x3400 && c <= 0x9fff) || (c >= 0x3040 && c <= 0x30ff) || (c >= 0xf900 && c <= 0xfaff) ||
           (c >= 0x20000 && c <= 0x3134f);
}

/// Lower case in Latin, Greek, Cyrillic and full-width Latin; other scripts have none or are left alone.
inline char32_t lower(char32_t c) {
    if ((c >= 'A' && c <= 'Z') || (c >= 0xc0 && c <= 0xde && c != 0xd7)) return c + 0x20;
    if (c < 0x100) return c;
    if ((c >= 0x100 && c <= 0x137 && c != 0x130) || (c >= 0x14a && c <= 0x177)) return c | 1;
    if ((c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17e)) return c + (c & 1);
    if (c == 0x178) return 0xff;
    if (c == 0x1e9e) return 0xdf;  // capital sharp s
    if ((c >= 0x391 && c <= 0x3a9) || (c >= 0x410 && c <= 0x42f) || (c >= 0xff21 && c <= 0xff3a)) return c + 0x20;
    if (c >= 0x400 && c <= 0x40f) return c + 0x50;
    return c;
}

inline bool ends_with_any(std::string_view word, std::initializer_list<std::string_view> ends) {
    return std::any_of(ends.begin(), ends.end(), [&](std::string_view e) { return word.ends_with(e); });
}

/// The singular of an English plural noun, by rule; a word of three letters or less, or with letters beyond a-z, stays.
inline std::string lemma(std::string word) {
    static const std::unordered_map<std::string_view, std::string_view> irregular{
        {"children", "child"},     {"men", "man"},
        {"women", "woman"},        {"feet", "foot"},
        {"teeth", "tooth"},        {"mice", "mouse"},
        {"criteria", "criterion"}, {"phenomena", "phenomenon"},
        {"analyses", "analysis"},  {"hypotheses", "hypothesis"},
        {"theses", "thesis"},      {"indices", "index"},
        {"matrices", "matrix"},    {"vertices", "vertex"},
        {"series", "series"},      {"species", "species"},
        {"lives", "life"},         {"leaves", "leaf"},
        {"movies", "movie"},       {"always", "always"}};
    if (const auto found = irregular.find(word); found != irregular.end()) return std::string(found->second);
    if (word.size() <= 3 || !std::all_of(word.begin(), word.end(), [](char c) { return c >= 'a' && c <= 'z'; }))
        return word;
    if (word.ends_with("ies") && word.size() > 4) return word.substr(0, word.size() - 3) + "y";
    if (ends_with_any(word, {"sses", "shes", "ches", "xes", "zzes"})) return word.substr(0, word.size() - 2);
    if (word.ends_with('s') && !ends_with_any(word, {"ss", "us", "is"})) word.pop_back();
    return word;
}

/// The runs of letters of a text in lower case; a run ends where a script without spaces begins or ends.
struct word {
    std::u32string letters = {};
    bool unspaced = false;
};

inline std::vector<word> words_of(std::string_view text, tag_letters keep) {
    std::vector<word> words;
    bool inside = false;
    for (std::size_t at = 0; at < text.size();) {
        const char32_t c = next_code_point(text, at);
        if (!is_letter(c) || (keep == tag_letters::ascii && c >= 0x80)) {
            inside = false;
            continue;
        }
        const bool unspaced = is_unspaced(c);
        if (!inside || words.back().unspaced != unspaced) words.push_back({{}, unspaced});
        words.back().letters += lower(c);
        inside = true;
    }
    return words;
}

inline std::string utf8(std::u32string_view letters) {
    std::string text;
    for (const char32_t c : letters) append_code_point(text, c);
    return text;
}

// Sorted, for binary search. Words of instructions in general ("given", "task", "output") are among them: they say
// nothing about which task it is.
inline constexpr auto stop_words = std::to_array<std::string_view>(
    {"a",           "aber",    "able",    "about",     "above",    "after",  "all",     "alle",    "allem",   "allen",
     "aller",       "alles",   "als",     "also",      "am",       "among",  "an",      "and",     "andere",  "anderen",
     "answer",      "any",     "are",     "as",        "at",       "auch",   "auf",     "aus",     "aufgabe", "based",
     "be",          "because", "been",    "before",    "bei",      "beim",   "being",   "below",   "between", "bitte",
     "both",        "but",     "by",      "can",       "could",    "da",     "damit",   "dann",    "das",     "dass",
     "dein",        "deine",   "dem",     "den",       "der",      "des",    "did",     "die",     "dies",    "diese",
     "diesem",      "diesen",  "dieser",  "dieses",    "do",       "does",   "doing",   "don",     "du",      "durch",
     "each",        "ein",     "eine",    "einem",     "einen",    "einer",  "eines",   "either",  "er",      "es",
     "etwas",       "every",   "example", "following", "for",      "from",   "further", "gegeben", "give",    "given",
     "had",         "hat",     "have",    "having",    "he",       "her",    "here",    "him",     "his",     "hier",
     "how",         "ich",     "if",      "ihr",       "ihre",     "im",     "in",      "indem",   "input",   "ins",
     "instruction", "into",    "is",      "ist",       "it",       "its",    "itself",  "jede",    "jeden",   "jeder",
     "jedes",       "just",    "kann",    "kein",      "keine",    "keinen", "like",    "make",    "man",     "may",
     "mehr",        "might",   "mit",     "more",      "most",     "much",   "must",    "nach",    "need",    "nicht",
     "no",          "nor",     "not",     "noch",      "now",      "nur",    "oder",    "of",      "off",     "ohne",
     "on",          "once",    "one",     "only",      "or",       "other",  "our",     "out",     "output",  "over",
     "own",         "part",    "please",  "possible",  "provided", "same",   "sein",    "seine",   "several", "shall",
     "she",         "should",  "sich",    "sie",       "sind",     "so",     "some",    "soll",    "sollst",  "sowie",
     "such",        "task",    "text",    "than",      "that",     "the",    "their",   "them",    "then",    "there",
     "these",       "they",    "this",    "those",     "through",  "to",     "too",     "two",     "um",      "und",
     "uns",         "unter",   "until",   "up",        "upon",     "use",    "used",    "using",   "very",    "vom",
     "von",         "vor",     "war",     "was",       "way",      "we",     "wenn",    "were",    "what",    "when",
     "where",       "whether", "which",   "while",     "who",      "whom",   "whose",   "why",     "wie",     "will",
     "wir",         "wird",    "with",    "within",    "without",  "would",  "you",     "your",    "zu",      "zum",
     "zur"});

inline bool is_stop_word(std::string_view w) {
    static const std::vector<std::string_view> sorted = [] {
        std::vector<std::string_view> s(stop_words.begin(), stop_words.end());
        std::sort(s.begin(), s.end());
        return s;
    }();
    return std::binary_search(sorted.begin(), sorted.end(), w);
}

/// Chinese function characters: a pair that holds one is no word.
inline bool is_stop_character(char32_t c) {
    static constexpr std::u32string_view stops =
        U"的了是在和与及或有对为以不这那个个们你我他她它请把被将从到于并而且则会能可也都就之其中下上一些所";
    return stops.find(c) != std::u32string_view::npos;
}

}  // namespace detail

/// The normal form of a tag: lower case, letters only (other runs become one space), English plurals to singular.
///
/// "Sentiment-Analysis", "sentiment analyses" -> "sentiment analysis". The lemmas are rules and a short table, not
/// WordNet: plural nouns only, so "reasoning" stays.
///
/// @see  tag_utils.py of OPPO-Mente-Lab/InsCL @3ad357c, which keeps A to Z alone (tag_letters::ascii)
[[nodiscard]] inline std::string normalize_tag(std::string_view tag, tag_letters keep = tag_letters::every_script) {
    std::string normal;
    for (const detail::word& w : detail::words_of(tag, keep)) {
        if (!normal.empty()) normal += ' ';
        normal += detail::lemma(detail::utf8(w.letters));
    }
    return normal;
}

/// Tags that were made elsewhere (by a language model, by hand), looked up by the instruction's text.
class precomputed_tagger {
  public:
    using table = std::unordered_map<std::string, std::vector<std::string>>;

    explicit precomputed_tagger(table tags) : tags_(std::move(tags)) {}

    /// @throw invalid_argument if the table does not hold the instruction
    [[nodiscard]] std::vector<std::string> tags(std::string_view instruction) const {
        const auto found = tags_.find(std::string(instruction));
        require(found != tags_.end(),
                "replay::precomputed_tagger: every instruction needs its tags, there are none for '",
                instruction.substr(0, 60), instruction.size() > 60 ? "...'" : "'");
        return found->second;
    }

  private:
    table tags_;
};

/// Keywords of the instruction itself: deterministic, no model, any language.
///
/// 1. Runs of letters in lower case are words; digits and signs separate them.
/// 2. English plurals become singular; words of one or two letters and stop words (English, German, and what every
///    instruction says: "given", "task", "output") are dropped.
/// 3. Chinese and Japanese, written without spaces, give every pair of neighbouring characters, but for pairs that
///    hold a function character.
/// 4. The max_tags most frequent are kept, the earlier first among equals; listed in the order of the text.
///
/// Coarser than tags made by a language model: synonyms stay apart.
struct keyword_tagger {
    std::size_t max_tags = 16;

    [[nodiscard]] std::vector<std::string> tags(std::string_view instruction) const {
        struct candidate {
            std::string text;
            std::size_t count = 0, first = 0;
        };
        std::vector<candidate> found;
        std::unordered_map<std::string, std::size_t> place;
        const auto add = [&](std::string tag) {
            const auto [at, fresh] = place.try_emplace(tag, found.size());
            if (fresh) found.push_back({std::move(tag), 0, found.size()});
            ++found[at->second].count;
        };
        for (const detail::word& w : detail::words_of(instruction, tag_letters::every_script)) {
            if (w.unspaced) {
                const std::u32string_view run = w.letters;
                if (run.size() == 1 && !detail::is_stop_character(run[0])) add(detail::utf8(run));
                for (std::size_t i = 0; i + 1 < run.size(); ++i)
                    if (!detail::is_stop_character(run[i]) && !detail::is_stop_character(run[i + 1]))
                        add(detail::utf8(run.substr(i, 2)));
                continue;
            }
            std::string text = detail::utf8(w.letters);
            if (w.letters.size() < 3 || detail::is_stop_word(text)) continue;
            text = detail::lemma(std::move(text));
            if (!detail::is_stop_word(text)) add(std::move(text));
        }
        const auto by_count = [](const candidate& a, const candidate& b) {
            return a.count != b.count ? a.count > b.count : a.first < b.first;
        };
        std::sort(found.begin(), found.end(), by_count);
        if (found.size() > max_tags) found.resize(max_tags);
        std::sort(found.begin(), found.end(), [](const candidate& a, const candidate& b) { return a.first < b.first; });
        std::vector<std::string> tags;
        for (candidate& c : found) tags.push_back(std::move(c.text));
        return tags;
    }
};

static_assert(tagger<precomputed_tagger> && tagger<keyword_tagger>);

}  // namespace holdfast::replay
