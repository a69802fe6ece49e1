#pragma once
// Costs in device memory, and the passes over them that the CUDA engine is made of: soft minima of rows and columns,
// minima, a plan's cost. Builds on sinkhorn_kernels.cuh, cloud_costs.cuh, panel_tasks.cuh and gpu_cloud.cuh.
// streamed_costs.cuh has the same passes without the costs.

#include <holdfast/core/cuda.cuh>
#include <holdfast/core/launch.cuh>
#include <holdfast/core/matrix.hpp>
#include <holdfast/transport/cost.hpp>
#include <holdfast/transport/detail/cloud_costs.cuh>
#include <holdfast/transport/detail/panel_tasks.cuh>
#include <holdfast/transport/detail/single_sweep.cuh>
#include <holdfast/transport/detail/sinkhorn_kernels.cuh>
#include <holdfast/transport/gpu_cloud.cuh>
#include <holdfast/transport/gpu_vector.cuh>
#include <holdfast/transport/sinkhorn.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <vector>

namespace holdfast::transport::detail {

template <class Kernel, class... Arguments>
void enqueue(cudaStream_t on, Kernel kernel, dim3 blocks, unsigned threads, std::size_t shared,
             const Arguments&... arguments) {
    check(holdfast::detail::launch(kernel, blocks, threads, shared, on, arguments...), "transport::cuda_engine");
}

[[nodiscard]] inline unsigned gpu_blocks(std::size_t n, std::size_t each) {
    return static_cast<unsigned>((n + each - 1) / each);
}

/// Facts about the costs from those of rows, in parts: least, greatest, Σ_j b_j C_ij, Σ_j b_j C_ij^2.
/// @param rows  [n], and the least cost of each, where asked for
[[nodiscard]] inline cost_summary summary_of(const matrix<double>& facts, std::size_t n, const std::vector<double>& a,
                                             std::vector<double>* row_least = nullptr) {
    cost_summary s{facts(0, 0), facts(0, 1), 0, 0};
    double square = 0;
    if (row_least != nullptr) row_least->assign(n, std::numeric_limits<double>::infinity());
    for (std::size_t k = 0; k < facts.rows(); ++k) {
        const std::size_t i = k % n;
        s.least = std::min(s.least, facts(k, 0));
        s.greatest = std::max(s.greatest, facts(k, 1));
        s.mean += a[i] * facts(k, 2);
        square += a[i] * facts(k, 3);
        if (row_least != nullptr) (*row_least)[i] = std::min((*row_least)[i], facts(k, 0));
    }
    s.deviation = std::sqrt(std::max(0.0, square - s.mean * s.mean));
    return s;
}

/// Two clouds whose costs are wanted: what a kernel takes, and what is known without looking at a cost.
struct pair_of_clouds {
    fixed_pair pair;
    double range;       // no cost is greater
    moved_costs wrong;  // of costs in single precision
    double most_wrong;  // of any cost

    pair_of_clouds(const gpu_cloud& x, const gpu_cloud& y) : pair{x.view(), y.view(), x.kind(), 1} {
        const gpu_cost kind = x.kind();
        const double half = kind == gpu_cost::half_squared ? 0.5 : 1, one = 1 / x.unit(),
                     apart = x.radius() + y.radius();
        const double moved = x.largest_move() + y.largest_move();
        pair.scale = static_cast<float>(kind == gpu_cost::root ? one : half * one * one);
        range = (kind == gpu_cost::root ? apart : half * apart * apart) * (1 + 1e-6);
        wrong = {kind, 0x1p-21 * range, x.mean_move() + y.mean_move()};
        most_wrong = wrong.each + (kind == gpu_cost::root ? moved : half * moved * (2 * apart + moved));
    }
};

/// What came with costs that were made on the device.
struct made_costs {
    cost_summary summary;
    moved_costs wrong;
    double most_wrong = 0;
    double least_cost = 0;  // a lower bound of the transport cost of what is kept: Σ of row minima, or of columns'
};

/// One pass of the tensor cores over all costs, for the facts and for keeping them (`to` null: not).
template <class Stored>
made_costs make_costs(const pair_of_clouds& clouds, float step, Stored* to, std::size_t pitch,
                      const std::vector<double>& a, const std::vector<double>& b, const double* on_b, cudaStream_t on) {
    const std::size_t n = a.size(), m = b.size();
    const unsigned parts = panel_splits(n, m);
    device_matrix<double> on_facts(parts * n, 4);
    gpu_vector<std::uint32_t> columns(m);
    check(cudaMemsetAsync(columns.data(), 0x7F, m * sizeof(std::uint32_t), on), "transport::cuda_engine");
    enqueue(on, gpu_panels<kept_rows<Stored>>, dim3(gpu_blocks(n, panel_rows), parts), panel_threads, panel_bytes,
            clouds.pair, kept_rows<Stored>(on_b, n, m, pitch, step, to, on_facts.data(), columns.data()));
    matrix<double> facts(parts * n, 4);
    on_facts.download(facts.view(), on);
    made_costs made;
    std::vector<double> least;
    made.summary = summary_of(facts, n, a, &least);
    double of_rows = 0, of_columns = 0;
    for (std::size_t i = 0; i < n; ++i) of_rows += a[i] * least[i];
    const std::vector<std::uint32_t> bits = columns.download(on);
    for (std::size_t j = 0; j < m; ++j) of_columns += b[j] * static_cast<double>(std::bit_cast<float>(bits[j]));
    made.least_cost = std::max(of_rows, of_columns);
    made.wrong = clouds.wrong;
    made.most_wrong = clouds.most_wrong;
    if constexpr (std::is_same_v<Stored, std::uint16_t>)
        if (to != nullptr) {
            made.wrong.each += 0.5 * static_cast<double>(step);
            made.most_wrong += 0.5 * static_cast<double>(step);
        }
    return made;
}

template <class Stored>
class stored_costs {
  public:
    using real = typename gpu_costs<Stored>::real;
    static constexpr bool in_steps = std::is_same_v<Stored, std::uint16_t>;

