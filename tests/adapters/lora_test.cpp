// The low-rank adapter on the CPU, against finite differences in double, its own algebra, and plain loops.
#include <holdfast/adapters/lora.hpp>

#include "support/test.hpp"

#include <Eigen/Core>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

namespace adapters = holdfast::adapters;
namespace kernels = holdfast::kernels;
using holdfast::matrix;
using holdfast::philox;

namespace {

template <class T = double>
matrix<T> random(std::size_t rows, std::size_t cols, philox& g) {
    matrix<T> m(rows, cols);
    for (T& x : m.values()) x = static_cast<T>(2 * holdfast::uniform(g) - 1);
    return m;
}

template <class T>
void fill(holdfast::matrix_view<T> m, philox& g) {
    for (std::size_t i = 0; i < m.rows(); ++i)
        for (std::size_t j = 0; j < m.cols(); ++j) m(i, j) = static_cast<T>(2 * holdfast::uniform(g) - 1);
}

bool kept(const std::vector<std::uint32_t>& mask, std::size_t in, std::size_t i, std::size_t j) {
    return mask.empty() || (mask[i * kernels::mask_words(in) + j / 32] >> (j % 32) & 1u);
}

/// y by plain loops, with the mask that forward reported.
matrix<double> by_loops(const adapters::lora<double>& l, const matrix<double>& x, const matrix<double>& w,
                        const std::vector<std::uint32_t>& mask) {
    const auto& o = l.shape();
    const double keep = mask.empty() ? 1.0 : kernels::dropout_key::make(0, o.dropout).keep_scale();
    matrix<double> y(x.rows(), o.out);
    for (std::size_t i = 0; i < x.rows(); ++i)
        for (std::size_t n = 0; n < o.out; ++n) {
            double sum = 0;
            for (std::size_t k = 0; k < o.in; ++k) {
                sum += x(i, k) * w(n, k);
                double ba = 0;
                for (std::size_t r = 0; r < o.rank; ++r) ba += l.b()(n, r) * l.a()(r, k);
                if (kept(mask, o.in, i, k)) sum += l.scale() * keep * x(i, k) * ba;
            }
            y(i, n) = sum;
        }
    return y;
}

double largest_difference(const matrix<double>& a, const matrix<double>& b) {
    REQUIRE(a.rows() == b.rows());
    REQUIRE(a.cols() == b.cols());
    double largest = 0;
    for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a.values()[i] - b.values()[i]));
    return largest;
}

}  // namespace

TEST_CASE("the gradients of x, A and B are those of finite differences") {
    const double p = GENERATE(0.0, 0.4);
    const bool stabilised = GENERATE(false, true);
    const std::size_t m = GENERATE(1u, 5u), in = 37, out = 11, rank = 3;
    philox g{7, m};
    adapters::lora<double> l(
        {.in = in, .out = out, .rank = rank, .alpha = 6, .dropout = p, .rank_stabilised = stabilised});
    fill(l.b(), g);
    matrix<double> x = random(m, in, g);
    const matrix<double> w = random(out, in, g), dy = random(m, out, g);

    const auto loss = [&] {  // sum of dy . y, with the same mask every time
        matrix<double> y(m, out);
        philox same{99};
        (void)l.forward(x, w, y, same);
        double sum = 0;
        for (std::size_t i = 0; i < y.size(); ++i) sum += y.values()[i] * dy.values()[i];
        return sum;
    };
    matrix<double> y(m, out);
    philox same{99};
    const auto saved = l.forward(x, w, y, same);
    CHECK(largest_difference(y, by_loops(l, x, w, saved.mask)) < 1e-12);
    const auto grad = l.backward(dy, x, w, saved);

    const auto check = [&](auto parameter, const matrix<double>& gradient) {
        const double h = 1e-4;
        double worst = 0;
        for (std::size_t i = 0; i < gradient.rows(); ++i)
            for (std::size_t j = 0; j < gradient.cols(); ++j) {
                double& value = parameter(i, j);
                const double old = value;
                value = old + h;
                const double up = loss();
                value = old - h;
                const double down = loss();
                value = old;
                worst = std::max(worst, std::abs((up - down) / (2 * h) - gradient(i, j)));
            }
        CHECK(worst < 1e-8);
    };
    check(x.view(), grad.x);
    check(l.a(), grad.a);
    check(l.b(), grad.b);
}

