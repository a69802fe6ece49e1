#pragma once
// C [m, n] = the frozen product and the low-rank one in the same accumulators, for Hopper (compile for sm_90a): a
// persistent kernel of one loading and two multiplying warpgroups, TMA and WGMMA, tiles of 128 x 256 x 64. One kernel
// for y and dx: they differ in how the second factors lie, and in where a dropout mask comes in. Builds on
// ptx_hopper.cuh.

#include <holdfast/kernels/detail/gemm.cuh>
#include <holdfast/kernels/detail/ptx_hopper.cuh>

#include <cstdint>
#include <type_traits>

namespace holdfast::kernels::detail {

template <class T>
struct hopper_problem {
    tensor_map frozen_a, frozen_b, low_a, low_b;  // x, W, u, B; backward: dy, W, ds, A
    int m = 0, n = 0;
    hopper_steps steps;
    hopper_schedule schedule;
    const float* column_scale = nullptr;
    const T* bias = nullptr;
    const T* residual = nullptr;
    std::int64_t ldr = 0;
    const std::uint32_t* mask = nullptr;  // of the low-rank sum, packed, rows of mask_ld words: masked_backward
    std::int64_t mask_ld = 0;
    T* c = nullptr;
    std::int64_t ldc = 0;
    bool pairs = false, plain = false;  // two elements of c may be stored at once; and there is no epilogue
    [[nodiscard]] HOLDFAST_HD int tiles_m() const { return ceil_div(m, hopper_tile::bm); }
    [[nodiscard]] HOLDFAST_HD int tiles_n() const { return ceil_div(n, hopper_tile::bn); }
};

/// What some blocks do before their tiles, and what a tile waits for before its low-rank product: here nothing, and the
/// kernel ahead. hopper_help.cuh has others.
struct no_help {
    struct state {};
#if HOLDFAST_ON_HOPPER
    [[nodiscard]] __device__ __forceinline__ state begin() const { return {}; }
    __device__ __forceinline__ void wait(const state&, int, int) const { wait_for_kernel_ahead(); }
    __device__ __forceinline__ void leave(const state&) const {}
#endif
};

#if HOLDFAST_ON_HOPPER

/// The shared memory of a block: stages on a border of 1024 bytes, then the barriers.
struct hopper_stages {
    unsigned char* tiles;
    std::uint64_t *full, *empty;

