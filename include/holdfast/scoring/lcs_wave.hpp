#pragma once
// The length of a longest common subsequence where it takes more than one machine word of columns. Few words: a row is
// one long addition. Many: a wave over lanes of vectors, each lane a word of columns and a row behind the lane before
// it, so that carries go from lane to lane and no row waits for the one above it. Builds on simd.hpp; lcs.hpp decides
// when it is used, and has the plain form.

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <holdfast/scoring/simd.hpp>

namespace holdfast::scoring::detail {

/// Working memory of the functions below.
struct wave_memory {
    std::vector<std::uint32_t> local;  // [alphabet] the entry of a symbol in `table`, 0 is none; all zero between calls
    std::vector<std::uint32_t> entry;  // [columns] of each
    std::vector<std::uint64_t> table;  // [entries] masks of a symbol's columns, entry 0 of none; all zero between calls
    bool direct = false;               // every symbol has an entry, its number and one
    std::vector<std::uint32_t> rows;   // where in `table` a row's entry begins
    std::vector<std::uint64_t> carry;  // [rows] out of the last word
    std::vector<std::uint64_t> state;
    std::size_t bytes() const {
        return 4 * (local.capacity() + entry.capacity() + rows.capacity()) +
               8 * (table.capacity() + carry.capacity() + state.capacity());
    }
};

#if HOLDFAST_SCORING_VECTORS

/// Fills m.table with the masks of columns, `words` to an entry; word w of them stands at place(w). Without a branch
/// between symbols seen and new.
template <class Place>
void fill_masks(std::span<const std::uint32_t> columns, std::size_t words, wave_memory& m, Place place) {
    std::uint32_t* const local = m.local.data();
    std::uint32_t* entry = m.entry.data();
    std::uint32_t entries = 1;
    for (std::size_t first = 0; first < columns.size(); first += 64) {
        const auto part = columns.subspan(first, std::min<std::size_t>(64, columns.size() - first));
        std::uint64_t* const table = m.table.data() + place(first / 64);
        std::uint64_t bit = 1;
        if (m.direct) {
            for (const std::uint32_t c : part) table[(std::size_t{c} + 1) * words] |= bit, bit <<= 1;
            continue;
        }
        for (const std::uint32_t c : part) {
            const std::uint32_t there = local[c], here = there == 0 ? entries : there;
            entries += there == 0;
            local[c] = *entry++ = here;
            table[here * words] |= bit;
            bit <<= 1;
        }
    }
}

/// Undoes it.
template <class Place>
void clear_masks(std::span<const std::uint32_t> columns, std::size_t words, std::size_t alphabet, wave_memory& m,
                 Place place) {
    if (m.direct) {
        std::fill_n(m.table.begin(), (alphabet + 1) * words, std::uint64_t{0});
        return;
    }
    const std::uint32_t* entry = m.entry.data();
    for (std::size_t first = 0; first < columns.size(); first += 64) {
        std::uint64_t* const table = m.table.data() + place(first / 64);
        for (const std::uint32_t c : columns.subspan(first, std::min<std::size_t>(64, columns.size() - first)))
            m.local[c] = 0, table[*entry++ * words] = 0;
    }
}

/// So much memory that nothing below allocates: what is zero between calls stays so whatever happens.
inline void make_room(std::size_t rows, std::size_t columns, std::size_t words, std::size_t alphabet, wave_memory& m) {
    const auto at_least = [](auto& v, std::size_t n) {
        if (v.size() < n) v.resize(n);
    };
    m.direct = alphabet <= 2 * columns;
    if (!m.direct) at_least(m.local, alphabet), at_least(m.entry, columns);
    at_least(m.table, (m.direct ? alphabet + 1 : std::min(columns, alphabet) + 1) * words);
    at_least(m.rows, rows);
    at_least(m.state, words);
}

/// Rows as places in m.table; those that are known to have no column are dropped where `drop`. Returns how many there
/// are.
inline std::size_t place_rows(std::span<const std::uint32_t> rows, std::size_t words, bool drop, const wave_memory& m,
                              std::uint32_t* to) {
    const auto entry_size = static_cast<std::uint32_t>(words);
    if (m.direct) {
        std::transform(rows.begin(), rows.end(), to, [&](std::uint32_t r) { return (r + 1) * entry_size; });
        return rows.size();
    }
    if (!drop) {
        std::transform(rows.begin(), rows.end(), to, [&](std::uint32_t r) { return m.local[r] * entry_size; });
        return rows.size();
    }
    std::size_t n = 0;
    for (const std::uint32_t r : rows) {
        to[n] = m.local[r] * entry_size;
        n += to[n] != 0;
    }
    return n;
}

/// The length for up to 256 columns: u = row & M, row' = (row + u) | (row - u) as one addition through four words
/// (Hyyrö 2004).
inline std::size_t lcs_added(std::span<const std::uint32_t> rows, std::span<const std::uint32_t> columns,
                             std::size_t alphabet, wave_memory& m) {
    constexpr std::size_t words = 4;
    const auto place = [](std::size_t w) { return w; };
    make_room(rows.size(), columns.size(), words, alphabet, m);
    fill_masks(columns, words, m, place);
    const std::size_t n = place_rows(rows, words, true, m, m.rows.data());
    std::uint64_t s0 = ~std::uint64_t{0}, s1 = s0, s2 = s0, s3 = s0;
    for (std::size_t i = 0; i < n; ++i) {
        const std::uint64_t* mask = m.table.data() + m.rows[i];
        const std::uint64_t u0 = s0 & mask[0], u1 = s1 & mask[1], u2 = s2 & mask[2], u3 = s3 & mask[3];
        std::uint64_t t0 = s0, t1 = s1, t2 = s2, t3 = s3;
        __asm__("addq %[u0], %[t0]\n\tadcq %[u1], %[t1]\n\tadcq %[u2], %[t2]\n\tadcq %[u3], %[t3]"
                : [t0] "+&r"(t0), [t1] "+&r"(t1), [t2] "+&r"(t2), [t3] "+&r"(t3)
                : [u0] "r"(u0), [u1] "r"(u1), [u2] "r"(u2), [u3] "r"(u3)
                : "cc");
        s0 = t0 | (s0 ^ u0), s1 = t1 | (s1 ^ u1), s2 = t2 | (s2 ^ u2), s3 = t3 | (s3 ^ u3);
    }
    clear_masks(columns, words, alphabet, m, place);
    return static_cast<std::size_t>(std::popcount(~s0)) + static_cast<std::size_t>(std::popcount(~s1)) +
           static_cast<std::size_t>(std::popcount(~s2)) + static_cast<std::size_t>(std::popcount(~s3));
}

/// `Groups` vectors of `Bytes`, each lane a word of columns, the last lane of a vector its first word.
template <std::size_t Bytes, std::size_t Groups>
struct lcs_wave {
    using vector = typename lane_vector<Bytes>::type;
    static constexpr std::size_t lanes = Bytes / 8, words = lanes * Groups;
    static constexpr std::size_t most = lanes * 4;  // where rows and carries begin, whatever the number of groups

