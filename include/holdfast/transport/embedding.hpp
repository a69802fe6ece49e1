#pragma once
// Texts to points: the embedder concept, and an embedder that needs no model. It hashes n-grams of characters and words
// into a vector of fixed length: no file, no download, the same bits on every platform. Good enough to tell tasks apart
// by their wording; meaning needs a learner's own embeddings. Builds on core. Leaves out what is done with the points.

#include <holdfast/core/error.hpp>
#include <holdfast/core/matrix.hpp>

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::transport {

/// Turns texts into points.
/// 1. embed(texts)   [n texts] -> matrix [n, dimension()]; one row per text, in their order; the same text gives the
///                   same row whatever stands beside it
/// 2. dimension()    length of a row
template <class E>
concept embedder = requires(const E& e, std::span<const std::string> texts) {
    { e.embed(texts) } -> matrix_like;
    { e.dimension() } -> std::convertible_to<std::size_t>;
};

/// Hashed character and word n-grams, signed, square-rooted counts, unit length.
///
/// ASCII letters are lowered, runs of ASCII white space separate words, every other character (one UTF-8 sequence) is
/// itself; characters' n-grams stay within a word, whose borders count as characters. No text gives a zero vector.
///
/// @see  Weinberger et al. 2009 (feature hashing), arXiv:0902.2206
struct hashing_embedder {
    std::size_t dimensions = 512;  ///< length of a row
    std::size_t shortest = 3;      ///< character n-grams from this
    std::size_t longest = 5;       ///< to this length; 0: none
    std::size_t words = 2;         ///< word n-grams up to this length; 0: none

    [[nodiscard]] std::size_t dimension() const { return dimensions; }

    /// @param texts  [n] UTF-8 (bytes that are not are taken one by one)
    /// @return       [n, dimensions], rows of unit length
    /// @throw        invalid_argument if dimensions is 0, shortest is 0 or above longest, or no n-gram is asked for
    /// @cost         O(total bytes times the number of lengths)
    [[nodiscard]] matrix<float> embed(std::span<const std::string> texts) const {
        require(dimensions > 0, "transport::hashing_embedder: dimensions must be positive, it is 0");
        require(longest == 0 || (shortest > 0 && shortest <= longest),
                "transport::hashing_embedder: shortest must be from 1 to longest, it is ", shortest, " with longest ",
                longest);
        require(longest > 0 || words > 0, "transport::hashing_embedder: no n-grams asked for, longest and words are 0");
        matrix<float> out(texts.size(), dimensions);
        for (std::size_t i = 0; i < texts.size(); ++i) embed_one(texts[i], out.row(i));
        return out;
    }

  private:
    void embed_one(std::string_view text, std::span<float> row) const {
        std::vector<std::int64_t> counts(dimensions, 0);  // integers: the order of additions cannot matter
        const auto count = [&](std::string_view kind, std::string_view gram) {
            std::uint64_t h = 0xcbf29ce484222325u;  // FNV-1a, then a finaliser that mixes its weak high bits
            for (const std::string_view part : {kind, gram})
                for (const char c : part) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
            h ^= h >> 33;
            h *= 0xff51afd7ed558ccdu;
            h ^= h >> 33;
            counts[(h >> 1) % dimensions] += (h & 1) != 0 ? 1 : -1;
        };
        count("t", "");  // every text has this one: nothing is ever all zero, and equal texts stay equal
        const std::vector<std::string> list = split(text);
        for (std::size_t n = 1; n <= words; ++n)
            for (std::size_t k = 0; k + n <= list.size(); ++k) {
                std::string gram = list[k];
                for (std::size_t l = 1; l < n; ++l) gram += ' ' + list[k + l];
                count("w", gram);
            }
        if (longest > 0)
            for (const std::string& word : list) count_characters(' ' + word + ' ', count);
        double squares = 0;
        for (const std::int64_t c : counts) squares += static_cast<double>(c < 0 ? -c : c);
        if (squares == 0) {  // all features met their opposites: as good as no text
            row[0] = 1;
            return;
        }
        const double length = std::sqrt(squares);
        for (std::size_t j = 0; j < dimensions; ++j) {
            const double x = std::sqrt(std::abs(static_cast<double>(counts[j]))) / length;
            row[j] = static_cast<float>(counts[j] < 0 ? -x : x);
        }
    }

    template <class Count>
    void count_characters(const std::string& word, const Count& count) const {
        std::vector<std::size_t> start;  // of every character
        for (std::size_t k = 0; k < word.size(); ++k)
            if ((static_cast<unsigned char>(word[k]) & 0xc0u) != 0x80u || start.empty()) start.push_back(k);
        start.push_back(word.size());
        for (std::size_t n = shortest; n <= longest; ++n)
            for (std::size_t k = 0; k + n < start.size(); ++k)
                count("c", std::string_view(word).substr(start[k], start[k + n] - start[k]));
    }

    static std::vector<std::string> split(std::string_view text) {
        std::vector<std::string> list;
        bool inside = false;
        for (const char c : text) {
            if (c == ' ' || (c >= '\t' && c <= '\r')) {
                inside = false;
                continue;
            }
            if (!inside) list.emplace_back();
            inside = true;
            list.back() += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        }
        return list;
    }
};

static_assert(embedder<hashing_embedder>);

}  // namespace holdfast::transport
