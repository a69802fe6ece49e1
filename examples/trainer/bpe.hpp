// Learning byte pairs (BPE): how a text falls into pieces, and which neighbouring tokens to join next.
//
// Counts follow the joins: a join touches only the words that hold the joined pair, and a heap with stale entries gives
// the most frequent pair. Equal counts go to the pair with the smaller left, then the smaller right token, so one text
// gives one vocabulary on every platform. Digits are never joined: arithmetic is easier to learn digit by digit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <queue>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace trainer {

using token = std::int32_t;

namespace detail {

enum class letter_kind { space, newline, digit, word, mark };

inline letter_kind kind_of(char c) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte == ' ' || byte == '\t') return letter_kind::space;
    if (byte == '\n' || byte == '\r') return letter_kind::newline;
    if (byte >= '0' && byte <= '9') return letter_kind::digit;
    const bool letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_' || byte >= 128;
    return letter ? letter_kind::word : letter_kind::mark;
}

/// Calls f(piece) for every piece of a text: a run of letters or of marks with the one space before it, a single digit
/// with the one space before it, a run of spaces, a run of newlines. Joins happen inside a piece only. Pieces are cut
/// at 48 bytes, so that a text without spaces costs no more than one with them.
template <class F>
void for_each_piece(std::string_view text, F f) {
    constexpr std::size_t longest = 48;
    std::size_t at = 0;
    while (at < text.size()) {
        std::size_t end = at;
        if (text[at] == ' ' && at + 1 < text.size() && kind_of(text[at + 1]) != letter_kind::space &&
            kind_of(text[at + 1]) != letter_kind::newline)
            ++end;  // the space goes with the word after it
        const letter_kind kind = kind_of(text[end]);
        ++end;
        while (kind != letter_kind::digit && end < text.size() && end - at < longest && kind_of(text[end]) == kind) {
            const bool next_takes_it = kind == letter_kind::space && text[end] == ' ' && end + 1 < text.size() &&
                                       kind_of(text[end + 1]) != letter_kind::space &&
                                       kind_of(text[end + 1]) != letter_kind::newline;
            if (next_takes_it) break;
            ++end;
        }
        f(text.substr(at, end - at));
        at = end;
    }
}

inline std::uint64_t pair_key(token left, token right) {
    return (static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32) | static_cast<std::uint32_t>(right);
}

/// Pair counts that follow the joins: only words that hold the joined pair are touched.
class pair_counter {
  public:
    explicit pair_counter(std::span<const std::string> texts) {
        std::map<std::string, std::int64_t, std::less<>> counts;
        for (const std::string& text : texts)
            for_each_piece(text, [&](std::string_view piece) {
                const auto found = counts.find(piece);
                if (found != counts.end())
                    ++found->second;
                else
                    counts.emplace(piece, 1);
            });
        for (const auto& [text, count] : counts) {
            std::vector<token> tokens;
            for (const char c : text) tokens.push_back(static_cast<token>(static_cast<unsigned char>(c)));
            words_.push_back({std::move(tokens), count});
        }
        for (std::uint32_t w = 0; w < words_.size(); ++w) add_word(w);
        for (const auto& [key, p] : pairs_) heap_.push({p.count, key});
    }

    /// The most frequent pair, or count 0 when none is left.
    std::pair<std::int64_t, std::uint64_t> best() {
        while (!heap_.empty()) {
            const entry top = heap_.top();
            const std::int64_t now = pairs_[top.key].count;
            if (now == top.count) return {top.count, top.key};
            heap_.pop();  // a count that has changed since: its new entry is below
        }
        return {0, 0};
    }

    void join(std::uint64_t key, token made) {
        const auto left = static_cast<token>(key >> 32);
        const auto right = static_cast<token>(key & 0xffffffffu);
        const std::vector<std::uint32_t> where(pairs_[key].words.begin(), pairs_[key].words.end());
        touched_.clear();
        for (const std::uint32_t w : where) {
            remove_word(w);
            std::vector<token>& tokens = words_[w].tokens;
            std::size_t to = 0;
            for (std::size_t i = 0; i < tokens.size(); ++to) {
                const bool here = i + 1 < tokens.size() && tokens[i] == left && tokens[i + 1] == right;
                tokens[to] = here ? made : tokens[i];
                i += here ? 2 : 1;
            }
            tokens.resize(to);
            add_word(w);
        }
        for (const std::uint64_t k : touched_)
            if (pairs_[k].count > 0) heap_.push({pairs_[k].count, k});
    }

  private:
    struct word {
        std::vector<token> tokens;
        std::int64_t count;
    };
    struct pair_info {
        std::int64_t count = 0;
        std::unordered_set<std::uint32_t> words;
    };
    struct entry {
        std::int64_t count;
        std::uint64_t key;
        bool operator<(const entry& other) const {  // the heap's top: most frequent, then smallest pair
            return count != other.count ? count < other.count : key > other.key;
        }
    };

    void add_word(std::uint32_t w) {
        const word& x = words_[w];
        for (std::size_t i = 0; i + 1 < x.tokens.size(); ++i)
            if (joinable(x.tokens[i]) && joinable(x.tokens[i + 1])) {
                const std::uint64_t key = pair_key(x.tokens[i], x.tokens[i + 1]);
                pair_info& p = pairs_[key];
                p.count += x.count;
                p.words.insert(w);
                touched_.insert(key);
            }
    }

    void remove_word(std::uint32_t w) {
        const word& x = words_[w];
        for (std::size_t i = 0; i + 1 < x.tokens.size(); ++i)
            if (joinable(x.tokens[i]) && joinable(x.tokens[i + 1])) {
                const std::uint64_t key = pair_key(x.tokens[i], x.tokens[i + 1]);
                pair_info& p = pairs_[key];
                p.count -= x.count;
                p.words.erase(w);
                touched_.insert(key);
            }
    }

    static bool joinable(token t) { return t < '0' || t > '9'; }

    std::vector<word> words_;
    std::unordered_map<std::uint64_t, pair_info> pairs_;
    std::priority_queue<entry> heap_;
    std::unordered_set<std::uint64_t> touched_;
};

}  // namespace detail

}  // namespace trainer