    [[gnu::always_inline]] static void load(vector& to, const std::uint64_t* from) {
        __builtin_memcpy(&to, from, Bytes);
    }

    /// Of lanes whose distance from the last has the bit `Distance`, the older.
    template <std::size_t Distance>
    [[gnu::always_inline]] static void blend(vector& to, const vector& now, const vector& old) {
        if constexpr (lanes == 8 && Distance == 1)
            to = __builtin_shufflevector(now, old, 8, 1, 10, 3, 12, 5, 14, 7);
        else if constexpr (lanes == 8 && Distance == 2)
            to = __builtin_shufflevector(now, old, 8, 9, 2, 3, 12, 13, 6, 7);
        else if constexpr (lanes == 8 && Distance == 4)
            to = __builtin_shufflevector(now, old, 8, 9, 10, 11, 4, 5, 6, 7);
        else if constexpr (lanes == 4 && Distance == 1)
            to = __builtin_shufflevector(now, old, 4, 1, 6, 3);
        else if constexpr (lanes == 4 && Distance == 2)
            to = __builtin_shufflevector(now, old, 4, 5, 2, 3);
        else if constexpr (lanes == 2 && Distance == 1)
            to = __builtin_shufflevector(now, old, 2, 1);
        else
            to = now;
    }

    /// Each lane its neighbour's, the last the first of `in`.
    [[gnu::always_inline]] static void shift(vector& to, const vector& from, const vector& in) {
        if constexpr (lanes == 8)
            to = __builtin_shufflevector(from, in, 1, 2, 3, 4, 5, 6, 7, 8);
        else if constexpr (lanes == 4)
            to = __builtin_shufflevector(from, in, 1, 2, 3, 4);
        else
            to = __builtin_shufflevector(from, in, 1, 2);
    }

