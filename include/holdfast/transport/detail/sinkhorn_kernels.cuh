#pragma once
// The kernels behind engine_cuda.cuh. One pass over the costs updates both potentials: a block takes eight rows, a warp
// each, finds their soft minima, then all its threads add the same rows, still in the cache, to running soft minima of
// the columns. Partial results of the blocks are joined in a fixed order, so that a run repeats to the bit.
// Builds on core/warp.cuh; leaves out memory and the loop.

#include <holdfast/core/warp.cuh>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace holdfast::transport::detail {

inline constexpr unsigned gpu_threads = 256, gpu_rows = gpu_threads / 32;

/// Costs [n, m] in device memory: numbers, or 16-bit steps above a least cost of the row's own.
template <class Stored>
struct gpu_costs {
    using real = std::conditional_t<std::is_same_v<Stored, double>, double, float>;

    const Stored* c = nullptr;
    const float* least = nullptr;  // [n], of 16-bit costs
    const float* step = nullptr;
    std::size_t n = 0, m = 0, pitch = 0;  // pitch: entries from row to row

    [[nodiscard]] __device__ real at(std::size_t i, std::size_t j) const {
        if constexpr (std::is_same_v<Stored, std::uint16_t>)
            return least[i] + step[i] * static_cast<float>(c[i * pitch + j]);
        else
            return c[i * pitch + j];
    }
};

/// What a pass reads and writes. Weights u, v stand for a, b, or for parts of them while a plan is rounded.
template <class Real>
struct gpu_pass {
    const double* u;  // [n]
    const double* v;  // [m]
    Real* f;          // [n], changed where the pass updates rows
    const Real* g;    // [m]
    double eps, omega;
    double* row_log;   // [n] log Σ_j v_j exp((g_j − C_ij) / eps)
    double* row_term;  // [n] |Σ_j P_ij − u_i|
    Real* part_least;  // [parts, m] min of C_ij − f_i over a part's rows
    double* part_sum;  // [parts, m] Σ_i u_i exp((part_least − C_ij + f_i) / eps)
    unsigned parts;
};

/// x + omega (to − x), where what goes beyond `to` is at most eps (as detail::relaxed on the CPU).
__device__ inline double gpu_relaxed(double x, double to, double eps, double omega) {
    if (omega == 1) return to;
    const double beyond = (omega - 1) * (to - x);
    return to + (beyond < -eps ? -eps : beyond > eps ? eps : beyond);
}

/// Rows [first, last) of part `part`: whole groups of eight, the same for any device.
__device__ inline void gpu_part(std::size_t n, unsigned parts, unsigned part, std::size_t& first, std::size_t& last) {
    const std::size_t groups = (n + gpu_rows - 1) / gpu_rows;
    first = groups * part / parts * gpu_rows;
    last = groups * (part + 1) / parts * gpu_rows;
    if (last > n) last = n;
}

/// min_j (C_ij − g_j), in every lane of the warp that asks.
template <class Stored, class Real = typename gpu_costs<Stored>::real>
__device__ inline Real gpu_row_least(const gpu_costs<Stored>& cost, const Real* g, std::size_t i) {
    Real least = static_cast<Real>(HUGE_VAL);
    for (std::size_t j = threadIdx.x % 32; j < cost.m; j += 32) {
        const Real x = cost.at(i, j) - g[j];
        least = x < least ? x : least;
    }
    return holdfast::detail::least_over_warp(least);
}

/// Soft minima of rows and columns in one pass; the grid has one block per part.
template <bool Update, class Stored>
__global__ void __launch_bounds__(gpu_threads, 4)
    gpu_soft_minima(gpu_costs<Stored> cost, gpu_pass<typename gpu_costs<Stored>::real> p) {
    using real = typename gpu_costs<Stored>::real;
    auto* of_row = reinterpret_cast<real*>(holdfast::detail::dynamic_shared());  // [8] potentials of the rows at hand
    const unsigned warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    std::size_t first, last;
    gpu_part(cost.n, p.parts, blockIdx.x, first, last);
    real* least_of = p.part_least + static_cast<std::size_t>(blockIdx.x) * cost.m;
    double* sum_of = p.part_sum + static_cast<std::size_t>(blockIdx.x) * cost.m;
    const real eps = static_cast<real>(p.eps);
    for (std::size_t begin = first; begin < last; begin += gpu_rows) {
        const std::size_t i = begin + warp;
        if (i < last) {
            const real least = gpu_row_least(cost, p.g, i);
            double sum = 0;
            for (std::size_t j = lane; j < cost.m; j += 32)
                sum += p.v[j] * static_cast<double>(std::exp((least - (cost.at(i, j) - p.g[j])) / eps));
            sum = holdfast::detail::sum_over_warp(sum);
            if (lane == 0) {
                const double row_log = std::log(sum) - static_cast<double>(least) / p.eps, exact = -p.eps * row_log;
                double f = static_cast<double>(p.f[i]);
                if constexpr (Update) {
                    f = gpu_relaxed(f, exact, p.eps, p.omega);
                    p.f[i] = static_cast<real>(f);
                }
                p.row_log[i] = row_log;
                p.row_term[i] = std::abs(p.u[i] * std::expm1((f - exact) / p.eps));
                of_row[warp] = static_cast<real>(f);
            }
        }
        holdfast::detail::synchronise_block();
        const unsigned here = static_cast<unsigned>(last - begin < gpu_rows ? last - begin : gpu_rows);
        for (std::size_t j = threadIdx.x; j < cost.m; j += gpu_threads) {
            real x[gpu_rows], least = begin == first ? static_cast<real>(HUGE_VAL) : least_of[j];
            const real before = least;
            for (unsigned r = 0; r < gpu_rows; ++r) {
                x[r] = r < here ? cost.at(begin + r, j) - of_row[r] : static_cast<real>(HUGE_VAL);
                least = x[r] < least ? x[r] : least;
            }
            double sum = begin == first ? 0 : sum_of[j] * static_cast<double>(std::exp((least - before) / eps));
            for (unsigned r = 0; r < gpu_rows; ++r)
                if (r < here) sum += p.u[begin + r] * static_cast<double>(std::exp((least - x[r]) / eps));
            least_of[j] = least;
            sum_of[j] = sum;
        }
        holdfast::detail::synchronise_block();
    }
}

