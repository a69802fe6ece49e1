// Layers against closed forms and loops of one line; their gradients are checked through the model.

#include <trainer/attention.hpp>
#include <trainer/layers.hpp>

#include "support/test.hpp"

#include <cmath>
#include <vector>

using trainer::lane_sum;
using trainer::reading;
using trainer::tensor;

TEST_CASE("the exponential is that of the library to a few last places, and zero far down") {
    for (float x = -87.0f; x < 88.0f; x += 0.0137f) {
        INFO(x);
        CHECK(std::fabs(trainer::exponential(x) / std::exp(static_cast<double>(x)) - 1) < 3e-7);
    }
    CHECK(trainer::exponential(0.0f) == 1.0f);
    CHECK(trainer::exponential(-100.0f) == 0.0f);
    CHECK(trainer::exponential(-std::numeric_limits<float>::infinity()) == 0.0f);
    CHECK(std::isnan(trainer::exponential(std::numeric_limits<float>::quiet_NaN())));
}

TEST_CASE("sums and maxima by lanes hold every term once") {
    for (std::size_t n = 1; n < 70; ++n) {
        std::vector<double> x(n);
        for (std::size_t i = 0; i < n; ++i) x[i] = static_cast<double>((i * 37 + n) % 101);
        double sum = 0, top = x[0];
        for (const double v : x) sum += v, top = std::max(top, v);
        CHECK(lane_sum<double>(n, [&](std::size_t i) { return x[i]; }) == sum);
        CHECK(trainer::lane_max(x.data(), n) == top);
    }
    CHECK(lane_sum<float>(0, [](std::size_t) { return 1.0f; }) == 0.0f);
}

TEST_CASE("RMSNorm makes the mean square one") {
    const std::vector<double> gain(5, 1.0);
    tensor<double> x, y;
    x.shape(1, 5);
    y.shape(1, 5);
    for (std::size_t j = 0; j < 5; ++j) x.data()[j] = static_cast<double>(j) - 1.5;
    double scale = 0, square = 0;
    trainer::rms_norm_forward(reading(x.all()), gain.data(), 1e-30, y.all(), &scale);
    for (std::size_t j = 0; j < 5; ++j) square += y.data()[j] * y.data()[j] / 5;
    CHECK(square == Approx(1.0));
}

TEST_CASE("rotating keeps lengths, and scores of turned queries and keys see only how far apart they are") {
    const trainer::rotary<double> rope(64, 8, 10000.0);
    const auto turned = [&](std::uint32_t at, double sign) {
        tensor<double> x;
        x.shape(1, 8);
        for (std::size_t j = 0; j < 8; ++j) x.data()[j] = std::sin(sign * static_cast<double>(j) + 1);
        const std::uint32_t position[] = {at};
        rope.turn(x.all(), position, 1.0);
        return std::vector<double>(x.data(), x.data() + 8);
    };
    const auto dot = [](const auto& a, const auto& b) {
        return lane_sum<double>(8, [&](std::size_t i) { return a[i] * b[i]; });
    };
    CHECK(dot(turned(0, 1), turned(0, 1)) == Approx(dot(turned(31, 1), turned(31, 1))));
    CHECK(dot(turned(9, 1), turned(4, 2)) == Approx(dot(turned(45, 1), turned(40, 2))));
    CHECK(dot(turned(9, 1), turned(4, 2)) != Approx(dot(turned(9, 1), turned(5, 2))));
    tensor<double> x;
    x.shape(1, 8);
    for (std::size_t j = 0; j < 8; ++j) x.data()[j] = static_cast<double>(j);
    const std::uint32_t position[] = {17};
    rope.turn(x.all(), position, 1.0);
    rope.turn(x.all(), position, -1.0);
    for (std::size_t j = 0; j < 8; ++j) CHECK(x.data()[j] == Approx(static_cast<double>(j)).margin(1e-14));
}

TEST_CASE("cross-entropy of equal logits is log of their number, and its gradient sums to zero") {
    tensor<double> logits;
    logits.shape(2, 10);
    logits.zero();
    const std::int32_t targets[] = {3, 9};
    double nll[2];
    trainer::cross_entropy(logits.all(), targets, 0.5, nll);
    CHECK(nll[0] == Approx(std::log(10.0)));
    CHECK(logits.all()(0, 3) == Approx(0.5 * (0.1 - 1)));
    CHECK(logits.all()(1, 0) == Approx(0.05));
    CHECK(lane_sum<double>(20, [&](std::size_t i) { return logits.data()[i]; }) == Approx(0).margin(1e-15));
}

TEST_CASE("attention is a causal mean of values, each sequence and head for itself") {
    // equal keys: place i gets the mean of values 0..i of its own sequence
    const trainer::attention_shape heads{4, 2, 2};
    const std::vector<std::uint32_t> offsets{0, 3, 100};  // the second longer than a block of rows
    tensor<double> qkv, p, y;
    qkv.shape(100, heads.columns());
    qkv.zero();
    for (std::size_t i = 0; i < 100; ++i)
        for (std::size_t j = 0; j < 4; ++j) qkv.all()(i, 12 + j) = static_cast<double>(i * (j + 1));
    p.shape(trainer::attention_room(heads, offsets), 1);
    y.shape(100, 8);
    trainer::attention_forward(reading(qkv.all()), offsets, heads, p.data(), y.all());
    for (std::size_t i = 0; i < 100; ++i) {
        const double first = i < 3 ? 0 : 3, mean = (first + static_cast<double>(i)) / 2;
        for (std::size_t j = 0; j < 8; ++j)  // heads 0 and 1 read key head 0, heads 2 and 3 key head 1
            CHECK(y.all()(i, j) == Approx(mean * static_cast<double>(j / 4 * 2 + j % 2 + 1)).margin(1e-12));
    }
}

TEST_CASE("SwiGLU gates by the logistic function") {
    tensor<double> x, y;
    x.shape(1, 4);
    y.shape(1, 2);
    const double in[] = {0.0, 2.0, 5.0, 3.0};
    std::copy_n(in, 4, x.data());
    trainer::swiglu_forward(reading(x.all()), y.all());
    CHECK(y.data()[0] == 0.0);
    CHECK(y.data()[1] == Approx(2 / (1 + std::exp(-2.0)) * 3));
}
