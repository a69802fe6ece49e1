// The low-rank adapter in bfloat16 on the CPU against plain loops in double, at every level that this machine has: odd
// shapes, the adapter alone (its error is not to hide behind the frozen product's), masks, gradients, threads.
#include <holdfast/adapters/lora.hpp>
#include <holdfast/adapters/lora_amx.hpp>

#include "support/test.hpp"

#include <Eigen/Core>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace adapters = holdfast::adapters;
namespace kernels = holdfast::kernels;
using adapters::bf16_level;
using adapters::lora_bf16;
using adapters::packed_weight;
using holdfast::bfloat16;
using holdfast::matrix;
using holdfast::philox;

namespace {

/// Numbers that bfloat16 holds.
matrix<float> random(std::size_t rows, std::size_t cols, philox& g) {
    matrix<float> m(rows, cols);
    for (float& x : m.values()) x = bfloat16(static_cast<float>(2 * holdfast::uniform(g) - 1));
    return m;
}
void fill(holdfast::matrix_view<float> m, philox& g) {
    const matrix<float> from = random(m.rows(), m.cols(), g);
    for (std::size_t i = 0; i < m.rows(); ++i)
        for (std::size_t j = 0; j < m.cols(); ++j) m(i, j) = from(i, j);
}
matrix<bfloat16> narrow(const matrix<float>& m) {
    matrix<bfloat16> n(m.rows(), m.cols());
    for (std::size_t k = 0; k < m.size(); ++k) n.values()[k] = bfloat16(m.values()[k]);
    return n;
}
matrix<double> wide(const auto& m) {
    matrix<double> d(m.rows(), m.cols());
    for (std::size_t i = 0; i < m.rows(); ++i)
        for (std::size_t j = 0; j < m.cols(); ++j) d(i, j) = double(m(i, j));
    return d;
}

/// a b' in double.
matrix<double> times(const matrix<double>& a, const matrix<double>& b) {
    matrix<double> c(a.rows(), b.rows());
    for (std::size_t i = 0; i < a.rows(); ++i)
        for (std::size_t j = 0; j < b.rows(); ++j)
            for (std::size_t k = 0; k < a.cols(); ++k) c(i, j) += a(i, k) * b(j, k);
    return c;
}
matrix<double> turned(const matrix<double>& a) {
    matrix<double> t(a.cols(), a.rows());
    for (std::size_t i = 0; i < a.rows(); ++i)
        for (std::size_t j = 0; j < a.cols(); ++j) t(j, i) = a(i, j);
    return t;
}
matrix<double> scaled(matrix<double> a, double by) {
    for (double& x : a.values()) x *= by;
    return a;
}
matrix<double> sum(matrix<double> a, const matrix<double>& b) {
    for (std::size_t k = 0; k < a.size(); ++k) a.values()[k] += b.values()[k];
    return a;
}
matrix<double> kept(matrix<double> a, const std::vector<std::uint32_t>& mask) {
    for (std::size_t i = 0; !mask.empty() && i < a.rows(); ++i)
        for (std::size_t j = 0; j < a.cols(); ++j)
            if ((mask[i * kernels::mask_words(a.cols()) + j / 32] >> (j % 32) & 1u) == 0) a(i, j) = 0;
    return a;
}

/// |a - b| / |b| in the norm of Frobenius.
double away(const auto& a, const matrix<double>& b) {
    REQUIRE(a.rows() == b.rows());
    REQUIRE(a.cols() == b.cols());
    double off = 0, size = 0;
    for (std::size_t i = 0; i < b.rows(); ++i)
        for (std::size_t j = 0; j < b.cols(); ++j) {
            off += (double(a(i, j)) - b(i, j)) * (double(a(i, j)) - b(i, j));
            size += b(i, j) * b(i, j);
        }
    return size == 0 ? std::sqrt(off) : std::sqrt(off / size);
}

constexpr double once = 2.5e-3, twice = 3.6e-3;  // of what was rounded so often to bfloat16 on its way
constexpr double gradients = 4e-3;

template <class F>
void at_every_level(F f) {
    for (const auto level : {bf16_level::plain, bf16_level::avx2, bf16_level::avx512, bf16_level::tiles})
        if (level <= adapters::machine_bf16_level()) f(level);
}

struct shape {
    std::size_t m, in, out, rank;
};

void check(bf16_level level, shape s, double p, philox& g) {
    INFO("level " << int(level) << ", " << s.m << " x " << s.in << " x " << s.out << ", rank " << s.rank << ", p "
                  << p);
    lora_bf16 l({.in = s.in, .out = s.out, .rank = s.rank, .alpha = 2.0 * double(s.rank), .dropout = p});
    fill(l.a(), g);
    fill(l.b(), g);
    const auto x = random(s.m, s.in, g), w = random(s.out, s.in, g), dy = random(s.m, s.out, g);
    const matrix<float> none(s.out, s.in);
    const packed_weight weight(w, true, level), zero(none, true, level);
    matrix<float> y(s.m, s.out, NAN), alone(s.m, s.out, NAN);
    matrix<bfloat16> narrow_y(s.m, s.out, bfloat16(NAN));
    philox first{5}, second{5}, third{5};
    // Few numbers have no mean error: each may be away by 2^-9 with every rounding, and differences by more.
    const double few = s.m * s.rank < 256 ? 4 : 1;
    const auto saved = l.forward(x, weight, y, first);
    (void)l.forward(narrow(x), weight, narrow_y, second);
    (void)l.forward(x, zero, alone, third);

    const double factor = l.scale() * (saved.mask.empty() ? 1 : kernels::dropout_key::make(0, p).keep_scale());
    const auto xd = wide(x), wd = wide(w), a = wide(l.a()), b = wide(l.b()), dyd = wide(dy);
    const auto masked = kept(xd, saved.mask);
    const auto u = scaled(times(masked, a), factor), part = times(u, b), frozen = times(xd, wd);
    CHECK(away(saved.u, u) < few * once);
    CHECK(away(alone, part) < few * once);
    CHECK(away(y, sum(frozen, part)) < few * once);
    CHECK(away(narrow_y, sum(frozen, part)) < few * twice);
    for (std::size_t k = 0; k < y.size(); ++k)  // x of either type is the same x
        REQUIRE(bfloat16(y.values()[k]).bits == narrow_y.values()[k].bits);
    matrix<float> product(s.m, s.out, NAN);
    weight.multiply(x, product);
    CHECK(away(product, frozen) < 1e-5);

    const auto ds = scaled(times(dyd, turned(b)), factor);
    const auto low = kept(times(ds, turned(a)), saved.mask);
    const auto grad = l.backward(dy, x, weight, saved), grad_alone = l.backward(dy, x, zero, saved);
    CHECK(away(grad.x, sum(times(dyd, turned(wd)), low)) < few * once);
    CHECK(away(grad_alone.x, low) < few * once);
    CHECK(away(grad.a, times(turned(ds), turned(masked))) < few * gradients);
    CHECK(away(grad.b, times(turned(dyd), turned(u))) < few * gradients);
    // Added to what is there; dx of bfloat16; inputs of bfloat16.
    matrix<float> da(s.rank, s.in, 1), db(s.out, s.rank, 2), da2 = da, db2 = db;
    matrix<bfloat16> dx(s.m, s.in, bfloat16(NAN));
    l.backward_into(narrow(dy), narrow(x), weight, saved, da, db, dx);
    l.backward_into(dy, x, weight, saved, da2, db2);
    for (std::size_t k = 0; k < da.size(); ++k) REQUIRE(da.values()[k] == 1 + grad.a.values()[k]);
    for (std::size_t k = 0; k < db.size(); ++k) REQUIRE(db.values()[k] == 2 + grad.b.values()[k]);
    for (std::size_t k = 0; k < dx.size(); ++k) REQUIRE(dx.values()[k].bits == bfloat16(grad.x.values()[k]).bits);
    CHECK(da == da2);
    CHECK(db == db2);
}

}  // namespace

