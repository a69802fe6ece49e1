#pragma once
// Loops over all cores whose result does not depend on how many there are: work is cut into chunks by its size alone,
// and partial results are combined in the order of the chunks. Builds on the standard library's threads.
//
// One pool serves the process. A loop started inside a loop runs on the thread it is in; so does one that meets a
// busy pool, so that callers on several threads never wait for each other.

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <limits>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace holdfast {
namespace detail {

class thread_pool {
  public:
    static thread_pool& instance() {
        static thread_pool pool;
        return pool;
    }

    thread_pool(const thread_pool&) = delete;
    thread_pool& operator=(const thread_pool&) = delete;

    ~thread_pool() { stop(); }

    [[nodiscard]] unsigned size() const { return wanted_.load(std::memory_order_relaxed); }

    void resize(unsigned threads) {
        if (threads == 0) threads = std::max(1u, std::thread::hardware_concurrency());
        const std::lock_guard run(running_);
        stop();
        wanted_.store(threads, std::memory_order_relaxed);
    }

    /// Calls job(context, i) for i in 0..n-1, each once, on all threads or on this one alone; returns when all are
    /// done.
    void run(std::size_t n, bool alone, void (*job)(void*, std::size_t), void* context) {
        std::unique_lock run(running_, std::defer_lock);
        if (n < 2 || alone || inside_ || size() < 2 || !run.try_lock()) {
            for (std::size_t i = 0; i < n; ++i) job(context, i);
            return;
        }
        start();
        {
            const std::lock_guard lock(state_);
            job_ = job;
            context_ = context;
            count_ = n;
            next_.store(0, std::memory_order_relaxed);
            busy_ = workers_.size();
            error_ = nullptr;
            error_index_ = std::numeric_limits<std::size_t>::max();
            ++generation_;
        }
        wake_.notify_all();
        work();
        std::unique_lock lock(state_);
        done_.wait(lock, [&] { return busy_ == 0; });
        if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
    }

  private:
    thread_pool() = default;

    void start() {
        if (!workers_.empty()) return;
        const unsigned threads = size();
        workers_.reserve(threads - 1);
        for (unsigned i = 1; i < threads; ++i)
            workers_.emplace_back([this, seen = generation_]() mutable {
                for (;;) {
                    {
                        std::unique_lock lock(state_);
                        wake_.wait(lock, [&] { return stopping_ || generation_ != seen; });
                        if (stopping_) return;
                        seen = generation_;
                    }
                    work();
                    const std::lock_guard lock(state_);
                    if (--busy_ == 0) done_.notify_one();
                }
            });
    }

    void stop() {
        {
            const std::lock_guard lock(state_);
            stopping_ = true;
        }
        wake_.notify_all();
        for (std::thread& worker : workers_) worker.join();
        workers_.clear();
        stopping_ = false;
    }

    /// Takes indices until none is left. After an error the rest is still taken (so that which error is reported
    /// does not depend on timing: the one of the lowest index), as in a loop without threads it would not be.
    void work() {
        const bool was_inside = std::exchange(inside_, true);
        for (std::size_t i; (i = next_.fetch_add(1, std::memory_order_relaxed)) < count_;) {
            try {
                job_(context_, i);
            } catch (...) {
                const std::lock_guard lock(state_);
                if (i < error_index_) {
                    error_index_ = i;
                    error_ = std::current_exception();
                }
            }
        }
        inside_ = was_inside;
    }

    static inline thread_local bool inside_ = false;

    std::atomic<unsigned> wanted_{std::max(1u, std::thread::hardware_concurrency())};
    std::mutex running_;  // held by the caller whose loop the pool is running
    std::mutex state_;    // guards all that follows
    std::condition_variable wake_, done_;
    std::vector<std::thread> workers_;
    void (*job_)(void*, std::size_t) = nullptr;
    void* context_ = nullptr;
    std::size_t count_ = 0;
    std::atomic<std::size_t> next_{0};
    std::size_t busy_ = 0;
    std::size_t generation_ = 0;
    bool stopping_ = false;
    std::exception_ptr error_;
    std::size_t error_index_ = 0;
};

}  // namespace detail

/// How many threads the loops below use.
[[nodiscard]] inline unsigned threads() { return detail::thread_pool::instance().size(); }

/// Sets how many threads the loops below use; 0 is one per core (the default). Changes no result. Waits for a running
/// loop; not to be called inside one.
inline void set_threads(unsigned count) { detail::thread_pool::instance().resize(count); }

/// How long the whole of a loop takes one core, in nanoseconds, as far as its caller knows. A loop shorter than
/// `worth_waking` runs on the thread it is in: to wake another takes as long.
struct about {
    static constexpr double worth_waking = 30e3;
    double nanoseconds = std::numeric_limits<double>::infinity();
};

/// Calls f(begin, end, chunk) for chunks of `grain` indices that cover 0..n-1; the borders depend on n and grain alone.
///
/// @param time  changes no result
/// @throw       what f throws (of several, that of the first chunk); all chunks have run or thrown by then
/// @cost        one wake-up of the pool, some tens of microseconds: give chunks work enough, or say how much it is
template <class F>
void parallel_chunks(std::size_t n, std::size_t grain, about time, F&& f) {
    grain = std::max<std::size_t>(grain, 1);
    const std::size_t chunks = n / grain + (n % grain != 0);
    struct context {
        F& f;
        std::size_t n, grain;
    } c{f, n, grain};
    detail::thread_pool::instance().run(
        chunks, time.nanoseconds < about::worth_waking,
        [](void* p, std::size_t chunk) {
            auto& it = *static_cast<context*>(p);
            const std::size_t begin = chunk * it.grain;
            it.f(begin, begin + std::min(it.grain, it.n - begin), chunk);
        },
        &c);
}

template <class F>
void parallel_chunks(std::size_t n, std::size_t grain, F&& f) {
    parallel_chunks(n, grain, about{}, std::forward<F>(f));
}

/// Calls f(i) for every i in 0..n-1, `grain` of them at a time on one thread.
template <class F>
void parallel_for(std::size_t n, F&& f, std::size_t grain = 1) {
    parallel_chunks(n, grain, [&](std::size_t begin, std::size_t end, std::size_t) {
        for (std::size_t i = begin; i < end; ++i) f(i);
    });
}

/// combine(... combine(combine(init, m_0), m_1) ...) over the chunks' values m_k = map(begin, end), in their order:
/// floating-point sums have the same bits on any number of threads.
template <class T, class Map, class Combine>
[[nodiscard]] T parallel_reduce(std::size_t n, std::size_t grain, about time, T init, Map&& map, Combine&& combine) {
    grain = std::max<std::size_t>(grain, 1);
    struct slot {
        T value{};
    };  // not vector<T>: vector<bool> packs neighbours into one byte
    std::vector<slot> partial(n / grain + (n % grain != 0));
    parallel_chunks(n, grain, time, [&](std::size_t begin, std::size_t end, std::size_t chunk) {
        partial[chunk].value = map(begin, end);
    });
    for (slot& p : partial) init = combine(std::move(init), std::move(p.value));
    return init;
}
template <class T, class Map, class Combine>
[[nodiscard]] T parallel_reduce(std::size_t n, std::size_t grain, T init, Map&& map, Combine&& combine) {
    return parallel_reduce(n, grain, about{}, std::move(init), std::forward<Map>(map), std::forward<Combine>(combine));
}

}  // namespace holdfast
