#pragma once
// Memory that a thread gave back, kept for whoever asks for as much next: a loop over pairs of tasks needs the same
// tables every time, and the system would hand out, and zero, new pages every time. Builds on the standard library.

#include <algorithm>
#include <cstddef>
#include <new>
#include <vector>

namespace holdfast::transport::detail {

class kept_blocks {
  public:
    struct block {
        void* address;
        std::size_t bytes;
        std::align_val_t alignment;
    };
    static constexpr std::size_t step = 64;                      // sizes are multiples of it
    static constexpr std::size_t least = std::size_t{64} << 10;  // bytes of one that is worth keeping
    static constexpr std::size_t most = std::size_t{16} << 20;   // bytes of all that a thread keeps

    /// A block of exactly so many bytes, or null.
    static void* take(std::size_t bytes) {
        if (bytes < least || gone) return nullptr;
        std::vector<block>& blocks = of_thread().blocks_;
        const auto found = std::find_if(blocks.begin(), blocks.end(), [&](const block& b) { return b.bytes == bytes; });
        if (found == blocks.end()) return nullptr;
        void* const address = found->address;
        of_thread().bytes_ -= bytes;
        blocks.erase(found);
        return address;
    }

    /// Takes a block over, the oldest giving way. @return whether it did
    static bool keep(const block& given) {
        if (given.bytes < least || given.bytes > most || gone) return false;
        kept_blocks& kept = of_thread();
        while (kept.bytes_ + given.bytes > most) kept.forget_oldest();
        try {
            kept.blocks_.push_back(given);
        } catch (const std::bad_alloc&) {
            return false;
        }
        kept.bytes_ += given.bytes;
        return true;
    }

  private:
    kept_blocks() = default;
    kept_blocks(const kept_blocks&) = delete;
    kept_blocks& operator=(const kept_blocks&) = delete;
    ~kept_blocks() {
        gone = true;  // what outlives the thread's own objects gives its memory back itself
        while (!blocks_.empty()) forget_oldest();
    }
    void forget_oldest() {
        ::operator delete(blocks_.front().address, blocks_.front().alignment);
        bytes_ -= blocks_.front().bytes;
        blocks_.erase(blocks_.begin());
    }
    static kept_blocks& of_thread() {
        static thread_local kept_blocks kept;
        return kept;
    }

    static inline thread_local bool gone = false;
    std::vector<block> blocks_;
    std::size_t bytes_ = 0;
};

}  // namespace holdfast::transport::detail
