// The Hopper kernels on the emulated GPU: their loads, barriers, clusters, descriptors, products, schedule, epilogue,
// and that they read nothing of the kernel ahead before they waited for it; and the numbers of hopper.hpp against the
// bits that the PTX manual gives.
#include "hopper_watch.hpp"

#include "support/test.hpp"

#include <set>

using namespace lora_cases;
namespace detail = holdfast::kernels::detail;
using bf16 = __nv_bfloat16;

namespace {

template <class T, class G = float>
std::string watched(const lora_case& c) {
    return hopper_verdict<T, G, watched_route<hopper_route>>(c);
}

}  // namespace

TEST_CASE("a descriptor has its fields where the manual puts them") {
    const std::uint64_t d = detail::matrix_descriptor(0x1A400);
    CHECK((d & 0x3FFF) == 0x1A40);                            // start address / 16
    CHECK((d >> 16 & 0x3FFF) == 1);                           // leading dimension: not used by this layout
    CHECK((d >> 32 & 0x3FFF) == 64);                          // 1024 bytes from 8 rows to the next 8
    CHECK((d >> 49 & 7) == 0);                                // base offset: tiles lie on borders of 1024
    CHECK(d >> 62 == 1);                                      // 128-byte swizzle
    CHECK(detail::matrix_descriptor(0x1A400 + 32) == d + 2);  // the next 16 elements of a row
}

TEST_CASE("a descriptor of a factor that lies across names its boxes and its groups of eight") {
    const std::uint64_t d = detail::transposed_descriptor(0x1A400);
    CHECK((d & 0x3FFF) == 0x1A40);
    CHECK((d >> 16 & 0x3FFF) == 512);  // 8192 bytes from one box of 64 columns to the next
    CHECK((d >> 32 & 0x3FFF) == 64);   // 1024 bytes from 8 summed indices to the next 8
    CHECK(d >> 62 == 1);
    CHECK(detail::transposed_descriptor(0x1A400 + 2048) == d + 128);  // the next 16 of the sum
}

TEST_CASE("the 128-byte swizzle is a permutation of 1024 bytes in which eight rows of a chunk share no bank") {
    std::set<std::uint32_t> places;
    for (std::uint32_t row = 0; row < 8; ++row)
        for (std::uint32_t chunk = 0; chunk < 8; ++chunk) {
            const std::uint32_t at = detail::swizzled_128(4096 + 128 * row + 16 * chunk);
            CHECK(at == 4096 + 128 * row + 16 * (chunk ^ row));
            places.insert(at);
        }
    CHECK(places.size() == 64);
    for (std::uint32_t chunk = 0; chunk < 8; ++chunk) {
        std::set<std::uint32_t> banks;
        for (std::uint32_t row = 0; row < 8; ++row) banks.insert(detail::swizzled_128(128 * row + 16 * chunk) / 16 % 8);
        CHECK(banks.size() == 8);
    }
}

TEST_CASE("the steps of a sum cover it, and the last one's tail the rank") {
    for (const int k : {1, 63, 64, 65, 4096})
        for (int r = 1; r <= 256; ++r) {
            const auto s = detail::hopper_steps_of(k, r);
            CHECK((s.frozen * 64 >= k && (s.frozen - 1) * 64 < k));
            const int products = (s.low_rank - 1) * 4 + s.tail;
            CHECK((s.tail >= 1 && s.tail <= 4 && products * 16 >= r && (products - 1) * 16 < r));
        }
    static_assert(detail::hopper_tile::shared_bytes <= 227 * 1024);
}

TEST_CASE("every step of a sum is taken once in either order, and the one with the tail is the last of the low-rank") {
    for (const bool first : {false, true})
        for (const int k : {1, 64, 130, 4096})
            for (const int r : {1, 16, 64, 65, 256}) {
                const auto s = detail::hopper_steps_of(k, r);
                std::set<std::pair<bool, int>> seen;
                int last_low_rank = -1;
                for (int step = 0; step < s.count(); ++step) {
                    const auto at = s.at(step, first);
                    CHECK(at.depth < (at.low_rank ? r : k));
                    seen.insert({at.low_rank, at.depth});
                    if (at.low_rank) last_low_rank = step;
                }
                CHECK(int(seen.size()) == s.count());
                CHECK(s.with_tail(first) == last_low_rank);
                CHECK(s.at(first ? 0 : s.count() - 1, first).low_rank);
            }
}

