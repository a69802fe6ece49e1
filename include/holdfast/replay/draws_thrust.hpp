#pragma once
// Weighted draws on Thrust alone: without replacement (Gumbel top-k) and by alias table, on whatever device system
// Thrust is compiled for (CUDA with nvcc; OpenMP, C++ or TBB with any compiler, by THRUST_DEVICE_SYSTEM). The same
// items, bit for bit, as the samplers of sampler.hpp, on which this builds.

#if !__has_include(<thrust/device_vector.h>)
#error "draws_thrust.hpp needs Thrust: use the CUDA toolkit's headers (nvcc has them, g++ needs -I CUDA/include/cccl)"
#endif
#include <thrust/copy.h>
#include <thrust/count.h>
#include <thrust/device_vector.h>
#include <thrust/execution_policy.h>
#include <thrust/iterator/counting_iterator.h>
#include <thrust/transform.h>

#include <holdfast/core/config.hpp>
#include <holdfast/core/error.hpp>
#include <holdfast/core/portable_math.hpp>
#include <holdfast/core/random.hpp>
#include <holdfast/replay/item_bits.hpp>
#include <holdfast/replay/sampler.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

namespace holdfast::replay {
namespace detail {

/// item_bits::word, for a device too.
struct thrust_bits {
    std::uint64_t seed, stream;

    explicit thrust_bits(const item_bits& bits) : seed(bits.seed()), stream(bits.stream()) {}

    HOLDFAST_HD std::uint64_t word(std::uint64_t item) const {
        const std::uint64_t block = item / 2;
        auto c0 = static_cast<std::uint32_t>(block), c1 = static_cast<std::uint32_t>(block >> 32);
        auto c2 = static_cast<std::uint32_t>(stream), c3 = static_cast<std::uint32_t>(stream >> 32);
        auto k0 = static_cast<std::uint32_t>(seed), k1 = static_cast<std::uint32_t>(seed >> 32);
        for (int round = 0; round < 10; ++round) {
            const std::uint64_t a = 0xd2511f53ULL * c0, b = 0xcd9e8d57ULL * c2;
            c0 = static_cast<std::uint32_t>(b >> 32) ^ c1 ^ k0;
            c1 = static_cast<std::uint32_t>(b);
            c2 = static_cast<std::uint32_t>(a >> 32) ^ c3 ^ k1;
            c3 = static_cast<std::uint32_t>(a);
            k0 += 0x9e3779b9u;
            k1 += 0xbb67ae85u;
        }
        return item % 2 ? static_cast<std::uint64_t>(c2) << 32 | c3 : static_cast<std::uint64_t>(c0) << 32 | c1;
    }
};

/// Whether an item's key can be up to the cut: -log u > 1 - u, so no logarithm, whose bits might differ, is needed.
struct thrust_maybe_below {
    thrust_bits bits;
    const double* weight;
    double cut;

    HOLDFAST_HD bool operator()(std::uint32_t i) const {
        const double u = (static_cast<double>(bits.word(i) >> 12) + 0.5) * 0x1p-52;
        return weight[i] > 0 && !((1.0 - u) * (1 - 1e-14) > cut * weight[i]);
    }
};

/// alias_table::pick of draw number t.
struct thrust_pick {
    thrust_bits bits;
    const std::uint64_t* columns;  // threshold in the high half, the other item in the low one
    std::uint64_t size;

    HOLDFAST_HD std::uint32_t operator()(std::uint64_t t) const {
        const std::uint64_t word = bits.word(t), high = word >> 32, low = word & 0xffffffffu;
        const std::uint64_t product = high * size + (low * size >> 32);
        const auto column = static_cast<std::uint32_t>(product >> 32);
        const std::uint64_t entry = columns[column];
        return (product & 0xffffffffu) < entry >> 32 ? column : static_cast<std::uint32_t>(entry);
    }
};

}  // namespace detail

/// weighted_without_replacement with its weights where Thrust computes: one pass over them finds the few that can be
/// among the n, whose keys the host compares.
class thrust_weighted_without_replacement {
  public:
    static constexpr bool with_replacement = false;

