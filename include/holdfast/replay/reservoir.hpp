#pragma once
// Samples of a stream whose length nobody knows: reservoirs R and L (uniform), A-ExpJ (weighted, with jumps), and a
// keyed reservoir that shards can fill apart and merge. They keep identifiers, never examples. Builds on sampler.hpp.
// Every decision depends on (generator, place in the stream or identifier) alone, so a copy of a reservoir is a
// checkpoint of it.

#include <holdfast/core/error.hpp>
#include <holdfast/core/portable_math.hpp>
#include <holdfast/core/random.hpp>
#include <holdfast/replay/sampler.hpp>
#include <holdfast/replay/state.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace holdfast::replay {

namespace detail {

inline void put(state_writer& to, const std::vector<std::uint64_t>& ids) {
    to.word(ids.size());
    for (const std::uint64_t id : ids) to.word(id);
}

inline void put(state_writer& to, const std::vector<std::pair<double, std::uint64_t>>& keyed) {
    to.word(keyed.size());
    for (const auto& [key, id] : keyed) to.number(key), to.word(id);
}

/// How many entries follow: no more than there are words for, and no more than the reservoir holds.
inline std::size_t take_count(state_reader& from, std::size_t words_each, std::size_t capacity) {
    const std::uint64_t n = from.word();
    if (n > from.left() / words_each) from.fail("too short");
    if (n > capacity) from.fail("holds more than its capacity");
    return static_cast<std::size_t>(n);
}

inline std::vector<std::uint64_t> take_ids(state_reader& from, std::size_t capacity) {
    std::vector<std::uint64_t> ids(take_count(from, 1, capacity));
    for (std::uint64_t& id : ids) id = from.word();
    return ids;
}

inline std::vector<std::pair<double, std::uint64_t>> take_heap(state_reader& from, std::size_t capacity) {
    std::vector<std::pair<double, std::uint64_t>> keyed(take_count(from, 2, capacity));
    for (auto& [key, id] : keyed) {
        key = from.number();
        if (!(key >= 0)) from.fail("holds a key that is none");
        id = from.word();
    }
    if (!std::is_heap(keyed.begin(), keyed.end())) from.fail("is out of order");
    return keyed;
}

/// P(key < largest key kept) of an item whose key is exponential with rate `weight`.
inline double kept_below_largest(const std::vector<std::pair<double, std::uint64_t>>& heap, std::size_t capacity,
                                 double weight) {
    if (!(weight > 0)) return 0;
    if (heap.size() < capacity) return 1;
    return heap.empty() ? 0 : 1 - portable_exp(-weight * heap.front().first);
}

}  // namespace detail

/// Uniform sample of a stream, one look at every item (Vitter's algorithm R).
///
/// After n items each is kept with probability min(1, capacity / n). Item number t decides by its own random bits.
///
/// @see  Vitter 1985, "Random sampling with a reservoir"
class reservoir_r {
  public:
    reservoir_r(std::size_t capacity, const philox& g) : capacity_(capacity), bits_(g) {}

    /// Shows the next item; returns whether it was kept.
    bool offer(std::uint64_t id) {
        const std::uint64_t t = seen_++;
        if (kept_.size() < capacity_) {
            kept_.push_back(id);
            return true;
        }
        philox own = bits_.generator(t);
        const std::size_t place = uniform_index(own, static_cast<std::size_t>(t) + 1);
        if (place >= capacity_) return false;
        kept_[place] = id;
        return true;
    }

    [[nodiscard]] const std::vector<std::uint64_t>& items() const { return kept_; }
    [[nodiscard]] std::uint64_t seen() const { return seen_; }
    /// How likely an item shown so far is to be held now.
    [[nodiscard]] double inclusion_probability() const {
        return seen_ <= capacity_ ? 1.0 : static_cast<double>(capacity_) / static_cast<double>(seen_);
    }

    /// All there is to know, as bytes.
    [[nodiscard]] std::string state() const {
        state_writer to("reserv r", 1);
        to.word(capacity_), to.word(bits_.seed()), to.word(bits_.stream()), to.word(seen_);
        detail::put(to, kept_);
        return to.finish();
    }