/// Joins the parts of the columns: col_log_j = log Σ_i u_i exp((f_i − C_ij) / eps), the marginal's error before the
/// update (or after it), and the update.
template <bool Update, bool After, class Real>
__global__ void __launch_bounds__(gpu_threads, 4)
    gpu_join_columns(std::size_t m, gpu_pass<Real> p, Real* g, double* col_log, double* col_term) {
    const std::size_t j = static_cast<std::size_t>(blockIdx.x) * gpu_threads + threadIdx.x;
    if (j >= m) return;
    double least = HUGE_VAL, sum = 0;
    for (unsigned k = 0; k < p.parts; ++k) {
        const double x = static_cast<double>(p.part_least[k * m + j]);
        least = x < least ? x : least;
    }
    for (unsigned k = 0; k < p.parts; ++k)
        sum += p.part_sum[k * m + j] * std::exp((least - static_cast<double>(p.part_least[k * m + j])) / p.eps);
    const double logarithm = std::log(sum) - least / p.eps, exact = -p.eps * logarithm, old = static_cast<double>(g[j]);
    col_log[j] = logarithm;
    double now = old;
    if constexpr (Update) now = gpu_relaxed(old, exact, p.eps, p.omega), g[j] = static_cast<Real>(now);
    col_term[j] = std::abs(p.v[j] * std::expm1(((After ? now : old) - exact) / p.eps));
}

/// f_i = min_j (C_ij − g_j), and the parts' minima of C_ij − f_i; row_term_i = u_i f_i.
template <class Stored>
__global__ void __launch_bounds__(gpu_threads, 4)
    gpu_minima(gpu_costs<Stored> cost, gpu_pass<typename gpu_costs<Stored>::real> p) {
    using real = typename gpu_costs<Stored>::real;
    auto* of_row = reinterpret_cast<real*>(holdfast::detail::dynamic_shared());
    const unsigned warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    std::size_t first, last;
    gpu_part(cost.n, p.parts, blockIdx.x, first, last);
    real* least_of = p.part_least + static_cast<std::size_t>(blockIdx.x) * cost.m;
    for (std::size_t begin = first; begin < last; begin += gpu_rows) {
        const std::size_t i = begin + warp;
        if (i < last) {
            const real least = gpu_row_least(cost, p.g, i);
            if (lane == 0) {
                p.f[i] = of_row[warp] = least;
                p.row_term[i] = p.u[i] * static_cast<double>(least);
            }
        }
        holdfast::detail::synchronise_block();
        const unsigned here = static_cast<unsigned>(last - begin < gpu_rows ? last - begin : gpu_rows);
        for (std::size_t j = threadIdx.x; j < cost.m; j += gpu_threads) {
            real least = begin == first ? static_cast<real>(HUGE_VAL) : least_of[j];
            for (unsigned r = 0; r < here; ++r) {
                const real x = cost.at(begin + r, j) - of_row[r];
                least = x < least ? x : least;
            }
            least_of[j] = least;
        }
        holdfast::detail::synchronise_block();
    }
}

/// g_j = the least of the parts; col_term_j = v_j g_j.
template <class Real>
__global__ void __launch_bounds__(gpu_threads, 4)
    gpu_join_minima(std::size_t m, gpu_pass<Real> p, Real* g, double* col_term) {
    const std::size_t j = static_cast<std::size_t>(blockIdx.x) * gpu_threads + threadIdx.x;
    if (j >= m) return;
    Real least = p.part_least[j];
    for (unsigned k = 1; k < p.parts; ++k) {
        const Real x = p.part_least[k * m + j];
        least = x < least ? x : least;
    }
    g[j] = least;
    col_term[j] = p.v[j] * static_cast<double>(least);
}

