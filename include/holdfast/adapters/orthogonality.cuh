#pragma once
// O-LoRA's penalty on the GPU, typed: how much the A of a new task overlaps those of earlier tasks, for all modules of
// a model in one launch. Builds on detail/doors.cuh and kernels/orthogonality.cuh.

#include <holdfast/adapters/detail/doors.cuh>
#include <holdfast/kernels/orthogonality.cuh>

#include <cstddef>
#include <cstdint>
#include <span>

namespace holdfast::adapters {

/// One adapted module: the A of all earlier tasks one below the other, the new one, and where its gradient goes.
template <class T>
struct overlap_view {
    device_matrix_view<const T> previous = {};  ///< [earlier ranks, in]; empty: no overlap
    device_matrix_view<const T> current;        ///< [rank, in]
    device_matrix_view<float> gradient = {};    ///< [rank, in], added to; empty: not wanted
};

/// The modules of a model, in device memory.
template <class T>
class overlap_table {
  public:
    /// @throw invalid_argument if the matrices of a module do not fit each other
    overlap_table(std::span<const overlap_view<T>> modules, cudaStream_t stream)
        : entries_(1, modules.size()), device_(1, modules.size()) {
        const char* const door = "adapters::overlap_table";
        for (std::size_t i = 0; i < modules.size(); ++i) {
            const auto& m = modules[i];
            const std::size_t rank = m.current.rows(), in = m.current.cols();
            kernels::overlap_entry<T>& e = entries_(0, i);
            e.current = m.current.data(), e.lda = detail::leading(door, "current", m.current, rank, in);
            e.rank = static_cast<std::int32_t>(rank), e.width = static_cast<std::int64_t>(in);
            if (!m.previous.empty()) {
                e.previous = m.previous.data();
                e.ldp = detail::leading(door, "previous", m.previous, m.previous.rows(), in);
                e.previous_rank = static_cast<std::int32_t>(m.previous.rows());
            }
            if (!m.gradient.empty())
                e.gradient = m.gradient.data(), e.ldg = detail::leading(door, "gradient", m.gradient, rank, in);
        }
        device_.upload(std::as_const(entries_).view(), stream);
    }
    [[nodiscard]] std::size_t size() const { return entries_.cols(); }
    [[nodiscard]] const kernels::overlap_entry<T>* data() const { return device_.data(); }

  private:
    matrix<kernels::overlap_entry<T>> entries_;
    device_matrix<kernels::overlap_entry<T>> device_;
};

struct penalty_options {
    float weight = 0.5f;                                 ///< lambda
    kernels::overlap kind = kernels::overlap::absolute;  ///< or the squared Frobenius norm
};

/// losses_i = lambda times the overlap of module i, and the modules' gradients, in one launch.
///
/// @param losses  [1, modules], written; their sum is the penalty
/// @throw, @stream, @determinism  as lora.cuh's forward
template <class T>
void overlap_penalty(const overlap_table<T>& modules, device_matrix_view<float> losses, cudaStream_t stream,
                     const penalty_options& options = {}) {
    const char* const door = "adapters::overlap_penalty";
    (void)detail::leading(door, "losses", losses, 1, modules.size());
    kernels::orthogonality_args<T> args;
    args.modules = modules.data(), args.count = static_cast<std::int64_t>(modules.size());
    args.weight = options.weight, args.kind = options.kind, args.losses = losses.data();
    detail::settle(door, kernels::orthogonality(args, stream), args);
}

}  // namespace holdfast::adapters