    [[nodiscard]] __device__ __forceinline__ static hopper_stages make() {
        constexpr unsigned border = hopper_tile::alignment;
        unsigned char* const base = dynamic_shared();
        unsigned char* const tiles = base + (border - shared_address(base) % border) % border;
        auto* const barriers = reinterpret_cast<std::uint64_t*>(tiles + hopper_tile::stages * hopper_tile::stage_bytes);
        return {tiles, barriers, barriers + hopper_tile::stages};
    }
    [[nodiscard]] __device__ __forceinline__ unsigned char* tile(unsigned stage) const {
        return tiles + stage * hopper_tile::stage_bytes;
    }
};

/// One thread brings every stage of every tile of the block.
template <hopper_sum Sum, class T, class Help>
__device__ __forceinline__ void hopper_load(const hopper_problem<T>& p, const Help& help, const hopper_stages& s) {
    using tile = hopper_tile;
    const int tiles_m = p.tiles_m(), tiles_n = p.tiles_n();
    const auto state = help.begin();
    unsigned count = 0;  // steps so far: their stage and parity
    for (int turn = 0;; ++turn) {
        const int t = p.schedule.tile(static_cast<int>(blockIdx.x), turn);
        if (t >= tiles_m * tiles_n) break;
        const tile_index at = tile_of(t, tiles_m, tiles_n, 8);
        bool waited = false;
        for (int step = 0; step < p.steps.count(); ++step, ++count) {
            const unsigned stage = count % tile::stages, parity = count / tile::stages % 2;
            const auto [low_rank, depth] = p.steps.at(step, Sum == hopper_sum::masked_backward);
            if (low_rank && !waited) {  // for u or ds; the rest was there before
                help.wait(state, at.m * tile::bm, smaller(p.m, (at.m + 1) * tile::bm));
                waited = true;
            }
            barrier_wait(s.empty + stage, parity ^ 1);
            barrier_expect(s.full + stage, tile::stage_bytes);
            unsigned char *const a = s.tile(stage), *const b = a + tile::a_bytes;
            load_box(a, low_rank ? p.low_a : p.frozen_a, depth, at.m * tile::bm, s.full + stage);
            const tensor_map& second = low_rank ? p.low_b : p.frozen_b;
            if constexpr (Sum == hopper_sum::forward)
                load_box(b, second, depth, at.n * tile::bn, s.full + stage);
            else
                for (int i = 0; i < tile::bn / step_depth; ++i)
                    load_box(b + i * hopper_box_bytes, second, at.n * tile::bn + i * step_depth, depth, s.full + stage);
        }
    }
    help.leave(state);
}

/// Rounds and stores a warpgroup's 64 x 256. Plain: whole tiles of a y without an epilogue, nothing to ask per element.
template <bool Plain, class T>
__device__ __forceinline__ void hopper_store(const hopper_problem<T>& p, const float (&d)[128], int row0, int col0) {
    const int thread = static_cast<int>(threadIdx.x) % 128, lane = thread % 32;
    const int row = row0 + thread / 32 * 16 + lane / 4, col = col0 + 2 * (lane % 4);
    const auto finished = [&](float value, std::int64_t r, int c) {
        if constexpr (!Plain) {
            if (p.column_scale != nullptr) value *= p.column_scale[c];
            if (p.bias != nullptr) value += to_float(p.bias[c]);
            if (p.residual != nullptr) value += to_float(p.residual[r * p.ldr + c]);
        }
        return rounded<T>(value);
    };
    HOLDFAST_UNROLL
    for (int half = 0; half < 2; ++half) {
        const std::int64_t r = row + 8 * half;
        T* const to = p.c + (r * p.ldc + col);
        HOLDFAST_UNROLL
        for (int j = 0; j < 32; ++j) {
            const int c = col + 8 * j;
            if constexpr (!Plain)
                if (r >= p.m || c >= p.n) continue;
            const T first = finished(d[4 * j + 2 * half], r, c);
            if constexpr (!Plain)
                if (!p.pairs || c + 1 >= p.n) {
                    to[8 * j] = first;
                    if (c + 1 < p.n) to[8 * j + 1] = finished(d[4 * j + 2 * half + 1], r, c + 1);
                    continue;
                }
            *reinterpret_cast<pair_of<T>*>(to + 8 * j) = {first, finished(d[4 * j + 2 * half + 1], r, c + 1)};
        }
    }
}

/// Elements of the low-rank sum whose x was dropped become zero. Tiles begin at whole words of the mask.
template <class T>
__device__ __forceinline__ void hopper_mask(const hopper_problem<T>& p, float (&d)[128], int row0, int col0) {
    const int thread = static_cast<int>(threadIdx.x) % 128, lane = thread % 32;
    const int row = row0 + thread / 32 * 16 + lane / 4, word0 = col0 / 32;
    HOLDFAST_UNROLL
    for (int half = 0; half < 2; ++half) {
        const std::int64_t r = row + 8 * half;
        HOLDFAST_UNROLL
        for (int w = 0; w < 8; ++w) {
            const bool inside = r < p.m && word0 + w < p.mask_ld;
            const std::uint32_t bits = inside ? p.mask[r * p.mask_ld + word0 + w] >> (2 * (lane % 4)) : 0u;
            HOLDFAST_UNROLL
            for (int j = 0; j < 4; ++j) {
                if (!(bits >> (8 * j) & 1u)) d[4 * (4 * w + j) + 2 * half] = 0;
                if (!(bits >> (8 * j) & 2u)) d[4 * (4 * w + j) + 2 * half + 1] = 0;
            }
        }
    }
}

/// `Products` products of 16 of one stage, as one group.
template <class T, bool Columns, unsigned Products>
__device__ __forceinline__ void hopper_step(float (&d)[128], std::uint32_t a, std::uint32_t b, bool keep) {
    warpgroup_begin(d);
    HOLDFAST_UNROLL
    for (unsigned k = 0; k < Products; ++k)
        warpgroup_multiply<T, Columns>(
            d, matrix_descriptor(a + 32 * k),
            Columns ? transposed_descriptor(b + 16 * hopper_tile::row_bytes * k) : matrix_descriptor(b + 32 * k),
            keep || k > 0);
    warpgroup_commit();
}

/// A warpgroup multiplies its 64 rows of every tile; at most one group of products is under way while the next is
/// issued, and a stage is given back when its products are done.
template <class T, int Tail, hopper_sum Sum>
__device__ __forceinline__ void hopper_multiply(const hopper_problem<T>& p, const hopper_stages& s, unsigned consumer) {
    using tile = hopper_tile;
    constexpr bool columns = Sum != hopper_sum::forward, masked = Sum == hopper_sum::masked_backward;
    const int tiles_m = p.tiles_m(), tiles_n = p.tiles_n(), special = p.steps.with_tail(masked);
    const bool speaks = threadIdx.x % 32 == 0;  // one lane of a warp
    unsigned count = 0;
    for (int turn = 0;; ++turn) {
        const int t = p.schedule.tile(static_cast<int>(blockIdx.x), turn);
        if (t >= tiles_m * tiles_n) break;
        float d[128];
        const auto begin_stage = [&] {
            const unsigned stage = count % tile::stages;
            barrier_wait(s.full + stage, count / tile::stages % 2);
            return shared_address(s.tile(stage));
        };
        const auto give_back = [&](unsigned which) {
            if (speaks) barrier_arrive(s.empty + which % tile::stages);
        };
        const auto whole_steps = [&](int from, int to) {
            for (int step = from; step < to; ++step, ++count) {
                const std::uint32_t a = begin_stage();
                hopper_step<T, columns, 4>(d, a + consumer * tile::rows * tile::row_bytes, a + tile::a_bytes, step > 0);
                warpgroup_wait<1>(d);
                if (step > from) give_back(count - 1);
            }
        };
        const tile_index at = tile_of(t, tiles_m, tiles_n, 8);
        const int row0 = at.m * tile::bm + static_cast<int>(consumer) * tile::rows, col0 = at.n * tile::bn;
        whole_steps(0, special);
        const std::uint32_t a = begin_stage();  // the step with as many products as the rank has 16s
        hopper_step<T, columns, Tail>(d, a + consumer * tile::rows * tile::row_bytes, a + tile::a_bytes, special > 0);
        warpgroup_wait<0>(d);
        if (special > 0) give_back(count - 1);
        give_back(count);
        ++count;
        if constexpr (masked) {
            hopper_mask(p, d, row0, col0);
            whole_steps(special + 1, p.steps.count());
            warpgroup_wait<0>(d);
            give_back(count - 1);
        }
        if (p.plain && row0 + tile::rows <= p.m && col0 + tile::bn <= p.n)
            hopper_store<true>(p, d, row0, col0);
        else
            hopper_store<false>(p, d, row0, col0);
    }
}

#endif

/// Tail: products of 16 in the last step of the extension, known when compiled: a count at run time would make the
/// compiler wait after every product (C7515).
template <class T, int Tail, hopper_sum Sum, class Help>
__global__ void __launch_bounds__(hopper_tile::threads, 1)
    hopper_product(const __grid_constant__ hopper_problem<T> p, const __grid_constant__ Help help) {
#if HOLDFAST_ON_HOPPER
    const hopper_stages s = hopper_stages::make();
    if (threadIdx.x == 0) {
        for (int i = 0; i < hopper_tile::stages; ++i) {
            barrier_create(s.full + i, 1);
            barrier_create(s.empty + i, 4 * hopper_tile::consumers);
        }
        barriers_created();
    }
    synchronise_block();
    if constexpr (!std::is_empty_v<Help>)
        if (static_cast<int>(blockIdx.x) < p.schedule.helpers) {
            help.work(static_cast<int>(blockIdx.x), p.schedule.helpers);
            shared_left_to_copies();
            synchronise_block();
        }
    const unsigned group = threadIdx.x / 128;
    if (group == 0) {
        give_registers<24>();
        if (threadIdx.x == 0) hopper_load<Sum>(p, help, s);
    } else {
        take_registers<240>();
        hopper_multiply<T, Tail, Sum>(p, s, group - 1);
    }
#else
    __trap();  // compiled for another architecture: loud, not wrong
#endif
}

}  // namespace holdfast::kernels::detail