    /// @throw format_error if the bytes are not what state() of a reservoir_r gave
    [[nodiscard]] static reservoir_r from_state(std::string_view bytes) {
        state_reader from(bytes, "reserv r", 1);
        const auto capacity = static_cast<std::size_t>(from.word());
        reservoir_r made(capacity, philox{0});
        const std::uint64_t seed = from.word(), stream = from.word();
        made.bits_ = detail::item_bits(seed, stream);
        made.seen_ = from.word();
        made.kept_ = detail::take_ids(from, capacity);
        from.finish();
        return made;
    }

  private:
    std::size_t capacity_;
    detail::item_bits bits_;
    std::uint64_t seen_ = 0;
    std::vector<std::uint64_t> kept_ = {};
};

/// Uniform sample of a stream that looks only at the items it keeps (Li's algorithm L): same law as reservoir_r, with
/// O(capacity (1 + log(n / capacity))) random numbers instead of n.
///
/// @see  Li 1994, "Reservoir-sampling algorithms of time complexity O(n(1+log(N/n)))"
class reservoir_l {
  public:
    reservoir_l(std::size_t capacity, const philox& g) : capacity_(capacity), bits_(g) {}

    /// Shows the next item; returns whether it was kept.
    bool offer(std::uint64_t id) {
        const std::uint64_t t = seen_++;
        if (capacity_ == 0) return false;
        if (kept_.size() < capacity_) {
            kept_.push_back(id);
            if (kept_.size() == capacity_) jump();
            return true;
        }
        if (t != next_) return false;
        philox own = bits_.generator(2 * jumps_ + 1);
        kept_[uniform_index(own, capacity_)] = id;
        jump();
        return true;
    }

    /// How many items from here on will not be kept: a reader that can seek may pass over them with skip().
    [[nodiscard]] std::uint64_t idle() const { return kept_.size() < capacity_ ? 0 : next_ - seen_; }

    /// Passes over n items unseen.
    /// @throw invalid_argument if one of them would be kept
    void skip(std::uint64_t n) {
        require(capacity_ == 0 || n <= idle(), "replay::reservoir_l::skip: ", idle(), " items may be passed over, not ",
                n);
        seen_ += n;
    }

    [[nodiscard]] const std::vector<std::uint64_t>& items() const { return kept_; }
    [[nodiscard]] std::uint64_t seen() const { return seen_; }
    /// How likely an item shown so far is to be held now.
    [[nodiscard]] double inclusion_probability() const {
        return seen_ <= capacity_ ? 1.0 : static_cast<double>(capacity_) / static_cast<double>(seen_);
    }

    /// All there is to know, as bytes.
    [[nodiscard]] std::string state() const {
        state_writer to("reserv l", 1);
        to.word(capacity_), to.word(bits_.seed()), to.word(bits_.stream()), to.word(seen_);
        to.word(next_), to.word(jumps_), to.number(log_w_);
        detail::put(to, kept_);
        return to.finish();
    }

    /// @throw format_error if the bytes are not what state() of a reservoir_l gave
    [[nodiscard]] static reservoir_l from_state(std::string_view bytes) {
        state_reader from(bytes, "reserv l", 1);
        const auto capacity = static_cast<std::size_t>(from.word());
        reservoir_l made(capacity, philox{0});
        const std::uint64_t seed = from.word(), stream = from.word();
        made.bits_ = detail::item_bits(seed, stream);
        made.seen_ = from.word();
        made.next_ = from.word();
        made.jumps_ = from.word();
        made.log_w_ = from.number();
        made.kept_ = detail::take_ids(from, capacity);
        from.finish();
        return made;
    }

  private:
    // log W falls by an exponential over the capacity; the gap is geometric with chance W.
    void jump() {
        philox own = bits_.generator(2 * ++jumps_);
        log_w_ -= exponential(own) / static_cast<double>(capacity_);
        const double w = portable_exp(log_w_);
        // log(1 - W) without cancellation where W is small.
        const double log_rest = w < 1e-8 ? -w - 0.5 * w * w : portable_log(1.0 - w);
        const double gap = std::floor(-exponential(own) / log_rest);
        next_ = gap < 9e18 ? std::max(next_, seen_) + static_cast<std::uint64_t>(gap)
                           : std::numeric_limits<std::uint64_t>::max();
    }