TEST_CASE("the tiles of a persistent grid are each taken by one block") {
    for (const int m : {1, 128, 129, 1000, 8192})
        for (const int n : {1, 256, 300, 4096})
            for (const int blocks : {1, 3, 128, 132}) {
                const int tiles_m = (m + 127) / 128, tiles_n = (n + 255) / 256;
                std::set<std::pair<int, int>> taken;
                for (int block = 0; block < blocks; ++block)
                    for (int t = block; t < tiles_m * tiles_n; t += blocks) {
                        const auto at = detail::tile_of(t, tiles_m, tiles_n, 8);
                        CHECK((at.m >= 0 && at.m < tiles_m && at.n >= 0 && at.n < tiles_n));
                        taken.insert({at.m, at.n});
                    }
                CHECK(int(taken.size()) == tiles_m * tiles_n);
            }
}

TEST_CASE("the pass over dy covers rows and columns, in whole steps and at most sixteen clusters of parts") {
    for (const int m : {1, 31, 128, 129, 1000, 2048, 8191, 16384})
        for (const int n : {1, 64, 4096, 4097, 11008, 70000}) {
            const auto p = detail::plan_pass(m, n);
            CHECK(p.rows % 32 == 0);
            CHECK((p.splits * p.rows >= m && (p.splits - 1) * p.rows < m));
            CHECK((p.groups * 4096 >= n && (p.groups - 1) * 4096 < n));
            CHECK((p.splits == 1 || p.groups * p.splits <= 16));
        }
}

TEST_CASE("the Hopper kernel gives what fp64 gives") {
    for (const std::int64_t m : {0, 1, 64, 130})
        CHECK(watched<bf16>({.tokens = m, .in = 72, .out = 40, .rank = 8, .keep = false}) == "");
    for (const std::int64_t r : {16, 40, 48, 64, 72, 136})  // every tail, one extension step and more
        CHECK(watched<bf16>({.tokens = 70, .in = 64, .out = 33, .rank = r, .keep = false}) == "");
    // five tiles for three processors, stages and parities more than once round
    CHECK(watched<bf16>({.tokens = 600, .in = 328, .out = 130, .rank = 16, .keep = false, .samples = 40}) == "");
    CHECK(watched<bf16>({.tokens = 130, .in = 24, .out = 530, .rank = 8, .p = 0.3, .keep = false}) == "");
    // odd sizes with gaps, epilogues, and what is saved for backward
    CHECK(watched<bf16>(
              {.tokens = 66, .in = 61, .out = 45, .rank = 5, .p = 0.5, .pad = 3, .bias = true, .residual = true}) ==
          "");
    CHECK(watched<__half>({.tokens = 65, .in = 64, .out = 257, .rank = 24, .bias = true, .keep = false}) == "");
    CHECK(
        watched<bf16>(
            {.tokens = 40, .in = 64, .out = 40, .rank = 8, .p = 0.5, .zero_w = true, .keep = false, .scale = 30.0f}) ==
        "");
}

TEST_CASE("the Hopper kernel without an extension is the frozen product") {
    for (const std::int64_t k : {64, 72, 200}) {
        const std::int64_t m = 130, n = 40;
        holdfast::philox g{52};
        buffer<bf16> x(m, k, 0, 0), w(n, k, 0, 0), y(m, n, 0, 0);
        const auto of_x = random_values<bf16>(m * k, g), of_w = random_values<bf16>(n * k, g);
        x.write(of_x), w.write(of_w);
        detail::hopper_call<bf16> c{
            {}, {{x.data(), m, k, k}, {w.data(), n, k, k}, {x.data(), m, k, k}, {w.data(), n, k, k}}, int(k), 0};
        c.p.m = int(m), c.p.n = int(n), c.p.c = y.data(), c.p.ldc = n;
        CHECK(detail::run_hopper_product<detail::hopper_sum::forward, 1, 2, 3, 4>(c, nullptr) == cudaSuccess);
        const auto found = y.read();
        relative_error e;
        for (std::int64_t i = 0; i < m; ++i)
            for (std::int64_t j = 0; j < n; ++j) {
                double sum = 0;
                for (std::int64_t q = 0; q < k; ++q) sum += of_x[std::size_t(i * k + q)] * of_w[std::size_t(j * k + q)];
                e.add(found[std::size_t(i * n + j)], sum);
            }
        CHECK(e.value() < 2.5e-3);
    }
}

