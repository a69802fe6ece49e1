#pragma once
// What surrounds the products: the packed dropout mask, and the sum of the partial results of a split product, in a
// fixed order. Builds on dropout.hpp and numbers.cuh.

#include <holdfast/kernels/detail/dropout.hpp>
#include <holdfast/kernels/detail/numbers.cuh>
#include <holdfast/kernels/detail/tile.hpp>

namespace holdfast::kernels::detail {

/// mask [rows, words]: bit j of word w is column 32 w + j, 1 = kept. One thread per word.
template <int Threads>
__global__ void __launch_bounds__(Threads)
    write_mask(dropout_key key, std::uint32_t* mask, std::int64_t count, std::uint32_t words) {
    const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * Threads + threadIdx.x;
    if (i < count)
        mask[i] = mask_word(key, static_cast<std::uint64_t>(i / words), static_cast<std::uint32_t>(i % words));
}

/// out(i, j) = scale sum_s partial[s, i, j] (+ out(i, j)), rounded to Out once. Splits are added in their order.
template <int Threads, class Out>
__global__ void __launch_bounds__(Threads)
    gather_splits(const float* partial, int splits, std::int64_t rows, int cols, float scale, Out* out,
                  std::int64_t row_stride, std::int64_t col_stride, bool accumulate) {
    let_kernel_behind_begin();
    const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * Threads + threadIdx.x, count = rows * cols;
    if (i >= count) return;
    float sum = 0;
    for (int s = 0; s < splits; ++s) sum += partial[s * count + i];
    sum *= scale;
    Out* const to = out + (i / cols * row_stride + i % cols * col_stride);
    if (accumulate) sum += to_float(*to);
    *to = rounded<Out>(sum);
}

}  // namespace holdfast::kernels::detail
