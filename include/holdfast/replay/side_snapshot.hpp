#pragma once
// What a side_memory held at one moment, for readers: needs no lock and never changes. Builds on item_bits.hpp.

#include <holdfast/core/error.hpp>
#include <holdfast/core/random.hpp>
#include <holdfast/replay/item_bits.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace holdfast::replay {

namespace detail {

/// The numbers of one tensor, wherever they lie.
struct tensor_place {
    std::shared_ptr<const std::byte> data = {};
    std::size_t numbers = 0;

    [[nodiscard]] std::span<const float> values() const {
        return {reinterpret_cast<const float*>(data.get()), numbers};
    }
};

struct side_item {
    std::uint64_t id = 0;
    double weight = 0;
};

}  // namespace detail

/// What a memory held when it was published. Never changes, needs no lock, and outlives the memory.
class side_snapshot {
  public:
    [[nodiscard]] std::size_t size() const { return items_.size(); }
    [[nodiscard]] std::uint64_t id(std::size_t i) const { return at(i).id; }
    [[nodiscard]] double weight(std::size_t i) const { return at(i).weight; }

    /// @param tensor  which of side_memory_options::tensors
    /// @throw invalid_argument if there is no such item or tensor
    [[nodiscard]] std::span<const float> tensor(std::size_t i, std::size_t tensor) const {
        (void)at(i);
        require(tensor < tensors_, "replay::side_snapshot: an item has ", tensors_, " tensors, asked for number ",
                tensor);
        return places_[i * tensors_ + tensor].values();
    }

    /// n different items, all equally likely: where they stand. Which identifiers are drawn depends on the generator
    /// and on the identifiers alone, not on their order.
    ///
    /// @throw invalid_argument if there are fewer
    /// @cost  O(size)
    [[nodiscard]] std::vector<std::uint32_t> draw(std::size_t n, const philox& g) const {
        require(n <= size(), "replay::side_snapshot: ", n, " items asked, there are ", size());
        using keyed = std::pair<std::pair<std::uint64_t, std::uint64_t>, std::uint32_t>;
        const detail::item_bits bits(g);
        std::vector<keyed> order(size());
        for (std::size_t i = 0; i < size(); ++i)
            order[i] = {{bits.word(items_[i].id), items_[i].id}, static_cast<std::uint32_t>(i)};
        const auto last = order.begin() + static_cast<std::ptrdiff_t>(n);
        std::partial_sort(order.begin(), last, order.end());
        std::vector<std::uint32_t> drawn(n);
        for (std::size_t i = 0; i < n; ++i) drawn[i] = order[i].second;
        return drawn;
    }

  private:
    friend class side_memory;

    [[nodiscard]] const detail::side_item& at(std::size_t i) const {
        require(i < size(), "replay::side_snapshot: there are ", size(), " items, asked for item ", i);
        return items_[i];
    }

    std::size_t tensors_ = 0;
    std::vector<detail::side_item> items_ = {};
    std::vector<detail::tensor_place> places_ = {};  // [items, tensors]
};

}  // namespace holdfast::replay
