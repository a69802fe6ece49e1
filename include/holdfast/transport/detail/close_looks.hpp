#pragma once
// What a pass over all arcs found out about single costs in their true precision, by row and column, so that the next
// pass, which is there for what a few pivots changed, need not look again. Builds on the standard library.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace holdfast::transport::detail {

/// Of a row no more than keeps all of it O(n).
class close_looks {
  public:
    struct look {
        std::uint32_t j;
        double cost;
    };

    explicit close_looks(std::size_t rows) : looks_(1, none), first_(rows, 0) {}

    void clear() {
        looks_.resize(1);
        std::fill(first_.begin(), first_.end(), 0);
    }
    /// Row i follows, columns in their order.
    void begin(std::size_t i) { first_[i] = looks_.size(); }
    void add(std::size_t i, std::uint32_t j, double cost) {
        if (looks_.size() - first_[i] < most) looks_.push_back({j, cost});
    }
    void end() { looks_.push_back(none); }

    /// Looks at row i, and after them one at a column that there is not.
    [[nodiscard]] const look* row(std::size_t i) const { return &looks_[first_[i]]; }

  private:
    static constexpr std::size_t most = 64;
    static constexpr look none{std::numeric_limits<std::uint32_t>::max(), 0};
    std::vector<look> looks_;
    std::vector<std::size_t> first_;  // of each row
};

}  // namespace holdfast::transport::detail
