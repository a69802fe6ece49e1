// The packed dropout mask: the same bits one by one, a row at a time, and from core's own Philox.
#include <holdfast/core/random.hpp>
#include <holdfast/kernels/detail/dropout.hpp>

#include "support/test.hpp"

#include <cstdint>
#include <vector>

namespace kernels = holdfast::kernels;

TEST_CASE("a mask bit is a 16-bit number of core's Philox, compared with the threshold") {
    const auto key = kernels::dropout_key::make(0x0123456789abcdefULL, GENERATE(0.0, 0.05, 0.5, 0.999));
    for (const std::uint64_t row : {0ULL, 1ULL, 77ULL, 0x1ffffffffULL}) {
        const std::size_t words = 11;
        std::vector<std::uint32_t> mask(words);
        kernels::mask_row(key, row, mask.data(), words);
        for (std::uint32_t w = 0; w < words; ++w) CHECK(mask[w] == kernels::mask_word(key, row, w));
        for (std::uint32_t column = 0; column < 32 * words; ++column) {
            const auto random = holdfast::philox::block({column / 8, 0, std::uint32_t(row), std::uint32_t(row >> 32)},
                                                        {std::uint32_t(key.seed), std::uint32_t(key.seed >> 32)});
            const std::uint32_t lane = column % 8, number = random[lane / 2] >> (16 * (lane % 2)) & 0xffffu;
            REQUIRE((mask[column / 32] >> (column % 32) & 1u) == (number >= key.threshold));
        }
    }
}

TEST_CASE("the probability is rounded to 1/65536, and the scale is that of the rounded one") {
    CHECK(kernels::dropout_key::make(1, 0).threshold == 0);
    CHECK(kernels::dropout_key::make(1, 0).keep_scale() == 1);
    CHECK(kernels::dropout_key::make(1, 0.5).threshold == 32768);
    CHECK(kernels::dropout_key::make(1, 0.5).keep_scale() == 2);
    CHECK(kernels::dropout_key::make(1, 0.05).keep_scale() == Approx(1 / 0.95).epsilon(1e-5));
    CHECK(kernels::dropout_key::make(1, 0.9999999).threshold == 65535);
    CHECK(kernels::mask_words(0) == 0);
    CHECK(kernels::mask_words(32) == 1);
    CHECK(kernels::mask_words(33) == 2);
}
