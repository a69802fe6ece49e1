// LoRA on the GPU beside cuBLASLt: the frozen product by the best of cuBLASLt's heuristics, ours (with --hopper and
// --overlap those routes too), the sequence of cuBLASLt calls that Unsloth makes, and the bordered weight; forward and
// backward, bf16. lora_serving_bench.cu has the serving delta. Contenders take turns within every round, buffers rotate
// beyond the L2 cache, data are fresh and random, the median of the rounds is printed with the frozen product as 100 %.
// Results are checked against cuBLASLt before they are timed. Exits with 77 where there is no CUDA device. Reproduce:
// sh benchmarks/gpu.sh   (or: lora_bench_gpu [--quick] [--hopper] [--overlap])
#include "cublas_product.cuh"
#include "lora_support.cuh"

#include <holdfast/kernels/lora_bordered.cuh>
#include <holdfast/kernels/lora_hopper.cuh>
#include <holdfast/kernels/lora_hopper_backward.cuh>
#include <holdfast/kernels/lora_hopper_overlap.cuh>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

using namespace lora_benchmarks;

namespace {

struct buffers {  // one rotation
    buffers(int m, int k, int n, int r, cudaStream_t s)
        : x(m, k),
          w(n, k),
          a(r, k),
          b(n, r),
          y(m, n),
          dy(m, n),
          dx(m, k),
          u(m, (r + 7) / 8 * 8),
          y2(m, n),
          da(r, k),
          db(n, r),
          mask(m, kernels::mask_words(std::size_t(k))) {
        for (auto* p : {&x, &w, &a, &b, &dy}) fill(*p, s);
    }
    device_matrix<bf16> x, w, a, b, y, dy, dx, u, y2;
    device_matrix<float> da, db;
    device_matrix<std::uint32_t> mask;
};

/// What is timed, and what its time is compared with.
enum class against { nothing, frozen, frozen_dx, speed_of_frozen };
struct contender {
    const char* name;
    std::function<void(int)> run;
    against base;
};
struct routes {
    bool hopper = false, overlap = false;  // those that nothing chooses
};

/// A line of the table, and its head above the first.
void print_line(int m, int k, int n, int r, double p, const std::vector<contender>& all,
                const std::vector<std::vector<double>>& times) {
    static bool begun = false;
    if (!begun) {
        std::printf("| M | K | N | r | p |");
        for (const contender& c : all) std::printf(" %s |", c.name);
        std::printf("\n|");
        for (std::size_t i = 0; i < all.size() + 5; ++i) std::printf(" --- |");
        std::printf("\n");
        begun = true;
    }
    const auto time_of = [&](const char* name) {
        for (std::size_t c = 0; c < all.size(); ++c)
            if (std::strcmp(all[c].name, name) == 0) return lora_benchmarks::median(times[c]);
        throw std::logic_error(name);
    };
    const double frozen = time_of("frozen (cuBLASLt)"), frozen_dx = time_of("frozen dx");
    std::printf("| %d | %d | %d | %d | %g |", m, k, n, r, p);
    for (std::size_t c = 0; c < all.size(); ++c) {
        const double t = lora_benchmarks::median(times[c]);
        switch (all[c].base) {
            case against::nothing:
                std::printf(" %.1f, %.1f TFLOP/s |", t, 2e-6 * m * double(k) * n / t);
                break;
            case against::frozen:
                std::printf(" %.1f (%+.1f %%) |", t, 100 * (t / frozen - 1));
                break;
            case against::frozen_dx:
                std::printf(" %.1f (%+.1f %%) |", t, 100 * (t / frozen_dx - 1));
                break;
            case against::speed_of_frozen:
                std::printf(" %.1f %% |", 100 * frozen / t);
        }
    }
    std::printf("\n");
    std::fflush(stdout);
}

void bench(cublasLtHandle_t handle, cudaStream_t s, int m, int k, int n, int r, double p, int rounds, routes with) {
    const double set_bytes = 2.0 * (2.0 * m * k + 3.0 * m * n + double(n) * k);
    const int sets = std::clamp(int(200e6 / set_bytes) + 1, 1, 6);
    std::vector<std::unique_ptr<buffers>> all;
    for (int i = 0; i < sets; ++i) all.push_back(std::make_unique<buffers>(m, k, n, r, s));
    const auto at = [&](int i) -> buffers& { return *all[std::size_t(i % sets)]; };

    kernels::lora_matmul_args<bf16> f;
    f.shape = {m, k, n, r};
    f.ldx = f.ldw = f.lda = k, f.ldb = r, f.ldy = n, f.scale = 2.0f / float(r);
    f.dropout = kernels::dropout_key::make(7, p);
    kernels::lora_matmul_backward_args<bf16> h;
    h.shape = f.shape;
    h.lddy = n, h.ldx = h.ldw = h.lda = h.lddx = h.ldda = k, h.ldb = h.lddb = r, h.scale = f.scale,
    h.dropout = f.dropout;
    f.u = at(0).u.data(), f.mask = at(0).mask.data();
    device_matrix<std::byte> space(
        1, std::max({kernels::lora_matmul_workspace(f), kernels::lora_matmul_backward_workspace<bf16>(f.shape),
                     kernels::lora_matmul_backward_hopper_workspace(f.shape)}));
    f.workspace = h.workspace = space.data(), f.workspace_bytes = h.workspace_bytes = space.size();

    const auto forward_of = [&](int i) -> const kernels::lora_matmul_args<bf16>& {
        buffers& q = at(i);
        f.x = q.x.data(), f.w = q.w.data(), f.a = q.a.data(), f.b = q.b.data(), f.y = q.y.data();
        f.u = q.u.data(), f.ldu = std::int64_t(q.u.cols()), f.mask = p > 0 ? q.mask.data() : nullptr;
        return f;
    };
    const auto ours_forward = [&](int i) { must(kernels::lora_matmul(forward_of(i), s)); };
    const auto hopper_forward = [&](int i) { must(kernels::lora_matmul_hopper(forward_of(i), s)); };
    const std::vector<std::uint32_t> zeros(kernels::lora_matmul_hopper_state(f.shape));
    device_matrix<std::uint32_t> state(1, zeros.size());
    check(cudaMemcpyAsync(state.data(), zeros.data(), 4 * zeros.size(), cudaMemcpyHostToDevice, s), "copy");
    const auto overlapped_forward = [&](int i) {
        must(kernels::lora_matmul_hopper_overlapped(forward_of(i), state.data(), s));
    };
    const std::int64_t border = kernels::border_width(r);
    std::vector<std::unique_ptr<device_matrix<bf16>>> whole, wide_x;  // rotated as the others are
    device_matrix<std::byte> scratch(1, kernels::cublaslt_scratch);
    for (int i = 0; i < sets; ++i) {
        whole.push_back(std::make_unique<device_matrix<bf16>>(n + border, k + border));
        wide_x.push_back(std::make_unique<device_matrix<bf16>>(m, k + border));
        fill(*wide_x.back(), s);
        bf16* const to = whole.back()->data();
        must(kernels::border_weight(f.shape, to, k + border, at(i).w.data(), k, s));
        must(kernels::border_adapter(f.shape, to, k + border, at(i).a.data(), k, at(i).b.data(), r, s));
    }
    kernels::bordered_lora_args<bf16> bordered;
    bordered.shape = f.shape, bordered.ldw = bordered.ldx = k + border, bordered.ldy = n, bordered.scale = f.scale,
    bordered.workspace = scratch.data();
    bordered.workspace_bytes = scratch.size();
    const auto bordered_forward = [&](int i) {
        bordered.weight = whole[std::size_t(i % sets)]->data(), bordered.x = wide_x[std::size_t(i % sets)]->data();
        bordered.y = at(i).y2.data();
        const cublasStatus_t status = kernels::bordered_lora(handle, bordered, s);
        if (status != CUBLAS_STATUS_SUCCESS) throw std::runtime_error(kernels::explain(status));
    };
    const auto backward_of = [&](int i) -> const kernels::lora_matmul_backward_args<bf16>& {
        buffers& q = at(i);
        h.dy = q.dy.data(), h.x = q.x.data(), h.w = q.w.data(), h.a = q.a.data(), h.b = q.b.data();
        h.u = q.u.data(), h.ldu = std::int64_t(q.u.cols()), h.mask = p > 0 ? q.mask.data() : nullptr;
        h.dx = q.dx.data(), h.da = q.da.data(), h.db = q.db.data();
        return h;
    };
    const auto ours_backward = [&](int i) { must(kernels::lora_matmul_backward(backward_of(i), s)); };
    const auto hopper_backward = [&](int i) { must(kernels::lora_matmul_backward_hopper(backward_of(i), s)); };
    const auto overlapped_backward = [&](int i) {
        must(kernels::lora_matmul_backward_hopper_overlapped(backward_of(i), s));
    };
    const auto hopper_frozen = [&](int i) {  // the Hopper kernel without an extension
        buffers& q = at(i);
        kernels::detail::hopper_call<bf16> c{
            {}, {{q.x.data(), m, k, k}, {q.w.data(), n, k, k}, {q.x.data(), m, k, k}, {q.w.data(), n, k, k}}, k, 0};
        c.p.m = m, c.p.n = n, c.p.c = q.y.data(), c.p.ldc = n;
        must(kernels::detail::run_hopper_product<kernels::detail::hopper_sum::forward, 1, 2, 3, 4>(c, s));
    };
    const auto own_frozen = [&](int i) {
        buffers& q = at(i);
        kernels::detail::gemm_problem<bf16> g;
        g.m = m, g.n = n, g.c = q.y.data(), g.ldc = n;
        g.add(q.x.data(), k, q.w.data(), k, k, 0);
        must(kernels::detail::wide_product<kernels::detail::along::row, kernels::detail::along::row>(g, s));
    };

    const stopwatch time(s);
    cublas_product forward(handle, false, true, m, n, k, false, 1, 0),
        shrink(handle, false, true, m, r, k, false, 1, 0), expand(handle, false, true, m, n, r, false, f.scale, 1),
        dx(handle, false, false, m, k, n, false, 1, 0), ds(handle, false, false, m, r, n, false, f.scale, 0),
        dx_low(handle, false, false, m, k, r, false, 1, 1), db(handle, true, false, n, r, m, true, f.scale, 0),
        da(handle, true, false, r, k, m, true, 1, 0);
    buffers& q0 = at(0);
    device_matrix<bf16> plain_u(m, r), plain_ds(m, r);
    fill(plain_u, s), fill(plain_ds, s);
    forward.tune(time, q0.x.data(), q0.w.data(), q0.y2.data(), s);
    dx.tune(time, q0.dy.data(), q0.w.data(), q0.dx.data(), s);
    shrink.tune(time, q0.x.data(), q0.a.data(), plain_u.data(), s);
    ds.tune(time, q0.dy.data(), q0.b.data(), plain_ds.data(), s);

    const auto frozen = [&](int i) { forward(at(i).x.data(), at(i).w.data(), at(i).y2.data(), s); };
    const auto frozen_dx = [&](int i) { dx(at(i).dy.data(), at(i).w.data(), at(i).dx.data(), s); };
    const auto calls_forward = [&](int i) {
        frozen(i);
        shrink(at(i).x.data(), at(i).a.data(), plain_u.data(), s);
        expand(plain_u.data(), at(i).b.data(), at(i).y2.data(), s);
    };
    const auto calls_backward = [&](int i) {
        buffers& q = at(i);
        frozen_dx(i);
        ds(q.dy.data(), q.b.data(), plain_ds.data(), s);
        db(q.dy.data(), plain_u.data(), q.db.data(), s);
        da(plain_ds.data(), q.x.data(), q.da.data(), s);
        dx_low(plain_ds.data(), q.a.data(), q.dx.data(), s);
    };

    // right before fast: ours against cuBLASLt (which has no dropout), the other routes against ours
    const auto differs = [&](const char* what, const device_matrix<bf16>& x, const device_matrix<bf16>& expected) {
        const double difference = relative_difference(x, expected, s);
        if (difference < 6e-3) return false;
        std::printf("WRONG: m %d k %d n %d r %d p %g: %s is off by %g\n", m, k, n, r, p, what, difference);
        return true;
    };
    calls_forward(0);
    ours_forward(0);
    if (p == 0 && differs("ours", q0.y, q0.y2)) return;
    device_matrix<bf16> y_of_ours(m, n), dx_of_ours(m, k);
    const auto keep = [&](const device_matrix<bf16>& from, device_matrix<bf16>& to) {
        check(cudaMemcpyAsync(to.data(), from.data(), 2 * from.size(), cudaMemcpyDeviceToDevice, s), "copy");
    };
    keep(q0.y, y_of_ours);
    ours_backward(0);
    keep(q0.dx, dx_of_ours);
    if (with.hopper) {
        hopper_forward(0), hopper_backward(0);
        if (differs("y by Hopper", q0.y, y_of_ours) || differs("dx by Hopper", q0.dx, dx_of_ours)) return;
    }
    if (with.overlap) {
        overlapped_forward(0), overlapped_backward(0);
        if (differs("y, overlapped", q0.y, y_of_ours) || differs("dx, overlapped", q0.dx, dx_of_ours)) return;
    }
    std::vector<contender> all_of{{"frozen (cuBLASLt)", frozen, against::nothing},
                                  {"own frozen", own_frozen, against::speed_of_frozen},
                                  {"forward, ours", ours_forward, against::frozen},
                                  {"forward, cuBLASLt calls", calls_forward, against::frozen},
                                  {"forward, bordered", bordered_forward, against::frozen},
                                  {"frozen dx", frozen_dx, against::nothing},
                                  {"backward, ours", ours_backward, against::frozen_dx},
                                  {"backward, cuBLASLt calls", calls_backward, against::frozen_dx}};
    if (with.hopper) {
        all_of.push_back({"own frozen, Hopper", hopper_frozen, against::speed_of_frozen});
        all_of.push_back({"forward, Hopper", hopper_forward, against::frozen});
        all_of.push_back({"backward, Hopper", hopper_backward, against::frozen_dx});
    }
    if (with.overlap) {
        all_of.push_back({"forward, overlapped", overlapped_forward, against::frozen});
        all_of.push_back({"backward, overlapped", overlapped_backward, against::frozen_dx});
    }
    std::vector<std::vector<double>> times(all_of.size());
    for (int round = 0; round < rounds; ++round)
        for (std::size_t c = 0; c < all_of.size(); ++c) times[c].push_back(time(all_of[c].run));
    print_line(m, k, n, r, p, all_of, times);
}

}  // namespace

