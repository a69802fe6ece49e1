#pragma once
// All costs between two clouds, in as much memory as one has: four bytes each, two, or none at all (computed again
// whenever they are read, O(n + m) memory). However they are kept, they are read row by row, and the table says how far
// a cost as it is read may be from the true one. Builds on cost.hpp. Leaves out what is done with costs.

#include <holdfast/core/error.hpp>
#include <holdfast/core/parallel.hpp>
#include <holdfast/transport/cost.hpp>
#include <holdfast/transport/detail/aligned.hpp>
#include <holdfast/transport/detail/distances.hpp>
#include <holdfast/transport/detail/fixed16.hpp>
#include <holdfast/transport/detail/fixed_points.hpp>
#include <holdfast/transport/detail/row_facts.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <span>
#include <stdexcept>
#include <vector>

namespace holdfast::transport {

/// How costs are kept while a solver reads them.
enum class storage {
    automatic,  ///< (asked for) float32 while it is small, fixed16 while there is memory, streamed beyond
    float32,    ///< four bytes a cost
    fixed16,    ///< two bytes a cost: steps of the 65535th part of a row's range
    streamed    ///< none: 16 or 64 rows at a time are computed when they are read, at 3 d flops a cost
};

namespace detail {

inline constexpr std::size_t small_table = std::size_t{32} << 20;  // bytes: what a cache may hold

inline storage chosen_storage(std::size_t n, std::size_t m, storage asked, std::size_t memory) {
    if (asked != storage::automatic) return asked;
    const double entries = static_cast<double>(n) * static_cast<double>(m);
    if (4 * entries <= static_cast<double>(std::min(small_table, memory))) return storage::float32;
    return 2 * entries <= static_cast<double>(memory) ? storage::fixed16 : storage::streamed;
}

}  // namespace detail

/// Costs between two prepared clouds, which must outlive the table.
class cost_table {
  public:
    using real = float;

    /// @param x, y    of one dimension
    /// @param cost    cosine, squared_euclidean or euclidean (of others nothing is known about rounding)
    /// @param how     what to keep
    /// @param memory  bytes that costs may take where `how` is automatic
    /// @throw         invalid_argument for different dimensions, another cost, a cost that is not finite, or a table
    ///                that memory cannot hold (and offers to stream)
    /// @cost          3 n m d flops, rows in parallel (streamed: at every reading)
    cost_table(const prepared_points<float>& x, const prepared_points<float>& y, const ground_cost& cost,
               storage how = storage::automatic, std::size_t memory = std::size_t{4} << 30)
        : x_(&x),
          y_(&y),
          cost_(cost),
          n_(x.points.rows()),
          m_(y.points.rows()),
          how_(detail::chosen_storage(n_, m_, how, memory)) {
        require(x.dimension == y.dimension, "transport::cost_table: points must have one dimension, they have ",
                x.dimension, " and ", y.dimension);
        require(cost.kind() <= ground_cost::kinds::euclidean,
                "transport::cost_table: a table is for cosine, squared_euclidean and euclidean costs");
        fill();
    }

    /// Cosine costs between unit vectors in whole numbers (of one dimension): exact for what the points were rounded
    /// to.
    cost_table(const detail::fixed_points& x, const detail::fixed_points& y, storage how, std::size_t memory)
        : fixed_x_(&x), fixed_y_(&y), n_(x.rows()), m_(y.rows()), how_(detail::chosen_storage(n_, m_, how, memory)) {
        fill();
    }

    [[nodiscard]] std::size_t rows() const { return n_; }
    [[nodiscard]] std::size_t cols() const { return m_; }
    /// How costs are kept; never automatic.
    [[nodiscard]] storage how() const { return how_; }
    [[nodiscard]] double least() const { return static_cast<double>(least_); }
    [[nodiscard]] double greatest() const { return static_cast<double>(greatest_); }
    /// The least cost of row i, before it was kept.
    [[nodiscard]] double least(std::size_t i) const { return static_cast<double>(least_of_row_[i]); }
    /// Bytes that the costs take.
    [[nodiscard]] std::size_t bytes() const {
        return how_ == storage::float32 ? n_ * kept_.stride() * 4 : how_ == storage::fixed16 ? n_ * m_ * 2 : 0;
    }
    /// No cost of row i as it is read is further than this from what single precision computes.
    [[nodiscard]] double quantisation(std::size_t i) const { return how_ == storage::fixed16 ? coded_.error(i) : 0; }

    /// One cost, as it is read in its row.
    [[nodiscard]] float at(std::size_t i, std::size_t j) const {
        if (how_ == storage::float32) return kept_(i, j);
        if (how_ == storage::fixed16) return coded_.at(i, j);
        float c = 0;
        block(i, i + 1, j, j + 1, &c, 1);
        return c;
    }

    /// Reads rows one after the other; one for each thread.
    class reader {
      public:
        explicit reader(const cost_table& from) : from_(&from) {
            if (from.how_ == storage::fixed16) scratch_ = detail::aligned_rows<float>(1, from.m_);
            if (from.how_ == storage::streamed) scratch_ = detail::aligned_rows<float>(from.block_rows(), from.m_);
        }
        /// Costs of row i [m]; valid until the next call.
        [[nodiscard]] const float* row(std::size_t i) {
            switch (from_->how_) {
                case storage::float32:
                    return &from_->kept_(i, 0);
                case storage::fixed16:
                    from_->coded_.get(i, scratch_.data());
                    return scratch_.data();
                default:
                    if (i < begin_ || i >= end_) {
                        const std::size_t rows = from_->block_rows();
                        begin_ = i / rows * rows;
                        end_ = std::min(begin_ + rows, from_->n_);
                        from_->block(begin_, end_, 0, from_->m_, scratch_.data(), scratch_.stride());
                    }
                    return &scratch_(i - begin_, 0);
            }
        }

