// lora_matmul.cuh on a GPU: the whole shape list against fp64, 50 runs bit by bit, a captured graph, and offsets beyond
// 2^31. Exits with 77 (skipped) where there is no CUDA device. --quick leaves out the large shapes; --sanitize leaves a
// handful, for compute-sanitizer; --seed N takes other numbers.
#include "activation_cases.hpp"
#include "gpu_checks.hpp"
#include "lora_cases.hpp"

#include <cstdio>
#include <vector>

using namespace lora_cases;

namespace {

template <class T>
void shapes(gpu_checks& expect) {
    std::vector<lora_case> cases;
    for (const std::int64_t m : {0, 1, 2, 15, 16, 17, 63, 64, 65, 127, 128, 129})
        for (const double p : {0.0, 0.05}) cases.push_back({.tokens = m, .in = 136, .out = 120, .rank = 16, .p = p});
    for (const std::int64_t k : {1, 8, 16, 64, 72, 100, 127})
        for (const std::int64_t n : {1, 8, 16, 64, 72, 100, 127})
            cases.push_back({.tokens = 65, .in = k, .out = n, .rank = 12, .p = 0.5});
    for (const std::int64_t r : {1, 2, 3, 4, 7, 8, 12, 16, 17, 24, 32, 48, 64, 65, 96, 128, 256})
        for (const int offset : {0, 1, 2, 4})
            cases.push_back({.tokens = 70, .in = 80, .out = 72, .rank = r, .p = 0.1, .pad = offset, .offset = offset});
    for (const bool more : {false, true}) {
        cases.push_back({.tokens = 129, .in = 200, .out = 136, .rank = 16, .pad = 8, .bias = true, .residual = more});
        cases.push_back({.tokens = 1000, .in = 64, .out = 72, .rank = 8, .p = 0.05, .accumulate = more});
        cases.push_back({.tokens = 100, .in = 128, .out = 136, .rank = 32, .p = 0.5, .zero_w = true, .scale = 30});
        cases.push_back({.tokens = 40, .in = 128, .out = 136, .rank = 32, .p = more ? 0.5 : 0.0, .keep = false});
    }
    if (!expect.quick) {
        cases.push_back({.tokens = 2048, .in = 512, .out = 640, .rank = 16, .p = 0.05, .samples = 24});
        cases.push_back({.tokens = 17, .in = 4096, .out = 4096, .rank = 16, .p = 0.05, .samples = 17});
        cases.push_back({.tokens = 64, .in = 11008, .out = 4096, .rank = 64, .samples = 8});
        cases.push_back({.tokens = 129, .in = 4096, .out = 11009, .rank = 8, .p = 0.05, .samples = 8});
        cases.push_back({.tokens = 8191, .in = 1024, .out = 768, .rank = 16, .p = 0.05, .samples = 8});
    }
    for (auto& c : cases) {
        c.seed = expect.seed;
        expect(verdict<T>(c));
    }
}

/// The same product 50 times, while another stream keeps the memory busy; and 3 times from a captured graph.
void same_bits(gpu_checks& expect) {
    const std::int64_t m = 300, k = 1024, n = 512, r = 16;
    holdfast::philox g{3};
    using T = __nv_bfloat16;
    buffer<T> x(m, k, 0, 0), w(n, k, 0, 0), a(r, k, 0, 0), b(n, r, 0, 0), y(m, n, 0, 0), u(m, r, 0, 0), dx(m, k, 0, 0);
    buffer<float> da(r, k, 0, 0), db(n, r, 0, 0), mask(m, std::int64_t(kernels::mask_words(k)), 0, 0);
    x.write(random_values<T>(m * k, g)), w.write(random_values<T>(n * k, g));
    a.write(random_values<T>(r * k, g)), b.write(random_values<T>(n * r, g));
    kernels::lora_matmul_args<T> f;
    f.shape = {m, k, n, r};
    f.x = x.data(), f.ldx = k, f.w = w.data(), f.ldw = k, f.a = a.data(), f.lda = k, f.b = b.data(), f.ldb = r;
    f.y = y.data(), f.ldy = n, f.u = u.data(), f.ldu = r, f.mask = reinterpret_cast<std::uint32_t*>(mask.data());
    f.dropout = kernels::dropout_key::make(5, 0.05);
    kernels::lora_matmul_backward_args<T> h;
    h.shape = f.shape;
    h.dy = y.data(), h.lddy = n, h.x = f.x, h.ldx = k, h.w = f.w, h.ldw = k, h.a = f.a, h.lda = k, h.b = f.b, h.ldb = r;
    h.u = f.u, h.ldu = r, h.mask = f.mask, h.dropout = f.dropout;
    h.dx = dx.data(), h.lddx = k, h.da = da.data(), h.ldda = k, h.db = db.data(), h.lddb = r;
    buffer<float> space(1, std::int64_t(kernels::lora_matmul_workspace(f) / 4), 0, 0);
    buffer<float> back(1, std::int64_t(kernels::lora_matmul_backward_workspace<T>(h.shape) / 4), 0, 0);
    f.workspace = space.data(), f.workspace_bytes = space.bytes();
    h.workspace = back.data(), h.workspace_bytes = back.bytes();
    cudaStream_t stream, noise;
    (void)cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
    (void)cudaStreamCreateWithFlags(&noise, cudaStreamNonBlocking);
    buffer<float> busy(1 << 12, 1 << 12, 0, 0);
    std::vector<double> first[4];
    const auto compare = [&](const char* how) {
        const std::vector<double> now[4] = {y.read(), dx.read(), da.read(), db.read()};
        for (int i = 0; i < 4; ++i) {
            if (first[i].empty()) first[i] = now[i];
            expect(first[i] == now[i] ? std::string{}
                                      : std::string(how) + ": output " + std::to_string(i) + " differs");
        }
    };
    const auto both = [&] {
        return kernels::lora_matmul(f, stream) == cudaSuccess &&
               kernels::lora_matmul_backward(h, stream) == cudaSuccess;
    };
    for (int run = 0; run < 50; ++run) {
        y.poison(), dx.poison(), da.poison(), db.poison(), space.poison(), back.poison();
        (void)cudaDeviceSynchronize();
        (void)cudaMemsetAsync(busy.data(), run, busy.bytes(), noise);
        expect(both() ? "" : "a launch failed");
        expect(cudaDeviceSynchronize() == cudaSuccess ? "" : "a kernel failed");
        compare("50 runs");
    }
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t executable = nullptr;
    expect(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal) == cudaSuccess ? "" : "capture did not begin");
    expect(both() ? "" : "a launch failed under capture");
    expect(cudaStreamEndCapture(stream, &graph) == cudaSuccess ? "" : "something in the calls cannot be captured");
    expect(cudaGraphInstantiate(&executable, graph, 0) == cudaSuccess ? "" : "the graph was not made");
    for (int run = 0; run < 3 && executable != nullptr; ++run) {
        y.poison(), dx.poison(), da.poison(), db.poison(), space.poison(), back.poison();
        (void)cudaDeviceSynchronize();
        expect(cudaGraphLaunch(executable, stream) == cudaSuccess ? "" : "the graph was not launched");
        (void)cudaStreamSynchronize(stream);
        compare("graph replay");
    }
    (void)cudaGraphExecDestroy(executable);
    (void)cudaGraphDestroy(graph);
    (void)cudaStreamDestroy(stream);
    (void)cudaStreamDestroy(noise);
}