    std::size_t capacity_;
    detail::item_bits bits_;
    std::uint64_t seen_ = 0, next_ = 0, jumps_ = 0;
    double log_w_ = 0;
    std::vector<std::uint64_t> kept_ = {};
};

/// Weighted sample of a stream without replacement that draws random numbers only for the items it keeps (A-ExpJ).
///
/// Same law as weighted_without_replacement over the whole stream. Between two kept items it costs one addition and one
/// comparison per item.
///
/// @see  Efraimidis & Spirakis 2006, "Weighted random sampling with a reservoir", in the form of exponential keys
class weighted_reservoir {
  public:
    weighted_reservoir(std::size_t capacity, const philox& g) : capacity_(capacity), bits_(g) {}

    /// Shows the next item; returns whether it was kept. Weight 0 never is.
    /// @throw invalid_argument for a weight that is negative, infinite or NaN
    bool offer(std::uint64_t id, double weight) {
        if (!(weight >= 0 && weight < std::numeric_limits<double>::infinity())) [[unlikely]]
            refuse("replay::weighted_reservoir: a weight is a finite number of at least 0, that of item ", id, " is ",
                   weight);
        ++seen_;
        if (weight < left_) {  // the usual case first
            left_ -= weight;
            return false;
        }
        return accept(id, weight);
    }

    /// The items kept, in the order in which a sequential draw would take them.
    [[nodiscard]] std::vector<std::uint64_t> items() const {
        auto sorted = heap_;
        std::sort(sorted.begin(), sorted.end());
        std::vector<std::uint64_t> ids;
        for (const auto& [key, id] : sorted) ids.push_back(id);
        return ids;
    }
    [[nodiscard]] std::uint64_t seen() const { return seen_; }

    /// The chance that an item of this weight is among those kept but the last of items(), given the keys of all
    /// others. What Horvitz and Thompson divide by: over items() without its last, sum(x_i / probability_i) is the sum
    /// of x over all that was offered, on average. While the reservoir is not full it is 1, and items() is all there
    /// is.
    /// @see Cohen & Kaplan 2007, "Summarizing data using bottom-k sketches", with k - 1
    [[nodiscard]] double inclusion_probability(double weight) const {
        return detail::kept_below_largest(heap_, capacity_, weight);
    }

    /// All there is to know, as bytes.
    [[nodiscard]] std::string state() const {
        state_writer to("weighted", 1);
        to.word(capacity_), to.word(bits_.seed()), to.word(bits_.stream()), to.word(seen_);
        to.word(drawn_), to.number(left_);
        detail::put(to, heap_);
        return to.finish();
    }

    /// @throw format_error if the bytes are not what state() of a weighted_reservoir gave
    [[nodiscard]] static weighted_reservoir from_state(std::string_view bytes) {
        state_reader from(bytes, "weighted", 1);
        const auto capacity = static_cast<std::size_t>(from.word());
        weighted_reservoir made(capacity, philox{0});
        const std::uint64_t seed = from.word(), stream = from.word();
        made.bits_ = detail::item_bits(seed, stream);
        made.seen_ = from.word();
        made.drawn_ = from.word();
        made.left_ = from.number();
        made.heap_ = detail::take_heap(from, capacity);
        from.finish();
        return made;
    }

  private:
    bool accept(std::uint64_t id, double weight) {
        if (capacity_ == 0 || weight == 0) return false;
        philox own = bits_.generator(drawn_++);
        if (heap_.size() < capacity_) {
            heap_.emplace_back(exponential(own) / weight, id);
            std::push_heap(heap_.begin(), heap_.end());
            if (heap_.size() < capacity_) return true;
        } else {
            // A key that is known to be below the largest one kept: an exponential cut off there.
            const double cut = heap_.front().first;
            const double rate = weight * cut, u = uniform_open(own);
            const double key = rate < 1e-8 ? u * cut : -portable_log(1.0 - u * (1.0 - portable_exp(-rate))) / weight;
            std::pop_heap(heap_.begin(), heap_.end());
            heap_.back() = {std::min(key, cut), id};
            std::push_heap(heap_.begin(), heap_.end());
        }
        left_ = exponential(own) / heap_.front().first;
        return true;
    }

