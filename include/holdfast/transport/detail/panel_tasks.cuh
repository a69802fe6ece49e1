#pragma once
// What is done with costs while they are in registers (fixed_product.cuh): soft minima, minima and a plan's cost of
// every row without keeping a cost; and keeping them, with the facts about rows and the least cost of every column.
// Each task writes one number per row and part of the columns, joined in a fixed order. Builds on fixed_product.cuh.

#include <holdfast/core/tensor.cuh>
#include <holdfast/core/warp.cuh>
#include <holdfast/transport/detail/cloud_costs.cuh>
#include <holdfast/transport/detail/fixed_product.cuh>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace holdfast::transport::detail {

/// Eight threads have a part of each row: to(row in the block, join of its parts in order) by a thread per row.
/// @param slot  [128, 8] in shared memory, after which the next begins; @return the next one
template <class T, class Join, class To>
__device__ __forceinline__ T* join_rows(T* slot, const T (&mine)[4], Join join, To to) {
    const panel_place place;
    const unsigned part = threadIdx.x / 32 % 2 * 4 + threadIdx.x % 4;
    HOLDFAST_UNROLL
    for (unsigned r = 0; r < 4; ++r) slot[place.row(r) * 8 + part] = mine[r];
    holdfast::detail::synchronise_block();
    if (threadIdx.x < panel_rows) {
        T x = slot[threadIdx.x * 8];
        for (unsigned k = 1; k < 8; ++k) x = join(x, slot[threadIdx.x * 8 + k]);
        to(threadIdx.x, x);
    }
    return slot + panel_rows * 8;
}

template <class T>
struct lesser {
    __device__ T operator()(T x, T y) const { return y < x ? y : x; }
};
template <class T>
struct added {
    __device__ T operator()(T x, T y) const { return x + y; }
};

/// least_i = min_j (C_ij − h_j) and sum_i = Σ_j w_j exp2(scale (least_i − (C_ij − h_j))), of a part of the columns; or
/// the minima alone.
template <bool Soft>
struct soft_rows {
    const float* h;
    const double* w;
    std::size_t n, m;
    float scale;  // 1 / (eps ln 2)
    float* part_least;
    double* part_sum;

    float least[4], from[8], weight[8];
    double sum[4];

    __host__ __device__ soft_rows(const float* h_, const double* w_, std::size_t n_, std::size_t m_, float scale_,
                                  float* part_least_, double* part_sum_)
        : h(h_), w(w_), n(n_), m(m_), scale(scale_), part_least(part_least_), part_sum(part_sum_) {
        for (unsigned r = 0; r < 4; ++r) least[r] = static_cast<float>(HUGE_VAL), sum[r] = 0;
    }
    __device__ __forceinline__ void columns(const panel_place& place, std::size_t tile) {
        HOLDFAST_UNROLL
        for (unsigned k = 0; k < 8; ++k) {
            const std::size_t j = place.column(tile, k);
            from[k] = j < m ? h[j] : static_cast<float>(-HUGE_VAL);  // beyond the end: infinitely far
            if constexpr (Soft) weight[k] = j < m ? static_cast<float>(w[j]) : 0;
        }
    }
    __device__ __forceinline__ void row(unsigned r, std::size_t, const panel_place&, std::size_t,
                                        const float (&cost)[8]) {
        float x[8], now = least[r];
        HOLDFAST_UNROLL
        for (unsigned k = 0; k < 8; ++k) {
            x[k] = cost[k] - from[k];
            now = x[k] < now ? x[k] : now;
        }
        if constexpr (Soft) {
            if (now == static_cast<float>(HUGE_VAL)) return;
            float added_now = 0;
            HOLDFAST_UNROLL
            for (unsigned k = 0; k < 8; ++k) added_now += weight[k] * std::exp2((now - x[k]) * scale);
            sum[r] = sum[r] * static_cast<double>(std::exp2((now - least[r]) * scale)) + static_cast<double>(added_now);
        }
        least[r] = now;
    }
    __device__ __forceinline__ void finish(std::size_t begin) {
        auto* const slot = reinterpret_cast<float*>(holdfast::detail::dynamic_shared());
        const std::size_t part = blockIdx.y * n;
        if constexpr (!Soft) {
            join_rows(slot, least, lesser<float>{}, [&](unsigned r, float x) {
                if (begin + r < n) part_least[part + begin + r] = x;
            });
        } else {
            float* const of_rows = slot + panel_rows * 8;
            auto* const sums = reinterpret_cast<double*>(of_rows + panel_rows);
            join_rows(slot, least, lesser<float>{}, [&](unsigned r, float x) {
                of_rows[r] = x;
                if (begin + r < n) part_least[part + begin + r] = x;
            });
            holdfast::detail::synchronise_block();
            const panel_place place;
            HOLDFAST_UNROLL
            for (unsigned r = 0; r < 4; ++r)
                if (sum[r] > 0) sum[r] *= static_cast<double>(std::exp2((of_rows[place.row(r)] - least[r]) * scale));
            join_rows(sums, sum, added<double>{}, [&](unsigned r, double x) {
                if (begin + r < n) part_sum[part + begin + r] = x;
            });
        }
    }
};

/// Σ_j v_j exp2(scale (f_i + g_j − C_ij)) C_ij of a part of the columns, or, without potentials, Σ_j v_j C_ij.
template <bool Potentials>
struct plan_rows {
    const float *f, *g;
    const double* v;
    std::size_t n, m;
    float scale;
    double* part_sum;

    float to[8], weight[8];
    double sum[4];