/// y has more than 2^31 elements: its last rows are right.
void large_offsets(gpu_checks& expect) {
    const std::int64_t m = 270000, k = 8, n = 8192, r = 1;
    std::size_t available = 0, total = 0;
    (void)cudaMemGetInfo(&available, &total);
    if (available < std::size_t(m * n * 2) + (std::size_t{1} << 30)) {
        std::printf("SKIPPED: offsets beyond 2^31 need 6 GB of device memory\n");
        return;
    }
    using T = __nv_bfloat16;
    holdfast::philox g{4};
    const auto vx = random_values<T>(m * k, g), vw = random_values<T>(n * k, g), va = random_values<T>(r * k, g),
               vb = random_values<T>(n * r, g);
    buffer<T> x(m, k, 0, 0), w(n, k, 0, 0), a(r, k, 0, 0), b(n, r, 0, 0);
    x.write(vx), w.write(vw), a.write(va), b.write(vb);
    T* y = nullptr;
    if (cudaMalloc(&y, std::size_t(m * n) * 2) != cudaSuccess) return expect("cudaMalloc failed");
    kernels::lora_matmul_args<T> f;
    f.shape = {m, k, n, r};
    f.x = x.data(), f.ldx = k, f.w = w.data(), f.ldw = k, f.a = a.data(), f.lda = k, f.b = b.data(), f.ldb = r;
    f.y = y, f.ldy = n;
    buffer<float> space(1, std::int64_t(kernels::lora_matmul_workspace(f) / 4), 0, 0);
    f.workspace = space.data(), f.workspace_bytes = space.bytes();
    expect(kernels::lora_matmul(f, nullptr) == cudaSuccess ? "" : "a launch failed");
    std::vector<T> last(static_cast<std::size_t>(n));
    for (const std::int64_t i : {std::int64_t{0}, m - 1}) {
        expect(cudaMemcpy(last.data(), y + i * n, std::size_t(n) * 2, cudaMemcpyDeviceToHost) == cudaSuccess ? ""
                                                                                                             : "copy");
        relative_error e;
        for (std::int64_t j = 0; j < n; ++j) {
            double sum = 0;
            for (std::int64_t q = 0; q < k; ++q)
                sum +=
                    vx[std::size_t(i * k + q)] * (vw[std::size_t(j * k + q)] + vb[std::size_t(j)] * va[std::size_t(q)]);
            e.add(to_double(last[std::size_t(j)]), sum);
        }
        expect(e.value() <= 4e-3 ? ""
                                 : "row " + std::to_string(i) + " of a large y: error " + std::to_string(e.value()));
    }
    (void)cudaFree(y);
}

}  // namespace

