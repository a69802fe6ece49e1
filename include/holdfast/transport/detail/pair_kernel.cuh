#pragma once
// The kernels behind pairwise_cuda.cuh: a block, or a cluster of blocks that share the rows, takes one pair of small
// tasks, makes its costs from the points, keeps them in shared memory in two bytes each, and runs all of Sinkhorn's
// loop there, bounds included; a pair reads its points once and writes two numbers. Builds on core/cluster.cuh and
// cloud_costs.cuh; leaves out memory and which pairs fit.

#include <holdfast/core/cluster.cuh>
#include <holdfast/core/warp.cuh>
#include <holdfast/transport/detail/cloud_costs.cuh>

#include <cmath>
#include <cstddef>
#include <cstdint>

namespace holdfast::transport::detail {

inline constexpr unsigned pair_threads = tile_threads, pair_warps = pair_threads / 32;
inline constexpr unsigned pair_blocks = 8;  // of a cluster: as many as every GPU that has them allows

/// Two tasks: n points from row `a` on, m from row `b` on. No cost between them is above `range`.
struct gpu_pair {
    std::uint32_t a, n, b, m;
    float range;
};

template <class Real>
struct gpu_pairs {
    const Real* points;  // [rows, d]
    const double* weights;
    const gpu_pair* pair;
    std::size_t d;
    gpu_cost cost;
    bool scaled;  // points are unit vectors
    double relative_gap, epsilon_scale;
    unsigned max_iterations, check_every;
    double* bounds;        // [pairs, 2] lower, upper
    unsigned* iterations;  // [pairs]
};

/// Rows of costs begin an odd number of words apart, so that lanes that walk down a column meet in no bank.
[[nodiscard]] __host__ __device__ inline std::size_t pair_pitch(std::size_t m) { return (m + 1) / 4 * 4 + 2; }

/// Shared memory of a block: weights and their parts, logarithms, potentials, what is summed, costs of its rows; and in
/// a cluster what its rows give the columns.
[[nodiscard]] __host__ __device__ inline std::size_t pair_scratch(std::size_t rows, std::size_t m, unsigned blocks) {
    const std::size_t vectors = (3 * (rows + m) + (blocks > 1 ? 2 * m : 0)) * sizeof(double);
    return vectors > cloud_tile_bytes ? vectors : cloud_tile_bytes;
}
/// Of each of `blocks` blocks that share the rows of n x m costs.
[[nodiscard]] __host__ __device__ inline std::size_t pair_bytes(std::size_t n, std::size_t m, unsigned blocks = 1) {
    const std::size_t rows = (n + blocks - 1) / blocks;
    return (pair_warps + 1 + rows + m) * sizeof(double) + pair_scratch(rows, m, blocks) +
           rows * pair_pitch(m) * sizeof(std::uint16_t);
}

/// A block that has a pair to itself.
struct lone_block {
    static constexpr unsigned blocks = 1;
    [[nodiscard]] static __device__ unsigned rank() { return 0; }
    static __device__ void synchronise() { holdfast::detail::synchronise_block(); }
    [[nodiscard]] static __device__ double* of(double* p, unsigned) { return p; }
};
#if HOLDFAST_HAS_CLUSTERS
/// A block of a cluster.
struct block_of_cluster {
    static constexpr unsigned blocks = pair_blocks;
    [[nodiscard]] static __device__ unsigned rank() { return holdfast::detail::block_in_cluster(); }
    static __device__ void synchronise() { holdfast::detail::synchronise_cluster(); }
    [[nodiscard]] static __device__ double* of(double* p, unsigned block) {
        return holdfast::detail::shared_of(p, block);
    }
};
#endif

/// One pair, by all threads of a block, or of all blocks of a cluster, together: every function begins and ends in
/// step. A block has n_ of the rows, from first_ on, and all columns.
template <class Real, class Group>
class gpu_pair_block {
  public:
    __device__ __forceinline__ gpu_pair_block(const gpu_pairs<Real>& all, unsigned pair)
        : all_(all), at_(all.pair[pair]), m_(at_.m), pitch_(static_cast<unsigned>(pair_pitch(m_))) {
        const unsigned most = (at_.n + Group::blocks - 1) / Group::blocks;
        first_ = most * Group::rank() < at_.n ? most * Group::rank() : at_.n;
        n_ = at_.n - first_ < most ? at_.n - first_ : most;
        auto* place = reinterpret_cast<double*>(holdfast::detail::dynamic_shared());
        terms_ = place, place += pair_warps + 1;
        a_ = place, place += most;
        b_ = place, place += m_;
        tiles_ = reinterpret_cast<float*>(place);
        auto* const end = reinterpret_cast<unsigned char*>(place) + pair_scratch(most, m_, Group::blocks);
        u_ = place, place += most;
        v_ = place, place += m_;
        row_log_ = place, place += most;
        col_log_ = place, place += m_;
        f_ = place, place += most;
        g_ = place, place += m_;
        part_least_ = place;
        part_sum_ = place + m_;
        costs_ = reinterpret_cast<std::uint16_t*>(end);
        step_ = at_.range / 65535.0F;
    }

