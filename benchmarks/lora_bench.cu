// LoRA on the GPU beside cuBLASLt: the frozen product by the best of cuBLASLt's heuristics, ours (with --hopper those
// routes too), the sequence of cuBLASLt calls that Unsloth makes, and the bordered weight; forward and backward, bf16.
// lora_serving_bench.cu has the serving delta. Contenders take turns within every round, buffers rotate beyond the L2
// cache, data are fresh and random, the median of the rounds is printed with the frozen product as 100 %. Results are
// checked against cuBLASLt before they are timed. Exits with 77 where there is no CUDA device. Reproduce: sh
// benchmarks/gpu.sh   (or: lora_bench_gpu [--quick] [--hopper])
#include "lora_support.cuh"

#include <holdfast/kernels/lora_bordered.cuh>
#include <holdfast/kernels/lora_hopper.cuh>
#include <holdfast/kernels/lora_hopper_backward.cuh>

#include <cublasLt.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

using namespace lora_benchmarks;

namespace {

/// Row-major C [m, n] = alpha op(A) op(B) + beta C by cuBLASLt, with the fastest of its suggestions.
class cublas_product {
  public:
    cublas_product(cublasLtHandle_t handle, bool transpose_a, bool transpose_b, int m, int n, int k, bool fp32_out,
                   float alpha, float beta)
        : handle_(handle), alpha_(alpha), beta_(beta), workspace_(1, 64 << 20) {
        // row-major is the transpose of column-major: C' = op(B)' op(A)'
        const cublasOperation_t first = transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N;
        const cublasOperation_t second = transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N;
        ok(cublasLtMatmulDescCreate(&operation_, CUBLAS_COMPUTE_32F, CUDA_R_32F));
        ok(cublasLtMatmulDescSetAttribute(operation_, CUBLASLT_MATMUL_DESC_TRANSA, &first, sizeof first));
        ok(cublasLtMatmulDescSetAttribute(operation_, CUBLASLT_MATMUL_DESC_TRANSB, &second, sizeof second));
        const int b_rows = transpose_b ? n : k, b_cols = transpose_b ? k : n;
        const int a_rows = transpose_a ? k : m, a_cols = transpose_a ? m : k;
        ok(cublasLtMatrixLayoutCreate(&b_, CUDA_R_16BF, b_cols, b_rows, b_cols));
        ok(cublasLtMatrixLayoutCreate(&a_, CUDA_R_16BF, a_cols, a_rows, a_cols));
        ok(cublasLtMatrixLayoutCreate(&c_, fp32_out ? CUDA_R_32F : CUDA_R_16BF, n, m, n));
        cublasLtMatmulPreference_t preference;
        ok(cublasLtMatmulPreferenceCreate(&preference));
        const std::size_t bytes = workspace_.size();
        ok(cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &bytes,
                                                sizeof bytes));
        int found = 0;
        ok(cublasLtMatmulAlgoGetHeuristic(handle_, operation_, b_, a_, c_, c_, preference, 16, suggestions_, &found));
        count_ = std::size_t(found);
        (void)cublasLtMatmulPreferenceDestroy(preference);
        if (count_ == 0) throw std::runtime_error("cuBLASLt suggests nothing for this product");
    }
    cublas_product(const cublas_product&) = delete;
    cublas_product& operator=(const cublas_product&) = delete;
    ~cublas_product() {
        (void)cublasLtMatrixLayoutDestroy(a_), (void)cublasLtMatrixLayoutDestroy(b_),
            (void)cublasLtMatrixLayoutDestroy(c_);
        (void)cublasLtMatmulDescDestroy(operation_);
    }

    void operator()(const bf16* a, const bf16* b, void* c, cudaStream_t s) {
        ok(cublasLtMatmul(handle_, operation_, &alpha_, b, b_, a, a_, &beta_, c, c_, c, c_, &suggestions_[best_].algo,
                          workspace_.data(), workspace_.size(), s));
    }
    /// Times every suggestion, and keeps the fastest.
    template <class Time>
    void tune(const Time& time, const bf16* a, const bf16* b, void* c, cudaStream_t s) {
        double fastest = 1e30;
        std::size_t chosen = 0;
        for (best_ = 0; best_ < count_; ++best_) {
            if (suggestions_[best_].state != CUBLAS_STATUS_SUCCESS) continue;
            const double t = time([&](int) { (*this)(a, b, c, s); });
            if (t < fastest) fastest = t, chosen = best_;
        }
        best_ = chosen;
    }

  private:
    static void ok(cublasStatus_t status) {
        if (status != CUBLAS_STATUS_SUCCESS)
            throw std::runtime_error("cuBLASLt: status " + std::to_string(int(status)));
    }
    cublasLtHandle_t handle_;
    cublasLtMatmulDesc_t operation_ = nullptr;
    cublasLtMatrixLayout_t a_ = nullptr, b_ = nullptr, c_ = nullptr;
    cublasLtMatmulHeuristicResult_t suggestions_[16];  // not a vector: nvcc 13.0 fails on its destructor
    std::size_t count_ = 0, best_ = 0;
    float alpha_, beta_;
    device_matrix<std::byte> workspace_;
};

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

