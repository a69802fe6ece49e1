#pragma once
// The passes of stored_costs.cuh without stored costs: each makes the costs anew on the chip, by tensor cores, once for
// the rows and once, with the clouds exchanged, for the columns. Memory is O(n + m) beside the points. Builds on
// stored_costs.cuh.

#include <holdfast/transport/detail/panel_tasks.cuh>
#include <holdfast/transport/detail/sinkhorn_kernels.cuh>
#include <holdfast/transport/detail/stored_costs.cuh>
#include <holdfast/transport/gpu_vector.cuh>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <vector>

namespace holdfast::transport::detail {

class streamed_costs {
  public:
    using real = float;

    streamed_costs(std::size_t n, std::size_t m, cudaStream_t on)
        : n_(n),
          m_(m),
          on_(on),
          part_least_(std::max(panel_splits(n, m) * n, panel_splits(m, n) * m)),
          part_sum_(part_least_.size()) {}

    made_costs make(const pair_of_clouds& clouds, const std::vector<double>& a, const std::vector<double>& b,
                    const double* on_b) {
        pair_ = clouds.pair;
        return make_costs<float>(clouds, 0, nullptr, 0, a, b, on_b, on_);
    }

    template <bool Update>
    void soft_minima(const gpu_pass<float>& p, float* g, double* col_log, double* col_term) const {
        side<true>(pair_, p.g, p.v, p.eps);
        enqueue(on_, gpu_join_columns<Update, true, float>, joins(n_), gpu_threads, 0, n_, joining(p, p.u, n_, m_), p.f,
                p.row_log, p.row_term);
        side<true>(pair_.swapped(), p.f, p.u, p.eps);
        enqueue(on_, gpu_join_columns<Update, false, float>, joins(m_), gpu_threads, 0, m_, joining(p, p.v, m_, n_), g,
                col_log, col_term);
    }
    void minima(const gpu_pass<float>& p, float* g, double* col_term) const {
        side<false>(pair_, p.g, p.v, 1);
        enqueue(on_, gpu_join_minima<float>, joins(n_), gpu_threads, 0, n_, joining(p, p.u, n_, m_), p.f, p.row_term);
        side<false>(pair_.swapped(), p.f, p.u, 1);
        enqueue(on_, gpu_join_minima<float>, joins(m_), gpu_threads, 0, m_, joining(p, p.v, m_, n_), g, col_term);
    }
    template <bool Potentials>
    void plan_costs(const gpu_pass<float>& p) const {
        enqueue(on_, gpu_panels<plan_rows<Potentials>>, panels(n_, m_), panel_threads, panel_bytes, pair_,
                plan_rows<Potentials>(p.f, p.g, p.v, n_, m_, steepness(p.eps), part_sum_.data()));
        enqueue(on_, gpu_join_sums<float>, joins(n_), gpu_threads, 0, n_, joining(p, p.v, n_, m_));
    }

  private:
    static float steepness(double eps) { return static_cast<float>(std::numbers::log2e / eps); }
    static dim3 panels(std::size_t n, std::size_t m) { return dim3(gpu_blocks(n, panel_rows), panel_splits(n, m)); }
    static dim3 joins(std::size_t n) { return dim3(gpu_blocks(n, gpu_threads)); }

    /// Of the rows of one cloud, in parts of the other's.
    template <bool Soft>
    void side(const fixed_pair& pair, const float* h, const double* w, double eps) const {
        enqueue(on_, gpu_panels<soft_rows<Soft>>, panels(pair.x.n, pair.y.n), panel_threads, panel_bytes, pair,
                soft_rows<Soft>(h, w, pair.x.n, pair.y.n, steepness(eps), part_least_.data(), part_sum_.data()));
    }
    /// A pass as the kernels that join parts of columns read it: v the weights of what is joined.
    [[nodiscard]] gpu_pass<float> joining(gpu_pass<float> p, const double* weights, std::size_t n,
                                          std::size_t m) const {
        p.v = weights;
        p.part_least = part_least_.data();
        p.part_sum = part_sum_.data();
        p.parts = panel_splits(n, m);
        return p;
    }

    std::size_t n_, m_;
    cudaStream_t on_;
    fixed_pair pair_{};
    mutable gpu_vector<float> part_least_;
    mutable gpu_vector<double> part_sum_;
};

}  // namespace holdfast::transport::detail