        /// How many entries from a row's first on are memory of the table's: those beyond cols() say nothing.
        [[nodiscard]] std::size_t readable() const {
            return from_->how_ == storage::float32 ? from_->kept_.stride() : scratch_.stride();
        }

      private:
        const cost_table* from_;
        detail::aligned_rows<float> scratch_;
        std::size_t begin_ = 0, end_ = 0;
    };
    [[nodiscard]] reader read() const { return reader(*this); }

  private:
    /// Rows that are computed together. Tiles are so fast that what they multiply must come from a near cache.
    [[nodiscard]] std::size_t block_rows() const {
        return fixed_x_ != nullptr && fixed_x_->level() == detail::fixed_level::tiles ? 64 : 16;
    }

    [[noreturn]] void too_large() const {
        const bool wide = how_ == storage::float32;
        refuse("transport::cost_table: costs of ", n_, " x ", m_, " points need ",
               static_cast<double>(n_) * static_cast<double>(m_) * (wide ? 4 : 2) / 1e9,
               " GB, more than there is: ask for storage::", wide ? "fixed16 or storage::streamed" : "streamed");
    }

    /// Costs of rows begin..end-1 and columns first..last-1; the same bits however they are cut.
    void block(std::size_t begin, std::size_t end, std::size_t first, std::size_t last, float* out,
               std::size_t stride) const {
        if (fixed_x_ != nullptr) return fixed_block(begin, end, first, last, out, stride);
        const std::size_t d = x_->points.stride(), step = detail::distance_block<float>(d);
        const float scale = cost_.kind() == ground_cost::kinds::cosine ? 0.5F : 1.0F;
        for (std::size_t j = first; j < last; j += step) {
            const std::size_t width = std::min(step, last - j);
            float* to = out + (j - first);
            detail::distances(detail::machine_level(), x_->points.data() + begin * d, end - begin,
                              y_->points.data() + j * d, width, d, scale, to, stride);
            if (cost_.kind() == ground_cost::kinds::euclidean)
                for (std::size_t i = 0; i < end - begin; ++i)
                    for (std::size_t l = 0; l < width; ++l) to[i * stride + l] = std::sqrt(to[i * stride + l]);
        }
    }

    void fixed_block(std::size_t begin, std::size_t end, std::size_t first, std::size_t last, float* out,
                     std::size_t stride) const {
        if (last - first == m_ && m_ > 1) return detail::fixed_costs(*fixed_x_, *fixed_y_, begin, end, out, stride);
        for (std::size_t i = begin; i < end; ++i)
            for (std::size_t j = first; j < last; ++j)
                out[(i - begin) * stride + (j - first)] = detail::fixed_cost(*fixed_x_, i, *fixed_y_, j);
    }

    void reserve() {
        try {
            if (how_ == storage::float32) kept_ = detail::aligned_rows<float>(n_, m_);
            if (how_ == storage::fixed16) coded_ = detail::fixed16_rows(n_, m_);
        } catch (const std::bad_alloc&) {
            too_large();
        } catch (const std::length_error&) {
            too_large();
        }
    }

    /// Computes all costs once: keeps them, checks them, knows their extremes.
    void fill() {
        reserve();
        least_of_row_.resize(n_);
        const std::size_t rows = block_rows(), chunks = (n_ + rows - 1) / rows;
        std::vector<float> low(chunks), high(chunks);
        const std::size_t d = fixed_x_ != nullptr ? 2 * fixed_x_->pairs() : x_->dimension;
        const about time{static_cast<double>(n_ * m_) * (0.5 + 0.01 * static_cast<double>(d))};
        parallel_chunks(n_, rows, time, [&](std::size_t begin, std::size_t end, std::size_t chunk) {
            detail::aligned_rows<float> made;
            if (how_ != storage::float32) made = detail::aligned_rows<float>(end - begin, m_);
            detail::aligned_rows<float>& to = how_ == storage::float32 ? kept_ : made;
            const std::size_t offset = how_ == storage::float32 ? 0 : begin;
            block(begin, end, 0, m_, &to(begin - offset, 0), to.stride());
            low[chunk] = high[chunk] = to(begin - offset, 0);
            for (std::size_t i = begin; i < end; ++i) {
                const float* row = &to(i - offset, 0);
                if (fixed_x_ == nullptr && !detail::row_facts<float>::finite(row, m_))
                    for (std::size_t j = 0; j < m_; ++j)
                        require(std::isfinite(row[j]), "transport::cost_table: costs must be finite, entry (", i, ", ",
                                j, ") is ", row[j]);
                const auto facts = detail::row_facts<float>::extremes(row, m_);
                least_of_row_[i] = facts.least;
                low[chunk] = std::min(low[chunk], facts.least);
                high[chunk] = std::max(high[chunk], facts.greatest);
                if (how_ == storage::fixed16) coded_.put(i, row, facts.least, facts.greatest);
            }
        });
        least_ = *std::min_element(low.begin(), low.end());
        greatest_ = *std::max_element(high.begin(), high.end());
    }

    const prepared_points<float>*x_ = nullptr, *y_ = nullptr;
    const detail::fixed_points *fixed_x_ = nullptr, *fixed_y_ = nullptr;  // or these
    ground_cost cost_;
    std::size_t n_, m_;
    storage how_;
    float least_ = 0, greatest_ = 0;
    std::vector<float> least_of_row_;
    detail::aligned_rows<float> kept_;
    detail::fixed16_rows coded_;
};

}  // namespace holdfast::transport
