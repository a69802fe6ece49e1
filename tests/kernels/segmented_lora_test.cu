// segmented_lora.cuh and segmented_gradients.cuh on a GPU, against fp64: one launch and two, 50 runs bit by bit, a
// captured graph under changing segments. Exits with 77 where there is no CUDA device.
#include "gpu_checks.hpp"
#include "segmented_cases.hpp"

using namespace lora_cases;

namespace {

/// A serving batch captured once, replayed with other segments and another count of them, each time against two
/// launches that were told so directly; and the same one 50 times.
void one_graph_for_every_batch(gpu_checks& expect) {
    using T = __nv_bfloat16;
    const std::int64_t m = 48, k = 1024, n = 768, r = 16;
    const int adapters = 5, most = 6;
    holdfast::philox g{21};
    buffer<T> x(m, k, 0, 0), y(m, n, 0, 0), a(adapters * r, k, 0, 0), b(adapters * n, r, 0, 0);
    const auto old = random_values<T>(m * n, g);
    x.write(random_values<T>(m * k, g));
    a.write(random_values<T>(adapters * r * k, g)), b.write(random_values<T>(adapters * n * r, g));
    std::vector<kernels::adapter_entry<T>> table;
    for (int i = 0; i < adapters; ++i)
        table.push_back({a.data() + i * r * k, b.data() + i * n * r, k, r, int(r) - 3 * i, 0.5f});
    kernels::adapter_entry<T>* entries = nullptr;
    std::int32_t* numbers = nullptr;  // offsets, adapters, count
    if (cudaMalloc(&entries, sizeof(table[0]) * table.size()) != cudaSuccess ||
        cudaMalloc(&numbers, 4 * (2 * most + 2)) != cudaSuccess)
        return expect("cudaMalloc failed");
    (void)cudaMemcpy(entries, table.data(), sizeof(table[0]) * table.size(), cudaMemcpyHostToDevice);
    kernels::segmented_lora_args<T> f;
    f.tokens = m, f.in = k, f.out = n, f.rank = r, f.adapters = entries, f.adapter_count = adapters;
    f.rows.row_offsets = numbers, f.rows.segment_adapter = numbers + most + 1, f.rows.count = numbers + 2 * most + 1;
    f.rows.most = most, f.x = x.data(), f.ldx = k, f.y = y.data(), f.ldy = n;
    buffer<float> space(1, std::int64_t(kernels::segmented_lora_workspace(f) / 4), 0, 0);
    f.workspace = space.data(), f.workspace_bytes = space.bytes();
    cudaStream_t stream;
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t executable = nullptr;
    (void)cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
    expect(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal) == cudaSuccess, "capture did not begin");
    expect(kernels::segmented_lora(f, stream) == cudaSuccess, "a launch failed under capture");
    expect(cudaStreamEndCapture(stream, &graph) == cudaSuccess, "the call cannot be captured");
    expect(cudaGraphInstantiate(&executable, graph, 0) == cudaSuccess, "the graph was not made");
    const std::vector<std::int32_t> batches[] = {{0, 8, 16, 24, 40, 48, 48, 0, 1, 2, 3, 4, -1, 6},
                                                 {0, 48, 48, 48, 48, 48, 48, 2, 0, 0, 0, 0, 0, 1},
                                                 {5, 6, 6, 30, 48, 48, 48, 4, 1, -1, 0, 0, 0, 4},
                                                 {0, 48, 48, 48, 48, 48, 48, 0, 0, 0, 0, 0, 0, 0}};
    for (const auto& batch : batches) {
        (void)cudaMemcpy(numbers, batch.data(), 4 * batch.size(), cudaMemcpyHostToDevice);
        y.write(old);
        auto two = f;
        two.two_launches = true;
        expect(kernels::segmented_lora(two, nullptr) == cudaSuccess && cudaDeviceSynchronize() == cudaSuccess,
               "two launches failed");
        const auto expected = y.read();
        std::vector<double> first;
        for (int run = 0; run < 50 && executable != nullptr; ++run) {
            y.write(old), space.poison();
            (void)cudaDeviceSynchronize();
            expect(cudaGraphLaunch(executable, stream) == cudaSuccess && cudaStreamSynchronize(stream) == cudaSuccess,
                   "the graph was not run");
            if (run == 0) first = y.read();
            expect(y.read() == first, "two runs of a serving graph differ");
        }
        relative_error e;
        for (std::size_t i = 0; i < expected.size(); ++i) e.add(first[i], expected[i]);
        expect(e.value() <= tolerance_of<T>().y, "a replayed graph does not give what two launches give");
    }
    (void)cudaGraphExecDestroy(executable);
    (void)cudaGraphDestroy(graph);
    (void)cudaStreamDestroy(stream);
    (void)cudaFree(entries);
    (void)cudaFree(numbers);
}

}  // namespace

int main(int count, char** arguments) {
    return run_on_gpu(count, arguments, [](gpu_checks& expect) {
        if (expect.few) {
            expect(segmented_verdict<__nv_bfloat16>(
                {.in = 264, .out = 136, .rank = 24, .ranks = {24, 16, 3}, .of_row = popularity(4, 37, 3)}));
            return expect(segmented_verdict<__half>(
                {.in = 99, .out = 41, .rank = 8, .ranks = {8, 5}, .of_row = popularity(1, 20, 2), .pad = 1}));
        }
        one_graph_for_every_batch(expect);
        std::vector<int> ranks;
        for (int i = 0; i < 133; ++i) ranks.push_back(1 + i * 7 % 64);
        for (const int kind : {0, 1, 2, 3, 4})
            for (const int m : {1, 2, 15, 17, 64, 133, 500}) {
                expect(segmented_verdict<__nv_bfloat16>(
                    {.in = 520, .out = 264, .rank = 64, .ranks = ranks, .of_row = popularity(kind, m, 133)}));
                expect(segmented_verdict<float>(
                    {.in = 99, .out = 301, .rank = 64, .ranks = ranks, .of_row = popularity(kind, m, 133), .pad = 1}));
            }
        expect(segmented_verdict<__half>(
            {.in = 4096, .out = 2049, .rank = 256, .ranks = {256, 65, 3}, .of_row = popularity(4, 33, 3)}));
        const std::vector<int> two{4, 8};
        expect(segmented_verdict<float>(
            {.ranks = two, .of_row = {0, 1, 1}, .offsets = {0, 1, 1, 1, 3}, .segment = {0, 0, 0, 1}}));
        expect(segmented_verdict<float>(
            {.ranks = two, .of_row = {0, 0, -1, -1}, .offsets = {0, 2, 4}, .segment = {0, 1}, .device_count = 1}));
    });
}
