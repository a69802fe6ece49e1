#pragma once
// A full Sinkhorn iteration that reads costs of two bytes once and takes one exponential an entry. Potentials of the
// iteration before are the shift of the one that follows, so no minimum has to be found first:
//
//     e_ij = b_j exp((f_i + g_j − C_ij) / eps),   S_i = Σ_j e_ij,   f_i' = f_i − eps log S_i,
//     T_j = Σ_i a_i e_ij / S_i,                   g_j' = g_j − eps log (T_j / b_j)
//
// Sums that single precision does not hold make the terms NaN, and the caller takes the slower way
// (sinkhorn_kernels.cuh). A thread has whole columns, keeps their e and T in registers, and its own costs come three
// groups of rows deep by asynchronous copies. Builds on core/tensor.cuh and sinkhorn_kernels.cuh.

#include <holdfast/core/tensor.cuh>
#include <holdfast/core/warp.cuh>
#include <holdfast/transport/detail/sinkhorn_kernels.cuh>

#include <cmath>
#include <cstddef>
#include <cstdint>

namespace holdfast::transport::detail {

inline constexpr unsigned single_threads = 512, single_stages = 3, single_parts = 132;
inline constexpr unsigned single_columns = single_threads * 8;  // that all threads together have with one vector each
inline constexpr unsigned single_vectors = 3;                   // at most

/// Rows that are on the chip at once where threads have so many vectors of columns.
[[nodiscard]] __host__ __device__ constexpr unsigned single_rows(unsigned vectors) { return vectors == 1 ? 4 : 2; }

/// Rows [first, last) of a part: whole groups of `rows`.
[[nodiscard]] __host__ __device__ inline std::size_t single_first(std::size_t n, unsigned rows, unsigned parts,
                                                                  unsigned part) {
    const std::size_t groups = (n + rows - 1) / rows, first = groups * part / parts * rows;
    return first < n ? first : n;
}

/// Shared memory: costs under way, what belongs to columns, sums of warps, what belongs to rows.
[[nodiscard]] inline std::size_t single_bytes(std::size_t n, unsigned vectors, unsigned parts) {
    const unsigned rows = single_rows(vectors);
    const std::size_t most = ((n + rows - 1) / rows + parts - 1) / parts * rows;
    return std::size_t{single_threads} * vectors * (single_stages * rows * 16 + 32) +
           (2 * rows * (single_threads / 32) + 3 * most) * sizeof(float);
}

/// The pass; a block per part. Writes the new potentials of rows, and what its rows give the columns.
template <unsigned Vectors>
__global__ void __launch_bounds__(single_threads, 1)
    gpu_single_sweep(gpu_costs<std::uint16_t> cost, gpu_pass<float> p, float* fresh) {
    constexpr unsigned rows = single_rows(Vectors), warps = single_threads / 32;
    auto* const costs = reinterpret_cast<uint4*>(holdfast::detail::dynamic_shared());  // [stage, row, vector, thread]
    auto* const of_columns = reinterpret_cast<float4*>(costs + single_stages * rows * Vectors * single_threads);
    auto* const sums = reinterpret_cast<float*>(of_columns + 2 * Vectors * single_threads);  // [2, rows, warps]
    float* const of_rows = sums + 2 * rows * warps;                                          // [rows of the part, 3]
    const std::size_t first = single_first(cost.n, rows, gridDim.x, blockIdx.x),
                      last = single_first(cost.n, rows, gridDim.x, blockIdx.x + 1);
    const double steep = 1.4426950408889634 / p.eps;

    const auto fetch = [&](std::size_t begin, unsigned stage) {
        HOLDFAST_UNROLL
        for (unsigned r = 0; r < rows; ++r) {
            HOLDFAST_UNROLL
            for (unsigned q = 0; q < Vectors; ++q) {
                const std::size_t j = (std::size_t{q} * single_threads + threadIdx.x) * 8;
                const bool there = begin + r < last && j < cost.pitch;
                holdfast::detail::copy_async(costs + ((stage * rows + r) * Vectors + q) * single_threads + threadIdx.x,
                                             cost.c + (there ? (begin + r) * cost.pitch + j : 0), there ? 16 : 0);
            }
        }
        holdfast::detail::copy_async_commit();
    };
    for (unsigned s = 0; s + 1 < single_stages; ++s) fetch(first + s * rows, s);
    HOLDFAST_UNROLL
    for (unsigned q = 0; q < Vectors; ++q) {
        float shift[8];
        HOLDFAST_UNROLL
        for (unsigned k = 0; k < 8; ++k) {
            const std::size_t j = (std::size_t{q} * single_threads + threadIdx.x) * 8 + k;
            shift[k] =
                static_cast<float>(j < cost.m ? static_cast<double>(p.g[j]) * steep + std::log2(p.v[j]) : -HUGE_VAL);
        }
        of_columns[2 * q * single_threads + threadIdx.x] = {shift[0], shift[1], shift[2], shift[3]};
        of_columns[(2 * q + 1) * single_threads + threadIdx.x] = {shift[4], shift[5], shift[6], shift[7]};
    }
    for (std::size_t i = first + threadIdx.x; i < last; i += single_threads) {
        float* const row = of_rows + 3 * (i - first);
        row[0] = static_cast<float>((static_cast<double>(p.f[i]) - static_cast<double>(cost.least[i])) * steep);
        row[1] = static_cast<float>(-static_cast<double>(cost.step[i]) * steep);
        row[2] = static_cast<float>(p.u[i]);
    }
    holdfast::detail::synchronise_block();

    float column[Vectors][8] = {};
    unsigned stage = 0, turn = 0;
    for (std::size_t begin = first; begin < last; begin += rows) {
        holdfast::detail::copy_async_wait<single_stages - 2>();  // each thread reads what it copied itself
        fetch(begin + (single_stages - 1) * rows, (stage + single_stages - 1) % single_stages);
        float e[rows][Vectors][8], sum[rows];
        HOLDFAST_UNROLL
        for (unsigned r = 0; r < rows; ++r) sum[r] = 0;
        HOLDFAST_UNROLL
        for (unsigned q = 0; q < Vectors; ++q) {
            const float4 low = of_columns[2 * q * single_threads + threadIdx.x],
                         high = of_columns[(2 * q + 1) * single_threads + threadIdx.x];
            const float shift[8] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
            HOLDFAST_UNROLL
            for (unsigned r = 0; r < rows; ++r) {
                const bool there = begin + r < last;
                const float* const row = of_rows + 3 * (there ? begin + r - first : 0);
                const uint4 c = costs[((stage * rows + r) * Vectors + q) * single_threads + threadIdx.x];
                const std::uint32_t two[4] = {c.x, c.y, c.z, c.w};
                HOLDFAST_UNROLL
                for (unsigned k = 0; k < 8; ++k) {
                    const auto steps = static_cast<float>(k % 2 == 0 ? two[k / 2] & 0xFFFF : two[k / 2] >> 16);
                    e[r][q][k] = holdfast::detail::fast_exp2(row[1] * steps + (row[0] + shift[k]));
                    sum[r] += e[r][q][k];
                }
            }
        }
        HOLDFAST_UNROLL
        for (unsigned r = 0; r < rows; ++r) {
            const float of_warp = holdfast::detail::sum_over_warp(sum[r]);
            if (threadIdx.x % 32 == 0) sums[(turn * rows + r) * warps + threadIdx.x / 32] = of_warp;
        }
        holdfast::detail::synchronise_block();
        HOLDFAST_UNROLL
        for (unsigned r = 0; r < rows; ++r) {
            const std::size_t i = begin + r;
            if (i >= last) continue;
            float total = 0;
            HOLDFAST_UNROLL
            for (unsigned w = 0; w < warps; ++w) total += sums[(turn * rows + r) * warps + w];
            const bool holds = total > 1e-15F && total < 1e30F;
            const float weight = of_rows[3 * (i - first) + 2];
            float beyond = 0;  // of the step to the row's own optimum, in eps
            if (p.omega != 1) {
                beyond = static_cast<float>(1 - p.omega) * std::log(total);
                beyond = beyond < -1 ? -1 : beyond > 1 ? 1 : beyond;
            }
            float share = holds ? weight / total : 0;
            if (p.omega != 1) share *= std::exp(beyond);
            HOLDFAST_UNROLL
            for (unsigned q = 0; q < Vectors; ++q) {
                HOLDFAST_UNROLL
                for (unsigned k = 0; k < 8; ++k) column[q][k] += share * e[r][q][k];
            }
            if (threadIdx.x == 32 * r) {
                const auto wide = static_cast<double>(beyond);
                fresh[i] = static_cast<float>(static_cast<double>(p.f[i]) +
                                              p.eps * (wide - std::log(static_cast<double>(total))));
                p.row_term[i] = holds ? std::abs(p.u[i] * std::expm1(wide)) : std::nan("");
            }
        }
        stage = (stage + 1) % single_stages;
        turn = 1 - turn;
    }
    HOLDFAST_UNROLL
    for (unsigned q = 0; q < Vectors; ++q) {
        HOLDFAST_UNROLL
        for (unsigned k = 0; k < 8; ++k) {
            const std::size_t j = (std::size_t{q} * single_threads + threadIdx.x) * 8 + k;
            if (j < cost.m) p.part_sum[blockIdx.x * cost.m + j] = static_cast<double>(column[q][k]);
        }
    }
}

/// Joins the parts of the columns, in their order: the new potentials, and how far the marginals were off.
template <class Real>
__global__ void __launch_bounds__(gpu_threads, 4)
    gpu_join_single(std::size_t m, gpu_pass<Real> p, Real* fresh, double* col_term) {
    const std::size_t j = static_cast<std::size_t>(blockIdx.x) * gpu_threads + threadIdx.x;
    if (j >= m) return;
    double sum = 0;
    for (unsigned k = 0; k < p.parts; ++k) sum += p.part_sum[k * m + j];
    const bool holds = sum > 1e-16 && sum < 1e30;
    const double old = static_cast<double>(p.g[j]), exact = old - p.eps * std::log(sum / p.v[j]);
    fresh[j] = static_cast<Real>(gpu_relaxed(old, exact, p.eps, p.omega));
    col_term[j] = holds ? std::abs(sum - p.v[j]) : std::nan("");
}

}  // namespace holdfast::transport::detail
