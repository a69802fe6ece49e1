#pragma once
// Vectors in device memory that are values: what the potentials of cuda_engine are. Builds on core/cuda.cuh.

#include <holdfast/core/cuda.cuh>
#include <holdfast/core/matrix.hpp>

#include <cstddef>
#include <span>
#include <vector>

namespace holdfast::transport {

/// Numbers [n] in device memory that copy as values do.
template <class T>
class gpu_vector {
  public:
    gpu_vector() = default;
    explicit gpu_vector(std::size_t n) : values_(n, 1) {}
    gpu_vector(const gpu_vector& other) : values_(other.size(), 1) { copy(other); }
    gpu_vector(gpu_vector&&) noexcept = default;
    gpu_vector& operator=(const gpu_vector& other) {
        if (this == &other) return *this;
        if (size() != other.size()) values_ = device_matrix<T>(other.size(), 1);
        copy(other);
        return *this;
    }
    gpu_vector& operator=(gpu_vector&&) noexcept = default;
    ~gpu_vector() = default;

    [[nodiscard]] std::size_t size() const { return values_.rows(); }
    [[nodiscard]] T* data() { return values_.data(); }
    [[nodiscard]] const T* data() const { return values_.data(); }

    void upload(std::span<const T> from, cudaStream_t on) {
        values_.upload(matrix_view<const T>(from.data(), from.size(), 1), on);
    }
    [[nodiscard]] std::vector<T> download(cudaStream_t on) const {
        std::vector<T> to(size());
        values_.download(matrix_view<T>(to.data(), to.size(), 1), on);
        return to;
    }

  private:
    void copy(const gpu_vector& other) {
        if (size() > 0)
            check(cudaMemcpy(data(), other.data(), size() * sizeof(T), cudaMemcpyDeviceToDevice), "gpu_vector");
    }

    device_matrix<T> values_;
};

}  // namespace holdfast::transport
