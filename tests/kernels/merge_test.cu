// merge.cuh on a GPU: rounded once, restored exactly, stochastic rounding unbiased. Exits with 77 where there is none.
#include <holdfast/kernels/merge.cuh>

#include "gpu_checks.hpp"
#include "lora_cases.hpp"

using namespace lora_cases;

namespace {

template <class T>
void merged_and_restored(gpu_checks& expect, std::int64_t n, std::int64_t k, std::int64_t r) {
    holdfast::philox g{2, std::uint64_t(n)};
    const auto old = random_values<T>(n * k, g), va = random_values<T>(r * k, g), vb = random_values<T>(n * r, g);
    buffer<T> w(n, k, 3, 1), a(r, k, 3, 1), b(n, r, 3, 1);
    w.write(old), a.write(va), b.write(vb);
    buffer<kernels::bits_of<T>> changed(n, k, 0, 0);
    kernels::merge_args<T> m;
    m.shape = {0, k, n, r};
    m.w = w.data(), m.ldw = w.ld(), m.a = a.data(), m.lda = a.ld(), m.b = b.data(), m.ldb = b.ld(), m.scale = 0.25f;
    m.changed = changed.data(), m.ldc = k;
    expect(kernels::merge(m, nullptr) == cudaSuccess, "merge is launched");
    relative_error e;
    const auto merged = w.read();
    for (std::int64_t i = 0; i < n; ++i)
        for (std::int64_t j = 0; j < k; ++j) {
            double sum = old[std::size_t(i * k + j)];
            for (std::int64_t q = 0; q < r; ++q) sum += 0.25 * vb[std::size_t(i * r + q)] * va[std::size_t(q * k + j)];
            e.add(merged[std::size_t(i * k + j)], sum);
        }
    expect(e.value() <= tolerance_of<T>().y, "a merge is rounded once");
    expect(w.gaps_intact(), "nothing is written between rows");
    expect(kernels::restore(m.w, m.ldw, m.changed, m.ldc, n, k, nullptr) == cudaSuccess, "restore is launched");
    expect(w.read() == old, "restore is exact");
    if constexpr (std::is_same_v<T, __nv_bfloat16>) {
        m.round = kernels::rounding::stochastic;
        m.seed = 1;
        expect(kernels::merge(m, nullptr) == cudaSuccess, "a stochastic merge is launched");
        const auto first = w.read();
        relative_error s;
        for (std::size_t i = 0; i < first.size(); ++i) s.add(first[i], merged[i]);
        expect(s.value() < 8e-3, "stochastic rounding goes to a neighbour");
        w.write(old);
        expect(kernels::merge(m, nullptr) == cudaSuccess && w.read() == first, "the same seed gives the same bits");
    }
}

}  // namespace

int main(int count, char** arguments) {
    return run_on_gpu(count, arguments, [](gpu_checks& expect) {
        for (const std::int64_t r : {1, 8, 33, 256}) {
            merged_and_restored<float>(expect, 70, 67, r);
            merged_and_restored<__half>(expect, 129, 130, r);
            merged_and_restored<__nv_bfloat16>(expect, 33, 257, r);
        }
    });
}
