#pragma once
// Rows of numbers that begin where a cache line does: a load of 64 bytes then touches one line, not two; large ones on
// large pages, where the system has them: most of what a short run waits for is memory seen first. Builds on
// kept_blocks.hpp.

#include <holdfast/transport/detail/kept_blocks.hpp>

#include <cstddef>
#include <limits>
#include <new>
#include <span>
#include <vector>

#if defined(__linux__) && __has_include(<sys/mman.h>)
#include <sys/mman.h>
#endif

namespace holdfast::transport::detail {

/// Memory at multiples of 64 bytes. What a vector makes without a value is left as it is: it will be written anyway.
template <class T>
struct aligned_allocator {
    using value_type = T;
    static constexpr std::align_val_t line{64};
    static constexpr std::size_t page = std::size_t{2} << 20;  // a large one of the machine: one fault, not 512

    aligned_allocator() = default;
    template <class U>
    aligned_allocator(const aligned_allocator<U>&) {}  // NOLINT: as allocators convert

    [[nodiscard]] T* allocate(std::size_t n) {
        if (n > (std::numeric_limits<std::size_t>::max() - page) / sizeof(T)) throw std::bad_array_new_length();
        const std::size_t bytes = taken(n);
        if (void* const kept = kept_blocks::take(bytes)) return static_cast<T*>(kept);
        void* const p = ::operator new(bytes, alignment(bytes));
#if defined(__linux__) && defined(MADV_HUGEPAGE)
        if (large(bytes)) (void)madvise(p, bytes, MADV_HUGEPAGE);  // advice: where it is not taken, nothing is lost
#endif
        return static_cast<T*>(p);
    }
    void deallocate(T* p, std::size_t n) {
        const std::size_t bytes = taken(n);
        if (!kept_blocks::keep({p, bytes, alignment(bytes)})) ::operator delete(p, alignment(bytes));
    }

    template <class U>
    void construct(U* p) {
        ::new (static_cast<void*>(p)) U;
    }
    template <class U, class Value>
    void construct(U* p, const Value& value) {
        ::new (static_cast<void*>(p)) U(value);
    }
    friend bool operator==(const aligned_allocator&, const aligned_allocator&) { return true; }

  private:
    static constexpr bool large(std::size_t bytes) { return bytes >= page / 2; }
    static constexpr std::align_val_t alignment(std::size_t bytes) {
        return large(bytes) ? std::align_val_t{page} : line;
    }
    static constexpr std::size_t taken(std::size_t n) {
        const std::size_t bytes = n * sizeof(T), whole = large(bytes) ? page : kept_blocks::step;
        return (bytes + whole - 1) / whole * whole;
    }
};

template <class T>
using aligned_vector = std::vector<T, aligned_allocator<T>>;

/// A matrix [rows, stride] of which `cols` columns count: the stride makes every row begin a cache line.
template <class T>
class aligned_rows {
  public:
    aligned_rows() = default;
    /// Values are not set.
    aligned_rows(std::size_t rows, std::size_t cols)
        : rows_(rows), cols_(cols), stride_((cols + lane - 1) / lane * lane), values_(checked(rows, stride_)) {}

    [[nodiscard]] T* data() { return values_.data(); }
    [[nodiscard]] const T* data() const { return values_.data(); }
    [[nodiscard]] std::size_t rows() const { return rows_; }
    [[nodiscard]] std::size_t cols() const { return cols_; }
    [[nodiscard]] std::size_t stride() const { return stride_; }

    [[nodiscard]] T& operator()(std::size_t i, std::size_t j) { return values_[i * stride_ + j]; }
    [[nodiscard]] const T& operator()(std::size_t i, std::size_t j) const { return values_[i * stride_ + j]; }
    [[nodiscard]] std::span<T> row(std::size_t i) { return {data() + i * stride_, cols_}; }
    [[nodiscard]] std::span<const T> row(std::size_t i) const { return {data() + i * stride_, cols_}; }

  private:
    static constexpr std::size_t lane = 64 / sizeof(T);
    static std::size_t checked(std::size_t rows, std::size_t stride) {
        if (stride != 0 && rows > std::numeric_limits<std::size_t>::max() / stride) throw std::bad_array_new_length();
        return rows * stride;
    }

    std::size_t rows_ = 0, cols_ = 0, stride_ = 0;
    aligned_vector<T> values_;
};

}  // namespace holdfast::transport::detail
