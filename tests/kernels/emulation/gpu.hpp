#pragma once
// A GPU for the tests, on one CPU thread: every CUDA thread is a fiber, blocks (or clusters of them) run one after the
// other, warps in a shuffled order and each as far ahead as barriers let it. Shared memory begins as NaN, and an
// asynchronous copy leaves NaN until it is waited for, so that a missing barrier or wait shows. Slow, exact in what it
// promises: results are those of the kernel's own index arithmetic, fragment layouts and barriers. Says nothing of
// speed.

#include <ucontext.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#define HOLDFAST_EMULATED_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HOLDFAST_EMULATED_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define HOLDFAST_EMULATED_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HOLDFAST_EMULATED_TSAN 1
#endif
#endif
#if defined(HOLDFAST_EMULATED_ASAN)
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(HOLDFAST_EMULATED_TSAN)
#include <sanitizer/tsan_interface.h>
#endif

struct uint3 {
    unsigned x = 0, y = 0, z = 0;
};
struct dim3 {
    unsigned x = 1, y = 1, z = 1;
    dim3() = default;
    explicit dim3(unsigned x_, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};
struct alignas(8) float2 {
    float x, y;
};
struct alignas(16) uint4 {
    unsigned x, y, z, w;
};
struct alignas(16) float4 {
    float x, y, z, w;
};

inline uint3 threadIdx, blockIdx;
inline dim3 blockDim, gridDim;

namespace gpu_emulation {

[[noreturn]] inline void fail(const char* what) {
    std::fprintf(stderr, "emulated GPU: %s (block %u,%u thread %u)\n", what, blockIdx.x, blockIdx.y, threadIdx.x);
    std::abort();
}

struct copy {
    void* to;
    unsigned char data[16];
};

inline std::size_t largest_allocation = ~std::size_t{0};  // bytes; more is refused as by a device that is full
inline int shared_per_block = 227 * 1024;  // bytes that a block may ask for, as the device says when asked
inline int launch_error = 0;               // what every launch returns instead of running, as on a machine that cannot

enum class state { ready, at_block_barrier, at_warp_barrier, polling, done };

struct fiber {
    ucontext_t context;
    std::unique_ptr<unsigned char[]> stack;
    state now = state::done;
    std::vector<std::vector<copy>> groups;  // asynchronous copies: committed, oldest first; the last is open
    unsigned warp_operations = 0, cluster_phases = 0;
    bool waited_for_ahead = false;
    unsigned copy_fences = 0, fences_published = 0;  // between stores to device memory and copies of what they wrote
    bool told = false, told_fenced = false;          // of another block's stores; and fenced since
    std::vector<std::vector<std::function<void()>>>
        products;  // of a warpgroup: committed, oldest first; the last is open
    void* fake_stack = nullptr;
    void* tsan = nullptr;
};

struct exchange {  // what the lanes of a warp show each other in one collective operation
    const void* pointer[32];
    std::uint32_t word[32][8];
};

class machine {
  public:
    static machine& instance() {
        static machine m;
        return m;
    }

    unsigned char* shared = nullptr;  // of the block whose thread runs
    std::size_t shared_bytes = 0;
    unsigned long long launches = 0, bank_conflicts = 0, block_barriers = 0;

    /// @param cluster  blocks, neighbours along x, that run together and reach each other's shared memory
    void run(dim3 grid, dim3 block, std::size_t dynamic_shared, const std::function<void()>& kernel,
             unsigned cluster = 1) {
        ++launches;
        threads_ = block.x * block.y * block.z;
        if (threads_ == 0 || threads_ > 1024 || threads_ % 32 != 0) fail("a block must be 1 to 32 whole warps");
        if (cluster == 0 || grid.x % cluster != 0) fail("a grid that is not made of whole clusters");
        storage_.resize(cluster);
        for (auto& bytes : storage_) bytes.assign(dynamic_shared + 128, 0);
        shared_bytes = dynamic_shared;
        blockDim = block;
        gridDim = grid;
        kernel_ = &kernel;
        while (fibers_.size() < std::size_t{threads_} * cluster) {
            fibers_.push_back(std::make_unique<fiber>());
            fibers_.back()->stack = std::make_unique_for_overwrite<unsigned char[]>(stack_bytes);
        }
        exchanges_.assign(threads_ * cluster / 32 * 2, {});
        for (unsigned z = 0; z < grid.z; ++z)
            for (unsigned y = 0; y < grid.y; ++y)
                for (unsigned x = 0; x < grid.x; x += cluster) {
                    first_block_ = x, blockIdx.y = y, blockIdx.z = z;
                    run_blocks(cluster);
                }
    }