    __host__ __device__ plan_rows(const float* f_, const float* g_, const double* v_, std::size_t n_, std::size_t m_,
                                  float scale_, double* part_sum_)
        : f(f_), g(g_), v(v_), n(n_), m(m_), scale(scale_), part_sum(part_sum_) {
        for (double& x : sum) x = 0;
    }
    __device__ __forceinline__ void columns(const panel_place& place, std::size_t tile) {
        HOLDFAST_UNROLL
        for (unsigned k = 0; k < 8; ++k) {
            const std::size_t j = place.column(tile, k);
            if constexpr (Potentials) to[k] = j < m ? g[j] : 0;
            weight[k] = j < m ? static_cast<float>(v[j]) : 0;
        }
    }
    __device__ __forceinline__ void row(unsigned r, std::size_t i, const panel_place&, std::size_t,
                                        const float (&cost)[8]) {
        float mine = 0;
        if constexpr (Potentials) mine = i < n ? f[i] : 0;
        HOLDFAST_UNROLL
        for (unsigned k = 0; k < 8; ++k) {
            float share = weight[k];
            if constexpr (Potentials)
                if (share > 0) share *= std::exp2((mine + to[k] - cost[k]) * scale);
            sum[r] += static_cast<double>(share) * static_cast<double>(cost[k]);
        }
    }
    __device__ __forceinline__ void finish(std::size_t begin) {
        join_rows(reinterpret_cast<double*>(holdfast::detail::dynamic_shared()), sum, added<double>{},
                  [&](unsigned r, double x) {
                      if (begin + r < n) part_sum[blockIdx.y * n + begin + r] = x;
                  });
    }
};

/// Keeps the costs (in steps where Stored has two bytes; none where `to` is null), with, of each row and part of the
/// columns, the least, the greatest, Σ_j v_j C_ij, Σ_j v_j C_ij^2; and of each column the least, as the bits of a
/// float, which for costs are in the order of the costs.
template <class Stored>
struct kept_rows {
    const double* v;
    std::size_t n, m, pitch;
    float step;
    Stored* to;
    double* facts;                // [parts, n, 4]
    std::uint32_t* column_least;  // [m]

    float weight[8], of_column[8];
    double least[4], less_greatest[4], sum[4], square[4];

    __host__ __device__ kept_rows(const double* v_, std::size_t n_, std::size_t m_, std::size_t pitch_, float step_,
                                  Stored* to_, double* facts_, std::uint32_t* column_least_)
        : v(v_), n(n_), m(m_), pitch(pitch_), step(step_), to(to_), facts(facts_), column_least(column_least_) {
        for (unsigned r = 0; r < 4; ++r) least[r] = less_greatest[r] = HUGE_VAL, sum[r] = square[r] = 0;
    }
    __device__ __forceinline__ void columns(const panel_place& place, std::size_t tile) {
        HOLDFAST_UNROLL
        for (unsigned k = 0; k < 8; ++k) {
            const std::size_t j = place.column(tile, k);
            weight[k] = j < m ? static_cast<float>(v[j]) : 0;
            of_column[k] = static_cast<float>(HUGE_VAL);
        }
    }
    __device__ __forceinline__ void row(unsigned r, std::size_t i, const panel_place& place, std::size_t tile,
                                        const float (&cost)[8]) {
        HOLDFAST_UNROLL
        for (unsigned k = 0; k < 8; ++k) {
            const std::size_t j = place.column(tile, k);
            const auto c = static_cast<double>(cost[k]);
            if (j < m) {
                least[r] = c < least[r] ? c : least[r];
                less_greatest[r] = -c < less_greatest[r] ? -c : less_greatest[r];
            }
            sum[r] += static_cast<double>(weight[k]) * c;
            square[r] += static_cast<double>(weight[k]) * c * c;
            if (i < n) of_column[k] = cost[k] < of_column[k] ? cost[k] : of_column[k];
        }
        if (to != nullptr && i < n) {
            HOLDFAST_UNROLL
            for (unsigned k = 0; k < 8; k += 2) {  // rows are of whole pairs: the pitch is even
                const std::size_t j = place.column(tile, k);
                if (j < m) put(to + i * pitch + j, cost[k], cost[k + 1]);
            }
        }
        if (r == 3) {  // the last row of this tile
            HOLDFAST_UNROLL
            for (unsigned k = 0; k < 8; ++k) {
                const float of_warp = holdfast::detail::least_over_warp<float, 4>(of_column[k]);
                const std::size_t j = place.column(tile, k);
                if (threadIdx.x % 32 < 4 && j < m) atomicMin(column_least + j, holdfast::detail::bits_of(of_warp));
            }
        }
    }
    __device__ __forceinline__ void put(Stored* at, float first, float second) const {
        if constexpr (std::is_same_v<Stored, std::uint16_t>)
            *reinterpret_cast<std::uint32_t*>(at) =
                in_steps(first, step) | static_cast<std::uint32_t>(in_steps(second, step)) << 16;
        else
            *reinterpret_cast<float2*>(at) = {first, second};
    }
    __device__ __forceinline__ void finish(std::size_t begin) {
        auto* slot = reinterpret_cast<double*>(holdfast::detail::dynamic_shared());
        const auto into = [&](unsigned what, double sign) {
            return [this, begin, what, sign](unsigned r, double x) {
                if (begin + r < n) facts[(blockIdx.y * n + begin + r) * 4 + what] = sign * x;
            };
        };
        slot = join_rows(slot, least, lesser<double>{}, into(0, 1));
        slot = join_rows(slot, less_greatest, lesser<double>{}, into(1, -1));
        slot = join_rows(slot, sum, added<double>{}, into(2, 1));
        join_rows(slot, square, added<double>{}, into(3, 1));
    }
};

}  // namespace holdfast::transport::detail