int main(int count, char** arguments) {
    return run_on_gpu(count, arguments, [](gpu_checks& expect) {
        if (expect.few) {
            for (const int offset : {0, 1}) {
                expect(verdict<__nv_bfloat16>(
                    {.tokens = 130, .in = 136, .out = 140, .rank = 20, .p = 0.1, .offset = offset}));
                expect(verdict<float>({.tokens = 20, .in = 72, .out = 70, .rank = 4, .p = 0.1, .pad = offset}));
                expect(verdict<__half>({.tokens = 5, .in = 1024, .out = 24, .rank = 8, .accumulate = true}));
            }
            return;
        }
        shapes<__nv_bfloat16>(expect);
        shapes<__half>(expect);
        shapes<float>(expect);
        expect(verdict<__nv_bfloat16, __nv_bfloat16>({.tokens = 129, .in = 136, .out = 72, .rank = 16, .p = 0.05}));
        for (const std::int64_t m : {1, 17, 65, 300})
            for (const int offset : {0, 1})
                expect(verdict<float, float, tf32_route>({.tokens = m,
                                                          .in = 200,
                                                          .out = 136,
                                                          .rank = m == 65 ? 40 : 12,
                                                          .p = 0.1,
                                                          .pad = offset,
                                                          .offset = offset}));
        for (const auto f : every_activation)
            for (const std::int64_t m : {5, 70, 200}) {
                expect(activation_verdict<__nv_bfloat16>(f, m, 200, m == 70));
                expect(activation_verdict<__half>(f, m, 136, 0));
                expect(activation_verdict<float>(f, m, 75, 0));
                expect(activation_verdict<float>(f, m, 76, 4, true));
            }
        expect(rows_stay_apart<__nv_bfloat16>());
        expect(rows_stay_apart<__half>());
        expect(rows_stay_apart<float>());
        same_bits(expect);
        if (!expect.quick) large_offsets(expect);
    });
}