TEST_CASE("a new adapter is the base layer, whatever its dropout") {
    philox g{3};
    adapters::lora<float> l({.in = 40, .out = 24, .rank = 4, .alpha = 8, .dropout = 0.5});
    const auto x = random<float>(9, 40, g), w = random<float>(24, 40, g);
    matrix<float> adapted(9, 24), base(9, 24);
    (void)l.forward(x, w, adapted, g);
    const Eigen::Map<const Eigen::Matrix<float, -1, -1, Eigen::RowMajor>> ex(x.data(), 9, 40), ew(w.data(), 24, 40);
    const Eigen::MatrixXf expected = ex * ew.transpose();
    for (std::size_t i = 0; i < 9; ++i)
        for (std::size_t j = 0; j < 24; ++j)
            CHECK(adapted(i, j) == Approx(expected(Eigen::Index(i), Eigen::Index(j))).margin(1e-5));
    (void)l.forward(x, w, base);
    CHECK(adapted == base);
}

TEST_CASE("A starts uniform within one over the root of in, and depends on the generator") {
    const adapters::lora<double> l({.in = 400, .out = 8, .rank = 16}, philox{5});
    double largest = 0, mean = 0, square = 0;
    for (std::size_t i = 0; i < 16; ++i)
        for (std::size_t j = 0; j < 400; ++j) {
            const double a = l.a()(i, j);
            largest = std::max(largest, std::abs(a));
            mean += a / 6400;
            square += a * a / 6400;
        }
    CHECK(largest <= 0.05);
    CHECK(largest > 0.0495);
    CHECK(std::abs(mean) < 5 * 0.05 / std::sqrt(3.0 * 6400));
    CHECK(square == Approx(0.05 * 0.05 / 3).epsilon(0.05));
    const adapters::lora<double> other({.in = 400, .out = 8, .rank = 16}, philox{6});
    CHECK(other.a()(0, 0) != l.a()(0, 0));
    CHECK(l.parameters() == 16 * 408);
}

TEST_CASE("merged weights give what the adapter gave, and unmerging takes it out again") {
    philox g{11};
    adapters::lora<double> l({.in = 33, .out = 21, .rank = 5, .alpha = 10});
    fill(l.b(), g);
    const auto x = random(13, 33, g), w = random(21, 33, g);
    matrix<double> adapted(13, 21), merged_y(13, 21);
    (void)l.forward(x, w, adapted);
    matrix<double> merged = w;
    l.merge_into(merged);
    const adapters::lora<double> nothing({.in = 33, .out = 21, .rank = 5});
    (void)nothing.forward(x, merged, merged_y);
    CHECK(largest_difference(merged_y, adapted) < 1e-12);
    CHECK(largest_difference(merged, w) > 0.1);
    l.unmerge_from(merged);
    CHECK(largest_difference(merged, w) < 1e-14);
}

TEST_CASE("the dropout mask depends on seed, row and column alone, and keeps what it says") {
    const double p = GENERATE(0.05, 0.5, 0.9);
    const std::size_t m = 300, in = 333;
    philox g{21};
    adapters::lora<float> l({.in = in, .out = 4, .rank = 2, .dropout = p});
    const auto x = random<float>(m, in, g);
    matrix<float> y(m, 4);
    philox first{1}, again{1}, other{2};
    const auto a = l.add_to(x, y, first), b = l.add_to(x, y, again), c = l.add_to(x, y, other);
    CHECK(a.mask == b.mask);
    CHECK(a.u == b.u);
    CHECK(a.mask != c.mask);
    std::size_t count = 0;
    for (std::size_t i = 0; i < m; ++i)
        for (std::size_t j = 0; j < in; ++j) count += kept(a.mask, in, i, j);
    const double n = double(m * in), sd = std::sqrt(n * p * (1 - p));
    CHECK(std::abs(double(count) - n * (1 - p)) < 5 * sd);
    // a shorter batch has the first rows of the same mask
    const auto head = matrix<float>(7, in, std::vector<float>(x.values().begin(), x.values().begin() + 7 * in));
    matrix<float> head_y(7, 4);
    philox third{1};
    const auto d = l.add_to(head, head_y, third);
    CHECK(std::equal(d.mask.begin(), d.mask.end(), a.mask.begin()));
}

