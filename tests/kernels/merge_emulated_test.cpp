// Merge, unmerge and restore on the emulated GPU.
#include <holdfast/kernels/merge.cuh>

#include "lora_cases.hpp"
#include "support/test.hpp"

namespace kernels = holdfast::kernels;
using namespace lora_cases;

namespace {

template <class T>
struct layer {
    explicit layer(std::int64_t n, std::int64_t k, std::int64_t r, int pad = 0)
        : w(n, k, pad, 0), a(r, k, pad, 0), b(n, r, pad, 0), n_(n), k_(k), r_(r) {
        holdfast::philox g{5, std::uint64_t(n)};
        old = random_values<T>(n * k, g);
        va = random_values<T>(r * k, g), vb = random_values<T>(n * r, g);
        w.write(old), a.write(va), b.write(vb);
        args.shape = {0, k, n, r};
        args.w = w.data(), args.ldw = w.ld(), args.a = a.data(), args.lda = a.ld(), args.b = b.data(),
        args.ldb = b.ld();
        args.scale = 0.25f;
    }
    [[nodiscard]] std::vector<double> exact() const {
        std::vector<double> m = old;
        for (std::int64_t i = 0; i < n_; ++i)
            for (std::int64_t j = 0; j < k_; ++j)
                for (std::int64_t q = 0; q < r_; ++q)
                    m[std::size_t(i * k_ + j)] += 0.25 * vb[std::size_t(i * r_ + q)] * va[std::size_t(q * k_ + j)];
        return m;
    }
    buffer<T> w, a, b;
    kernels::merge_args<T> args;
    std::vector<double> old, va, vb;
    std::int64_t n_, k_, r_;
};

double distance(const std::vector<double>& a, const std::vector<double>& b) {
    relative_error e;
    for (std::size_t i = 0; i < a.size(); ++i) e.add(a[i], b[i]);
    return e.value();
}

}  // namespace

TEMPLATE_TEST_CASE("a merge is rounded once, and its changed bits restore the weight exactly", "", float, __half,
                   __nv_bfloat16) {
    layer<TestType> l(70, 67, 33, 3);
    buffer<kernels::bits_of<TestType>> changed(70, 67, 0, 0);
    l.args.changed = changed.data(), l.args.ldc = 67;
    REQUIRE(kernels::merge(l.args, nullptr) == cudaSuccess);
    CHECK(distance(l.w.read(), l.exact()) <= tolerance_of<TestType>().y);
    CHECK(l.w.gaps_intact());
    REQUIRE(kernels::restore(l.args.w, l.args.ldw, l.args.changed, l.args.ldc, 70, 67, nullptr) == cudaSuccess);
    CHECK(l.w.read() == l.old);
}

TEST_CASE("merging and taking out again is the identity up to rounding") {
    layer<float> l(40, 130, 8);
    REQUIRE(kernels::merge(l.args, nullptr) == cudaSuccess);
    l.args.scale = -l.args.scale;
    REQUIRE(kernels::merge(l.args, nullptr) == cudaSuccess);
    CHECK(distance(l.w.read(), l.old) < 1e-6);
}

TEST_CASE("stochastic rounding is unbiased where rounding to the nearest loses the change") {
    const std::int64_t n = 64, k = 640;
    layer<__nv_bfloat16> l(n, k, 1);
    const std::vector<double> ones(std::size_t(n * k), 1.0);
    l.w.write(ones);
    l.a.write(std::vector<double>(std::size_t(k), 1.0)), l.b.write(std::vector<double>(std::size_t(n), 1.0));
    l.args.scale = 0x1p-10f;  // an eighth of the step above 1
    REQUIRE(kernels::merge(l.args, nullptr) == cudaSuccess);
    CHECK(l.w.read() == ones);
    l.args.round = kernels::rounding::stochastic;
    l.args.seed = 3;
    REQUIRE(kernels::merge(l.args, nullptr) == cudaSuccess);
    double up = 0;
    for (const double x : l.w.read()) {
        CHECK((x == 1.0 || x == 1.0 + 0x1p-7));
        up += x > 1.0;
    }
    const double count = double(n * k), expected = count / 8;
    CHECK(std::abs(up - expected) < 5 * std::sqrt(count * (1.0 / 8) * (7.0 / 8)));
}

TEST_CASE("merge refuses with a sentence") {
    layer<float> l(8, 8, 2);
    l.args.round = kernels::rounding::stochastic;
    CHECK_THAT(kernels::explain(l.args), Contains("kernels::merge: stochastic rounding is there for bf16 only"));
    CHECK(kernels::merge(l.args, nullptr) == cudaErrorInvalidValue);
    l.args.round = kernels::rounding::nearest;
    CHECK(kernels::explain(l.args).empty());
    l.args.a = nullptr;
    CHECK_THAT(kernels::explain(l.args), Contains("a is a null pointer"));
}