int main(int count, char** arguments) try {
    if (!holdfast::has_cuda_device()) {
        std::printf("SKIPPED: no CUDA device here, nothing was measured\n");
        return 77;
    }
    bool quick = false;
    routes with;
    for (int i = 1; i < count; ++i) {
        quick = quick || std::strcmp(arguments[i], "--quick") == 0;
        with.hopper = with.hopper || std::strcmp(arguments[i], "--hopper") == 0;
        with.overlap = with.overlap || std::strcmp(arguments[i], "--overlap") == 0;
    }
    holdfast::stream stream;
    cublasLtHandle_t handle;
    if (cublasLtCreate(&handle) != CUBLAS_STATUS_SUCCESS) return 1;
    std::printf(
        "Microseconds, median of interleaved rounds, bf16; percentages over cuBLASLt's frozen product (own frozen: of "
        "its speed).\n"
        "The cuBLASLt sequences and the bordered weight have no dropout, also on the lines with p > 0.\n\n");
    const int layers[][2] = {{4096, 4096}, {4096, 11008}, {11008, 4096}};
    {
        const stopwatch time(stream);  // three seconds of work: the clocks settle
        buffers warm(4096, 4096, 4096, 16, stream);
        cublas_product product(handle, false, true, 4096, 4096, 4096, false, 1, 0);
        for (int i = 0; i < (quick ? 100 : 1500); ++i)
            (void)time([&](int) { product(warm.x.data(), warm.w.data(), warm.y.data(), stream); });
    }
    const auto heights = quick ? std::vector<int>{2048, 16} : std::vector<int>{2048, 8192, 16384, 512, 128, 16, 1};
    struct kind {
        int rank;
        double p;
    };
    const auto kinds =
        quick ? std::vector<kind>{{16, 0}, {16, 0.05}}
              : std::vector<kind>{{16, 0}, {16, 0.05}, {64, 0}, {8, 0}, {256, 0}, {64, 0.05}, {8, 0.05}, {256, 0.05}};
    for (const kind& of : kinds)  // what the targets name comes first: the rest may be cut off for time
        for (const auto& layer : layers)
            for (const int m : heights)
                bench(handle, stream, m, layer[0], layer[1], of.rank, of.p, quick ? 3 : 7, with);
    (void)cublasLtDestroy(handle);
    return 0;
} catch (const std::exception& e) {
    std::fprintf(stderr, "lora_bench: %s\n", e.what());
    return 1;
}
