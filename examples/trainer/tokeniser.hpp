// Text to numbers and back: a byte-level BPE tokeniser, trained on the text it will see.
//
// Every byte is a token of its own, so any text (any bytes at all) makes the round trip; frequent neighbours inside
// words are joined to longer tokens, in the order that bpe.hpp learned. One text gives one vocabulary on every
// platform. Not here: Unicode normalisation, Unicode categories (every byte above 127 counts as a letter).
#pragma once

#include "bpe.hpp"

#include <holdfast/core/error.hpp>

#include <cstddef>
#include <cstdint>
#include <istream>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace trainer {

/// Tokens with a meaning instead of a text. They stand after the 256 bytes and are never produced by `encode`.
enum special : token { begin_token = 256, answer_token = 257, end_token = 258, pad_token = 259, first_merge = 260 };

/// A trained vocabulary: 256 bytes, four special tokens, then one token per join in the order the joins were learned.
class tokeniser {
  public:
    tokeniser() { rebuild(); }

    /// Learns joins from texts until the vocabulary holds `vocabulary` tokens or no pair occurs twice.
    ///
    /// @param texts       the training texts
    /// @param vocabulary  tokens in all, at least 260
    /// @throw invalid_argument if vocabulary < 260
    /// @cost  about linear in the text for counting, then in the occurrences of the joined pairs
    static tokeniser train(std::span<const std::string> texts, std::size_t vocabulary);

    std::size_t vocabulary() const { return text_of_.size(); }

    /// The tokens of a text; never a special one.
    std::vector<token> encode(std::string_view text) const {
        std::vector<token> out;
        out.reserve(text.size() / 2 + 1);
        append(text, out);
        return out;
    }

    /// As encode, behind what `out` already holds.
    void append(std::string_view text, std::vector<token>& out) const {
        detail::for_each_piece(text, [&](std::string_view piece) { append_piece(piece, out); });
    }

    /// The text of tokens; special tokens have none.
    /// @throw invalid_argument for a token outside the vocabulary
    std::string decode(std::span<const token> tokens) const {
        std::string out;
        for (const token t : tokens) {
            holdfast::require(t >= 0 && static_cast<std::size_t>(t) < text_of_.size(),
                              "trainer::tokeniser: tokens lie in 0..", text_of_.size() - 1, ", found ", t);
            out += text_of_[static_cast<std::size_t>(t)];
        }
        return out;
    }

    /// Plain text, one join a line: the same joins give the same tokeniser.
    void save(std::ostream& out) const {
        out << "holdfast-bpe 1 " << merges_.size() << '\n';
        for (const auto& [left, right] : merges_) out << left << ' ' << right << '\n';
    }

    /// @throw invalid_argument if the stream holds no tokeniser
    static tokeniser load(std::istream& in) {
        std::string name;
        int version = 0;
        std::size_t count = 0;
        holdfast::require(static_cast<bool>(in >> name >> version >> count) && name == "holdfast-bpe" && version == 1,
                          "trainer::tokeniser: the file does not begin with 'holdfast-bpe 1'");
        tokeniser t;
        for (std::size_t i = 0; i < count; ++i) {
            std::pair<token, token> m;
            holdfast::require(static_cast<bool>(in >> m.first >> m.second), "trainer::tokeniser: the file ends after ",
                              i, " of ", count, " joins");
            const token next = first_merge + static_cast<token>(i);
            const auto fits = [&](token x) { return (x >= 0 && x < 256) || (x >= first_merge && x < next); };
            holdfast::require(fits(m.first) && fits(m.second), "trainer::tokeniser: join ", i,
                              " uses a token not yet made");
            t.merges_.push_back(m);
        }
        t.rebuild();
        return t;
    }

    friend bool operator==(const tokeniser& a, const tokeniser& b) { return a.merges_ == b.merges_; }

  private:
    void append_piece(std::string_view piece, std::vector<token>& out) const {
        const std::size_t from = out.size();
        for (const char c : piece) out.push_back(static_cast<token>(static_cast<unsigned char>(c)));
        // The earliest learned join first, leftmost first among equals; pieces are short, so looking again is cheap.
        while (out.size() - from > 1) {
            token best = 0;
            std::size_t where = 0;
            for (std::size_t i = from; i + 1 < out.size(); ++i) {
                const auto found = rank_.find(detail::pair_key(out[i], out[i + 1]));
                if (found != rank_.end() && (best == 0 || found->second < best)) {
                    best = found->second;
                    where = i;
                }
            }
            if (best == 0) return;
            out[where] = best;
            out.erase(out.begin() + static_cast<std::ptrdiff_t>(where) + 1);
        }
    }

    void rebuild() {
        text_of_.assign(first_merge, std::string());
        for (std::size_t b = 0; b < 256; ++b)
            text_of_[b] = std::string(1, static_cast<char>(static_cast<unsigned char>(b)));
        rank_.clear();
        for (const auto& [left, right] : merges_) {
            rank_[detail::pair_key(left, right)] = static_cast<token>(text_of_.size());
            text_of_.push_back(text_of_[static_cast<std::size_t>(left)] + text_of_[static_cast<std::size_t>(right)]);
        }
    }

    std::vector<std::pair<token, token>> merges_;
    std::vector<std::string> text_of_;
    std::unordered_map<std::uint64_t, token> rank_;
};

inline tokeniser tokeniser::train(std::span<const std::string> texts, std::size_t vocabulary) {
    holdfast::require(vocabulary >= static_cast<std::size_t>(first_merge),
                      "trainer::tokeniser: the vocabulary holds at least ", static_cast<int>(first_merge),
                      " tokens, asked for ", vocabulary);
    tokeniser t;
    detail::pair_counter pairs(texts);
    while (static_cast<std::size_t>(first_merge) + t.merges_.size() < vocabulary) {
        const auto [count, key] = pairs.best();
        if (count < 2) break;
        pairs.join(key, first_merge + static_cast<token>(t.merges_.size()));
        t.merges_.emplace_back(static_cast<token>(key >> 32), static_cast<token>(key & 0xffffffffu));
    }
    t.rebuild();
    return t;
}

}  // namespace trainer