    std::size_t capacity_;
    detail::item_bits bits_;
    std::uint64_t seen_ = 0, drawn_ = 0;
    double left_ = 0;                                          // weight that may pass before the next item is kept
    std::vector<std::pair<double, std::uint64_t>> heap_ = {};  // the largest key on top
};

/// Weighted sample without replacement that does not depend on order, and merges: shards that fill their own and merge
/// hold what one pass over everything would. An item's key depends on (generator, identifier) alone.
///
/// Holds exactly what weighted_without_replacement draws from the same weights under the same generator, when
/// identifiers are 0 .. n-1. An identifier is to be shown once.
///
/// @see  Hubschle-Schneider & Sanders 2019, arXiv:1903.00227
class keyed_reservoir {
  public:
    keyed_reservoir(std::size_t capacity, const philox& g) : capacity_(capacity), generator_(g), bits_(g) {}

    /// Shows an item; returns whether it is kept so far. Weight 0 never is.
    /// @throw invalid_argument for a weight that is negative, infinite or NaN
    bool offer(std::uint64_t id, double weight = 1.0) {
        require(weight >= 0 && weight < std::numeric_limits<double>::infinity(),
                "replay::keyed_reservoir: a weight is a finite number of at least 0, that of item ", id, " is ",
                weight);
        ++seen_;
        return weight > 0 && keep({-portable_log(detail::item_bits::open(bits_.word(id))) / weight, id});
    }

    /// Takes over what another one holds.
    /// @throw invalid_argument if the other has another generator or capacity: its keys mean something else
    void merge(const keyed_reservoir& other) {
        require(generator_ == other.generator_, "replay::keyed_reservoir::merge: both need the same generator");
        require(capacity_ == other.capacity_, "replay::keyed_reservoir::merge: both need the same capacity, they have ",
                capacity_, " and ", other.capacity_);
        seen_ += other.seen_;
        for (const entry& e : other.heap_) keep(e);
    }

    /// The items kept, in the order in which a sequential draw would take them.
    [[nodiscard]] std::vector<std::uint64_t> items() const {
        auto sorted = heap_;
        std::sort(sorted.begin(), sorted.end());
        std::vector<std::uint64_t> ids;
        for (const entry& e : sorted) ids.push_back(e.second);
        return ids;
    }
    [[nodiscard]] std::uint64_t seen() const { return seen_; }

    /// The chance that an item of this weight is among those kept but the last of items(), given the keys of all
    /// others. What Horvitz and Thompson divide by: over items() without its last, sum(x_i / probability_i) is the sum
    /// of x over all that was offered, on average. While the reservoir is not full it is 1, and items() is all there
    /// is.
    /// @see Cohen & Kaplan 2007, "Summarizing data using bottom-k sketches", with k - 1
    [[nodiscard]] double inclusion_probability(double weight) const {
        return detail::kept_below_largest(heap_, capacity_, weight);
    }

    /// All there is to know, as bytes.
    [[nodiscard]] std::string state() const {
        state_writer to("keyed", 1);
        to.word(capacity_), to.generator(generator_);
        to.word(seen_);
        detail::put(to, heap_);
        return to.finish();
    }

    /// @throw format_error if the bytes are not what state() of a keyed_reservoir gave
    [[nodiscard]] static keyed_reservoir from_state(std::string_view bytes) {
        state_reader from(bytes, "keyed", 1);
        const auto capacity = static_cast<std::size_t>(from.word());
        keyed_reservoir made(capacity, from.generator());
        made.seen_ = from.word();
        made.heap_ = detail::take_heap(from, capacity);
        from.finish();
        return made;
    }

  private:
    using entry = std::pair<double, std::uint64_t>;

    bool keep(const entry& e) {
        if (heap_.size() == capacity_) {
            if (capacity_ == 0 || !(e < heap_.front())) return false;
            std::pop_heap(heap_.begin(), heap_.end());
            heap_.pop_back();
        }
        heap_.push_back(e);
        std::push_heap(heap_.begin(), heap_.end());
        return true;
    }

    std::size_t capacity_;
    philox generator_;
    detail::item_bits bits_;
    std::uint64_t seen_ = 0;
    std::vector<entry> heap_ = {};
};

}  // namespace holdfast::replay
