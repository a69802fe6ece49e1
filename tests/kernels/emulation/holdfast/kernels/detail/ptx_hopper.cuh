#pragma once
// The instructions of include/holdfast/kernels/detail/ptx_hopper.cuh on the emulated GPU. Tiles arrive some rounds
// after they were asked for and are NaN until then; products of a warpgroup are computed when they are waited for, so
// that a stage which was given back too early shows. Swizzle and descriptors as the PTX manual draws them, written from
// it and not from hopper.hpp's functions.

#include <holdfast/kernels/detail/hopper.hpp>
#include <holdfast/kernels/detail/ptx_cluster.cuh>

#include <cstring>
#include <map>
#include <vector>

#define HOLDFAST_ON_HOPPER 1

namespace holdfast::kernels::detail {

struct tensor_map {
    const unsigned char* data = nullptr;  // 16-bit elements
    std::int64_t rows = 0, cols = 0, ld = 0;
    int box_rows = 0;
};

template <class T>
[[nodiscard]] cudaError_t make_tensor_map(tensor_map& map, const T* data, std::int64_t rows, std::int64_t cols,
                                          std::int64_t ld, int box_rows) noexcept {
    static_assert(sizeof(T) == 2);
    if (reinterpret_cast<std::uintptr_t>(data) % 16 != 0 || ld % 8 != 0 || ld < cols || rows < 1 || cols < 1 ||
        box_rows > 256)
        return cudaErrorInvalidValue;
    map = {reinterpret_cast<const unsigned char*>(data), rows, cols, ld, box_rows};
    return cudaSuccess;
}

namespace emulation {

inline int multiprocessors = 3, compute_capability = 9;
inline constexpr std::uint32_t shared_begins = 128;  // not on a border of 1024: the kernel must find one

struct barrier {
    unsigned arrivals = 0, missing = 0;
    std::int64_t bytes = 0;
    unsigned phase = 0;
};
struct box {
    unsigned char* shared;  // of the block that asked for it
    std::uint32_t to;
    const tensor_map* map;
    int col, row;
    std::uint64_t* when_done;
    unsigned delay;
};
/// What the kernel ahead of the next launches writes, or other blocks: TMA may read it only after
/// wait_for_kernel_ahead, or after wait_until_published and a fence.
inline const unsigned char *written_ahead_begin = nullptr, *written_ahead_end = nullptr;

struct engine {
    std::map<const std::uint64_t*, barrier> barriers;
    std::vector<box> boxes;
    engine() {
        machine::instance().between_rounds = [this] { land(); };
    }
    static engine& instance() {
        static engine e;
        return e;
    }
    barrier& at(const std::uint64_t* b) {
        const auto found = barriers.find(b);
        if (found == barriers.end()) gpu_emulation::fail("a barrier that was not created");
        return found->second;
    }
    static void settle(barrier& b) {
        if (b.missing != 0 || b.bytes != 0) return;
        ++b.phase, b.missing = b.arrivals;
        ++machine::instance().progress;
    }
    void arrive(const std::uint64_t* which, std::int64_t bytes) {
        barrier& b = at(which);
        if (b.missing == 0) gpu_emulation::fail("more arrivals at a barrier than it has");
        b.bytes += bytes, --b.missing;
        settle(b);
    }
    void land() {
        machine& m = machine::instance();
        for (std::size_t i = 0; i < boxes.size();) {
            if (boxes[i].delay-- > 0) {
                ++i;
                continue;
            }
            const box b = boxes[i];
            boxes.erase(boxes.begin() + static_cast<std::ptrdiff_t>(i));
            for (int r = 0; r < b.map->box_rows; ++r)
                for (int c = 0; c < 64; ++c) {
                    const std::int64_t row = b.row + r, col = b.col + c;
                    std::uint16_t value = 0;
                    if (row < b.map->rows && col < b.map->cols)
                        std::memcpy(&value, b.map->data + 2 * (row * b.map->ld + col), 2);
                    // chunk c / 8 of line r lies at chunk (c / 8) ^ (line % 8), lines counted from a border of 1024
                    const std::uint32_t line = b.to / 128 + static_cast<std::uint32_t>(r);
                    const std::uint32_t chunk = static_cast<std::uint32_t>(c / 8) ^ (line % 8);
                    std::memcpy(b.shared + (line * 128 + chunk * 16 - shared_begins) + 2 * (c % 8), &value, 2);
                }
            barrier& done = at(b.when_done);
            done.bytes -= std::int64_t{128} * b.map->box_rows;
            settle(done);
            ++m.progress;
        }
    }
};

/// Element (row, k) of the tile that a descriptor names: 128-byte swizzle; K-major, or (Columns) MN-major, where 64
/// rows lie along a line of 128 bytes, 8 lines of k make an atom, and the leading dimension leads to the next 64 rows.
template <class T, bool Columns>
float element_of(std::uint64_t descriptor, std::uint32_t row, std::uint32_t k) {
    if (descriptor >> 62 != 1) gpu_emulation::fail("a descriptor of another swizzle than 128 bytes");
    const std::uint32_t start = static_cast<std::uint32_t>(descriptor & 0x3FFF) << 4,
                        leading = static_cast<std::uint32_t>(descriptor >> 16 & 0x3FFF) << 4,
                        stride = static_cast<std::uint32_t>(descriptor >> 32 & 0x3FFF) << 4;
    const std::uint32_t logical = Columns ? start + row / 64 * leading + k / 8 * stride + k % 8 * 128 + row % 64 * 2
                                          : start + row / 8 * stride + row % 8 * 128 + 2 * k;
    const std::uint32_t line = logical / 128, chunk = logical % 128 / 16 ^ line % 8;
    const unsigned char* const from =
        machine::instance().shared + (line * 128 + chunk * 16 - shared_begins) + logical % 16;
    machine::instance().check_shared(from, 2, 2);
    T value;
    std::memcpy(&value, from, 2);
    if constexpr (std::is_same_v<T, __half>)
        return __half2float(value);
    else
        return __bfloat162float(value);
}

}  // namespace emulation

[[nodiscard]] inline cudaError_t hopper_multiprocessors(int& count) noexcept {
    count = emulation::multiprocessors;
    return emulation::compute_capability == 9 ? cudaSuccess : cudaErrorNoKernelImageForDevice;
}

[[nodiscard]] inline std::uint32_t shared_address(const void* p) {
    return static_cast<std::uint32_t>(static_cast<const unsigned char*>(p) - machine::instance().shared) +
           emulation::shared_begins;
}

inline void barrier_create(std::uint64_t* b, unsigned arrivals) {
    machine::instance().check_shared(b, 8, 8);
    for (const emulation::box& under_way : emulation::engine::instance().boxes)
        if (under_way.shared == machine::instance().shared) gpu_emulation::fail("a copy outlived its block");
    emulation::engine::instance().barriers[b] = {arrivals, arrivals, 0, 0};
}
inline void barriers_created() {}
inline void barrier_arrive(std::uint64_t* b) { emulation::engine::instance().arrive(b, 0); }
inline void barrier_expect(std::uint64_t* b, unsigned bytes) { emulation::engine::instance().arrive(b, bytes); }
inline void barrier_wait(std::uint64_t* b, unsigned parity) {
    while (emulation::engine::instance().at(b).phase % 2 == parity) machine::instance().poll();
}

inline void load_box(void* shared, const tensor_map& map, int col, int row, std::uint64_t* barrier) {
    machine& m = machine::instance();
    const std::size_t bytes = std::size_t{128} * static_cast<std::size_t>(map.box_rows);
    m.check_shared(shared, bytes, 128);
    if (shared_address(shared) % 1024 != 0) gpu_emulation::fail("a swizzled tile off a border of 1024 bytes");
    if (map.data >= emulation::written_ahead_begin && map.data < emulation::written_ahead_end &&
        !m.self().waited_for_ahead && !m.self().told_fenced)
        gpu_emulation::fail("a copy of what the kernel ahead, or another block, may not have written yet");
    std::memset(shared, 0xFF, bytes);
    emulation::engine::instance().boxes.push_back(
        {m.shared, shared_address(shared), &map, col, row, barrier, m.next_random() % 4});
}

inline void between_stores_and_copies() {
    auto& thread = machine::instance().self();
    ++thread.copy_fences;
    thread.told_fenced = thread.told;
}
inline void shared_left_to_copies() {}
inline void publish(std::uint32_t* flag, std::uint32_t number) {
    auto& thread = machine::instance().self();
    machine::instance().each_of_block([&](const gpu_emulation::fiber& other) {
        if (other.copy_fences != thread.copy_fences || thread.copy_fences == thread.fences_published)
            gpu_emulation::fail("published without a fence between the stores and the copies of others");
    });
    thread.fences_published = thread.copy_fences;
    *flag = number;
    ++machine::instance().progress;
}
inline void wait_until_published(const std::uint32_t* flag, std::uint32_t number) {
    while (*flag != number) machine::instance().poll();
    machine::instance().self().told = true;
    machine::instance().self().told_fenced = false;
}
[[nodiscard]] inline std::uint32_t count_round(std::uint32_t* counter, std::uint32_t last) {
    const std::uint32_t before = *counter;
    *counter = before >= last ? 0 : before + 1;
    return before;
}

template <int>
void give_registers() {}
template <int>
void take_registers() {}

template <int Count>
void warpgroup_begin(float (&)[Count]) {}
inline void warpgroup_commit() { machine::instance().self().products.emplace_back(); }
template <int Pending, int Count>
void warpgroup_wait(float (&)[Count]) {
    auto& groups = machine::instance().self().products;
    while (groups.size() > Pending + 1) {
        for (const auto& product : groups.front()) product();
        groups.erase(groups.begin());
    }
    (void)machine::instance().meet([](gpu_emulation::exchange&, unsigned) {});
}

template <class T, bool Columns>
void warpgroup_multiply(float (&d)[128], std::uint64_t a, std::uint64_t b, bool keep) {
    machine& m = machine::instance();
    const unsigned thread = threadIdx.x % 128, lane = m.lane();
    m.self().products.back().push_back([&d, a, b, keep, thread, lane] {
        for (unsigned half = 0; half < 2; ++half) {
            float row[16];
            for (unsigned k = 0; k < 16; ++k)
                row[k] = emulation::element_of<T, false>(a, thread / 32 * 16 + lane / 4 + 8 * half, k);
            for (unsigned j = 0; j < 64; ++j) {
                float sum = keep ? d[4 * (j / 2) + 2 * half + j % 2] : 0.0f;
                for (unsigned k = 0; k < 16; ++k)
                    sum += row[k] * emulation::element_of<T, Columns>(b, 8 * (j / 2) + 2 * (lane % 4) + j % 2, k);
                d[4 * (j / 2) + 2 * half + j % 2] = sum;
            }
        }
    });
}

}  // namespace holdfast::kernels::detail
