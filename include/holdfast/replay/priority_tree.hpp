#pragma once
// Prioritised replay: draws in proportion to priorities that change all the time. A sum tree with sixteen children per
// node over whole numbers, so sums never drift and do not depend on the order of the updates. A node holds the running
// sums of its children: one comparison with all sixteen finds the child.
// Builds on sampler.hpp and state.hpp.

#include <holdfast/core/cpu.hpp>
#include <holdfast/core/error.hpp>
#include <holdfast/core/random.hpp>
#include <holdfast/replay/item_bits.hpp>
#include <holdfast/replay/sampler.hpp>
#include <holdfast/replay/state.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#if HOLDFAST_X86_LEVELS
#include <immintrin.h>
#endif

namespace holdfast::replay {

/// Items 0 .. size-1 with priorities; with replacement, P(i) = priority_i / sum.
///
/// A priority is kept as a whole number of `unit`s (rounded to the nearest; above 0 at least one). Reading and updating
/// cost O(log16 size): five levels at a million items.
///
/// @see  Schaul et al. 2016, "Prioritized experience replay", arXiv:1511.05952
class priority_tree {
  public:
    static constexpr bool with_replacement = true;

    /// @param size  how many items, all of priority 0
    /// @param unit  the smallest difference of priorities that counts
    /// @throw invalid_argument if there are 2^32 items or more, or unit is not above 0
    explicit priority_tree(std::size_t size, double unit = 0x1p-24) : size_(size), unit_(unit) {
        detail::check_count("priority_tree", size);
        require(unit > 0 && std::isfinite(unit), "replay::priority_tree: unit is above 0, it is ", unit);
        std::size_t nodes = size;
        do {
            nodes = (nodes + fan - 1) / fan;
            levels_.emplace_back(std::max<std::size_t>(nodes, 1));
        } while (nodes > 1);
    }

    [[nodiscard]] std::size_t size() const { return size_; }
    /// In units.
    [[nodiscard]] std::uint64_t total() const { return total_; }
    /// What is kept of an item's priority.
    [[nodiscard]] double priority(std::size_t item) const {
        check(item);
        return static_cast<double>(units(item)) * unit_;
    }