    stored_costs(std::size_t n, std::size_t m, cudaStream_t on)
        : n_(n),
          m_(m),
          pitch_((m + 7) / 8 * 8),
          parts_(static_cast<unsigned>(std::min<std::size_t>((n_ + gpu_rows - 1) / gpu_rows, 264))),
          on_(on),
          part_least_(parts_ * m_),
          part_sum_(parts_ * m_) {
        int device = 0, bytes = 0;
        check(cudaGetDevice(&device), "transport::cuda_engine");
        check(cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device),
              "transport::cuda_engine");
        shared_ = static_cast<std::size_t>(bytes);
        try {
            costs_ = device_matrix<Stored>(n_, pitch_);
        } catch (const cuda_error& e) {
            require(e.code != cudaErrorMemoryAllocation, "transport::cuda_engine: costs of ", n_, " x ", m_,
                    " points need ", static_cast<double>(n_) * static_cast<double>(pitch_) * sizeof(Stored) / 1e9,
                    " GB of the device's memory, more than there is: cuda_engine<gpu_streamed> keeps none");
            throw;
        }
    }

    /// Costs from the host. @return the largest error of what is kept
    double keep(matrix_view<const real> cost) {
        matrix<Stored> rows(n_, pitch_);
        double wrong = 0;
        if constexpr (in_steps) {
            std::vector<float> least(n_), step(n_);
            for (std::size_t i = 0; i < n_; ++i) {
                float low = cost(i, 0), high = cost(i, 0);
                for (std::size_t j = 1; j < m_; ++j) low = std::min(low, cost(i, j)), high = std::max(high, cost(i, j));
                least[i] = low;
                step[i] = (high - low) / 65535.0F;
                for (std::size_t j = 0; j < m_; ++j) {
                    const float steps = step[i] > 0 ? (cost(i, j) - low) / step[i] + 0.5F : 0;
                    rows(i, j) = static_cast<std::uint16_t>(std::min(steps, 65535.0F));
                    const double kept = static_cast<double>(low + step[i] * static_cast<float>(rows(i, j)));
                    wrong = std::max(wrong, std::abs(kept - static_cast<double>(cost(i, j))));
                }
            }
            store_steps(least, step);
        } else {
            for (std::size_t i = 0; i < n_; ++i)
                for (std::size_t j = 0; j < m_; ++j) rows(i, j) = cost(i, j);
        }
        costs_.upload(rows.view(), on_);
        check(cudaStreamSynchronize(on_), "transport::cuda_engine");
        return wrong;
    }

    /// Costs of points in single precision, as sums of squared differences; none is above `range`.
    made_costs make(const cloud<float>& x, const cloud<float>& y, const ground_cost& cost, double range,
                    const std::vector<double>& a, const double* on_b) {
        const auto step = static_cast<float>(range / 65535);
        enqueue(on_, gpu_cloud_costs<Stored>, dim3(gpu_blocks(m_, tile_side), gpu_blocks(n_, tile_side)), tile_threads,
                cloud_tile_bytes, x, y, gpu_cost_of(cost), step, costs_.data(), pitch_);
        made_costs made;
        made.wrong = {gpu_cost_of(cost), gpu_cost_error(x.d, range, cost.normalises()), 0};
        steps_of(step, made.wrong.each);
        made.most_wrong = made.wrong.each;
        device_matrix<double> of_rows(n_, 4);
        enqueue(on_, gpu_row_facts<Stored>, dim3(gpu_blocks(n_, gpu_rows)), gpu_threads, 0, costs(), on_b,
                of_rows.data());
        matrix<double> facts(n_, 4);
        of_rows.download(facts.view(), on_);
        made.summary = summary_of(facts, n_, a);
        return made;
    }

