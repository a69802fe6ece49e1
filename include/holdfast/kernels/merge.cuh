#pragma once
// The adapter becomes part of the weight, and is taken out again: W += s B A in place on the GPU, fp32 inside, rounded
// to the nearest or stochastically. Taking out a bf16 merge with -s is not exact, and drifts when it is done often:
// keep the changed bits, which merge can write and restore puts back. Builds on detail/.

#include <holdfast/kernels/detail/products.cuh>

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>

namespace holdfast::kernels {

enum class rounding {
    nearest,    ///< ties to even
    stochastic  ///< up with the probability of the fraction that is cut: unbiased; bf16 only
};

/// As many bits as a T has.
template <class T>
using bits_of = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint16_t>;

/// Arguments of merge. Matrices are row-major on the device; T is float, __half or __nv_bfloat16.
template <class T>
struct merge_args {
    lora_shape shape;  ///< in k, out n, rank r; tokens are not used
    T* w = nullptr;    ///< [n, k], read and overwritten
    std::int64_t ldw = 0;
    const T* a = nullptr;  ///< [r, k]
    std::int64_t lda = 0;
    const T* b = nullptr;  ///< [n, r]
    std::int64_t ldb = 0;
    float scale = 1;  ///< s to merge, -s to take out again
    rounding round = rounding::nearest;
    std::uint64_t seed = 0;         ///< of the stochastic rounding: the same seed, the same bits
    bits_of<T>* changed = nullptr;  ///< [n, k] or null, written: the bits of w that change, for restore
    std::int64_t ldc = 0;
};

namespace detail {

struct merge_tile {
    static constexpr int bn = 32, bk = 64, threads = 256, depth = 32;
};

/// bf16 by adding 16 random bits below the last that is kept (torchao's way); infinities and NaN stay what they are.
[[nodiscard]] __device__ __forceinline__ __nv_bfloat16 rounded_stochastically(float x, std::uint32_t random) {
    const std::uint32_t bits = __float_as_uint(x);
    if ((bits & 0x7F800000u) == 0x7F800000u) return rounded<__nv_bfloat16>(x);
    return rounded<__nv_bfloat16>(__uint_as_float((bits + (random & 0xFFFFu)) & 0xFFFF0000u));
}

/// One tile [bn, bk] of W per block; B's and A's slices of `depth` ranks at a time in shared memory.
template <class T>
__global__ void __launch_bounds__(merge_tile::threads) merge_low_rank(const merge_args<T> p) {
    constexpr int bn = merge_tile::bn, bk = merge_tile::bk, depth = merge_tile::depth;
    float* const a_tile = reinterpret_cast<float*>(dynamic_shared());  // [depth, bk]
    float* const b_tile = a_tile + depth * bk;                         // [bn, depth + 1]
    const int thread = static_cast<int>(threadIdx.x), col = thread % bk, row0 = thread / bk;
    const std::int64_t tiles_k = ceil_div<std::int64_t>(p.shape.in, bk);
    const std::int64_t k0 = blockIdx.x % tiles_k * bk, n0 = blockIdx.x / tiles_k * bn;
    constexpr int rows = bn / (merge_tile::threads / bk);  // of W per thread
    float acc[rows] = {};
    for (int r0 = 0; r0 < p.shape.rank; r0 += depth) {
        for (int i = thread; i < depth * bk; i += merge_tile::threads) {
            const std::int64_t r = r0 + i / bk, k = k0 + i % bk;
            a_tile[i] = r < p.shape.rank && k < p.shape.in ? to_float(p.a[r * p.lda + k]) : 0.0f;
        }
        for (int i = thread; i < bn * depth; i += merge_tile::threads) {
            const std::int64_t n = n0 + i / depth, r = r0 + i % depth;
            b_tile[i / depth * (depth + 1) + i % depth] =
                r < p.shape.rank && n < p.shape.out ? to_float(p.b[n * p.ldb + r]) : 0.0f;
        }
        synchronise_block();
        for (int r = 0; r < depth; ++r) {
            const float a = a_tile[r * bk + col];
            HOLDFAST_UNROLL
            for (int i = 0; i < rows; ++i)
                acc[i] += b_tile[(row0 + i * (merge_tile::threads / bk)) * (depth + 1) + r] * a;
        }
        synchronise_block();
    }
    HOLDFAST_UNROLL
    for (int i = 0; i < rows; ++i) {
        const std::int64_t n = n0 + row0 + i * (merge_tile::threads / bk), k = k0 + col;
        if (n >= p.shape.out || k >= p.shape.in) continue;
        T* const at = p.w + (n * p.ldw + k);
        const float old = to_float(*at), merged = old + p.scale * acc[i];
        T value = rounded<T>(merged);
        if constexpr (std::is_same_v<T, __nv_bfloat16>)
            if (p.round == rounding::stochastic) {
                std::uint32_t random[4][1];
                philox_lanes<1>(p.seed, static_cast<std::uint32_t>(k), static_cast<std::uint64_t>(n), random);
                value = rounded_stochastically(merged, random[0][0]);
            }
        auto* const bits = reinterpret_cast<bits_of<T>*>(at);
        if (p.changed != nullptr)
            p.changed[n * p.ldc + k] = static_cast<bits_of<T>>(*bits ^ *reinterpret_cast<const bits_of<T>*>(&value));
        *at = value;
    }
}

template <class Bits>
__global__ void __launch_bounds__(256)
    flip_bits(Bits* w, std::int64_t ldw, const Bits* changed, std::int64_t ldc, std::int64_t rows, std::int64_t cols) {
    const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * 256 + threadIdx.x;
    if (i >= rows * cols) return;
    Bits* const at = w + (i / cols * ldw + i % cols);
    *at = static_cast<Bits>(*at ^ changed[i / cols * ldc + i % cols]);
}

template <class T>
[[nodiscard]] refused check(const merge_args<T>& g) noexcept {
    lora_shape s = g.shape;
    s.tokens = 0;
    const refused found[] = {check_shape(s), check_matrix("w", g.w, g.ldw, s.out, s.in, sizeof(T)),
                             check_matrix("a", g.a, g.lda, s.rank, s.in, sizeof(T)),
                             check_matrix("b", g.b, g.ldb, s.out, s.rank, sizeof(T)),
                             check_matrix("changed", g.changed, g.ldc, g.changed != nullptr, s.in, sizeof(T))};
    for (const refused& f : found)
        if (f.why != refusal::none) return f;
    if (g.round == rounding::stochastic && !std::is_same_v<T, __nv_bfloat16>) return {refusal::not_bf16, "w", 0, 0};
    return {};
}

}  // namespace detail

/// What is wrong with the arguments, as a sentence; empty if merge would take them.
template <class T>
[[nodiscard]] std::string explain(const merge_args<T>& args) {
    return detail::in_words("kernels::merge", detail::check(args));
}

/// w += s B A, in place: one read and one write of w.
///
/// @stream        enqueues on `stream`, does not synchronise
/// @determinism   bitwise; the stochastic rounding depends on (seed, row, column) alone
/// @precision     fp32 inside, rounded to T once
/// @cpu           holdfast::adapters::lora<float>::merge_into
template <class T>
[[nodiscard]] cudaError_t merge(const merge_args<T>& g, cudaStream_t stream) noexcept {
    namespace kd = detail;
    if (const kd::refused r = kd::check(g); r.why != kd::refusal::none) return kd::code_of(r);
    const std::int64_t blocks = kd::ceil_div<std::int64_t>(g.shape.in, kd::merge_tile::bk) *
                                kd::ceil_div<std::int64_t>(g.shape.out, kd::merge_tile::bn);
    if (blocks > std::numeric_limits<std::int32_t>::max()) return cudaErrorInvalidValue;
    constexpr std::size_t shared =
        sizeof(float) * (kd::merge_tile::depth * kd::merge_tile::bk + kd::merge_tile::bn * (kd::merge_tile::depth + 1));
    return kd::launch(kd::merge_low_rank<T>, dim3(static_cast<unsigned>(blocks)), kd::merge_tile::threads, shared,
                      stream, g);
}

/// w as it was before the merge that wrote `changed`: exact, whatever was merged.
/// @param rows, cols  shape of w and of changed; ldw and ldc their elements from row to row
template <class T>
[[nodiscard]] cudaError_t restore(T* w, std::int64_t ldw, const bits_of<T>* changed, std::int64_t ldc,
                                  std::int64_t rows, std::int64_t cols, cudaStream_t stream) noexcept {
    namespace kd = detail;
    for (const kd::refused& r : {kd::check_matrix("w", w, ldw, rows, cols, sizeof(T)),
                                 kd::check_matrix("changed", changed, ldc, rows, cols, sizeof(T))})
        if (r.why != kd::refusal::none) return kd::code_of(r);
    const std::int64_t blocks = kd::ceil_div<std::int64_t>(rows * cols, 256);
    if (rows < 0 || cols < 0 || blocks > std::numeric_limits<std::int32_t>::max()) return cudaErrorInvalidValue;
    if (blocks == 0) return cudaSuccess;
    return kd::launch(kd::flip_bits<bits_of<T>>, dim3(static_cast<unsigned>(blocks)), 256, 0, stream,
                      reinterpret_cast<bits_of<T>*>(w), ldw, changed, ldc, rows, cols);
}

}  // namespace holdfast::kernels