void bench(cublasLtHandle_t handle, cudaStream_t s, int m, int k, int n, int r, double p, int rounds, bool hopper) {
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

    if (p == 0) {  // right before fast
        calls_forward(0);
        ours_forward(0);
        const double difference = relative_difference(q0.y, q0.y2, s);
        if (!(difference < 6e-3)) {
            std::printf("WRONG: m %d k %d n %d r %d: ours differs from cuBLASLt by %g\n", m, k, n, r, difference);
            return;
        }
        if (hopper) {
            hopper_forward(0);
            const double of_hopper = relative_difference(q0.y, q0.y2, s);
            if (!(of_hopper < 6e-3)) {
                std::printf("WRONG: m %d k %d n %d r %d: the Hopper route differs from cuBLASLt by %g\n", m, k, n, r,
                            of_hopper);
                return;
            }
        }
    } else {
        ours_forward(0);
    }
    if (hopper) {  // against ours, which was compared with cuBLASLt above
        device_matrix<bf16> dx_of_ours(m, k);
        ours_backward(0);
        check(cudaMemcpyAsync(dx_of_ours.data(), q0.dx.data(), 2 * q0.dx.size(), cudaMemcpyDeviceToDevice, s), "copy");
        hopper_backward(0);
        const double difference = relative_difference(q0.dx, dx_of_ours, s);
        if (!(difference < 6e-3)) {
            std::printf("WRONG: m %d k %d n %d r %d: the Hopper route's dx differs from ours by %g\n", m, k, n, r,
                        difference);
            return;
        }
    }
    std::vector<std::function<void(int)>> contenders{frozen,    own_frozen,    ours_forward,   calls_forward,
                                                     frozen_dx, ours_backward, calls_backward, bordered_forward};
    if (hopper) contenders.push_back(hopper_forward), contenders.push_back(hopper_backward);
    std::vector<std::vector<double>> times(contenders.size());
    for (int round = 0; round < rounds; ++round)
        for (std::size_t c = 0; c < contenders.size(); ++c) times[c].push_back(time(contenders[c]));
    const auto median = [&](std::size_t c) { return lora_benchmarks::median(times[c]); };
    const double base = median(0), base_dx = median(4);
    std::printf(
        "| %d | %d | %d | %d | %g | %.1f | %.1f | %.1f %% | %.1f (%+.1f %%) | %.1f (%+.1f %%) | %.1f | %.1f (%+.1f %%) "
        "| %.1f (%+.1f %%) | %.1f (%+.1f %%) | ",
        m, k, n, r, p, base, 2e-6 * m * double(k) * n / base, 100 * base / median(1), median(2),
        100 * (median(2) / base - 1), median(3), 100 * (median(3) / base - 1), base_dx, median(5),
        100 * (median(5) / base_dx - 1), median(6), 100 * (median(6) / base_dx - 1), median(7),
        100 * (median(7) / base - 1));
    if (hopper)
        std::printf("%.1f (%+.1f %%) | %.1f (%+.1f %%) |\n", median(8), 100 * (median(8) / base - 1), median(9),
                    100 * (median(9) / base_dx - 1));
    else
        std::printf("- | - |\n");
    std::fflush(stdout);
}

}  // namespace

int main(int count, char** arguments) try {
    if (!holdfast::has_cuda_device()) {
        std::printf("SKIPPED: no CUDA device here, nothing was measured\n");
        return 77;
    }
    bool quick = false, hopper = false;
    for (int i = 1; i < count; ++i) {
        quick = quick || std::strcmp(arguments[i], "--quick") == 0;
        hopper = hopper || std::strcmp(arguments[i], "--hopper") == 0;
    }
    holdfast::stream stream;
    cublasLtHandle_t handle;
    if (cublasLtCreate(&handle) != CUBLAS_STATUS_SUCCESS) return 1;
    std::printf(
        "Microseconds, median of interleaved rounds, bf16; percentages over cuBLASLt's frozen product (own frozen: of "
        "its speed).\n"
        "The cuBLASLt sequences and the bordered weight have no dropout, also on the lines with p > 0.\n\n"
        "| M | K | N | r | p | frozen (cuBLASLt) | TFLOP/s | own frozen | forward, ours | forward, cuBLASLt calls | "
        "frozen dx | backward, ours | backward, cuBLASLt calls | forward, bordered | forward, Hopper | backward, "
        "Hopper |\n"
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n");
    const int layers[][2] = {{4096, 4096}, {4096, 11008}, {11008, 4096}};
    {
        const stopwatch time(stream);  // three seconds of work: the clocks settle
        buffers warm(4096, 4096, 4096, 16, stream);
        cublas_product product(handle, false, true, 4096, 4096, 4096, false, 1, 0);
        for (int i = 0; i < (quick ? 100 : 1500); ++i)
            (void)time([&](int) { product(warm.x.data(), warm.w.data(), warm.y.data(), stream); });
    }
    for (const auto& layer : layers)
        for (const int m : quick ? std::vector<int>{16, 2048} : std::vector<int>{1, 16, 128, 512, 2048, 8192, 16384})
            for (const int r : quick ? std::vector<int>{16} : std::vector<int>{8, 16, 64, 256})
                for (const double p : {0.0, 0.05}) {
                    if (p > 0 && r != 16) continue;
                    bench(handle, stream, m, layer[0], layer[1], r, p, quick ? 3 : 7, hopper);
                }
    (void)cublasLtDestroy(handle);
    return 0;
} catch (const std::exception& e) {
    std::fprintf(stderr, "lora_bench: %s\n", e.what());
    return 1;
}
