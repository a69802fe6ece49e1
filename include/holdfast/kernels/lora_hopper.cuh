#pragma once
// lora_matmul for Hopper (compile for sm_90a): a persistent kernel of one loading and two multiplying warpgroups, TMA
// and WGMMA, tiles of 128 x 256 x 64, the low-rank K-extension in the same accumulators; u comes from the kernel ahead,
// and this one has begun before that has ended. NOT YET RUN ON A GPU: nothing in the library chooses it, a caller must.
// Its arithmetic, barriers, descriptors and schedule are tested on an emulated GPU; benchmarks/gpu.sh checks it against
// fp64 and times it. Forward only, bf16 and fp16. Builds on detail/.

#include <holdfast/kernels/detail/ptx_hopper.cuh>
#include <holdfast/kernels/lora_matmul.cuh>

#include <cstdint>
#include <string>

namespace holdfast::kernels {
namespace detail {

template <class T>
struct hopper_problem {
    tensor_map x, w, u, b;
    int m = 0, n = 0;
    hopper_steps steps;
    const float* column_scale = nullptr;
    const T* bias = nullptr;
    const T* residual = nullptr;
    std::int64_t ldr = 0;
    T* y = nullptr;
    std::int64_t ldy = 0;
    bool pairs = false, plain = false;  // two elements of y may be stored at once; and there is no epilogue
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
template <class T>
__device__ __forceinline__ void hopper_load(const hopper_problem<T>& p, const hopper_stages& s) {
    using tile = hopper_tile;
    const int tiles_m = ceil_div(p.m, tile::bm), tiles_n = ceil_div(p.n, tile::bn);
    unsigned count = 0;  // steps so far: their stage and parity
    bool waited = false;
    for (int t = static_cast<int>(blockIdx.x); t < tiles_m * tiles_n; t += static_cast<int>(gridDim.x)) {
        const tile_index at = tile_of(t, tiles_m, tiles_n, 8);
        for (int step = 0; step < p.steps.count(); ++step, ++count) {
            const unsigned stage = count % tile::stages, parity = count / tile::stages % 2;
            const bool low_rank = step >= p.steps.frozen;
            const int depth = (low_rank ? step - p.steps.frozen : step) * step_depth;
            if (low_rank && !waited) wait_for_kernel_ahead(), waited = true;  // u is its work, x and W are not
            barrier_wait(s.empty + stage, parity ^ 1);
            barrier_expect(s.full + stage, tile::stage_bytes);
            load_box(s.tile(stage), low_rank ? p.u : p.x, depth, at.m * tile::bm, s.full + stage);
            load_box(s.tile(stage) + tile::a_bytes, low_rank ? p.b : p.w, depth, at.n * tile::bn, s.full + stage);
        }
    }
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
        T* const to = p.y + (r * p.ldy + col);
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

/// A warpgroup multiplies its 64 rows of every tile; at most one group of products is under way while the next is
/// issued, and a stage is given back when its products are done.
template <class T, int Tail>
__device__ __forceinline__ void hopper_multiply(const hopper_problem<T>& p, const hopper_stages& s, unsigned consumer) {
    using tile = hopper_tile;
    const int tiles_m = ceil_div(p.m, tile::bm), tiles_n = ceil_div(p.n, tile::bn), last = p.steps.count() - 1;
    const bool speaks = threadIdx.x % 32 == 0;  // one lane of a warp
    unsigned count = 0;
    for (int t = static_cast<int>(blockIdx.x); t < tiles_m * tiles_n; t += static_cast<int>(gridDim.x)) {
        float d[128];
        for (int step = 0; step < last; ++step, ++count) {
            const unsigned stage = count % tile::stages;
            barrier_wait(s.full + stage, count / tile::stages % 2);
            const std::uint32_t a = shared_address(s.tile(stage)) + consumer * tile::rows * tile::row_bytes,
                                b = shared_address(s.tile(stage)) + tile::a_bytes;
            warpgroup_begin(d);
            HOLDFAST_UNROLL
            for (unsigned k = 0; k < 4; ++k)
                warpgroup_multiply<T>(d, matrix_descriptor(a + 32 * k), matrix_descriptor(b + 32 * k),
                                      step > 0 || k > 0);
            warpgroup_commit();
            warpgroup_wait<1>(d);
            if (step > 0 && speaks) barrier_arrive(s.empty + (count - 1) % tile::stages);
        }
        const unsigned stage = count % tile::stages;  // the last step, with as many products as the rank has 16s
        barrier_wait(s.full + stage, count / tile::stages % 2);
        const std::uint32_t a = shared_address(s.tile(stage)) + consumer * tile::rows * tile::row_bytes,
                            b = shared_address(s.tile(stage)) + tile::a_bytes;
        warpgroup_begin(d);
        HOLDFAST_UNROLL
        for (unsigned k = 0; k < Tail; ++k)
            warpgroup_multiply<T>(d, matrix_descriptor(a + 32 * k), matrix_descriptor(b + 32 * k), true);
        warpgroup_commit();
        warpgroup_wait<0>(d);
        if (speaks) barrier_arrive(s.empty + (count - 1) % tile::stages), barrier_arrive(s.empty + stage);
        ++count;
        const tile_index at = tile_of(t, tiles_m, tiles_n, 8);
        const int row0 = at.m * tile::bm + static_cast<int>(consumer) * tile::rows, col0 = at.n * tile::bn;
        if (p.plain && row0 + tile::rows <= p.m && col0 + tile::bn <= p.n)
            hopper_store<true>(p, d, row0, col0);
        else
            hopper_store<false>(p, d, row0, col0);
    }
}

#endif

/// Tail: products of 16 in the last step of the extension, known when compiled: a count at run time would make the
/// compiler wait after every product (C7515).
template <class T, int Tail>
__global__ void __launch_bounds__(hopper_tile::threads, 1) lora_hopper(const __grid_constant__ hopper_problem<T> p) {
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
    const unsigned group = threadIdx.x / 128;
    if (group == 0) {
        give_registers<24>();
        if (threadIdx.x == 0) hopper_load(p, s);
    } else {
        take_registers<240>();
        hopper_multiply<T, Tail>(p, s, group - 1);
    }
#else
    __trap();  // compiled for another architecture: loud, not wrong
#endif
}

/// What TMA asks of a matrix beyond check_matrix: base and rows on borders of 16 bytes.
template <class T>
[[nodiscard]] refused check_for_tma(const char* name, const T* data, std::int64_t ld, std::int64_t rows) noexcept {
    const auto off = static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(data) % 16);
    if (off != 0) return {refusal::misaligned, name, off, 16};
    if (rows > 1 && ld % 8 != 0) return {refusal::rows_off_borders, name, ld, 8};
    return {};
}

template <class T>
[[nodiscard]] refused check_hopper(const lora_matmul_args<T>& g) noexcept {
    if (const refused r = check(g); r.why != refusal::none) return r;
    if (g.shape.tokens == 0) return {};
    return first_of(check_for_tma("x", g.x, g.ldx, g.shape.tokens), check_for_tma("w", g.w, g.ldw, g.shape.out),
                    check_for_tma("b", g.b, g.ldb, g.shape.out),
                    g.u != nullptr ? check_for_tma("u", g.u, g.ldu, g.shape.tokens) : refused{});
}

/// y = x W' + u B' with its epilogue, u written by the kernel ahead.
template <class T>
[[nodiscard]] cudaError_t expand_on_hopper(const lora_matmul_args<T>& g, const T* u, std::int64_t ldu,
                                           cudaStream_t stream) noexcept {
    using tile = hopper_tile;
    const lora_shape& s = g.shape;
    int multiprocessors = 0;
    cudaError_t error = hopper_multiprocessors(multiprocessors);
    hopper_problem<T> p;
    const auto map = [&](tensor_map& to, const T* data, std::int64_t rows, std::int64_t cols, std::int64_t ld,
                         int box) {
        if (ld % 8 != 0) ld = round_up<std::int64_t>(cols, 8);  // a single row: its distance to the next means nothing
        if (error == cudaSuccess) error = make_tensor_map(to, data, rows, cols, ld, box);
    };
    map(p.x, g.x, s.tokens, s.in, g.ldx, tile::bm), map(p.w, g.w, s.out, s.in, g.ldw, tile::bn);
    map(p.u, u, s.tokens, s.rank, ldu, tile::bm), map(p.b, g.b, s.out, s.rank, g.ldb, tile::bn);
    if (error != cudaSuccess) return error;
    p.m = static_cast<int>(s.tokens), p.n = static_cast<int>(s.out);
    p.steps = hopper_steps_of(static_cast<int>(s.in), static_cast<int>(s.rank));
    p.column_scale = g.column_scale, p.bias = g.bias, p.residual = g.residual, p.ldr = g.ldr;
    p.y = g.y, p.ldy = g.ldy, p.pairs = reinterpret_cast<std::uintptr_t>(g.y) % 4 == 0 && g.ldy % 2 == 0;
    p.plain = p.pairs && p.column_scale == nullptr && p.bias == nullptr && p.residual == nullptr;
    const std::int64_t tiles = static_cast<std::int64_t>(ceil_div(p.m, tile::bm)) * ceil_div(p.n, tile::bn);
    if (tiles > std::numeric_limits<std::int32_t>::max() / 2) return cudaErrorInvalidValue;
    const dim3 grid(static_cast<unsigned>(smaller<std::int64_t>(tiles, multiprocessors)));
    const auto go = [&](auto kernel) {
        return launch_early(kernel, grid, 1, tile::threads, tile::shared_bytes, stream, p);
    };
    switch (p.steps.tail) {
        case 1:
            return go(lora_hopper<T, 1>);
        case 2:
            return go(lora_hopper<T, 2>);
        case 3:
            return go(lora_hopper<T, 3>);
        default:
            return go(lora_hopper<T, 4>);
    }
}

}  // namespace detail

/// What is wrong with the arguments, as a sentence; empty if lora_matmul_hopper would take them.
template <class T>
[[nodiscard]] std::string explain_hopper(const lora_matmul_args<T>& args) {
    return detail::in_words("kernels::lora_matmul_hopper", detail::check_hopper(args));
}

/// lora_matmul by the Hopper kernel, with lora_matmul's workspace: explicit, because it has not yet been measured, nor
/// run on a GPU. x, w, b (and u, if kept) must lie on borders of 16 bytes with leading dimensions that are multiples of
/// 8; lora_matmul takes any.
///
/// @stream, @determinism, @precision  as lora_matmul
/// @return  cudaErrorInvalidValue or cudaErrorMisalignedAddress for what explain_hopper(args) names,
///          cudaErrorNoKernelImageForDevice if the device is not of compute capability 9.0, else CUDA's own
template <class T>
[[nodiscard]] cudaError_t lora_matmul_hopper(const lora_matmul_args<T>& g, cudaStream_t stream) noexcept {
    static_assert(sizeof(T) == 2, "the Hopper kernel multiplies bf16 and fp16: lora_matmul has fp32");
    if (const detail::refused r = detail::check_hopper(g); r.why != detail::refusal::none) return detail::code_of(r);
    return detail::run_with(g, stream,
                            [&](const T* u, std::int64_t ldu) { return detail::expand_on_hopper(g, u, ldu, stream); });
}

}  // namespace holdfast::kernels