TEST_CASE("forward and gradients in bfloat16 are those of loops in double, whatever the shape") {
    philox g{7};
    at_every_level([&](bf16_level level) {
        for (const double p : {0.0, 0.3})
            for (const shape s : {shape{1, 1, 1, 1}, shape{2, 8, 16, 2}, shape{1, 72, 100, 8}, shape{15, 100, 31, 3},
                                  shape{16, 32, 32, 16}, shape{17, 33, 65, 17}, shape{33, 127, 129, 32},
                                  shape{64, 64, 64, 65}, shape{40, 300, 72, 256}, shape{300, 97, 200, 24}})
                check(level, s, p, g);
    });
}

TEST_CASE("long sums go through several parts of the depth") {
    philox g{8};
    at_every_level([&](bf16_level level) { check(level, {20, 1100, 600, 5}, 0.1, g); });
}

TEST_CASE("no rows is a batch like any other in bfloat16") {
    const lora_bf16 l({.in = 8, .out = 4, .rank = 2, .dropout = 0.5});
    const matrix<float> x(0, 8), w(4, 8), dy(0, 4);
    matrix<float> y(0, 4);
    philox g{1};
    const packed_weight weight(w);
    const auto s = l.forward(x, weight, y, g);
    const auto grad = l.backward(dy, x, weight, s);
    CHECK(grad.x.rows() == 0);
    CHECK(grad.a == matrix<float>(2, 8));
}

