#pragma once
// What some blocks of the Hopper product do before they take tiles, beside the others' products: u for the forward, dA
// for the backward. Both stream a tall matrix, which leaves the tensor cores idle, while the frozen product leaves the
// memory idle. Sums are those of the skinny products, so neither the number of helpers nor who helps changes a bit.
// Builds on hopper_product.cuh.

#include <holdfast/kernels/detail/hopper_call.cuh>

#include <cstdint>

namespace holdfast::kernels::detail {

/// The tile of a skinny product for a whole block of the Hopper kernel, in the shared memory of its stages.
template <int Ranks>
using helping_tile = mma_tile<help_tile<Ranks>::rows, Ranks, 12, 1, help_tile<Ranks>::stages, 1>;
static_assert(helping_tile<16>::threads == hopper_tile::threads && helping_tile<64>::threads == hopper_tile::threads);
static_assert(helping_tile<16>::shared_bytes <= hopper_tile::stages * hopper_tile::stage_bytes &&
              helping_tile<64>::shared_bytes <= hopper_tile::stages * hopper_tile::stage_bytes);

/// u = s / (1 - p) (m . x) A', 192 rows a piece. A piece that is there is published by the number of the launch: memory
/// that was zero once never has to be cleared again. Tiles wait for the pieces with their rows, and for nothing else;
/// helpers for nothing: so the lowest tile that is not done can always go on, if all blocks run at once.
template <class T, int Ranks>
struct shrinking_help {
    gemm_problem<T> u;
    int pieces = 0;
    std::uint32_t* state_words = nullptr;  // launches so far, blocks of this one that have left, one flag per piece

    struct state {
        std::uint32_t launch;
    };
#if HOLDFAST_ON_HOPPER
    __device__ __forceinline__ void work(int helper, int helpers) const {
        using tile = helping_tile<Ranks>;
        const state now = begin();
        for (int piece = helper; piece < pieces; piece += helpers) {
            for (int q0 = 0; q0 < u.n; q0 += Ranks) {
                gemm_tile_at<T, tile, along::row, along::row>(u, piece * tile::bm, q0, 0);
                between_stores_and_copies();
                synchronise_block();
            }
            if (threadIdx.x == 0) publish(state_words + 2 + piece, now.launch);
        }
    }
    [[nodiscard]] __device__ __forceinline__ state begin() const { return {state_words[0] + 1}; }
    __device__ __forceinline__ void wait(const state& now, int row, int row_end) const {
        constexpr int rows = help_tile<Ranks>::rows;
        for (int piece = row / rows; piece <= (row_end - 1) / rows; ++piece)
            wait_until_published(state_words + 2 + piece, now.launch);
        between_stores_and_copies();
    }
    __device__ __forceinline__ void leave(const state& now) const {  // the last: all have read the number
        if (count_round(state_words + 1, gridDim.x - 1) == gridDim.x - 1) state_words[0] = now.launch;
    }
#endif
};

/// The partial sums of dA' = (m . x)' ds, [k, r] per split, 192 rows of it and one split a piece. Nobody waits for
/// them.
template <class T, int Ranks>
struct gradient_help {
    gemm_problem<T> da;

    struct state {};
    [[nodiscard]] HOLDFAST_HD int row_tiles() const { return ceil_div(da.m, help_tile<Ranks>::rows); }
    [[nodiscard]] HOLDFAST_HD int rank_tiles() const { return ceil_div(da.n, Ranks); }
    [[nodiscard]] HOLDFAST_HD std::int64_t pieces() const {
        return static_cast<std::int64_t>(row_tiles()) * rank_tiles() * da.split.splits;
    }
#if HOLDFAST_ON_HOPPER
    __device__ __forceinline__ void work(int helper, int helpers) const {
        using tile = helping_tile<Ranks>;
        const int in_split = row_tiles() * rank_tiles(), all = in_split * da.split.splits;
        wait_for_kernel_ahead();
        for (int piece = helper; piece < all; piece += helpers) {
            const int at = piece % in_split;
            gemm_tile_at<T, tile, along::column, along::column>(da, at / rank_tiles() * tile::bm,
                                                                at % rank_tiles() * Ranks, piece / in_split);
            synchronise_block();
        }
    }
    [[nodiscard]] __device__ __forceinline__ state begin() const { return {}; }
    __device__ __forceinline__ void wait(const state&, int, int) const { wait_for_kernel_ahead(); }
    __device__ __forceinline__ void leave(const state&) const {}
#endif
};

/// Enqueues `p` with blocks that help; `together` if the others wait for them. Its error is the launch's.
template <hopper_sum Sum, int Tail, class T, class Help>
[[nodiscard]] cudaError_t launch_helped(const hopper_problem<T>& p, const Help& help, bool together,
                                        cudaStream_t stream) noexcept {
    const dim3 grid(static_cast<unsigned>(p.schedule.blocks));
    const auto kernel = hopper_product<T, Tail, Sum, Help>;
    if (together)
        return launch_together(kernel, grid, hopper_tile::threads, hopper_tile::shared_bytes, stream, p, help);
    return launch_early(kernel, grid, 1, hopper_tile::threads, hopper_tile::shared_bytes, stream, p, help);
}

}  // namespace holdfast::kernels::detail