    /// @param rows   places in `table` [steps], and `words` zeros before them; zeros where there is no row any more
    /// @param steps  rows and `words` more, a multiple of 8
    /// @param carry  into the first word [steps]; replaced by what comes out of the last one [rows], `words` places
    ///               before its first are written too
    [[gnu::always_inline]] static void run(const std::uint32_t* rows, std::size_t steps, const std::uint64_t* table,
                                           std::uint64_t* carry, std::uint64_t* state) {
        vector s[Groups], out[Groups] = {}, one[Groups] = {}, two[Groups][2] = {}, four[Groups][4] = {};
        for (std::size_t g = 0; g < Groups; ++g) load(s[g], state + g * lanes);
        for (std::size_t t = 0; t < steps; t += 8) {
#pragma GCC unroll 8
            for (std::size_t k = 0; k < 8; ++k) {
                const vector in{carry[t + k]};
#pragma GCC unroll 4
                for (std::size_t back = 1; back <= Groups; ++back) {
                    const std::size_t g = Groups - back;
                    // Lane l needs its word of the row lanes - 1 - l before this one: put together from the last eight
                    // rows in three steps.
                    vector m, m1, m2, m4, carried;
                    load(m, table + *(rows + t + k - g * lanes) + g * lanes);
                    blend<1>(m1, m, one[g]);
                    one[g] = m;
                    blend<2>(m2, m1, two[g][k % 2]);
                    two[g][k % 2] = m1;
                    blend<4>(m4, m2, four[g][k % 4]);
                    four[g][k % 4] = m2;
                    shift(carried, out[g], g == 0 ? in : out[g == 0 ? 0 : g - 1]);
                    const vector u = s[g] & m4, sum = s[g] + u + carried;
                    out[g] = (u | (s[g] & ~sum)) >> 63;  // u is part of s, see lcs_rows
                    s[g] = sum | (s[g] ^ u);
                }
                *(carry + t + k - (words - 1)) = out[Groups - 1][0];
            }
        }
        for (std::size_t g = 0; g < Groups; ++g) __builtin_memcpy(state + g * lanes, &s[g], Bytes);
    }

    /// The length that columns first ... first + 64 words of the table grow by, over all rows.
    [[gnu::always_inline]] static std::size_t columns_of(std::span<const std::uint32_t> rows,
                                                         std::span<const std::uint32_t> columns, bool alone,
                                                         std::size_t alphabet, wave_memory& m) {
        const auto place = [](std::size_t w) { return w / lanes * lanes + lanes - 1 - w % lanes; };
        fill_masks(columns, words, m, place);
        std::uint32_t* places = m.rows.data() + most;
        const std::size_t n = place_rows(rows, words, alone, m, places);
        const std::size_t steps = (n + words + 7) / 8 * 8;
        std::fill(places + n, places + steps, 0);
        std::fill_n(m.state.data(), words, ~std::uint64_t{0});
        run(places, steps, m.table.data(), m.carry.data() + most, m.state.data());
        clear_masks(columns, words, alphabet, m, place);
        std::size_t length = 0;
        for (std::size_t w = 0; w < words; ++w) length += static_cast<std::size_t>(std::popcount(~m.state[w]));
        return length;
    }
};

/// All columns, as many words at a time as four vectors hold.
template <std::size_t Bytes>
[[gnu::always_inline]] inline std::size_t lcs_waves(std::span<const std::uint32_t> rows,
                                                    std::span<const std::uint32_t> columns, std::size_t alphabet,
                                                    wave_memory& m) {
    constexpr std::size_t lane = Bytes * 8, most = 4 * lane;  // columns of a vector, and of four
    const bool alone = columns.size() <= most;
    make_room(rows.size() + 16 * Bytes, std::min(columns.size(), most), Bytes / 2, alphabet, m);
    m.carry.assign(rows.size() + 16 * Bytes, 0);
    std::fill_n(m.rows.begin(), Bytes / 2, 0);
    std::size_t length = 0;
    for (; !columns.empty(); columns = columns.subspan(std::min(columns.size(), most))) {
        const auto part = columns.first(std::min(columns.size(), most));
        const std::size_t vectors = (part.size() + lane - 1) / lane;
        length += vectors == 1   ? lcs_wave<Bytes, 1>::columns_of(rows, part, alone, alphabet, m)
                  : vectors == 2 ? lcs_wave<Bytes, 2>::columns_of(rows, part, alone, alphabet, m)
                  : vectors == 3 ? lcs_wave<Bytes, 3>::columns_of(rows, part, alone, alphabet, m)
                                 : lcs_wave<Bytes, 4>::columns_of(rows, part, alone, alphabet, m);
    }
    return length;
}

HOLDFAST_SCORING_AVX512 inline std::size_t lcs_avx512(std::span<const std::uint32_t> rows,
                                                      std::span<const std::uint32_t> columns, std::size_t alphabet,
                                                      wave_memory& m) {
    return lcs_waves<64>(rows, columns, alphabet, m);
}
HOLDFAST_SCORING_AVX2 inline std::size_t lcs_avx2(std::span<const std::uint32_t> rows,
                                                  std::span<const std::uint32_t> columns, std::size_t alphabet,
                                                  wave_memory& m) {
    return lcs_waves<32>(rows, columns, alphabet, m);
}
inline std::size_t lcs_sse2(std::span<const std::uint32_t> rows, std::span<const std::uint32_t> columns,
                            std::size_t alphabet, wave_memory& m) {
    return lcs_waves<16>(rows, columns, alphabet, m);
}

#endif

}  // namespace holdfast::scoring::detail