    __device__ __forceinline__ void run(double* bounds, unsigned* iterations) {
        make_costs();
        for (unsigned i = threadIdx.x; i < n_; i += pair_threads) a_[i] = all_.weights[at_.a + first_ + i], f_[i] = 0;
        for (unsigned j = threadIdx.x; j < m_; j += pair_threads) b_[j] = all_.weights[at_.b + j], g_[j] = 0;
        holdfast::detail::synchronise_block();
        const double mean = over_costs([](double c) { return c; });
        const double variance = over_costs([mean](double c) { return (c - mean) * (c - mean); });
        const double range = at_.range, slack = gpu_cost_error(all_.d, range, all_.scaled) + 0.5 * double(step_);
        const double spread = std::sqrt(variance) > 1e-6 * range ? std::sqrt(variance) : 1e-6 * range;
        const double target = range > 0 ? all_.epsilon_scale * spread : 1;
        const double floor = (1e-5 > 64 * unit ? 1e-5 : 64 * unit) * range;
        const double rounding = (16 + double(at_.n + m_) / 8) * unit * range;  // of exponentials in single precision
        double lower = 0, upper = range, eps = target;
        const auto look = [&] {
            const double below = lower_bound() - slack - 1e-12 * range, above = rounded_cost(eps) + slack + rounding;
            lower = below > lower ? below : lower;
            upper = above < upper ? above : upper;
        };
        const auto close = [&] { return upper - lower <= all_.relative_gap * lower; };
        unsigned done = 0;
        while (eps < range / 20) eps *= 2;
        for (bool more = true; more;) {
            const bool last = eps <= target;
            const unsigned most = last ? all_.max_iterations : done + 5;
            for (unsigned k = 1; done < most && done < all_.max_iterations; ++k) {
                const double residual = sweep(eps);
                ++done;
                if (last && residual <= 1e-9) break;
                if (!last || k % all_.check_every != 0) continue;
                look();
                if (close() || residual < 0.02 * all_.relative_gap) break;
            }
            if (last) look();
            more = done < all_.max_iterations && !(last && (close() || eps <= floor));
            eps = last || eps / 2 > target ? eps / 2 : target;
        }
        if (threadIdx.x > 0 || Group::rank() > 0) return;
        bounds[0] = lower;
        bounds[1] = upper > lower ? upper : lower;
        *iterations = done;
    }

  private:
    static constexpr double unit = 0x1p-23;

    [[nodiscard]] __device__ __forceinline__ float cost(std::size_t i, std::size_t j) const {
        return step_ * static_cast<float>(costs_[i * pitch_ + j]);
    }

    __device__ __forceinline__ void make_costs() {
        const cloud<Real> x{all_.points + (at_.a + first_) * all_.d, n_, all_.d},
            y{all_.points + at_.b * all_.d, m_, all_.d};
        for (std::size_t i0 = 0; i0 < n_; i0 += tile_side)
            for (std::size_t j0 = 0; j0 < m_; j0 += tile_side)
                costs_of_tile(x, y, i0, j0, all_.cost, tiles_, [&](std::size_t i, std::size_t j, float c) {
                    costs_[i * pitch_ + j] = in_steps(c, step_);
                });
        holdfast::detail::synchronise_block();
    }

    /// The sum of what each thread has, in every thread of every block, in one order.
    [[nodiscard]] __device__ __forceinline__ double sum_of_all(double x) {
        x = holdfast::detail::sum_over_warp(x);
        if (threadIdx.x % 32 == 0) terms_[threadIdx.x / 32] = x;
        holdfast::detail::synchronise_block();
        double sum = 0;
        for (unsigned w = 0; w < pair_warps; ++w) sum += terms_[w];
        if constexpr (Group::blocks > 1) {
            if (threadIdx.x == 0) terms_[pair_warps] = sum;
            Group::synchronise();
            sum = 0;
            for (unsigned b = 0; b < Group::blocks; ++b) sum += *Group::of(terms_ + pair_warps, b);
        }
        Group::synchronise();
        return sum;
    }