    /// @throw invalid_argument for a weight that is negative, infinite or NaN
    explicit thrust_weighted_without_replacement(std::span<const double> weights)
        : host_(weights), weights_(weights.data(), weights.data() + weights.size()) {}

    [[nodiscard]] std::size_t size() const { return host_.size(); }

    /// @return [n] what weighted_without_replacement draws, in the same order
    /// @throw  invalid_argument if n is more than the items whose weight is above 0
    /// @cost   O(size) on the device; O(n log n) on the host, to which about 1.25 n items are copied. Synchronises
    [[nodiscard]] std::vector<std::uint32_t> draw(std::size_t n, philox g) const {
        require(n <= host_.positive(), "replay::thrust_weighted_without_replacement: ", n, " items asked, ",
                host_.positive(), " of ", size(), " have a weight above 0");
        if (n == 0) return {};
        const detail::item_bits bits(g);
        auto keys = candidates(bits, host_.likely_cut(n));
        if (keys.size() < n) keys = candidates(bits, std::numeric_limits<double>::infinity());
        const auto last = keys.begin() + static_cast<std::ptrdiff_t>(n);
        std::partial_sort(keys.begin(), last, keys.end());
        std::vector<std::uint32_t> drawn(n);
        for (std::size_t i = 0; i < n; ++i) drawn[i] = keys[i].second;
        return drawn;
    }

  private:
    /// Keys up to the cut with their items: all of them, none else.
    [[nodiscard]] std::vector<std::pair<double, std::uint32_t>> candidates(const detail::item_bits& bits,
                                                                           double cut) const {
        const detail::thrust_maybe_below maybe{detail::thrust_bits(bits), thrust::raw_pointer_cast(weights_.data()),
                                               cut};
        const thrust::counting_iterator<std::uint32_t> first(0);
        const auto last = first + static_cast<std::ptrdiff_t>(size());
        const auto count = thrust::count_if(thrust::device, first, last, maybe);
        thrust::device_vector<std::uint32_t> found(static_cast<std::size_t>(count));
        thrust::copy_if(thrust::device, first, last, found.begin(), maybe);
        std::vector<std::uint32_t> items(found.size());
        thrust::copy(found.begin(), found.end(), items.begin());
        std::vector<std::pair<double, std::uint32_t>> keys;
        for (const std::uint32_t i : items) {
            const double key = -portable_log(detail::item_bits::open(bits.word(i))) / host_.weight(i);
            if (key <= cut) keys.emplace_back(key, i);
        }
        return keys;
    }

    weighted_without_replacement host_;
    thrust::device_vector<double> weights_;
};

/// alias_table with its columns where Thrust computes.
class thrust_alias_table {
  public:
    static constexpr bool with_replacement = true;

    explicit thrust_alias_table(const alias_table& table) : columns_(table.size()) {
        std::vector<std::uint64_t> packed(table.size());
        for (std::size_t c = 0; c < packed.size(); ++c) packed[c] = table.column(c);
        thrust::copy(packed.begin(), packed.end(), columns_.begin());
    }

    [[nodiscard]] std::size_t size() const { return columns_.size(); }

    /// What alias_table draws, left on the device.
    [[nodiscard]] thrust::device_vector<std::uint32_t> draw_on_device(std::size_t n, const philox& g) const {
        thrust::device_vector<std::uint32_t> drawn(n);
        const thrust::counting_iterator<std::uint64_t> first(0);
        thrust::transform(thrust::device, first, first + static_cast<std::ptrdiff_t>(n), drawn.begin(),
                          detail::thrust_pick{detail::thrust_bits(detail::item_bits(g)),
                                              thrust::raw_pointer_cast(columns_.data()), columns_.size()});
        return drawn;
    }

    /// @return [n] what alias_table draws. Synchronises
    [[nodiscard]] std::vector<std::uint32_t> draw(std::size_t n, philox g) const {
        const auto there = draw_on_device(n, g);
        std::vector<std::uint32_t> drawn(n);
        thrust::copy(there.begin(), there.end(), drawn.begin());
        return drawn;
    }

  private:
    thrust::device_vector<std::uint64_t> columns_;
};

static_assert(sampler<thrust_weighted_without_replacement> && sampler<thrust_alias_table>);

}  // namespace holdfast::replay