TEST_CASE("the adapter in bfloat16 is the one in float: the same start, mask and seed, near results") {
    philox g{9};
    const adapters::lora_options o{.in = 200, .out = 150, .rank = 8, .alpha = 16, .dropout = 0.25};
    adapters::lora<float> single(o, philox{3});
    lora_bf16 half(o, philox{3});
    for (std::size_t i = 0; i < 8; ++i)
        for (std::size_t j = 0; j < 200; ++j) REQUIRE(single.a()(i, j) == half.a()(i, j));
    fill(half.b(), g);
    for (std::size_t i = 0; i < 150; ++i)
        for (std::size_t j = 0; j < 8; ++j) single.b()(i, j) = half.b()(i, j);
    const auto x = random(70, 200, g), w = random(150, 200, g), dy = random(70, 150, g);
    matrix<float> y(70, 150), z(70, 150);
    philox one{4}, two{4};
    const packed_weight weight(w);
    const auto s = single.forward(x, w, y, one);
    const auto h = half.forward(x, weight, z, two);
    CHECK(s.mask == h.mask);
    CHECK(s.seed == h.seed);
    CHECK(one == two);
    CHECK(away(z, wide(y)) < 5e-3);
    const auto gs = single.backward(dy, x, w, s);
    const auto gh = half.backward(dy, x, weight, h);
    CHECK(away(gh.x, wide(gs.x)) < 5e-3);
    CHECK(away(gh.a, wide(gs.a)) < 8e-3);
    CHECK(away(gh.b, wide(gs.b)) < 8e-3);
    const philox untouched{4};
    philox quiet{4};
    (void)lora_bf16({.in = 200, .out = 150}).forward(x, weight, z, quiet);
    CHECK(quiet == untouched);
}

TEST_CASE("the number of threads changes no bit in bfloat16") {
    philox g{51};
    lora_bf16 l({.in = 700, .out = 300, .rank = 40, .dropout = 0.1});
    fill(l.b(), g);
    const auto x = random(500, 700, g), w = random(300, 700, g), dy = random(500, 300, g);
    at_every_level([&](bf16_level level) {
        if (level == bf16_level::plain) return;  // slow, and no other loops
        const auto run = [&](unsigned threads) {
            holdfast::set_threads(threads);
            const packed_weight weight(w, true, level);
            matrix<float> y(500, 300);
            philox same{1};
            const auto s = l.forward(x, weight, y, same);
            auto grad = l.backward(dy, x, weight, s);
            holdfast::set_threads(0);
            return std::vector<matrix<float>>{y, grad.x, grad.a, grad.b};
        };
        const auto one = run(1);
        CHECK(run(2) == one);
        CHECK(run(3) == one);
        CHECK(run(7) == one);
    });
}

TEST_CASE("every layout gives the same bits in bfloat16") {
    philox g{61};
    lora_bf16 l({.in = 90, .out = 50, .rank = 6, .dropout = 0.2});
    fill(l.b(), g);
    const auto x = random(37, 90, g), w = random(50, 90, g), dy = random(37, 50, g);
    at_every_level([&](bf16_level level) {
        matrix<float> y(37, 50);
        philox one{2}, two{2};
        const packed_weight weight(w, true, level);
        const auto s = l.forward(x, weight, y, one);
        const auto grad = l.backward(dy, x, weight, s);
        Eigen::MatrixXf xc(37, 90), wc(50, 90), dyc(37, 50), yc(37, 50);
        const auto copy = [](const matrix<float>& from, Eigen::MatrixXf& to) {
            for (std::size_t i = 0; i < from.rows(); ++i)
                for (std::size_t j = 0; j < from.cols(); ++j) to(Eigen::Index(i), Eigen::Index(j)) = from(i, j);
        };
        copy(x, xc), copy(w, wc), copy(dy, dyc);
        const packed_weight columns(wc, true, level);
        const auto sc = l.forward(xc, columns, yc, two);
        const auto gc = l.backward(dyc, xc, columns, sc);
        for (std::size_t i = 0; i < 37; ++i)
            for (std::size_t j = 0; j < 50; ++j) REQUIRE(yc(Eigen::Index(i), Eigen::Index(j)) == y(i, j));
        CHECK(gc.x == grad.x);
        CHECK(gc.a == grad.a);
        CHECK(gc.b == grad.b);
        matrix<float> wider(37, 60, 77.0F);  // an output with gaps between its rows
        philox three{2};
        (void)l.forward(x, weight, holdfast::matrix_view<float>(wider.data(), 37, 50, 60, 1), three);
        CHECK(wider(3, 49) == y(3, 49));
        CHECK(wider(3, 50) == 77.0F);
    });
}

