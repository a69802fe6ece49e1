#pragma once
// Which rows of a batch have which adapter: a table of adapters in device memory, rows by number or by segment, and
// what a call of segmented_lora is given. Builds on detail/; the arithmetic is segmented_lora.cuh's.

#include <holdfast/kernels/detail/numbers.cuh>
#include <holdfast/kernels/detail/tile.hpp>

#include <cstddef>
#include <cstdint>

namespace holdfast::kernels {

/// One adapter of a table in device memory; to swap it, write its entry. A null pointer means none.
template <class T>
struct adapter_entry {
    const T* a = nullptr;  ///< [rank, k]
    const T* b = nullptr;  ///< [n, rank]
    std::int64_t lda = 0, ldb = 0;
    int rank = 0;  ///< at most the largest_rank of the call; more is cut off
    float scale = 1;
};

/// Which rows belong to which adapter, on the device: either one number per row, or segments of neighbouring rows.
struct row_segments {
    const std::int32_t* token_adapter = nullptr;    ///< [m] adapter of each row, -1 = none; or null, and then:
    const std::int32_t* row_offsets = nullptr;      ///< [segments + 1] first row of each segment, ascending
    const std::int32_t* segment_adapter = nullptr;  ///< [segments] adapter of each, -1 = none
    const std::int32_t* count = nullptr;            ///< how many segments there are, on the device; null: `most`
    std::int32_t most = 0;                          ///< segments at most
};

template <class T>
struct segmented_lora_args {
    std::int64_t tokens = 0, in = 0, out = 0;    ///< m, k, n; rows that no segment covers have no adapter
    std::int64_t rank = 16;                      ///< the largest in the table, 1 to 256
    const adapter_entry<T>* adapters = nullptr;  ///< [adapter_count], on the device
    std::int32_t adapter_count = 0;
    row_segments rows;
    const T* x = nullptr;  ///< [m, k] forward; dy [m, n] backward
    std::int64_t ldx = 0;
    T* y = nullptr;  ///< [m, n] forward, dx [m, k] backward: added to
    std::int64_t ldy = 0;
    float* u = nullptr;               ///< null, or written: s_a x A_a' [m, rank] in fp32
    bool two_launches = false;        ///< not the single launch that few rows take where they can: to compare the two
    void* workspace = nullptr;        ///< aligned to 256 bytes
    std::size_t workspace_bytes = 0;  ///< at least segmented_lora_workspace(args)
};

namespace detail {

/// The adapter of a row, or -1.
[[nodiscard]] HOLDFAST_HD inline int adapter_of(const row_segments& s, std::int64_t row, std::int32_t adapters) {
    int id = -1;
    if (s.token_adapter != nullptr) {
        id = s.token_adapter[row];
    } else {
        const int count = s.count == nullptr ? s.most : smaller(*s.count, s.most);
        if (count > 0 && row >= s.row_offsets[0] && row < s.row_offsets[count]) {
            int low = 0,
                high = count;  // the last segment that begins at or before the row (empty ones are passed over)
            while (high - low > 1) {
                const int middle = (low + high) / 2;
                (s.row_offsets[middle] <= row ? low : high) = middle;
            }
            id = s.segment_adapter[low];
        }
    }
    return id >= 0 && id < adapters ? id : -1;
}

/// Adapters of `Rows` rows from row0 on, to shared memory; -1 beyond the last row and where the table has none.
template <int Rows, class T>
__device__ __forceinline__ void read_adapters(const segmented_lora_args<T>& p, std::int64_t row0, int* ids) {
    const int i = static_cast<int>(threadIdx.x);
    if (i < Rows) {
        int id = row0 + i < p.tokens ? adapter_of(p.rows, row0 + i, p.adapter_count) : -1;
        if (id >= 0 && (p.adapters[id].a == nullptr || p.adapters[id].b == nullptr)) id = -1;
        ids[i] = id;
    }
    synchronise_block();
}

}  // namespace detail
}  // namespace holdfast::kernels
