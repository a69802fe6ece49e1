#pragma once
// The matching blocks of two texts as CPython's difflib finds them (Ratcliff and Obershelp), and texts as small
// integers for it. Builds on text.hpp. Leaves out difflib's junk function and its quick ratios.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <holdfast/scoring/text.hpp>

namespace holdfast::scoring::detail {

/// Two texts as code points numbered 0, 1, 2 ... together.
struct symbol_pair {
    std::vector<std::uint32_t> a, b;
    std::size_t alphabet = 128;

    symbol_pair(std::string_view left, std::string_view right) {
        const auto ascii = [](std::string_view t) {
            return std::all_of(t.begin(), t.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
        };
        if (ascii(left) && ascii(right)) {
            a.assign(left.begin(), left.end());
            b.assign(right.begin(), right.end());
            return;
        }
        std::unordered_map<char32_t, std::uint32_t> beyond;
        const auto number = [&](std::string_view text, std::vector<std::uint32_t>& out) {
            out.reserve(text.size());
            for (std::size_t at = 0; at < text.size();) {
                const code_point c = decode(text, at);
                at += c.bytes;
                if (c.value < 0x80)
                    out.push_back(c.value);
                else
                    out.push_back(
                        beyond.try_emplace(c.value, static_cast<std::uint32_t>(128 + beyond.size())).first->second);
            }
        };
        number(left, a);
        number(right, b);
        alphabet += beyond.size();
    }
};

/// CPython's difflib.SequenceMatcher without a junk function: the matching blocks of a and b.
class sequence_matcher {
  public:
    sequence_matcher(std::span<const std::uint32_t> a, std::span<const std::uint32_t> b, std::size_t alphabet,
                     bool autojunk)
        : a_(a), b_(b), start_(alphabet + 1, 0), position_(b.size()), run_(b.size() + 1) {
        for (const std::uint32_t c : b) ++start_[c + 1];
        const std::size_t popular = b.size() / 100 + 1;
        const bool drop = autojunk && b.size() >= 200;
        std::vector<char> junk(alphabet, 0);
        for (std::size_t c = 0; c < alphabet; ++c) {
            junk[c] = drop && start_[c + 1] > popular;
            start_[c + 1] = start_[c] + (junk[c] ? 0 : start_[c + 1]);
        }
        std::vector<std::size_t> at(start_.begin(), start_.end() - 1);
        for (std::size_t j = 0; j < b.size(); ++j)
            if (!junk[b[j]]) position_[at[b[j]]++] = static_cast<std::uint32_t>(j);
    }

    /// Sum of the sizes of all matching blocks.
    std::size_t matches() {
        struct range {
            std::size_t a_begin, a_end, b_begin, b_end;
        };
        std::vector<range> open{{0, a_.size(), 0, b_.size()}};
        std::size_t total = 0;
        while (!open.empty()) {
            const range r = open.back();
            open.pop_back();
            const block m = longest(r.a_begin, r.a_end, r.b_begin, r.b_end);
            if (m.size == 0) continue;
            total += m.size;
            if (r.a_begin < m.a && r.b_begin < m.b) open.push_back({r.a_begin, m.a, r.b_begin, m.b});
            if (m.a + m.size < r.a_end && m.b + m.size < r.b_end)
                open.push_back({m.a + m.size, r.a_end, m.b + m.size, r.b_end});
        }
        return total;
    }

  private:
    struct block {
        std::size_t a, b, size;
    };
    struct run {
        std::uint32_t row = 0, length = 0;
    };

    /// The longest block in a[a_begin, a_end) x b[b_begin, b_end); of equal ones the first in a, then the first in b.
    block longest(std::size_t a_begin, std::size_t a_end, std::size_t b_begin, std::size_t b_end) {
        block best{a_begin, b_begin, 0};
        // run_[j + 1]: length of the run that ends at (row, j). A row number that never recurs spares clearing it.
        if (row_ > std::numeric_limits<std::uint32_t>::max() - 4 - a_.size()) {
            std::fill(run_.begin(), run_.end(), run{});
            row_ = 0;
        }
        row_ += 2;
        std::size_t found_in = a_end;
        for (std::size_t i = a_begin; i < a_end; ++i, ++row_) {
            const auto* first = position_.data() + start_[a_[i]];
            const auto* last = position_.data() + start_[a_[i] + 1];
            if (b_begin > 0) first = std::lower_bound(first, last, b_begin);
            if (b_end < b_.size()) last = std::lower_bound(first, last, b_end);
            while (last != first) {  // from the right, so that run_[j] is still the row above
                const std::size_t j = *--last;
                const run above = run_[j];
                const std::uint32_t k = above.row == row_ - 1 ? above.length + 1 : 1;
                run_[j + 1] = {static_cast<std::uint32_t>(row_), k};
                if (k > best.size || (k == best.size && found_in == i)) {
                    best = {i + 1 - k, j + 1 - k, k};
                    found_in = i;
                }
            }
        }
        // Characters that autojunk left out may still lengthen a block, also the empty one at the start of both ranges.
        while (best.a > a_begin && best.b > b_begin && a_[best.a - 1] == b_[best.b - 1])
            --best.a, --best.b, ++best.size;
        while (best.a + best.size < a_end && best.b + best.size < b_end &&
               a_[best.a + best.size] == b_[best.b + best.size])
            ++best.size;
        return best;
    }

    std::span<const std::uint32_t> a_, b_;
    std::vector<std::size_t> start_;
    std::vector<std::uint32_t> position_;
    std::vector<run> run_;
    std::size_t row_ = 0;
};

}  // namespace holdfast::scoring::detail