    /// to_j = of(j) in every block, each computed by one, from what all have of the columns.
    template <class Of>
    __device__ __forceinline__ void join_columns(double* to, Of of) {
        Group::synchronise();
        const unsigned last = m_ * (Group::rank() + 1) / Group::blocks;
        for (unsigned j = m_ * Group::rank() / Group::blocks + threadIdx.x; j < last; j += pair_threads) {
            const double x = of(j);
            for (unsigned b = 0; b < Group::blocks; ++b) Group::of(to, b)[j] = x;
        }
        Group::synchronise();
    }
    [[nodiscard]] __device__ __forceinline__ double least_of_parts(unsigned j) const {
        double least = HUGE_VAL;
        for (unsigned b = 0; b < Group::blocks; ++b) {
            const double x = Group::of(part_least_, b)[j];
            least = x < least ? x : least;
        }
        return least;
    }

    /// Σ a_i b_j of(C_ij)
    template <class Of>
    [[nodiscard]] __device__ __forceinline__ double over_costs(Of of) {
        double sum = 0;
        for (std::size_t i = threadIdx.x / 32; i < n_; i += pair_warps)
            for (std::size_t j = threadIdx.x % 32; j < m_; j += 32)
                sum += a_[i] * b_[j] * of(static_cast<double>(cost(i, j)));
        return sum_of_all(sum);
    }

    /// to_k = min_l (C_kl − h_l), over rows or over columns: a warp for each.
    __device__ __forceinline__ void minima(bool columns, const double* h, double* to) {
        const std::size_t count = columns ? m_ : n_, length = columns ? n_ : m_;
        for (std::size_t k = threadIdx.x / 32; k < count; k += pair_warps) {
            const double least = least_of(columns, k, length, h);
            if (threadIdx.x % 32 == 0) (columns && Group::blocks > 1 ? part_least_ : to)[k] = least;
        }
        if (columns && Group::blocks > 1)
            join_columns(to, [&](unsigned j) { return least_of_parts(j); });
        else
            holdfast::detail::synchronise_block();
    }
    /// log_k = log Σ_l w_l exp((h_l − C_kl) / eps)
    __device__ __forceinline__ void logarithms(bool columns, const double* w, const double* h, double eps,
                                               double* log) {
        const std::size_t count = columns ? m_ : n_, length = columns ? n_ : m_;
        const float scale = static_cast<float>(1 / eps);
        for (std::size_t k = threadIdx.x / 32; k < count; k += pair_warps) {
            const double least = least_of(columns, k, length, h);
            double sum = 0;
            for (std::size_t l = threadIdx.x % 32; l < length; l += 32) {
                const float c = columns ? cost(l, k) : cost(k, l);
                const auto over = static_cast<float>(least - (static_cast<double>(c) - h[l]));
                sum += w[l] * static_cast<double>(std::exp(over * scale));
            }
            sum = holdfast::detail::sum_over_warp(sum);
            if (threadIdx.x % 32 > 0) continue;
            if (columns && Group::blocks > 1)
                part_least_[k] = least, part_sum_[k] = sum;
            else
                log[k] = std::log(sum) - least / eps;
        }
        if (columns && Group::blocks > 1)
            join_columns(log, [&](unsigned j) {
                const double least = least_of_parts(j);
                double sum = 0;
                for (unsigned b = 0; b < Group::blocks; ++b)
                    sum += Group::of(part_sum_, b)[j] * std::exp((least - Group::of(part_least_, b)[j]) / eps);
                return std::log(sum) - least / eps;
            });
        else
            holdfast::detail::synchronise_block();
    }
    [[nodiscard]] __device__ __forceinline__ double least_of(bool columns, std::size_t k, std::size_t length,
                                                             const double* h) const {
        double least = HUGE_VAL;
        for (std::size_t l = threadIdx.x % 32; l < length; l += 32) {
            const double x = static_cast<double>(columns ? cost(l, k) : cost(k, l)) - h[l];
            least = x < least ? x : least;
        }
        return holdfast::detail::least_over_warp(least);
    }

    /// Both updates; how far the marginals were off before.
    [[nodiscard]] __device__ __forceinline__ double sweep(double eps) {
        logarithms(false, b_, g_, eps, row_log_);
        double wrong = 0;
        for (unsigned i = threadIdx.x; i < n_; i += pair_threads) {
            const double exact = -eps * row_log_[i];
            wrong += std::abs(a_[i] * std::expm1((f_[i] - exact) / eps));
            f_[i] = exact;
        }
        holdfast::detail::synchronise_block();
        logarithms(true, a_, f_, eps, col_log_);
        for (unsigned j = threadIdx.x; j < m_; j += pair_threads) g_[j] = -eps * col_log_[j];
        return sum_of_all(wrong);
    }

