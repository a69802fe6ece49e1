#pragma once
// What the LoRA benchmarks on a GPU share: fresh random data, a comparison on the device, a stopwatch of CUDA events,
// and errors as sentences.

#include <holdfast/core/cuda.cuh>
#include <holdfast/kernels/lora_matmul.cuh>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace lora_benchmarks {

namespace kernels = holdfast::kernels;
using bf16 = __nv_bfloat16;
using holdfast::check;
using holdfast::device_matrix;

template <class T>
__global__ void randomise(T* x, std::size_t n, std::uint64_t seed) {
    const std::size_t i = blockIdx.x * std::size_t{256} + threadIdx.x;
    if (i >= n) return;
    std::uint32_t random[4][1];
    kernels::detail::philox_lanes<1>(seed, std::uint32_t(i), i >> 32, random);
    x[i] = kernels::detail::rounded<T>(float(random[0][0]) * 0x1p-31f - 1.0f);
}

template <class T>
__global__ void squared_difference(const T* a, const T* b, std::size_t n, double* sums) {  // one block
    __shared__ double part[2][256];
    double d = 0, s = 0;
    for (std::size_t i = threadIdx.x; i < n; i += 256) {
        const double x = kernels::detail::to_float(a[i]), y = kernels::detail::to_float(b[i]);
        d += (x - y) * (x - y), s += y * y;
    }
    part[0][threadIdx.x] = d, part[1][threadIdx.x] = s;
    __syncthreads();
    if (threadIdx.x == 0) {
        sums[0] = sums[1] = 0;
        for (int i = 0; i < 256; ++i) sums[0] += part[0][i], sums[1] += part[1][i];
    }
}

inline void fill(device_matrix<bf16>& m, cudaStream_t s) {
    static std::uint64_t seed = 1;
    if (m.size() == 0) return;
    randomise<<<unsigned((m.size() + 255) / 256), 256, 0, s>>>(m.data(), m.size(), seed++);
    check(cudaGetLastError(), "randomise");
}

inline double relative_difference(const device_matrix<bf16>& a, const device_matrix<bf16>& b, cudaStream_t s) {
    device_matrix<double> sums(1, 2);
    squared_difference<<<1, 256, 0, s>>>(a.data(), b.data(), a.size(), sums.data());
    holdfast::matrix<double> host(1, 2);
    sums.download(host.view(), s);
    return std::sqrt(host(0, 0) / host(0, 1));
}

class stopwatch {
  public:
    explicit stopwatch(cudaStream_t s) : stream_(s) {
        check(cudaEventCreate(&begin_), "event");
        check(cudaEventCreate(&end_), "event");
    }
    ~stopwatch() { (void)cudaEventDestroy(begin_), (void)cudaEventDestroy(end_); }
    /// Microseconds per call of f(i), over as many calls as fill about two milliseconds.
    double operator()(const std::function<void(int)>& f) const {
        f(0);
        const double once = span(f, 3) / 3;
        const int calls = std::clamp(int(2000.0 / std::max(once, 1.0)), 3, 200);
        return span(f, calls) / calls;
    }

  private:
    double span(const std::function<void(int)>& f, int calls) const {
        check(cudaEventRecord(begin_, stream_), "event");
        for (int i = 0; i < calls; ++i) f(i);
        check(cudaEventRecord(end_, stream_), "event");
        check(cudaEventSynchronize(end_), "event");
        float ms = 0;
        check(cudaEventElapsedTime(&ms, begin_, end_), "event");
        return 1000.0 * ms;
    }
    cudaStream_t stream_;
    cudaEvent_t begin_, end_;
};

inline void must(cudaError_t error) { check(error, kernels::explain(error).c_str()); }

inline double median(std::vector<double> times) {
    std::sort(times.begin(), times.end());
    return times[times.size() / 2];
}

}  // namespace lora_benchmarks