    /// Costs by tensor cores.
    made_costs make(const pair_of_clouds& clouds, const std::vector<double>& a, const std::vector<double>& b,
                    const double* on_b) {
        const auto step = static_cast<float>(clouds.range / 65535);
        const made_costs made = make_costs(clouds, step, costs_.data(), pitch_, a, b, on_b, on_);
        double counted = 0;
        steps_of(step, counted);
        return made;
    }

    /// A sweep that reads the costs once, from p.f and p.g to fresh ones. @return whether there is one for these costs;
    /// its terms are NaN where single precision did not hold the sums
    bool single_sweep(gpu_pass<real> p, real* fresh_f, real* fresh_g, double* col_term) const {
        if constexpr (in_steps) {
            p = in_parts(p);
            p.parts = std::min(parts_, single_parts);
            const auto vectors = static_cast<unsigned>((m_ + single_columns - 1) / single_columns);
            if (vectors > single_vectors || single_bytes(n_, vectors, p.parts) > shared_) return false;
            enqueue(on_,
                    vectors == 1   ? gpu_single_sweep<1>
                    : vectors == 2 ? gpu_single_sweep<2>
                                   : gpu_single_sweep<3>,
                    dim3(p.parts), single_threads, single_bytes(n_, vectors, p.parts), costs(), p, fresh_f);
            enqueue(on_, gpu_join_single<real>, dim3(gpu_blocks(m_, gpu_threads)), gpu_threads, 0, m_, p, fresh_g,
                    col_term);
            return true;
        }
        return false;
    }

    template <bool Update>
    void soft_minima(gpu_pass<real> p, real* g, double* col_log, double* col_term) const {
        enqueue(on_, gpu_soft_minima<Update, Stored>, dim3(parts_), gpu_threads, row_memory, costs(), in_parts(p));
        enqueue(on_, gpu_join_columns<Update, false, real>, dim3(gpu_blocks(m_, gpu_threads)), gpu_threads, 0, m_,
                in_parts(p), g, col_log, col_term);
    }
    void minima(gpu_pass<real> p, real* g, double* col_term) const {
        enqueue(on_, gpu_minima<Stored>, dim3(parts_), gpu_threads, row_memory, costs(), in_parts(p));
        enqueue(on_, gpu_join_minima<real>, dim3(gpu_blocks(m_, gpu_threads)), gpu_threads, 0, m_, in_parts(p), g,
                col_term);
    }
    /// row_term_i = Σ_j P_ij C_ij
    template <bool Potentials>
    void plan_costs(const gpu_pass<real>& p) const {
        enqueue(on_, gpu_row_costs<Potentials, Stored>, dim3(gpu_blocks(n_, gpu_rows)), gpu_threads, 0, costs(), p);
    }

  private:
    static constexpr std::size_t row_memory = gpu_rows * sizeof(double);

    void steps_of(float step, double& wrong) {
        if constexpr (in_steps) {
            wrong += 0.5 * static_cast<double>(step);
            store_steps(std::vector<float>(n_, 0.0F), std::vector<float>(n_, step));
        }
    }
    void store_steps(const std::vector<float>& least, const std::vector<float>& step) {
        least_ = gpu_vector<float>(n_);
        step_ = gpu_vector<float>(n_);
        least_.upload(least, on_);
        step_.upload(step, on_);
        check(cudaStreamSynchronize(on_), "transport::cuda_engine");
    }
    [[nodiscard]] gpu_costs<Stored> costs() const {
        return {costs_.data(), least_.data(), step_.data(), n_, m_, pitch_};
    }
    /// Scratch memory of a pass changes, the costs do not.
    [[nodiscard]] gpu_pass<real> in_parts(gpu_pass<real> p) const {
        p.part_least = part_least_.data();
        p.part_sum = part_sum_.data();
        p.parts = parts_;
        return p;
    }

    std::size_t n_, m_, pitch_, shared_ = 0;
    unsigned parts_;
    cudaStream_t on_;
    device_matrix<Stored> costs_;
    gpu_vector<float> least_, step_;
    mutable gpu_vector<real> part_least_;
    mutable gpu_vector<double> part_sum_;
};

}  // namespace holdfast::transport::detail
