#pragma once
// Working memory of a scorer, kept by the thread from one call to the next: most texts are short, and allocating would
// cost more than scoring them. Builds on the standard library only. Nothing that one call leaves changes the result of
// another.

#include <cstddef>
#include <memory>
#include <utility>

namespace holdfast::scoring::detail {

/// Borrows the thread's T for as long as it lives, or makes one where it is lent already (a scorer inside a scorer).
/// What has grown beyond `limit` bytes (T::bytes()) is freed when it comes back.
template <class T>
class scratch {
  public:
    scratch() : held_(std::exchange(kept(), nullptr)) {
        if (!held_) held_ = std::make_unique<T>();
    }
    scratch(const scratch&) = delete;
    scratch& operator=(const scratch&) = delete;
    ~scratch() {
        if (held_->bytes() <= limit) kept() = std::move(held_);
    }

    T& operator*() { return *held_; }
    T* operator->() { return held_.get(); }

  private:
    static constexpr std::size_t limit = std::size_t{1} << 22;
    static std::unique_ptr<T>& kept() {
        thread_local std::unique_ptr<T> one;
        return one;
    }
    std::unique_ptr<T> held_;
};

}  // namespace holdfast::scoring::detail
