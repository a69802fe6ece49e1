#pragma once
// The host's side of the Hopper product: what TMA asks of the matrices, their maps, and the launch of the product
// alone; hopper_help.cuh launches it with something beside it. Builds on hopper_product.cuh.

#include <holdfast/kernels/detail/hopper_product.cuh>
#include <holdfast/kernels/detail/lora_plan.hpp>

#include <cstdint>
#include <limits>

namespace holdfast::kernels::detail {

/// What TMA asks of a matrix beyond check_matrix: base and rows on borders of 16 bytes.
template <class T>
[[nodiscard]] refused check_for_tma(const char* name, const T* data, std::int64_t ld, std::int64_t rows) noexcept {
    const auto off = static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(data) % 16);
    if (off != 0) return {refusal::misaligned, name, off, 16};
    if (rows > 1 && ld % 8 != 0) return {refusal::rows_off_borders, name, ld, 8};
    return {};
}

/// The matrices of a product, as TMA is told them.
template <class T>
struct hopper_factors {
    const T* data;
    std::int64_t rows, cols, ld;
};

/// A product before it is launched: `p` with its sizes, epilogue and mask, and what is multiplied over which depths.
template <class T>
struct hopper_call {
    hopper_problem<T> p;
    hopper_factors<T> factors[4];
    int k = 0, rank = 0;
};

/// The rest of c.p but its schedule: tensor maps, steps, how it may be stored.
template <hopper_sum Sum, class T>
[[nodiscard]] cudaError_t describe_hopper_product(hopper_call<T>& c) noexcept {
    using tile = hopper_tile;
    hopper_problem<T>& p = c.p;
    cudaError_t error = cudaSuccess;
    const int box_b = Sum == hopper_sum::forward ? tile::bn : step_depth;
    tensor_map* const maps[] = {&p.frozen_a, &p.frozen_b, &p.low_a, &p.low_b};
    for (int i = 0; i < 4 && error == cudaSuccess; ++i) {
        const hopper_factors<T>& f = c.factors[i];
        const std::int64_t ld = f.ld % 8 == 0 ? f.ld : round_up<std::int64_t>(f.cols, 8);  // of a single row
        error = make_tensor_map(*maps[i], f.data, f.rows, f.cols, ld, i % 2 == 0 ? tile::bm : box_b);
    }
    if (error != cudaSuccess) return error;
    p.steps = hopper_steps_of(c.k, c.rank);
    p.pairs = reinterpret_cast<std::uintptr_t>(p.c) % 4 == 0 && p.ldc % 2 == 0;
    p.plain = p.pairs && p.column_scale == nullptr && p.bias == nullptr && p.residual == nullptr;
    const std::int64_t tiles = static_cast<std::int64_t>(p.tiles_m()) * p.tiles_n();
    return tiles > std::numeric_limits<std::int32_t>::max() / 2 ? cudaErrorInvalidValue : cudaSuccess;
}

/// Enqueues the product alone. Tails: those that are compiled; the smallest that covers the rank is taken, products
/// beyond it are of zeros.
template <hopper_sum Sum, int... Tails, class T>
[[nodiscard]] cudaError_t run_hopper_product(hopper_call<T> c, cudaStream_t stream) noexcept {
    int multiprocessors = 0;
    cudaError_t error = hopper_multiprocessors(multiprocessors);
    if (error == cudaSuccess) error = describe_hopper_product<Sum>(c);
    if (error != cudaSuccess) return error;
    c.p.schedule.blocks = smaller(c.p.tiles_m() * c.p.tiles_n(), multiprocessors);
    const dim3 grid(static_cast<unsigned>(c.p.schedule.blocks));
    const auto go = [&](auto kernel) {
        error = launch_early(kernel, grid, 1, hopper_tile::threads, hopper_tile::shared_bytes, stream, c.p, no_help{});
        return true;
    };
    (void)((c.p.steps.tail <= Tails && go(hopper_product<T, Tails, Sum, no_help>)) || ...);
    return error;
}

}  // namespace holdfast::kernels::detail
