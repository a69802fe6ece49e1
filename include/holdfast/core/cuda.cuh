#pragma once
// The only owners of CUDA things: an error that keeps its code, a stream, a matrix in device memory. Builds on the CUDA
// runtime and matrix.hpp. Leaves out kernels (kernels/), and memory pools: whoever has one passes views.

#include <holdfast/core/error.hpp>
#include <holdfast/core/matrix.hpp>

#include <cuda_runtime.h>

#include <cstddef>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

namespace holdfast {

/// CUDA said no. what() reads "adapters::forward: SENTENCE (CUDA error 98)".
struct cuda_error : std::runtime_error {
    cuda_error(cudaError_t cuda_code, const std::string& what_failed, const std::string& sentence)
        : std::runtime_error(what_failed + ": " + sentence + " (CUDA error " + std::to_string(int(cuda_code)) + ")"),
          code(cuda_code) {}

    cudaError_t code;
};

/// Throws cuda_error unless `error` is cudaSuccess.
/// @param what  the function that was called, for the sentence
inline void check(cudaError_t error, const char* what) {
    if (error != cudaSuccess) [[unlikely]]
        throw cuda_error(error, what, cudaGetErrorString(error));
}

/// Whether a CUDA device can be used here; false without one, and without a driver.
[[nodiscard]] inline bool has_cuda_device() noexcept {
    int count = 0;
    const bool found = cudaGetDeviceCount(&count) == cudaSuccess && count > 0;
    (void)cudaGetLastError();  // "no device" is an answer here, not an error for the next call to find
    return found;
}

/// A stream of its own, not ordered with the default stream. Moves, does not copy.
class stream {
  public:
    stream() { check(cudaStreamCreateWithFlags(&handle_, cudaStreamNonBlocking), "stream"); }
    stream(stream&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    stream& operator=(stream&& other) noexcept {
        std::swap(handle_, other.handle_);
        return *this;
    }
    stream(const stream&) = delete;
    stream& operator=(const stream&) = delete;
    ~stream() {
        if (handle_ != nullptr) (void)cudaStreamDestroy(handle_);
    }

    [[nodiscard]] cudaStream_t get() const noexcept { return handle_; }
    operator cudaStream_t() const noexcept { return handle_; }  // NOLINT: passes wherever CUDA wants one
    /// Waits for all that was enqueued.
    void synchronise() const { check(cudaStreamSynchronize(handle_), "stream::synchronise"); }

  private:
    cudaStream_t handle_ = nullptr;
};

/// A matrix [rows, cols] that owns device memory, row-major without gaps, not initialised. Moves, does not copy.
template <class T>
class device_matrix {
    static_assert(std::is_trivially_copyable_v<T>);

  public:
    device_matrix() = default;
    /// @throw cuda_error if there is no such memory. Synchronises the device as cudaMalloc does.
    device_matrix(std::size_t rows, std::size_t cols) : rows_(rows), cols_(cols) {
        if (size() > 0) check(cudaMalloc(&data_, size() * sizeof(T)), "device_matrix");
    }
    device_matrix(device_matrix&& other) noexcept { swap(other); }
    device_matrix& operator=(device_matrix&& other) noexcept {
        swap(other);
        return *this;
    }
    device_matrix(const device_matrix&) = delete;
    device_matrix& operator=(const device_matrix&) = delete;
    ~device_matrix() { (void)cudaFree(data_); }

    [[nodiscard]] T* data() { return data_; }
    [[nodiscard]] const T* data() const { return data_; }
    [[nodiscard]] std::size_t rows() const { return rows_; }
    [[nodiscard]] std::size_t cols() const { return cols_; }
    [[nodiscard]] std::size_t size() const { return rows_ * cols_; }
    [[nodiscard]] device_matrix_view<T> view() { return {data_, rows_, cols_}; }
    [[nodiscard]] device_matrix_view<const T> view() const { return {data_, rows_, cols_}; }
    operator device_matrix_view<T>() { return view(); }              // NOLINT: an owner passes as its view
    operator device_matrix_view<const T>() const { return view(); }  // NOLINT
    operator device_matrix_view<const T>() { return std::as_const(*this).view(); }  // NOLINT

    /// Copies from the host. Enqueues; the host memory must outlive the work (pageable memory makes CUDA wait).
    /// @throw invalid_argument if the shapes differ or the view has gaps
    void upload(matrix_view<const T> from, cudaStream_t on) {
        match(from.rows(), from.cols(), from.contiguous(), "device_matrix::upload");
        if (size() > 0)
            check(cudaMemcpyAsync(data_, from.data(), size() * sizeof(T), cudaMemcpyHostToDevice, on),
                  "device_matrix::upload");
    }
    /// Copies to the host, and waits for it.
    void download(matrix_view<T> to, cudaStream_t on) const {
        match(to.rows(), to.cols(), to.contiguous(), "device_matrix::download");
        if (size() > 0)
            check(cudaMemcpyAsync(to.data(), data_, size() * sizeof(T), cudaMemcpyDeviceToHost, on),
                  "device_matrix::download");
        check(cudaStreamSynchronize(on), "device_matrix::download");
    }

  private:
    void swap(device_matrix& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(rows_, other.rows_);
        std::swap(cols_, other.cols_);
    }
    void match(std::size_t rows, std::size_t cols, bool contiguous, const char* door) const {
        require(rows == rows_ && cols == cols_, door, ": the host matrix is [", rows, ", ", cols, "], the device's [",
                rows_, ", ", cols_, "]");
        require(contiguous, door, ": the host matrix has gaps between its rows");
    }

    T* data_ = nullptr;
    std::size_t rows_ = 0, cols_ = 0;
};

}  // namespace holdfast