TEST_CASE("what is not a number stays in its row, and conversion rounds as bfloat16 does") {
    philox g{71};
    lora_bf16 l({.in = 50, .out = 40, .rank = 3});
    fill(l.b(), g);
    auto x = random(20, 50, g);
    const auto w = random(40, 50, g);
    at_every_level([&](bf16_level level) {
        const packed_weight weight(w, false, level);
        matrix<float> clean(20, 40), y(20, 40);
        (void)l.forward(x, weight, clean);
        auto broken = x;
        broken(4, 7) = std::numeric_limits<float>::quiet_NaN();
        broken(9, 3) = std::numeric_limits<float>::infinity();
        (void)l.forward(broken, weight, y);
        for (std::size_t i = 0; i < 20; ++i)
            for (std::size_t j = 0; j < 40; ++j) REQUIRE((y(i, j) == clean(i, j)) == (i != 4 && i != 9));
    });
    std::vector<float> from(16);
    std::uint16_t bits[16];
    for (int round = 0; round < 4000; ++round) {
        for (float& v : from) {
            const auto any = static_cast<std::uint32_t>(g());
            v = std::bit_cast<float>(round % 2 == 0 ? any : (any & 0xffff0000U) | 0x8000U);  // ties
        }
        from[0] = NAN;
        adapters::detail::round_sixteens(from.data(), 1, bits);
        for (std::size_t c = 0; c < 16; ++c) REQUIRE(bits[c] == bfloat16(from[c]).bits);
    }
}

TEST_CASE("what does not fit in bfloat16 is refused with a sentence") {
    CHECK_REFUSES(lora_bf16({.in = 0, .out = 4, .rank = 2}), "in, out and rank must be above 0, they are 0, 4 and 2");
    const lora_bf16 a({.in = 8, .out = 4, .rank = 2});
    matrix<float> x(3, 8), y(3, 4), w(4, 8), tall(5, 8), narrow_x(3, 7), short_y(2, 4), da(2, 8), db(4, 2), none(0, 8);
    const packed_weight weight(w), other(tall), forward_only(w, false);
    CHECK_REFUSES(packed_weight(none), "out and in must be above 0, they are 0 and 8");
    CHECK_REFUSES(packed_weight(w, true, static_cast<bf16_level>(9)), "does not have level 9");
    CHECK_REFUSES(weight.multiply(narrow_x, y), "multiply: x must be [3, 8], it is [3, 7]");
    CHECK_REFUSES(a.forward(narrow_x, weight, y), "forward: x must be [3, 8], it is [3, 7]");
    CHECK_REFUSES(a.forward(x, other, y), "forward: w must be [4, 8], it is [5, 8]");
    CHECK_REFUSES(a.forward(x, weight, short_y), "forward: y must be [3, 4], it is [2, 4]");
    auto saved = a.forward(x, weight, y);
    CHECK_REFUSES(a.backward(short_y, x, weight, saved), "dy must be [3, 4], it is [2, 4]");
    CHECK_REFUSES(a.backward(y, x, forward_only, saved), "packed for forward only");
    CHECK_REFUSES(a.backward_into(y, x, weight, saved, x, db), "the gradient of A must be [2, 8]");
    CHECK_REFUSES(a.backward_into(y, x, weight, saved, da, y), "the gradient of B must be [4, 2]");
    CHECK_REFUSES(a.backward_into(y, x, weight, saved, da, db, w), "the gradient of x must be [3, 8]");
    CHECK(forward_only.bytes() * 2 == weight.bytes());
    saved.mask.resize(1);
    CHECK_REFUSES(a.backward_into(y, x, weight, saved, da, db), "mask has 1 words, it must have 3");
}