    /// Σ a_i f_i + Σ b_j g_j of the potentials that g gives without entropy.
    [[nodiscard]] __device__ __forceinline__ double lower_bound() {
        minima(false, g_, u_);
        minima(true, u_, v_);
        double sum = 0;
        for (unsigned i = threadIdx.x; i < n_; i += pair_threads) sum += a_[i] * u_[i];
        if (Group::rank() == 0)  // all blocks have the columns
            for (unsigned j = threadIdx.x; j < m_; j += pair_threads) sum += b_[j] * v_[j];
        return sum_of_all(sum);
    }

    /// What the plan costs that Altschuler's rounding makes of the potentials'.
    [[nodiscard]] __device__ __forceinline__ double rounded_cost(double eps) {
        const auto fit = [eps](double all, double potential, double log) {
            const double over = potential / eps + log;
            return over > 0 ? all * std::exp(-over) : all;
        };
        const auto left = [eps](double all, double weight, double potential, double log) {
            const double rest = weight > 0 ? all - weight * std::exp(potential / eps + log) : all;
            return rest > 0 ? rest : 0;
        };
        logarithms(false, b_, g_, eps, row_log_);
        for (unsigned i = threadIdx.x; i < n_; i += pair_threads) u_[i] = fit(a_[i], f_[i], row_log_[i]);
        holdfast::detail::synchronise_block();
        logarithms(true, u_, f_, eps, col_log_);
        for (unsigned j = threadIdx.x; j < m_; j += pair_threads) v_[j] = fit(b_[j], g_[j], col_log_[j]);
        holdfast::detail::synchronise_block();
        double placed = 0;
        for (std::size_t i = threadIdx.x / 32; i < n_; i += pair_warps)
            for (std::size_t j = threadIdx.x % 32; j < m_; j += 32) {
                const auto c = static_cast<double>(cost(i, j));
                const double share = u_[i] * v_[j] * std::exp((f_[i] + g_[j] - c) / eps);
                placed += share > 0 ? share * c : 0;
            }
        logarithms(false, v_, g_, eps, row_log_);
        double missing = 0;
        for (unsigned i = threadIdx.x; i < n_; i += pair_threads) {
            u_[i] = left(a_[i], u_[i], f_[i], row_log_[i]);
            missing += u_[i];
        }
        for (unsigned j = threadIdx.x; j < m_; j += pair_threads) v_[j] = left(b_[j], v_[j], g_[j], col_log_[j]);
        missing = sum_of_all(missing);
        placed = sum_of_all(placed);
        double rest = 0;
        for (std::size_t i = threadIdx.x / 32; i < n_; i += pair_warps)
            for (std::size_t j = threadIdx.x % 32; j < m_; j += 32)
                rest += u_[i] * v_[j] * static_cast<double>(cost(i, j));
        rest = sum_of_all(rest);
        return missing > 0 ? placed + rest / missing : placed;
    }

    const gpu_pairs<Real>& all_;
    const gpu_pair at_;
    const unsigned m_, pitch_;
    unsigned first_, n_;
    float step_;
    double *terms_, *a_, *b_, *u_, *v_, *row_log_, *col_log_, *f_, *g_, *part_least_, *part_sum_;
    float* tiles_;
    std::uint16_t* costs_;
};

template <class Real>
__global__ void __launch_bounds__(pair_threads, 1) gpu_sinkhorn_pairs(gpu_pairs<Real> all, unsigned first) {
    const unsigned pair = first + blockIdx.x;
    gpu_pair_block<Real, lone_block>(all, pair).run(all.bounds + 2 * pair, all.iterations + pair);
}

/// A cluster for each pair; before compute capability 9.0 nothing (has_clusters tells).
template <class Real>
__global__ void HOLDFAST_CLUSTERS_OF(pair_blocks) __launch_bounds__(pair_threads, 1)
    gpu_sinkhorn_clusters([[maybe_unused]] gpu_pairs<Real> all, [[maybe_unused]] unsigned first) {
#if HOLDFAST_HAS_CLUSTERS
    const unsigned pair = first + blockIdx.x / pair_blocks;
    gpu_pair_block<Real, block_of_cluster>(all, pair).run(all.bounds + 2 * pair, all.iterations + pair);
#endif
}

}  // namespace holdfast::transport::detail
