#pragma once
// A GPU for the tests, on one CPU thread: every CUDA thread is a fiber, blocks run one after the other, warps in a
// shuffled order and each as far ahead as barriers let it. Shared memory begins as NaN, and an asynchronous copy leaves
// NaN until it is waited for, so that a missing barrier or wait shows. Slow, exact in what it promises: results are
// those of the kernel's own index arithmetic, fragment layouts and barriers. Says nothing of speed.

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

inline int launch_error = 0;  // what every launch returns instead of running, as on a machine that cannot

enum class state { ready, at_block_barrier, at_warp_barrier, polling, done };

struct fiber {
    ucontext_t context;
    std::unique_ptr<unsigned char[]> stack;
    state now = state::done;
    std::vector<std::vector<copy>> groups;  // asynchronous copies: committed, oldest first; the last is open
    unsigned warp_operations = 0;
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

    std::vector<unsigned char> shared_storage;
    unsigned char* shared = nullptr;
    std::size_t shared_bytes = 0;
    unsigned long long launches = 0, bank_conflicts = 0, block_barriers = 0;

    void run(dim3 grid, dim3 block, std::size_t dynamic_shared, const std::function<void()>& kernel) {
        ++launches;
        const unsigned threads = block.x * block.y * block.z;
        if (threads == 0 || threads > 1024 || threads % 32 != 0) fail("a block must be 1 to 32 whole warps");
        shared_storage.assign(dynamic_shared + 128, 0);
        shared = shared_storage.data() + (128 - reinterpret_cast<std::uintptr_t>(shared_storage.data()) % 128);
        shared_bytes = dynamic_shared;
        blockDim = block;
        gridDim = grid;
        kernel_ = &kernel;
        while (fibers_.size() < threads) {
            fibers_.push_back(std::make_unique<fiber>());
            fibers_.back()->stack = std::make_unique<unsigned char[]>(stack_bytes);
        }
        exchanges_.assign(threads / 32 * 2, {});
        for (unsigned z = 0; z < grid.z; ++z)
            for (unsigned y = 0; y < grid.y; ++y)
                for (unsigned x = 0; x < grid.x; ++x) {
                    blockIdx.x = x, blockIdx.y = y, blockIdx.z = z;
                    run_block(threads);
                }
    }

    void block_barrier() { wait(state::at_block_barrier); }

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

    void resume(unsigned i) {
        current_ = i;
        threadIdx.x = i;
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
        f.warp_operations = 0;
        f.fake_stack = nullptr;
        makecontext(&f.context, entry, 0);
    }

    void run_block(unsigned threads) {
        std::memset(shared, 0xFF, shared_bytes);
        for (unsigned i = 0; i < threads; ++i) prepare(*fibers_[i]);
        const unsigned warps = threads / 32;
        std::vector<unsigned> order(warps);
        for (unsigned w = 0; w < warps; ++w) order[w] = w;
        unsigned idle = 0;
        for (unsigned long long before = progress;;) {
            for (unsigned w = warps; w > 1; --w) std::swap(order[w - 1], order[next_random() % w]);
            for (const unsigned w : order) run_warp(w);
            if (between_rounds) between_rounds();
            unsigned waiting = 0, done = 0, polling = 0;
            for (unsigned i = 0; i < threads; ++i) {
                polling += fibers_[i]->now == state::polling;
                waiting += fibers_[i]->now == state::at_block_barrier;
                done += fibers_[i]->now == state::done;
            }
            if (done == threads) return;
            if (polling > 0) {
                idle = progress == before ? idle + 1 : 0;
                before = progress;
                if (idle > 1000) fail("threads wait for something that never comes");
                for (unsigned i = 0; i < threads; ++i)
                    if (fibers_[i]->now == state::polling) fibers_[i]->now = state::ready;
                continue;
            }
            if (waiting + done != threads || done != 0) fail("threads wait for a barrier that others never reach");
            ++block_barriers;
            for (unsigned i = 0; i < threads; ++i) fibers_[i]->now = state::ready;
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
