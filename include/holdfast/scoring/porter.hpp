#pragma once
// Porter's stemmer in the flavour of NLTK (mode NLTK_EXTENSIONS), which Google's rouge-score uses: dying -> die, skies
// -> sky, enjoy -> enjoy. Works on ASCII words in lower case. Builds on the standard library only. Leaves out the other
// two flavours (Martin Porter's and the original), whose stems differ.
/// @see Porter 1980, An algorithm for suffix stripping, Program 14; nltk/stem/porter.py

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace holdfast::scoring {

namespace detail::porter {

/// A word on its way to its stem, in a buffer of its own: it never gets longer. Which letters are consonants is kept as
/// bits, so that the measure, how often a vowel is followed by a consonant, is no loop.
class letters {
  public:
    letters(char* word, std::size_t size) : word_(word), size_(size), first_(size > 64 ? size - 64 : 0) {
        bool consonant = false;  // so that a y at the start is one
        for (std::size_t i = 0; i < size; ++i) {
            const bool before = consonant;
            consonant = consonant_after(before, word[i]);
            if (i >= first_) consonants_ |= std::uint64_t{consonant} << (i - first_);
            if (i <= first_ && first_ > 0) earlier_ += i > 0 && consonant && !before;
            if (i < first_) vowel_earlier_ |= !consonant;
        }
    }

    std::size_t size() const { return size_; }
    char last() const { return word_[size_ - 1]; }
    char last_but_one() const { return word_[size_ - 2]; }

    template <std::size_t N>
    bool ends(const char (&suffix)[N]) const {
        return size_ >= N - 1 && std::memcmp(word_ + size_ - (N - 1), suffix, N - 1) == 0;
    }

    bool is_consonant(std::size_t i) const { return (consonants_ >> (i - first_) & 1) != 0; }

    /// The measure without the last so many letters, 2 where it is more.
    std::size_t measure(std::size_t without) const {
        if (size_ < without + 2) return 0;
        // Changes are near the end: what is left is never shorter than first_ + 2 where first_ is not 0.
        const std::uint64_t pairs = ~consonants_ & (consonants_ >> 1) & below(size_ - without - 1);
        const std::size_t here = pairs == 0 ? 0 : (pairs & (pairs - 1)) == 0 ? 1 : 2;
        return here + earlier_ < 2 ? here + earlier_ : 2;
    }
    bool has_vowel(std::size_t without) const { return vowel_earlier_ || (~consonants_ & below(size_ - without)) != 0; }
    bool ends_double_consonant() const { return size_ >= 2 && last() == last_but_one() && is_consonant(size_ - 1); }

    /// Consonant, vowel, consonant other than w, x, y; or vowel, consonant alone. Without the last so many letters.
    bool ends_cvc(std::size_t without) const {
        const std::size_t n = size_ - without;
        if (n == 2) return !is_consonant(0) && is_consonant(1);
        return n >= 3 && is_consonant(n - 3) && !is_consonant(n - 2) && is_consonant(n - 1) && word_[n - 1] != 'w' &&
               word_[n - 1] != 'x' && word_[n - 1] != 'y';
    }

    void drop(std::size_t n) { size_ -= n; }
    void set_last(char c) { drop(1), push(c); }
    void push(char c) {
        const bool before = size_ > 0 && is_consonant(size_ - 1);
        word_[size_] = c;
        const std::uint64_t bit = std::uint64_t{1} << (size_ - first_);
        consonants_ = consonant_after(before, c) ? consonants_ | bit : consonants_ & ~bit;
        ++size_;
    }

    /// Where the word ends like that, its ending is decided: it is replaced if the measure before it is above `above`.
    template <std::size_t N, std::size_t M>
    bool decided(const char (&suffix)[N], const char (&replacement)[M], std::size_t above) {
        static_assert(M <= N);
        if (!ends(suffix)) return false;
        if (measure(N - 1) > above) {
            drop(N - 1);
            for (std::size_t k = 0; k + 1 < M; ++k) push(replacement[k]);
        }
        return true;
    }

  private:
    /// y is a consonant at the start and after a vowel. Tables, because letters are not to be predicted.
    static bool consonant_after(bool consonant, char c) {
        static constexpr auto table = [] {
            std::array<std::array<bool, 256>, 2> t{};
            for (const std::size_t before : {0u, 1u}) {
                t[before].fill(true);
                for (const char vowel : {'a', 'e', 'i', 'o', 'u'}) t[before][static_cast<unsigned char>(vowel)] = false;
            }
            t[1]['y'] = false;
            return t;
        }();
        return table[consonant][static_cast<unsigned char>(c)];
    }
    /// The bits of the first n letters.
    std::uint64_t below(std::size_t n) const {
        return n - first_ >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << (n - first_)) - 1;
    }

    char* word_;
    std::size_t size_, first_;      // the bits are those of the last 64 letters
    std::uint64_t consonants_ = 0;  // beyond the word: anything
    std::size_t earlier_ = 0;       // pairs of a vowel and a consonant that end up to first_
    bool vowel_earlier_ = false;
};

inline void plurals(letters& w) {
    if (w.last() != 's') return;
    if (w.ends("ies"))
        w.drop(w.size() == 4 ? 1 : 2);
    else if (w.ends("sses"))
        w.drop(2);
    else if (!w.ends("ss"))
        w.drop(1);
}

inline void past_and_progressive(letters& w) {
    if (w.size() == 0 || (w.last() != 'd' && w.last() != 'g')) return;
    if (w.ends("ied")) return w.drop(w.size() == 4 ? 1 : 2);
    if (w.ends("eed")) {
        if (w.measure(3) > 0) w.drop(1);
        return;
    }
    const std::size_t suffix = w.ends("ed") ? 2 : w.ends("ing") ? 3 : 0;
    if (suffix == 0 || !w.has_vowel(suffix)) return;
    w.drop(suffix);
    const bool wants_e = w.ends("at") || w.ends("bl") || w.ends("iz");
    if (!wants_e && w.ends_double_consonant()) {
        if (w.last() != 'l' && w.last() != 's' && w.last() != 'z') w.drop(1);
    } else if (wants_e || (w.measure(0) == 1 && w.ends_cvc(0))) {
        w.push('e');
    }
}

// In the next three no two suffixes of different cases end a word, and within a case the first that does decides.

inline void long_suffixes(letters& w) {
    // "alli" first, and the result once more: "fundamentally" goes on from "fundamental".
    while (w.ends("alli") && w.measure(4) > 0) w.drop(2);
    if (w.size() < 2) return;
    const auto decided = [&](const auto& suffix, const auto& replacement) { return w.decided(suffix, replacement, 0); };
    switch (w.last_but_one()) {
        case 'a':
            decided("ational", "ate") || decided("tional", "tion");
            break;
        case 'c':
            decided("enci", "ence") || decided("anci", "ance");
            break;
        case 'e':
            decided("izer", "ize");
            break;
        case 'l':
            decided("bli", "ble") || decided("alli", "al") || decided("entli", "ent") || decided("eli", "e") ||
                decided("ousli", "ous") || decided("fulli", "ful");
            break;
        case 'o':
            decided("ization", "ize") || decided("ation", "ate") || decided("ator", "ate");
            break;
        case 's':
            decided("alism", "al") || decided("iveness", "ive") || decided("fulness", "ful") ||
                decided("ousness", "ous");
            break;
        case 't':
            decided("aliti", "al") || decided("iviti", "ive") || decided("biliti", "ble");
            break;
        case 'g':  // NLTK measures the stem together with its l
            if (w.ends("logi") && w.measure(3) > 0) w.drop(1);
            break;
        default:
            break;
    }
}

inline void short_suffixes(letters& w) {
    if (w.size() == 0) return;
    const auto decided = [&](const auto& suffix, const auto& replacement) { return w.decided(suffix, replacement, 0); };
    switch (w.last()) {
        case 'e':
            decided("icate", "ic") || decided("ative", "") || decided("alize", "al");
            break;
        case 'i':
            decided("iciti", "ic");
            break;
        case 'l':
            decided("ical", "ic") || decided("ful", "");
            break;
        case 's':
            decided("ness", "");
            break;
        default:
            break;
    }
}

inline void endings(letters& w) {
    if (w.size() < 2) return;
    const auto decided = [&](const auto& suffix) { return w.decided(suffix, "", 1); };
    switch (w.last_but_one()) {
        case 'a':
            decided("al");
            break;
        case 'c':
            decided("ance") || decided("ence");
            break;
        case 'e':
            decided("er");
            break;
        case 'i':
            decided("ic");
            break;
        case 'l':
            decided("able") || decided("ible");
            break;
        case 'n':
            decided("ant") || decided("ement") || decided("ment") || decided("ent");
            break;
        case 'o':
            if ((w.ends("sion") || w.ends("tion")) && w.measure(3) > 1)
                w.drop(3);
            else
                decided("ou");
            break;
        case 's':
            decided("ism");
            break;
        case 't':
            decided("ate") || decided("iti");
            break;
        case 'u':
            decided("ous");
            break;
        case 'v':
            decided("ive");
            break;
        case 'z':
            decided("ize");
            break;
        default:
            break;
    }
}

inline void last_letters(letters& w) {
    if (w.ends("e")) {
        const std::size_t m = w.measure(1);
        if (m > 1 || (m == 1 && !w.ends_cvc(1))) w.drop(1);
    }
    if (w.ends("ll") && w.measure(1) > 1) w.drop(1);
}

/// Up to 8 letters as a number.
constexpr std::uint64_t packed(std::string_view word) {
    std::uint64_t x = 0;
    for (std::size_t k = 0; k < word.size(); ++k) x |= std::uint64_t{static_cast<unsigned char>(word[k])} << (8 * k);
    return x;
}

/// Makes a word its stem where it stands; returns how many letters that has, never more.
inline std::size_t stem(char* word, std::size_t size) {
    struct irregular {
        std::uint64_t form;
        std::string_view stem;
    };
    static constexpr std::array<irregular, 16> all{{{packed("sky"), "sky"},
                                                    {packed("skies"), "sky"},
                                                    {packed("dying"), "die"},
                                                    {packed("lying"), "lie"},
                                                    {packed("tying"), "tie"},
                                                    {packed("news"), "news"},
                                                    {packed("innings"), "inning"},
                                                    {packed("inning"), "inning"},
                                                    {packed("outings"), "outing"},
                                                    {packed("outing"), "outing"},
                                                    {packed("cannings"), "canning"},
                                                    {packed("canning"), "canning"},
                                                    {packed("howe"), "howe"},
                                                    {packed("proceed"), "proceed"},
                                                    {packed("exceed"), "exceed"},
                                                    {packed("succeed"), "succeed"}}};
    if (size <= 2) return size;
    if (size <= 8) {
        const std::uint64_t form = packed({word, size});
        for (const irregular& i : all)
            if (i.form == form) return i.stem.copy(word, i.stem.size());
    }
    letters w(word, size);
    plurals(w);
    past_and_progressive(w);
    if (w.size() > 2 && w.last() == 'y' && w.is_consonant(w.size() - 2)) w.set_last('i');
    long_suffixes(w);
    short_suffixes(w);
    endings(w);
    last_letters(w);
    return w.size();
}

}  // namespace detail::porter

/// The stem of a word, as nltk.stem.PorterStemmer().stem.
///
/// @param word  ASCII letters and digits in lower case; other signs count as consonants
/// @return      the stem; words of one or two letters as they are
inline std::string porter_stem(std::string_view word) {
    std::string stem(word);
    stem.resize(detail::porter::stem(stem.data(), stem.size()));
    return stem;
}

}  // namespace holdfast::scoring