TEST_CASE("the Hopper kernels give the gradients that fp64 gives, dropped elements masked in dx and dA alone") {
    for (const std::int64_t m : {0, 1, 33}) CHECK(watched<bf16>({.tokens = m, .in = 72, .out = 40, .rank = 8}) == "");
    for (const std::int64_t r : {24, 72})
        CHECK(watched<bf16>({.tokens = 40, .in = 64, .out = 40, .rank = r, .p = 0.3}) == "");
    // two tiles of dx along its width and two along its height, a row of the mask that ends within a tile
    CHECK(watched<bf16>({.tokens = 140, .in = 296, .out = 72, .rank = 16, .p = 0.5}) == "");
    // rows of dy in two splits, columns in several blocks; then in two groups
    CHECK(watched<bf16>({.tokens = 150, .in = 40, .out = 1096, .rank = 8, .accumulate = true, .samples = 20}) == "");
    CHECK(watched<bf16>({.tokens = 20, .in = 40, .out = 4136, .rank = 8, .p = 0.1, .samples = 20}) == "");
    CHECK(watched<bf16>({.tokens = 66, .in = 61, .out = 45, .rank = 5, .p = 0.5, .pad = 3}) == "");
    CHECK(watched<bf16, bf16>({.tokens = 40, .in = 64, .out = 72, .rank = 8, .zero_w = true, .scale = 30.0f}) == "");
    CHECK(watched<__half>({.tokens = 34, .in = 64, .out = 64, .rank = 24, .p = 0.3}) == "");
}

TEST_CASE("the number of multiprocessors changes no bit of what the Hopper kernels give") {
    const lora_case c{.tokens = 140, .in = 264, .out = 136, .rank = 8, .p = 0.2, .samples = 30};
    lora_errors found[3];
    for (int i = 0; i < 3; ++i) {
        detail::emulation::multiprocessors = 1 + 2 * i;
        found[i] = run<bf16, float, hopper_route>(c);
    }
    detail::emulation::multiprocessors = 3;
    for (const auto& e : found)
        CHECK((e.y == found[0].y && e.dx == found[0].dx && e.da == found[0].da && e.db == found[0].db && e.repeatable));
}

TEST_CASE("the Hopper route refuses with a code and a sentence what TMA cannot read, and other GPUs") {
    buffer<bf16> x(4, 16, 0, 0), w(6, 16, 0, 0), a(8, 16, 0, 0), b(6, 8, 0, 0), y(4, 6, 0, 0);
    kernels::lora_matmul_args<bf16> f;
    f.shape = {4, 16, 6, 8};
    f.x = x.data(), f.ldx = 16, f.w = w.data(), f.ldw = 16, f.a = a.data(), f.lda = 16, f.b = b.data(), f.ldb = 8;
    f.y = y.data(), f.ldy = 6;
    buffer<float> space(1, std::int64_t(kernels::lora_matmul_workspace(f) / 4), 0, 0);
    f.workspace = space.data(), f.workspace_bytes = space.bytes();
    x.write(std::vector<double>(64, 1.0)), w.write(std::vector<double>(96, 1.0));
    a.write(std::vector<double>(128, 1.0)), b.write(std::vector<double>(48, 1.0));
    CHECK(kernels::explain_hopper(f).empty());
    const auto refuses = [&](auto change, cudaError_t code, const char* words) {
        auto bad = f;
        change(bad);
        CHECK(kernels::lora_matmul_hopper(bad, nullptr) == code);
        CHECK_THAT(kernels::explain_hopper(bad), Contains(words));
    };
    using args = kernels::lora_matmul_args<bf16>;
    refuses([](args& g) { ++g.x; }, cudaErrorMisalignedAddress,
            "kernels::lora_matmul_hopper: x must lie on a border of 16 bytes, it is off by 2");
    refuses([](args& g) { g.ldw = 17; }, cudaErrorInvalidValue,
            "the leading dimension of w must be a multiple of 8, it is 17");
    refuses([](args& g) { g.workspace_bytes = 3; }, cudaErrorInvalidValue, "it holds 3");
    detail::emulation::compute_capability = 8;
    CHECK(kernels::lora_matmul_hopper(f, nullptr) == cudaErrorNoKernelImageForDevice);
    detail::emulation::compute_capability = 9;
    for (const double value : y.read()) CHECK(std::isnan(value));
    CHECK(kernels::lora_matmul_hopper(f, nullptr) == cudaSuccess);
    for (const double value : y.read()) CHECK(value == 16.0 + 16.0 * 8);
}

