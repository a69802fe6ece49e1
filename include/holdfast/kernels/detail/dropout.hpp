#pragma once
// Which elements of x a LoRA dropout keeps: one bit per element, a function of (seed, row, column) alone, so that the
// CPU, the GPU, and every tiling of either agree. Philox4x32-10, written for host and device (core's own uses
// std::array, which device code may not index). Builds on core/config.hpp; leaves out what is done with the bits.

#include <holdfast/core/config.hpp>

#include <cstddef>
#include <cstdint>

namespace holdfast::kernels {

/// What a dropout mask depends on. p is quantised to 1/65536: `threshold` of 65536 values are dropped.
struct dropout_key {
    std::uint64_t seed = 0;
    std::uint32_t threshold = 0;  ///< 0: nothing is dropped; below 65536

    /// @param p  probability that an element is dropped, 0 <= p < 1
    [[nodiscard]] HOLDFAST_HD static constexpr dropout_key make(std::uint64_t seed, double p) {
        const double scaled = p * 65536.0 + 0.5;
        std::uint32_t t = scaled >= 1.0 ? static_cast<std::uint32_t>(scaled) : 0u;
        if (t > 65535u) t = 65535u;
        return {seed, t};
    }
    /// 1 / (1 - p) for the p that is really applied, so that the expectation is exact.
    [[nodiscard]] HOLDFAST_HD constexpr double keep_scale() const { return 65536.0 / (65536.0 - threshold); }
};

/// Words of 32 columns that one row of a packed mask takes: bit j of word w is column 32 w + j, 1 = kept.
[[nodiscard]] HOLDFAST_HD constexpr std::size_t mask_words(std::size_t cols) { return (cols + 31) / 32; }

namespace detail {

/// Four 32-bit words of Philox4x32-10 (Salmon et al. 2011) for Lanes counters {c0 + lane, 0, row} at once. One lane
/// on the GPU, several on the CPU, where the inner loops become vector instructions.
template <int Lanes>
HOLDFAST_HD inline void philox_lanes(std::uint64_t seed, std::uint32_t c0, std::uint64_t row,
                                     std::uint32_t (&out)[4][Lanes]) {
    std::uint32_t(&a)[Lanes] = out[0];
    std::uint32_t(&b)[Lanes] = out[1];
    std::uint32_t(&c)[Lanes] = out[2];
    std::uint32_t(&d)[Lanes] = out[3];
    for (int i = 0; i < Lanes; ++i) {
        a[i] = c0 + static_cast<std::uint32_t>(i);
        b[i] = 0;
        c[i] = static_cast<std::uint32_t>(row);
        d[i] = static_cast<std::uint32_t>(row >> 32);
    }
    std::uint32_t k0 = static_cast<std::uint32_t>(seed), k1 = static_cast<std::uint32_t>(seed >> 32);
    for (int round = 0; round < 10; ++round) {
        for (int i = 0; i < Lanes; ++i) {
            const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * a[i];
            const std::uint64_t p1 = std::uint64_t{0xCD9E8D57u} * c[i];
            a[i] = static_cast<std::uint32_t>(p1 >> 32) ^ b[i] ^ k0;
            b[i] = static_cast<std::uint32_t>(p1);
            c[i] = static_cast<std::uint32_t>(p0 >> 32) ^ d[i] ^ k1;
            d[i] = static_cast<std::uint32_t>(p0);
        }
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
}

/// The 8 keep bits that one call of Philox decides: two 16-bit numbers per word, low half first, kept if >= threshold.
template <int Lanes>
HOLDFAST_HD inline std::uint32_t keep_byte(const std::uint32_t (&random)[4][Lanes], int lane, std::uint32_t threshold) {
    std::uint32_t bits = 0;
    for (int w = 0; w < 4; ++w) {
        bits |= static_cast<std::uint32_t>((random[w][lane] & 0xFFFFu) >= threshold) << (2 * w);
        bits |= static_cast<std::uint32_t>((random[w][lane] >> 16) >= threshold) << (2 * w + 1);
    }
    return bits;
}

}  // namespace detail

/// Word `word` of row `row` of the packed mask. Columns beyond the matrix get bits too; they mean nothing.
[[nodiscard]] HOLDFAST_HD inline std::uint32_t mask_word(dropout_key key, std::uint64_t row, std::uint32_t word) {
    std::uint32_t bits = 0;
    for (std::uint32_t byte = 0; byte < 4; ++byte) {
        std::uint32_t random[4][1];
        detail::philox_lanes<1>(key.seed, 4 * word + byte, row, random);
        bits |= detail::keep_byte<1>(random, 0, key.threshold) << (8 * byte);
    }
    return bits;
}

/// One whole row of the packed mask [words], the same bits as mask_word, four words at a time.
inline void mask_row(dropout_key key, std::uint64_t row, std::uint32_t* words, std::size_t count) {
    std::size_t w = 0;
    for (; w + 4 <= count; w += 4) {
        std::uint32_t random[4][16];
        detail::philox_lanes<16>(key.seed, static_cast<std::uint32_t>(4 * w), row, random);
        for (int i = 0; i < 4; ++i) {
            std::uint32_t bits = 0;
            for (int byte = 0; byte < 4; ++byte)
                bits |= detail::keep_byte<16>(random, 4 * i + byte, key.threshold) << (8 * byte);
            words[w + static_cast<std::size_t>(i)] = bits;
        }
    }
    for (; w < count; ++w) words[w] = mask_word(key, row, static_cast<std::uint32_t>(w));
}

}  // namespace holdfast::kernels
