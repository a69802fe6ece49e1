#include <holdfast/transport/embedding.hpp>

#include <bit>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "support/test.hpp"

namespace transport = holdfast::transport;

namespace {

using texts = std::vector<std::string>;

double cosine(std::span<const float> x, std::span<const float> y) {
    double sum = 0;
    for (std::size_t k = 0; k < x.size(); ++k) sum += double(x[k]) * double(y[k]);
    return sum;
}

}  // namespace

TEST_CASE("every text has a direction of unit length, the empty one too") {
    const auto m = transport::hashing_embedder{.dimensions = 64}.embed(
        texts{"", "   ", "a", "Translate to French.", std::string(3000, 'x'), "\xff\xfe", "\u00fcber \u4f60\u597d"});
    REQUIRE(m.rows() == 7);
    REQUIRE(m.cols() == 64);
    for (std::size_t i = 0; i < m.rows(); ++i) CHECK(cosine(m.row(i), m.row(i)) == Approx(1).epsilon(1e-6));
}

TEST_CASE("a text's row does not depend on the texts beside it, on case or on white space") {
    const transport::hashing_embedder e;
    const auto one = e.embed(texts{"Answer the question"});
    const auto many = e.embed(texts{"something else", "  answer\tTHE\nquestion ", "Answer the question"});
    CHECK(std::equal(one.row(0).begin(), one.row(0).end(), many.row(1).begin()));
    CHECK(std::equal(one.row(0).begin(), one.row(0).end(), many.row(2).begin()));
}

TEST_CASE("paraphrases are nearer than another task") {
    const auto m = transport::hashing_embedder{}.embed(texts{"Is the sentiment of this review positive or negative?",
                                                             "Tell whether this review is positive or negative.",
                                                             "Add up the following numbers."});
    CHECK(cosine(m.row(0), m.row(1)) > cosine(m.row(0), m.row(2)) + 0.2);
}

TEST_CASE("the bits are the same on every platform") {
    const auto m = transport::hashing_embedder{.dimensions = 8}.embed(texts{"Translate: caf\u00e9", "x"});
    std::vector<std::uint32_t> bits;
    for (const float v : m.values()) bits.push_back(std::bit_cast<std::uint32_t>(v));
    CHECK(bits == std::vector<std::uint32_t>{0xbeb504f3, 0x00000000, 0x00000000, 0xbf1cc471, 0x00000000, 0x00000000,
                                             0xbf1cc471, 0x3eb504f3, 0x00000000, 0xbf13cd3a, 0x3f5105ec, 0x00000000,
                                             0x00000000, 0x00000000, 0x00000000, 0x00000000});
}

TEST_CASE("words alone, characters alone") {
    const texts t{"red green", "green red"};
    const auto single = transport::hashing_embedder{.dimensions = 128, .longest = 0, .words = 1}.embed(t);
    CHECK(cosine(single.row(0), single.row(1)) == Approx(1));
    const auto pairs = transport::hashing_embedder{.dimensions = 128, .longest = 0, .words = 2}.embed(t);
    CHECK(cosine(pairs.row(0), pairs.row(1)) < 0.95);
    const auto characters = transport::hashing_embedder{.dimensions = 128, .words = 0}.embed(t);
    CHECK(cosine(characters.row(0), characters.row(1)) == Approx(1));
}

TEST_CASE("an embedder says what is wrong with its settings") {
    const texts t{"x"};
    CHECK_REFUSES(transport::hashing_embedder{.dimensions = 0}.embed(t), "dimensions must be positive");
    CHECK_REFUSES(transport::hashing_embedder{.shortest = 0}.embed(t), "shortest must be from 1 to longest, it is 0");
    CHECK_REFUSES((transport::hashing_embedder{.shortest = 6, .longest = 5}.embed(t)), "it is 6 with longest 5");
    CHECK_REFUSES((transport::hashing_embedder{.longest = 0, .words = 0}.embed(t)), "no n-grams asked for");
}