    void block_barrier() { wait(state::at_block_barrier); }
    /// The two halves of a barrier of the whole cluster.
    void cluster_arrive() {
        if (++self().cluster_phases * threads_ * storage_.size() < ++cluster_arrivals_)
            fail("a second arrival before the others' first");
        ++progress;
    }
    void cluster_wait() {
        while (cluster_arrivals_ < self().cluster_phases * threads_ * storage_.size()) poll();
    }
    [[nodiscard]] unsigned cluster_size() const { return static_cast<unsigned>(storage_.size()); }
    [[nodiscard]] unsigned block_in_cluster() const { return current_ / threads_; }

    /// Where another block of the cluster has what this one has at `p`.
    unsigned char* shared_of(const void* p, unsigned block) {
        check_shared(p, 1, 1);
        if (block >= storage_.size()) fail("a block outside the cluster");
        bool ended = true;
        for (unsigned i = block * threads_; i < (block + 1) * threads_; ++i) ended &= fibers_[i]->now == state::done;
        if (ended) fail("shared memory of a block that has ended");
        return aligned(block) + (static_cast<const unsigned char*>(p) - shared);
    }

    /// f(fiber) for every thread of this thread's block.
    template <class F>
    void each_of_block(F&& f) {
        const unsigned first = current_ / threads_ * threads_;
        for (unsigned i = first; i < first + threads_; ++i) f(*fibers_[i]);
    }

    /// Lets the others run before this thread looks again at what it waits for; `progress` says that somebody got on.
    void poll() { wait(state::polling); }
    unsigned long long progress = 0;
    std::function<void()> between_rounds;  // what happens beside the threads, as copies of whole tiles do

    /// Both ends of one collective of a warp: show, then see what all 32 lanes showed.
    template <class Show>
    const exchange& meet(Show&& show) {
        exchange& e = exchanges_[current_ / 32 * 2 + self().warp_operations++ % 2];
        show(e, current_ % 32);
        wait(state::at_warp_barrier);
        return e;
    }

    unsigned next_random() { return static_cast<unsigned>((random_ = random_ * 6364136223846793005ULL + 1) >> 33); }

    fiber& self() { return *fibers_[current_]; }
    [[nodiscard]] unsigned lane() const { return current_ % 32; }

    void check_shared(const void* p, std::size_t bytes, std::size_t alignment) const {
        const auto* at = static_cast<const unsigned char*>(p);
        if (at < shared || at + bytes > shared + shared_bytes) fail("an address outside shared memory");
        if (reinterpret_cast<std::uintptr_t>(p) % alignment != 0) fail("a misaligned address in shared memory");
    }

  private:
    static constexpr std::size_t stack_bytes = 256 * 1024;

    static void entry() {
        machine& m = instance();
        m.arrived(m.self().fake_stack);
        (*m.kernel_)();
        m.self().now = state::done;
        m.leave(nullptr);
    }

    void arrived([[maybe_unused]] void* fake) {
#if defined(HOLDFAST_EMULATED_ASAN)
        __sanitizer_finish_switch_fiber(fake, &scheduler_bottom_, &scheduler_size_);
#endif
    }

    void leave([[maybe_unused]] void** fake) {
#if defined(HOLDFAST_EMULATED_ASAN)
        __sanitizer_start_switch_fiber(fake, scheduler_bottom_, scheduler_size_);
#endif
#if defined(HOLDFAST_EMULATED_TSAN)
        __tsan_switch_to_fiber(scheduler_tsan_, 0);
#endif
        swapcontext(&self().context, &scheduler_);
    }

    void wait(state why) {
        fiber& f = self();
        f.now = why;
        leave(&f.fake_stack);
        arrived(f.fake_stack);
    }

    unsigned char* aligned(unsigned block) {
        unsigned char* const p = storage_[block].data();
        return p + (128 - reinterpret_cast<std::uintptr_t>(p) % 128);
    }

    void resume(unsigned i) {
        current_ = i;
        threadIdx.x = i % threads_;
        blockIdx.x = first_block_ + i / threads_;
        shared = aligned(i / threads_);
#if defined(HOLDFAST_EMULATED_ASAN)
        void* fake = nullptr;
        __sanitizer_start_switch_fiber(&fake, fibers_[i]->stack.get(), stack_bytes);
#endif
#if defined(HOLDFAST_EMULATED_TSAN)
        scheduler_tsan_ = __tsan_get_current_fiber();
        if (fibers_[i]->tsan == nullptr) fibers_[i]->tsan = __tsan_create_fiber(0);
        __tsan_switch_to_fiber(fibers_[i]->tsan, 0);
#endif
        swapcontext(&scheduler_, &fibers_[i]->context);
#if defined(HOLDFAST_EMULATED_ASAN)
        __sanitizer_finish_switch_fiber(fake, nullptr, nullptr);
#endif
    }