/// row_term_i = Σ_j P_ij C_ij of P_ij = u_i v_j exp((f_i + g_j − C_ij) / eps), or, without potentials, of u_i v_j.
template <bool Potentials, class Stored>
__global__ void __launch_bounds__(gpu_threads, 4)
    gpu_row_costs(gpu_costs<Stored> cost, gpu_pass<typename gpu_costs<Stored>::real> p) {
    const std::size_t i = static_cast<std::size_t>(blockIdx.x) * gpu_rows + threadIdx.x / 32;
    if (i >= cost.n) return;
    double sum = 0;
    for (std::size_t j = threadIdx.x % 32; j < cost.m; j += 32) {
        const auto c = cost.at(i, j);
        double share = p.u[i] * p.v[j];
        if constexpr (Potentials)
            share *=
                std::exp((static_cast<double>(p.f[i]) + static_cast<double>(p.g[j]) - static_cast<double>(c)) / p.eps);
        sum += share > 0 ? share * static_cast<double>(c) : 0;
    }
    sum = holdfast::detail::sum_over_warp(sum);
    if (threadIdx.x % 32 == 0) p.row_term[i] = sum;
}

/// Of each row: the least cost, the greatest, Σ_j v_j C_ij, Σ_j v_j C_ij^2.
template <class Stored>
__global__ void __launch_bounds__(gpu_threads, 4)
    gpu_row_facts(gpu_costs<Stored> cost, const double* v, double* facts) {
    const std::size_t i = static_cast<std::size_t>(blockIdx.x) * gpu_rows + threadIdx.x / 32;
    if (i >= cost.n) return;
    double least = HUGE_VAL, less_greatest = HUGE_VAL, sum = 0, square = 0;
    for (std::size_t j = threadIdx.x % 32; j < cost.m; j += 32) {
        const auto c = static_cast<double>(cost.at(i, j));
        least = c < least ? c : least;
        less_greatest = -c < less_greatest ? -c : less_greatest;
        sum += v[j] * c;
        square += v[j] * c * c;
    }
    least = holdfast::detail::least_over_warp(least);
    less_greatest = holdfast::detail::least_over_warp(less_greatest);
    sum = holdfast::detail::sum_over_warp(sum);
    square = holdfast::detail::sum_over_warp(square);
    if (threadIdx.x % 32 > 0) return;
    facts[4 * i] = least, facts[4 * i + 1] = -less_greatest, facts[4 * i + 2] = sum, facts[4 * i + 3] = square;
}

/// How much of a row or column fits: weight_i = all_i min(1, 1 / exp(potential_i / eps + log_i)).
template <class Real>
__global__ void __launch_bounds__(gpu_threads, 4)
    gpu_fit(std::size_t n, const double* all, const Real* potential, const double* logs, double eps, double* weight) {
    const std::size_t i = static_cast<std::size_t>(blockIdx.x) * gpu_threads + threadIdx.x;
    if (i >= n) return;
    const double over = static_cast<double>(potential[i]) / eps + logs[i];
    weight[i] = over > 0 ? all[i] * std::exp(-over) : all[i];
}

/// What is left to place: short_i = max(0, all_i − weight_i exp(potential_i / eps + log_i)).
template <class Real>
__global__ void __launch_bounds__(gpu_threads, 4)
    gpu_left(std::size_t n, const double* all, const double* weight, const Real* potential, const double* logs,
             double eps, double* left) {
    const std::size_t i = static_cast<std::size_t>(blockIdx.x) * gpu_threads + threadIdx.x;
    if (i >= n) return;
    const double over = static_cast<double>(potential[i]) / eps + logs[i];
    const double rest = weight[i] > 0 ? all[i] - weight[i] * std::exp(over) : all[i];
    left[i] = rest > 0 ? rest : 0;
}

/// term_i = u_i Σ of the parts, in their order.
template <class Real>
__global__ void __launch_bounds__(gpu_threads, 4) gpu_join_sums(std::size_t n, gpu_pass<Real> p) {
    const std::size_t i = static_cast<std::size_t>(blockIdx.x) * gpu_threads + threadIdx.x;
    if (i >= n) return;
    double sum = 0;
    for (unsigned k = 0; k < p.parts; ++k) sum += p.part_sum[k * n + i];
    p.row_term[i] = p.u[i] * sum;
}

/// Σ x [n] in one block, in an order that n alone decides.
template <class T>
__global__ void __launch_bounds__(gpu_threads, 4) gpu_sum(std::size_t n, const T* x, T* to) {
    auto* shared = reinterpret_cast<T*>(holdfast::detail::dynamic_shared());
    T sum = 0;
    for (std::size_t i = threadIdx.x; i < n; i += gpu_threads) sum += x[i];
    sum = holdfast::detail::sum_over_warp(sum);
    if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = sum;
    holdfast::detail::synchronise_block();
    if (threadIdx.x > 0) return;
    sum = 0;
    for (unsigned w = 0; w < gpu_rows; ++w) sum += shared[w];
    *to = sum;
}

}  // namespace holdfast::transport::detail