    /// @throw invalid_argument for an item that is not there, a priority that is negative, NaN or beyond 2^62 / size
    ///        units, so that the sum cannot overflow
    void set(std::size_t item, double priority) {
        check(item);
        const double wanted = priority / unit_;
        require(wanted >= 0 && wanted * static_cast<double>(size_) < 0x1p62,
                "replay::priority_tree: a priority is from 0 to 2^62 / size units, that of item ", item, " is ",
                priority);
        const std::uint64_t fresh =
            priority > 0 ? std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::floor(wanted + 0.5))) : 0;
        set_units(item, fresh);
    }

    /// How likely one draw is `item`, and how likely n draws hold it at least once.
    /// @throw invalid_argument if there is no such item, or all priorities are 0
    [[nodiscard]] double inclusion_probability(std::size_t item, std::size_t n = 1) const {
        check(item);
        require(total_ > 0, "replay::priority_tree: nothing to draw, all ", size_, " priorities are 0");
        return 1 - std::pow(1 - static_cast<double>(units(item)) / static_cast<double>(total_), static_cast<double>(n));
    }

    /// All there is to know, as bytes.
    [[nodiscard]] std::string state() const {
        state_writer to("priority", 1);
        to.word(size_), to.number(unit_);
        for (std::size_t i = 0; i < size_; ++i) to.word(units(i));
        return to.finish();
    }

    /// @throw format_error if the bytes are not what state() of a priority_tree gave
    [[nodiscard]] static priority_tree from_state(std::string_view bytes) {
        state_reader from(bytes, "priority", 1);
        const std::uint64_t size = from.word();
        const double unit = from.number();
        if (size != from.left()) from.fail("has priorities for another number of items");
        if (!(unit > 0 && std::isfinite(unit))) from.fail("has a unit that is none");
        priority_tree made(static_cast<std::size_t>(size), unit);
        for (std::size_t i = 0; i < made.size_; ++i) {
            const std::uint64_t units = from.word();
            if (units > std::uint64_t{1} << 62 || made.total_ + units > std::uint64_t{1} << 62)
                from.fail("holds a priority that is none");
            if (units > 0) made.set_units(i, units);
        }
        from.finish();
        return made;
    }

    /// The item whose part of 0 .. total-1 holds `position`.
    /// @throw invalid_argument if position is not below total()
    [[nodiscard]] std::uint32_t at(std::uint64_t position) const {
        require(position < total_, "replay::priority_tree: a position is below the total of ", total_, ", it is ",
                position);
        std::size_t node = 0;
        for (std::size_t l = levels_.size(); l-- > 0;) node = child(l, node, position);
        return static_cast<std::uint32_t>(node);
    }

    /// @return [n] items; draw number t depends on the generator, t and the priorities alone
    /// @throw  invalid_argument if all priorities are 0
    [[nodiscard]] std::vector<std::uint32_t> draw(std::size_t n, philox g) const {
        require(n == 0 || total_ > 0, "replay::priority_tree: nothing to draw, all ", size_, " priorities are 0");
        const detail::item_bits bits(g);
        std::vector<std::uint32_t> drawn(n);
        std::uint64_t words[256];
        for (std::size_t first = 0; first < n; first += 256) {
            const std::size_t some = std::min<std::size_t>(256, n - first);
            bits.words(first, {words, some});
            // Level by level for all of them: their waits for memory overlap.
            std::size_t node[256] = {};
            for (std::size_t t = 0; t < some; ++t) words[t] = high_product(words[t], total_);
            for (std::size_t l = levels_.size(); l-- > 0;) descend(l, node, words, some);
            for (std::size_t t = 0; t < some; ++t) drawn[first + t] = static_cast<std::uint32_t>(node[t]);
        }
        return drawn;
    }

  private:
    static constexpr std::size_t fan = 16;

    struct alignas(64) group {  // two cache lines, not three
        std::uint64_t sums[fan] = {};
    };

    // Sixteen zeros, then sixteen times all ones: a window of it masks the children from one on.
    static constexpr std::array<std::uint64_t, 2 * fan> ones_from = [] {
        std::array<std::uint64_t, 2 * fan> bits{};
        for (std::size_t c = fan; c < 2 * fan; ++c) bits[c] = ~std::uint64_t{0};
        return bits;
    }();

    void check(std::size_t item) const {
        require(item < size_, "replay::priority_tree: there are ", size_, " items, asked for item ", item);
    }

    [[nodiscard]] std::uint64_t units(std::size_t item) const {
        const std::uint64_t* sums = levels_[0][item / fan].sums;
        return sums[item % fan] - (item % fan ? sums[item % fan - 1] : 0);
    }

    void set_units(std::size_t item, std::uint64_t fresh) {
        const std::uint64_t change = fresh - units(item);  // modulo 2^64, as are the sums
        total_ += change;
        for (auto& level : levels_) {
            std::uint64_t* sums = level[item / fan].sums;
            const std::uint64_t* from_child = ones_from.data() + (fan - item % fan);
            for (std::size_t c = 0; c < fan; ++c) sums[c] += change & from_child[c];
            item /= fan;
        }
    }

    /// The child of a node that holds `position`, which becomes the position inside it.
    [[nodiscard]] std::size_t child(std::size_t level, std::size_t node, std::uint64_t& position) const {
        const std::uint64_t* sums = levels_[level][node].sums;
        std::size_t before = 0;
        for (std::size_t c = 0; c < fan; ++c) before += position >= sums[c];
        position -= before > 0 ? sums[before - 1] : 0;
        return node * fan + before;
    }

    /// child() of n nodes, each with its position.
    void descend(std::size_t level, std::size_t* node, std::uint64_t* position, std::size_t n) const {
#if HOLDFAST_X86_LEVELS
        if (holdfast::detail::machine_has_avx512()) {
            const group* below = level > 0 ? levels_[level - 1].data() : nullptr;
            return descend_avx512(levels_[level].data(), below, node, position, n);
        }
#endif
        for (std::size_t t = 0; t < n; ++t) node[t] = child(level, node[t], position[t]);
    }

#if HOLDFAST_X86_LEVELS
    /// Two comparisons a node; what the level below will look at is asked for in time.
    __attribute__((target("avx512f,popcnt"))) static void descend_avx512(const group* groups, const group* below,
                                                                         std::size_t* node, std::uint64_t* position,
                                                                         std::size_t n) {
        for (std::size_t t = 0; t < n; ++t) {
            const std::uint64_t* sums = groups[node[t]].sums;
            const __m512i at = _mm512_set1_epi64(static_cast<long long>(position[t]));
            const unsigned low = _mm512_cmpge_epu64_mask(at, _mm512_load_si512(sums));
            const unsigned high = _mm512_cmpge_epu64_mask(at, _mm512_load_si512(sums + 8));
            const auto before = static_cast<std::size_t>(__builtin_popcount(low | high << 8));
            const std::uint64_t passed = sums[(before - 1) % fan];  // where none is before: the last, not counted
            position[t] -= passed & (std::uint64_t{0} - static_cast<std::uint64_t>(before > 0));
            node[t] = node[t] * fan + before;
            if (below == nullptr) continue;
            __builtin_prefetch(below + node[t]);
            __builtin_prefetch(reinterpret_cast<const char*>(below + node[t]) + 64);
        }
    }
#endif

    /// floor(a b / 2^64): a number below b, uniform up to b / 2^64.
    static std::uint64_t high_product(std::uint64_t a, std::uint64_t b) {
        const std::uint64_t a1 = a >> 32, a0 = a & 0xffffffffu, b1 = b >> 32, b0 = b & 0xffffffffu;
        const std::uint64_t middle = a1 * b0 + (a0 * b0 >> 32);
        return a1 * b1 + (middle >> 32) + ((a0 * b1 + (middle & 0xffffffffu)) >> 32);
    }

    std::size_t size_;
    double unit_;
    std::uint64_t total_ = 0;
    std::vector<std::vector<group>> levels_ = {};  // [0] the items in groups of sixteen, then the groups in groups
};

static_assert(sampler<priority_tree>);

}  // namespace holdfast::replay