TEST_CASE("without dropout the generator is left alone") {
    philox g{4}, untouched{4};
    adapters::lora<float> l({.in = 8, .out = 8, .rank = 2});
    matrix<float> x(3, 8, 1.0f), y(3, 8);
    CHECK(l.add_to(x, y, g).mask.empty());
    CHECK(g == untouched);
}

TEST_CASE("gradients add up in the caller's buffers, with or without the one of x") {
    const double p = GENERATE(0.0, 0.3);
    philox g{31};
    adapters::lora<double> l({.in = 70, .out = 9, .rank = 4, .dropout = p});
    fill(l.b(), g);
    const auto x = random(6, 70, g), w = random(9, 70, g), dy = random(6, 9, g);
    matrix<double> y(6, 9);
    adapters::lora<double>::saved saved;
    l.add_to(x, y, saved, g);
    const auto once = l.backward(dy, x, w, saved);
    matrix<double> da(4, 70, 1.0), db(9, 4, 2.0), dx(6, 70, 3.0), da2 = da, db2 = db;
    l.backward_into(dy, x, saved, da, db, dx);
    l.backward_into(dy, x, saved, da2, db2);
    CHECK(da == da2);
    CHECK(db == db2);
    const matrix<double> zero(9, 70);
    const auto low_rank = l.backward(dy, x, zero, saved);  // with W = 0 only the adapter's part is left
    for (std::size_t i = 0; i < da.size(); ++i) CHECK(da.values()[i] == Approx(1 + once.a.values()[i]));
    for (std::size_t i = 0; i < db.size(); ++i) CHECK(db.values()[i] == Approx(2 + once.b.values()[i]));
    for (std::size_t i = 0; i < dx.size(); ++i) CHECK(dx.values()[i] == Approx(3 + low_rank.x.values()[i]));
}

TEST_CASE("every layout gives the same result") {
    philox g{41};
    adapters::lora<double> l({.in = 30, .out = 14, .rank = 3, .dropout = 0.2});
    fill(l.b(), g);
    const auto x = random(12, 30, g), w = random(14, 30, g), dy = random(12, 14, g);
    matrix<double> y(12, 14);
    philox same{1};
    const auto saved = l.forward(x, w, y, same);
    const auto grad = l.backward(dy, x, w, saved);

    using strided = Eigen::Map<Eigen::MatrixXd, 0, Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>>;
    Eigen::MatrixXd xc(12, 30), wc(14, 30), dyc(12, 14), yc(12, 14);
    std::vector<double> spread(2 * 12 * 30);
    strided xs(spread.data(), 12, 30, Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>(24, 2));
    for (std::size_t i = 0; i < 12; ++i)
        for (std::size_t j = 0; j < 30; ++j)
            xc(Eigen::Index(i), Eigen::Index(j)) = xs(Eigen::Index(i), Eigen::Index(j)) = x(i, j);
    for (std::size_t i = 0; i < 14; ++i)
        for (std::size_t j = 0; j < 30; ++j) wc(Eigen::Index(i), Eigen::Index(j)) = w(i, j);
    for (std::size_t i = 0; i < 12; ++i)
        for (std::size_t j = 0; j < 14; ++j) dyc(Eigen::Index(i), Eigen::Index(j)) = dy(i, j);
    const auto check = [&](const auto& input) {
        philox again{1};
        const auto s = l.forward(input, wc, yc, again);
        const auto gr = l.backward(dyc, input, wc, s);
        for (std::size_t i = 0; i < 12; ++i)
            for (std::size_t j = 0; j < 14; ++j)
                CHECK(yc(Eigen::Index(i), Eigen::Index(j)) == Approx(y(i, j)).margin(1e-12));
        CHECK(largest_difference(gr.x, grad.x) < 1e-12);
        CHECK(largest_difference(gr.a, grad.a) < 1e-12);
        CHECK(largest_difference(gr.b, grad.b) < 1e-12);
    };
    check(xc);
    check(xs);
    matrix<double> wide(12, 40, 77.0);  // an output with gaps between its rows
    const holdfast::matrix_view<double> inside(wide.data(), 12, 14, 40, 1);
    philox again{1};
    (void)l.forward(x, w, inside, again);
    CHECK(wide(3, 5) == Approx(y(3, 5)).margin(1e-12));
    CHECK(wide(3, 14) == 77.0);
}

