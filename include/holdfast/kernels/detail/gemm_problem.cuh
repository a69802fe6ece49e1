#pragma once
// What a matrix product of LoRA's is: C = scale (sum of products) in fp32, the low-rank ones first, with a dropout mask
// on A or on the low-rank part, column scale, bias and residual. Builds on tile.hpp and activations.cuh; gemm.cuh and
// gemm_simt.cuh compute it.

#include <holdfast/core/config.hpp>
#include <holdfast/kernels/detail/activations.cuh>
#include <holdfast/kernels/detail/tile.hpp>

#include <cstddef>
#include <cstdint>

namespace holdfast::kernels::detail {

/// How an operand lies in memory: the summed index along a row, or along a column.
enum class along { row, column };

enum class masking { none, operand_a, extension };

/// A [m, depth] times B [depth, n]: one of the products whose sum a tile is.
template <class T>
struct factors {
    const T *a = nullptr, *b = nullptr;
    std::int64_t lda = 0, ldb = 0;  // elements from one row in memory to the next
    int depth = 0;
    bool fast_a = false, fast_b = false;  // 16-byte accesses may be used
};

inline constexpr int most_factors = 8;

template <class T>
struct gemm_problem {
    int m = 0, n = 0;              // C [m, n]
    factors<T> sum[most_factors];  // the low-rank ones first
    int low_rank = 0, count = 1;   // how many of them are low-rank, and how many there are
    masking mask_on = masking::none;
    const std::uint32_t* mask = nullptr;  // packed, rows of mask_ld words
    std::int64_t mask_ld = 0;
    float scale = 1;
    bool tf32 = false;  // of fp32: the factors are rounded to tf32, the tensor cores multiply
    T* c = nullptr;     // either C [m, n] ...
    std::int64_t ldc = 0;
    bool fast_c = false;
    const float* column_scale = nullptr;  // [n] or null: times the sum, before bias and residual
    const T* bias = nullptr;              // [n] or null
    const T* residual = nullptr;          // [m, n] or null; may be c
    std::int64_t ldr = 0;
    activation f = activation::none;  // c = f(all that)
    T* z = nullptr;                   // [m, n] or null: what f is of
    std::int64_t ldz = 0;
    bool fast_z = false;
    float* partial = nullptr;      // ... or one unscaled sum per split, [splits, m, n]
    split_plan split{1, 1 << 30};  // of the one product that there then is

    /// The product that is masked or split: the first that is not low-rank.
    [[nodiscard]] HOLDFAST_HD const factors<T>& frozen() const { return sum[low_rank]; }
    HOLDFAST_HD factors<T>& add(const T* a, std::int64_t lda, const T* b, std::int64_t ldb, int depth, int at) {
        return sum[at] = {a, b, lda, ldb, depth, false, false};
    }
};

/// Several problems in one launch: problem i owns the tiles from first_tile[i] on.
inline constexpr int most_problems = 4;
template <class T>
struct gemm_batch {
    gemm_problem<T> problem[most_problems];
    int first_tile[most_problems + 1] = {};
    int count = 0;
};

/// Where in the sum a pipeline step is: which product, and from which depth on.
struct sum_position {
    int product, depth;
};

template <class T>
[[nodiscard]] HOLDFAST_HD inline sum_position position_of(const gemm_problem<T>& p, int step) {
    int product = 0;
    for (; product + 1 < p.count; ++product) {
        const int steps = ceil_div(p.sum[product].depth, step_depth);
        if (step < steps) break;
        step -= steps;
    }
    return {product, step * step_depth};
}

/// Pipeline steps of the products [0, count).
template <class T>
[[nodiscard]] HOLDFAST_HD inline int steps_of(const gemm_problem<T>& p, int count) {
    int steps = 0;
    for (int i = 0; i < count; ++i) steps += ceil_div(p.sum[i].depth, step_depth);
    return steps;
}

}  // namespace holdfast::kernels::detail
