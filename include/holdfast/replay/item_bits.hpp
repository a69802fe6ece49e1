#pragma once
// Random bits per item: a word for every item, a function of the generator and of the item alone. What makes draws the
// same for any number of threads, any shard order and after a resume. On a machine with AVX-512 (asked at run time) in
// its instructions, else in loops that compilers turn into vectors: the same bits. Builds on core.

#include <holdfast/core/philox_vectors.hpp>
#include <holdfast/core/random.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

namespace holdfast::replay::detail {

/// Random bits per item: words 2i and 2i + 1 of a stream of its own, which a generator that has moved on does not
/// share.
class item_bits {
  public:
    explicit item_bits(const philox& g) : keyed_(g.split(g.position())) {}

    /// What seed() and stream() of another one gave.
    item_bits(std::uint64_t seed, std::uint64_t stream) : keyed_(seed, stream) {}
    [[nodiscard]] std::uint64_t seed() const { return keyed_.seed(); }
    [[nodiscard]] std::uint64_t stream() const { return keyed_.stream(); }

    /// 64 bits, a function of the generator and of `item`.
    [[nodiscard]] std::uint64_t word(std::uint64_t item) const {
        const philox::counter_type block = philox::block(counter(item / 2), key());
        return item % 2 ? join(block[2], block[3]) : join(block[0], block[1]);
    }

    /// word(first), word(first + 1) ...; many blocks at a time.
    void words(std::uint64_t first, std::span<std::uint64_t> to) const {
        if (first % 2 && !to.empty()) {
            to[0] = word(first++);
            to = to.subspan(1);
        }
#if HOLDFAST_X86_LEVELS
        if (holdfast::detail::machine_has_avx512())
            for (; to.size() >= 64 && (first + 63) / 2 >> 32 == 0; first += 64, to = to.subspan(64))
                blocks_avx512(first / 2, to.data());
#endif
        for (; to.size() >= 16; first += 16, to = to.subspan(16)) blocks(first / 2, to.data());
        for (std::uint64_t& w : to) w = word(first++);
    }

    /// word(items[0]), word(items[1]) ...
    void words_of(std::span<const std::uint32_t> items, std::uint64_t* to) const {
        std::size_t i = 0;
#if HOLDFAST_X86_LEVELS
        if (holdfast::detail::machine_has_avx512())
            for (; i + 8 <= items.size(); i += 8) words_avx512(items.data() + i, to + i);
#endif
        for (; i < items.size(); ++i) to[i] = word(items[i]);
    }

    /// The 52 bits of a word as a number in (0, 1), as uniform_open makes it.
    [[nodiscard]] static double open(std::uint64_t word) { return (static_cast<double>(word >> 12) + 0.5) * 0x1p-52; }

    /// A generator for `item` that may draw any number of words.
    [[nodiscard]] philox generator(std::uint64_t item) const { return keyed_.split(item); }

  private:
    static std::uint64_t join(std::uint32_t high, std::uint32_t low) {
        return static_cast<std::uint64_t>(high) << 32 | low;
    }
    [[nodiscard]] philox::counter_type counter(std::uint64_t block) const {
        return {static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32),
                static_cast<std::uint32_t>(keyed_.stream()), static_cast<std::uint32_t>(keyed_.stream() >> 32)};
    }
    [[nodiscard]] philox::key_type key() const {
        return {static_cast<std::uint32_t>(keyed_.seed()), static_cast<std::uint32_t>(keyed_.seed() >> 32)};
    }

#if HOLDFAST_X86_LEVELS
    __attribute__((target("avx512f"))) void blocks_avx512(std::uint64_t block, std::uint64_t* out) const {
        using holdfast::detail::eight_from;
        const holdfast::detail::philox_vectors<4> made(
            {eight_from(block), eight_from(block + 8), eight_from(block + 16), eight_from(block + 24)}, seed(),
            stream());
#pragma GCC unroll 4
        for (std::size_t v = 0; v < 4; ++v) {
            const __m512i even = made.first_halves(v), odd = made.last_halves(v);
            _mm512_storeu_si512(out + 16 * v,
                                _mm512_permutex2var_epi64(even, _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11), odd));
            _mm512_storeu_si512(out + 16 * v + 8,
                                _mm512_permutex2var_epi64(even, _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15), odd));
        }
    }

    __attribute__((target("avx512f"))) void words_avx512(const std::uint32_t* items, std::uint64_t* out) const {
        const __m512i item = _mm512_maskz_cvtepu32_epi64(
            0xff, _mm256_loadu_si256(static_cast<const __m256i*>(static_cast<const void*>(items))));
        const holdfast::detail::philox_vectors<1> made({_mm512_maskz_srli_epi64(0xff, item, 1)}, seed(), stream());
        const __mmask8 odd = _mm512_test_epi64_mask(item, _mm512_set1_epi64(1));
        _mm512_storeu_si512(out, _mm512_mask_mov_epi64(made.first_halves(0), odd, made.last_halves(0)));
    }
#endif

    /// 16 words, in loops that compilers turn into vectors.
    void blocks(std::uint64_t block, std::uint64_t* out) const {
        constexpr std::size_t lanes = 8;
        std::uint32_t c0[lanes], c1[lanes], c2[lanes], c3[lanes];
        for (std::size_t l = 0; l < lanes; ++l) {
            const philox::counter_type c = counter(block + l);
            c0[l] = c[0], c1[l] = c[1], c2[l] = c[2], c3[l] = c[3];
        }
        philox::key_type k = key();
        for (int round = 0; round < 10; ++round) {
            for (std::size_t l = 0; l < lanes; ++l) {
                const std::uint64_t a = 0xd2511f53ULL * c0[l], b = 0xcd9e8d57ULL * c2[l];
                const auto b_high = static_cast<std::uint32_t>(b >> 32);
                const auto a_high = static_cast<std::uint32_t>(a >> 32);
                c0[l] = b_high ^ c1[l] ^ k[0];
                c1[l] = static_cast<std::uint32_t>(b);
                c2[l] = a_high ^ c3[l] ^ k[1];
                c3[l] = static_cast<std::uint32_t>(a);
            }
            k[0] += 0x9e3779b9u;
            k[1] += 0xbb67ae85u;
        }
        for (std::size_t l = 0; l < lanes; ++l) {
            out[2 * l] = join(c0[l], c1[l]);
            out[2 * l + 1] = join(c2[l], c3[l]);
        }
    }
    philox keyed_;
};

}  // namespace holdfast::replay::detail