TEST_CASE("the gradients by Hopper's kernels refuse with a code and a sentence too") {
    buffer<bf16> x(4, 16, 0, 0), w(6, 16, 0, 0), a(8, 16, 0, 0), b(6, 8, 0, 0), dy(4, 8, 0, 0), dx(4, 16, 0, 0),
        u(4, 8, 0, 0);
    buffer<float> da(8, 16, 0, 0), db(6, 8, 0, 0);
    kernels::lora_matmul_backward_args<bf16> g;
    g.shape = {4, 16, 6, 8};
    g.dy = dy.data(), g.lddy = 8, g.x = x.data(), g.ldx = 16, g.w = w.data(), g.ldw = 16, g.a = a.data(), g.lda = 16;
    g.b = b.data(), g.ldb = 8, g.u = u.data(), g.ldu = 8, g.dx = dx.data(), g.lddx = 16, g.da = da.data();
    g.ldda = 16, g.db = db.data(), g.lddb = 8;
    buffer<float> space(1, std::int64_t(kernels::lora_matmul_backward_hopper_workspace(g.shape) / 4), 0, 0);
    g.workspace = space.data(), g.workspace_bytes = space.bytes();
    CHECK(kernels::explain_hopper(g).empty());
    const auto refuses = [&](auto change, cudaError_t code, const char* words) {
        auto bad = g;
        change(bad);
        CHECK(kernels::lora_matmul_backward_hopper(bad, nullptr) == code);
        CHECK_THAT(kernels::explain_hopper(bad), Contains(words));
    };
    using args = kernels::lora_matmul_backward_args<bf16>;
    refuses([](args& f) { ++f.a; }, cudaErrorMisalignedAddress,
            "kernels::lora_matmul_backward_hopper: a must lie on a border of 16 bytes, it is off by 2");
    refuses([](args& f) { f.lddy = 7; }, cudaErrorInvalidValue,
            "the leading dimension of dy must be a multiple of 8, it is 7");
    refuses([](args& f) { --f.workspace_bytes; }, cudaErrorInvalidValue, "the workspace must hold");
    refuses([](args& f) { f.dropout.threshold = 9; }, cudaErrorInvalidValue, "backward needs the mask");
    g.lddy = 7, g.dx = nullptr;  // without dx nothing is asked of the borders
    CHECK(kernels::explain_hopper(g).empty());
    g.lddy = 8, g.dx = dx.data();
    detail::emulation::compute_capability = 8;
    CHECK(kernels::lora_matmul_backward_hopper(g, nullptr) == cudaErrorNoKernelImageForDevice);
    detail::emulation::compute_capability = 9;
    for (const double value : dx.read()) CHECK(std::isnan(value));
}

TEST_CASE("of the gradients by Hopper's kernels only those that are wanted are computed, with the same bits") {
    const std::int64_t m = 33, k = 40, n = 72, r = 8;
    holdfast::philox g{51};
    buffer<bf16> x(m, k, 0, 0), w(n, k, 0, 0), a(r, k, 0, 0), b(n, r, 0, 0), dy(m, n, 0, 0), dx(m, k, 0, 0),
        u(m, r, 0, 0);
    buffer<float> da(r, k, 0, 0), db(n, r, 0, 0);
    x.write(random_values<bf16>(m * k, g)), w.write(random_values<bf16>(n * k, g));
    a.write(random_values<bf16>(r * k, g)), b.write(random_values<bf16>(n * r, g));
    dy.write(random_values<bf16>(m * n, g)), u.write(random_values<bf16>(m * r, g));
    kernels::lora_matmul_backward_args<bf16> all;
    all.shape = {m, k, n, r};
    all.dy = dy.data(), all.lddy = n, all.x = x.data(), all.ldx = k, all.w = w.data(), all.ldw = k, all.a = a.data();
    all.lda = k, all.b = b.data(), all.ldb = r, all.u = u.data(), all.ldu = r, all.dx = dx.data(), all.lddx = k;
    all.da = da.data(), all.ldda = k, all.db = db.data(), all.lddb = r;
    buffer<float> space(1, std::int64_t(kernels::lora_matmul_backward_hopper_workspace(all.shape) / 4), 0, 0);
    all.workspace = space.data(), all.workspace_bytes = space.bytes();
    CHECK(kernels::lora_matmul_backward_hopper(all, nullptr) == cudaSuccess);
    const auto of_x = dx.read(), of_a = da.read(), of_b = db.read();
    const auto untouched = [](const std::vector<double>& v) {
        return std::all_of(v.begin(), v.end(), [](double e) { return std::isnan(e); });
    };
    for (const int wanted : {1, 2, 4, 6}) {
        dx.poison(), da.poison(), db.poison(), space.poison();
        auto some = all;
        if (!(wanted & 1)) some.dx = nullptr, some.w = nullptr, some.a = nullptr;
        if (!(wanted & 2)) some.da = nullptr, some.x = nullptr;
        if (!(wanted & 4)) some.db = nullptr, some.u = nullptr;
        CHECK(kernels::lora_matmul_backward_hopper(some, nullptr) == cudaSuccess);
        CHECK((wanted & 1 ? dx.read() == of_x : untouched(dx.read())));
        CHECK((wanted & 2 ? da.read() == of_a : untouched(da.read())));
        CHECK((wanted & 4 ? db.read() == of_b : untouched(db.read())));
    }
}