TEST_CASE("the number of threads changes no bit") {
    philox g{51};
    adapters::lora<float> l({.in = 700, .out = 300, .rank = 8, .dropout = 0.1});
    fill(l.b(), g);
    const auto x = random<float>(500, 700, g), w = random<float>(300, 700, g), dy = random<float>(500, 300, g);
    const auto run = [&](unsigned threads) {
        holdfast::set_threads(threads);
        matrix<float> y(500, 300);
        philox same{1};
        const auto s = l.forward(x, w, y, same);
        auto grad = l.backward(dy, x, w, s);
        holdfast::set_threads(0);
        return std::vector<matrix<float>>{y, grad.x, grad.a, grad.b};
    };
    CHECK(run(1) == run(3));
}

TEST_CASE("no rows is a batch like any other") {
    adapters::lora<float> l({.in = 8, .out = 4, .rank = 2, .dropout = 0.5});
    matrix<float> x(0, 8), y(0, 4), w(4, 8), dy(0, 4);
    philox g{1};
    const auto s = l.forward(x, w, y, g);
    const auto grad = l.backward(dy, x, w, s);
    CHECK(grad.x.rows() == 0);
    CHECK(grad.a == matrix<float>(2, 8));
}

TEST_CASE("what does not fit is refused with a sentence") {
    using l = adapters::lora<float>;
    CHECK_REFUSES(l({.in = 0, .out = 4, .rank = 2}), "in, out and rank must be above 0, they are 0, 4 and 2");
    CHECK_REFUSES(l({.in = 8, .out = 4, .rank = 2, .dropout = 1}), "dropout must be in [0, 1), it is 1");
    CHECK_REFUSES(l({.in = 8, .out = 4, .rank = 2, .alpha = INFINITY}), "alpha must be finite");
    l a({.in = 8, .out = 4, .rank = 2});
    matrix<float> x(3, 8), y(3, 4), w(4, 8), narrow(3, 7), short_y(2, 4), da(2, 8), db(4, 2);
    CHECK_REFUSES(a.forward(narrow, w, y), "forward: x must be [3, 8], it is [3, 7]");
    CHECK_REFUSES(a.forward(x, narrow, y), "forward: w must be [4, 8], it is [3, 7]");
    CHECK_REFUSES(a.forward(x, w, short_y), "forward: y must be [3, 4], it is [2, 4]");
    CHECK_REFUSES(a.add_to(narrow, y), "add_to: x must be [3, 8]");
    CHECK_REFUSES(a.add_to(x, short_y), "add_to: y must be [3, 4]");
    CHECK_REFUSES(a.merge_into(x), "merge_into: w must be [4, 8], it is [3, 8]");
    CHECK_REFUSES(a.unmerge_from(x), "unmerge_from: w must be [4, 8]");
    auto saved = a.forward(x, w, y);
    CHECK_REFUSES(a.backward(short_y, x, w, saved), "dy must be [3, 4], it is [2, 4]");
    CHECK_REFUSES(a.backward_into(y, x, saved, x, db), "the gradient of A must be [2, 8]");
    CHECK_REFUSES(a.backward_into(y, x, saved, da, y), "the gradient of B must be [4, 2]");
    CHECK_REFUSES(a.backward_into(y, x, saved, da, db, w), "the gradient of x must be [3, 8]");
    matrix<float> x2(2, 8);
    CHECK_REFUSES(a.backward_into(short_y, x2, saved, da, db), "what forward saved is for 3 rows and rank 2");
    saved.mask.resize(1);
    CHECK_REFUSES(a.backward_into(y, x, saved, da, db), "mask has 1 words, it must have 3");
}
