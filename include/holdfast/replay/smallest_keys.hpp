#pragma once
// The items with the n smallest keys of very many, found in one pass and in any order: what draws without replacement
// amount to. Most items are out by a comparison, eight at a time where the machine has AVX-512. Builds on
// item_bits.hpp.

#include <holdfast/core/parallel.hpp>
#include <holdfast/replay/item_bits.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

namespace holdfast::replay::detail {

/// Keeps the n smallest of the (key, item) pairs it is shown, in whatever order; O(1) per pair on average.
template <class Key>
class smallest {
  public:
    explicit smallest(std::size_t n, Key largest) : n_(n), cut_(largest) {}

    /// A key above this need not be shown.
    [[nodiscard]] Key cut() const { return cut_; }

    void offer(Key key, std::uint32_t item) {
        if (key > cut_) return;
        kept_.emplace_back(key, item);
        if (kept_.size() >= 2 * n_ + 64) shrink();
    }

    /// Takes over the pairs of another.
    void take(const smallest& other) { kept_.insert(kept_.end(), other.kept_.begin(), other.kept_.end()); }

    /// The items, smallest key first; equal keys in the order of the items.
    [[nodiscard]] std::vector<std::uint32_t> items() {
        sort_spread();
        if (kept_.size() > n_) kept_.resize(n_);
        std::vector<std::uint32_t> chosen;
        chosen.reserve(kept_.size());
        for (const auto& [key, item] : kept_) chosen.push_back(item);
        return chosen;
    }

  private:
    /// std::sort, after throwing the pairs into as many bins as there are: the smallest of many keys lie evenly.
    void sort_spread() {
        if (kept_.size() < 64) return std::sort(kept_.begin(), kept_.end());
        double low = std::numeric_limits<double>::infinity(), high = 0;
        for (const auto& [key, item] : kept_) {
            low = std::min(low, static_cast<double>(key));
            high = std::max(high, static_cast<double>(key));
        }
        const double last = static_cast<double>(kept_.size() - 1), scale = last / (high - low);
        if (!(scale > 0 && scale < std::numeric_limits<double>::infinity()))
            return std::sort(kept_.begin(), kept_.end());
        const auto bin = [&](Key key) {
            return static_cast<std::uint32_t>(std::min((static_cast<double>(key) - low) * scale, last));
        };
        std::vector<std::uint32_t> begin(kept_.size() + 1, 0);
        for (const auto& pair : kept_) ++begin[bin(pair.first) + 1];
        for (std::size_t b = 1; b < begin.size(); ++b) begin[b] += begin[b - 1];
        std::vector<std::uint32_t> next(begin.begin(), begin.end() - 1);
        std::vector<std::pair<Key, std::uint32_t>> sorted(kept_.size());
        for (const auto& pair : kept_) sorted[next[bin(pair.first)]++] = pair;
        for (std::size_t b = 0; b + 1 < begin.size(); ++b)
            if (begin[b + 1] - begin[b] > 1) std::sort(sorted.begin() + begin[b], sorted.begin() + begin[b + 1]);
        kept_.swap(sorted);
    }

    void shrink() {
        const auto last = kept_.begin() + static_cast<std::ptrdiff_t>(n_);
        std::nth_element(kept_.begin(), last - 1, kept_.end());
        cut_ = kept_[n_ - 1].first;
        kept_.erase(last, kept_.end());
    }

    std::size_t n_;  // above 0
    Key cut_;
    std::vector<std::pair<Key, std::uint32_t>> kept_ = {};
};

inline constexpr std::size_t key_grain = std::size_t{1} << 16;

/// The n items with the smallest keys. look(bits of 256 items or fewer, first item, where to offer them) makes the
/// keys.
///
/// Whichever worker looks at a chunk adds to a list of its own: which list an item meets is chance, the n smallest of
/// all pairs are not.
template <class Key, class Look>
std::vector<std::uint32_t> smallest_of(std::size_t items, std::size_t n, Key largest, const item_bits& bits,
                                       Look look) {
    if (n == 0) return {};
    std::mutex guard;
    std::vector<smallest<Key>> idle;
    parallel_chunks(items, key_grain, [&](std::size_t begin, std::size_t end, std::size_t) {
        smallest<Key> kept(n, largest);
        {
            const std::lock_guard lock(guard);
            if (!idle.empty()) {
                kept = std::move(idle.back());
                idle.pop_back();
            }
        }
        std::uint64_t words[256];
        for (std::size_t first = begin; first < end; first += 256) {
            const std::span<std::uint64_t> some(words, std::min<std::size_t>(256, end - first));
            bits.words(first, some);
            look(std::span<const std::uint64_t>(some), first, kept);
        }
        const std::lock_guard lock(guard);
        idle.push_back(std::move(kept));
    });
    for (std::size_t i = 1; i < idle.size(); ++i) idle[0].take(idle[i]);
    return idle.at(0).items();
}

/// Which of the keys -log(u_i) / w_i can be up to `cut`: all that are, and hardly any other. -log u > 1 - u, so most
/// are out without a logarithm. An item of weight 0 may be named.
///
/// @param words   [n] n at most 256; u_i is item_bits::open of them
/// @param hits    their places
/// @return        how many
inline std::size_t maybe_below_plain(std::span<const std::uint64_t> words, const double* weights, double cut,
                                     std::uint16_t* hits) {
    std::size_t count = 0;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const double u = item_bits::open(words[i]);
        if ((1.0 - u) * (1 - 1e-14) > cut * weights[i]) continue;
        hits[count++] = static_cast<std::uint16_t>(i);
    }
    return count;
}

#if HOLDFAST_REPLAY_AVX512
/// The same with 1 + floor(u 2^52) 2^-52, which is at hand: 1 - u is up to 2^-52 more, so that what is skipped is out.
__attribute__((target("avx512f"))) inline std::size_t maybe_below_avx512(std::span<const std::uint64_t> words,
                                                                         const double* weights, double cut,
                                                                         std::uint16_t* hits) {
    const __m512d limit = _mm512_set1_pd(cut), shrink = _mm512_set1_pd(1 - 1e-14), top = _mm512_set1_pd(2 - 0x1p-51);
    const __m512i one = _mm512_set1_epi64(0x3ff0000000000000);
    std::size_t count = 0, i = 0;
    for (; i + 8 <= words.size(); i += 8) {
        const __m512i mantissa = _mm512_maskz_srli_epi64(0xff, _mm512_loadu_si512(words.data() + i), 12);
        const __m512d rest = _mm512_sub_pd(top, _mm512_castsi512_pd(_mm512_or_si512(mantissa, one)));
        unsigned in = _mm512_cmp_pd_mask(_mm512_mul_pd(rest, shrink),
                                         _mm512_mul_pd(limit, _mm512_loadu_pd(weights + i)), _CMP_NGT_UQ);
        for (; in != 0; in &= in - 1)
            hits[count++] = static_cast<std::uint16_t>(i + static_cast<std::size_t>(std::countr_zero(in)));
    }
    const std::size_t done = count;
    count += maybe_below_plain(words.subspan(i), weights + i, cut, hits + count);
    for (std::size_t h = done; h < count; ++h) hits[h] = static_cast<std::uint16_t>(hits[h] + i);
    return count;
}
#endif

inline std::size_t maybe_below(std::span<const std::uint64_t> words, const double* weights, double cut,
                               std::uint16_t* hits) {
#if HOLDFAST_REPLAY_AVX512
    if (machine_has_avx512()) return maybe_below_avx512(words, weights, cut, hits);
#endif
    return maybe_below_plain(words, weights, cut, hits);
}

}  // namespace holdfast::replay::detail