    void prepare(fiber& f) {
        getcontext(&f.context);
        f.context.uc_stack.ss_sp = f.stack.get();
        f.context.uc_stack.ss_size = stack_bytes;
        f.context.uc_link = &scheduler_;
        f.now = state::ready;
        f.groups.assign(1, {});
        f.products.assign(1, {});
        f.warp_operations = f.cluster_phases = 0;
        f.waited_for_ahead = f.told = f.told_fenced = false;
        f.copy_fences = f.fences_published = 0;
        f.fake_stack = nullptr;
        makecontext(&f.context, entry, 0);
    }

    void run_blocks(unsigned blocks) {
        const unsigned threads = threads_ * blocks, warps = threads / 32;
        for (unsigned b = 0; b < blocks; ++b) std::memset(aligned(b), 0xFF, shared_bytes);
        for (unsigned i = 0; i < threads; ++i) prepare(*fibers_[i]);
        std::vector<unsigned> order(warps);
        for (unsigned w = 0; w < warps; ++w) order[w] = w;
        unsigned idle = 0;
        cluster_arrivals_ = 0;
        const auto count = [&](state what, unsigned from, unsigned to) {
            unsigned n = 0;
            for (unsigned i = from; i < to; ++i) n += fibers_[i]->now == what;
            return n;
        };
        const auto release = [&](state what, unsigned from, unsigned to) {
            for (unsigned i = from; i < to; ++i)
                if (fibers_[i]->now == what) fibers_[i]->now = state::ready;
        };
        for (unsigned long long before = progress;;) {
            for (unsigned w = warps; w > 1; --w) std::swap(order[w - 1], order[next_random() % w]);
            for (const unsigned w : order) run_warp(w);
            if (between_rounds) between_rounds();
            if (count(state::done, 0, threads) == threads) return;
            bool released = false;
            for (unsigned b = 0; b < blocks; ++b) {
                const unsigned from = b * threads_, to = from + threads_,
                               waiting = count(state::at_block_barrier, from, to), done = count(state::done, from, to);
                if (waiting > 0 && waiting < threads_ && waiting + done == threads_)
                    fail("threads wait for a barrier that others never reach");
                if (waiting != threads_) continue;
                ++block_barriers;
                release(state::at_block_barrier, from, to);
                released = true;
            }
            if (count(state::polling, 0, threads) > 0) {
                idle = progress == before && !released ? idle + 1 : 0;
                before = progress;
                if (idle > 1000) fail("threads wait for something that never comes");
                release(state::polling, 0, threads);
            } else if (!released) {
                fail("threads wait for a barrier that others never reach");
            }
        }
    }

    void run_warp(unsigned w) {
        for (;;) {
            bool any = false;
            for (unsigned i = 32 * w; i < 32 * w + 32; ++i)
                if (fibers_[i]->now == state::ready) {
                    resume(i);
                    any = true;
                }
            unsigned meeting = 0, polling = 0;
            for (unsigned i = 32 * w; i < 32 * w + 32; ++i) {
                meeting += fibers_[i]->now == state::at_warp_barrier;
                polling += fibers_[i]->now == state::polling;
            }
            if (meeting == 32) {
                for (unsigned i = 32 * w; i < 32 * w + 32; ++i) fibers_[i]->now = state::ready;
            } else if (meeting != 0 && polling == 0) {
                fail("a warp's collective that some of its lanes do not reach");
            } else if (!any) {
                return;
            }
        }
    }

    std::vector<std::vector<unsigned char>> storage_;  // shared memory, one per block of the cluster
    unsigned threads_ = 0, first_block_ = 0;
    unsigned long long cluster_arrivals_ = 0;
    std::vector<std::unique_ptr<fiber>> fibers_;
    std::vector<exchange> exchanges_;
    const std::function<void()>* kernel_ = nullptr;
    ucontext_t scheduler_{};
    const void* scheduler_bottom_ = nullptr;
    std::size_t scheduler_size_ = 0;
    void* scheduler_tsan_ = nullptr;
    unsigned current_ = 0;
    std::uint64_t random_ = 1;
};

}  // namespace gpu_emulation
