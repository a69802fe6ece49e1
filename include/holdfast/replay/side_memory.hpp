#pragma once
// A rehearsal memory that keeps tensors beside identifiers: stored logits (DER), negative log-likelihoods, strengths.
// A weighted sample of what it was offered, bounded by items or bytes, in memory or in a file of records. One writer;
// any number of readers, each on a snapshot. Builds on record_log.hpp and side_snapshot.hpp.

#include <holdfast/core/error.hpp>
#include <holdfast/core/portable_math.hpp>
#include <holdfast/core/random.hpp>
#include <holdfast/replay/record_log.hpp>
#include <holdfast/replay/side_snapshot.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace holdfast::replay {

struct side_memory_options {
    std::vector<std::string> tensors = {"logits"};  ///< names of what is kept beside each identifier
    std::size_t max_items = std::numeric_limits<std::size_t>::max();
    std::uint64_t max_bytes = std::numeric_limits<std::uint64_t>::max();  ///< of items: 4 a number, 16 each besides
    std::filesystem::path file = {};                                      ///< kept there; empty: in memory
    std::uint64_t spare_bytes = std::uint64_t{1} << 24;  ///< dead bytes, beyond as many as live, that start a clean-up
};

/// The memory's one writer.
///
/// Holds the items with the smallest keys E_i / w_i that fit, E_i exponential and a function of (generator,
/// identifier): a weighted sample without replacement of all that was offered, the same in any order of offers, from
/// any shards merged, and after a resume. With a bound in bytes: as many of the smallest keys as fit, and none beyond
/// the first that does not. An item that is larger than the bound alone counts as not offered.
///
/// A file holds all of it: opened again (with the same options and generator) it goes on. Writing and publishing are
/// for one thread; snapshot() is for all.
///
/// @see  Buzzega et al. 2020 (DER), arXiv:2004.07211; Efraimidis & Spirakis 2006; Cohen & Kaplan 2007, bottom-k samples
class side_memory {
  public:
    /// @throw invalid_argument if the file is another memory's (options or generator differ) or has a writer
    /// @throw format_error     if the file is damaged
    side_memory(side_memory_options options, const philox& g)
        : options_(std::move(options)), generator_(g), bits_(g), published_(std::make_shared<side_snapshot>()) {
        if (!options_.file.empty()) {
            log_ = std::make_unique<record_log>(options_.file);
            if (log_->size() == 0)
                log_->append(description());
            else
                load();
        }
        publish();
    }

    [[nodiscard]] std::size_t size() const { return items_.size(); }
    /// Of the items, as side_memory_options::max_bytes counts them.
    [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
    /// What was lost when the file was opened, in a sentence; empty: nothing.
    [[nodiscard]] std::string notice() const { return log_ ? log_->notice() : std::string(); }
    /// Of the file, 0 without one.
    [[nodiscard]] std::uint64_t file_bytes() const { return log_ ? log_->bytes() : 0; }
    [[nodiscard]] bool contains(std::uint64_t id) const { return slot_.count(id) > 0; }

    /// Shows an item; returns whether it is kept so far. Once it returns, a kill of the process does not lose it.
    ///
    /// @param tensors  one per name, of any length
    /// @param weight   of weight 0 never is kept
    /// @throw invalid_argument for an identifier that is held, another number of tensors, a weight that is negative,
    ///                         infinite or NaN
    bool offer(std::uint64_t id, std::span<const std::span<const float>> tensors, double weight = 1) {
        require(tensors.size() == options_.tensors.size(), "replay::side_memory: an item has ", options_.tensors.size(),
                " tensors, item ", id, " comes with ", tensors.size());
        require(weight >= 0 && weight < std::numeric_limits<double>::infinity(),
                "replay::side_memory: a weight is a finite number of at least 0, that of item ", id, " is ", weight);
        require(!contains(id), "replay::side_memory: an identifier is offered once, ", id, " is held already");
        if (weight == 0) return false;
        const key_of key = key_for(id, weight);
        if (!(key < cut_)) return false;
        std::uint64_t need = item_bytes;
        for (const auto& t : tensors) need += 4 * t.size();
        if (options_.max_items == 0 || need > options_.max_bytes) return false;
        while (items_.size() + 1 > options_.max_items || bytes_ > options_.max_bytes - need) {
            if (heap_.empty() || heap_.front() < key) {
                lower_cut(key);
                return false;
            }
            drop_last(true);
        }
        record_.clear();
        put(kind::item), put(id), put(std::bit_cast<std::uint64_t>(weight));
        for (const auto& t : tensors) put(t.size());
        for (const auto& t : tensors) put(t);
        insert(id, weight, keep(), need);
        clean_up();
        return true;
    }

    /// Gives a tensor of an item other numbers, as many as before.
    /// @throw invalid_argument if the item is not held, or there is no such tensor, or it has another length
    void set(std::uint64_t id, std::size_t tensor, std::span<const float> values) {
        const auto found = slot_.find(id);
        require(found != slot_.end(), "replay::side_memory: item ", id, " is not held");
        require(tensor < options_.tensors.size(), "replay::side_memory: an item has ", options_.tensors.size(),
                " tensors, asked for number ", tensor);
        detail::tensor_place& place = places_[found->second * options_.tensors.size() + tensor];
        require(place.numbers == values.size(), "replay::side_memory: '", options_.tensors[tensor], "' of item ", id,
                " has ", place.numbers, " numbers, got ", values.size());
        record_.clear();
        put(kind::update), put(id), put(tensor), put(values);
        const record_view kept = keep();
        place.data = {kept.data, kept.data.get() + 24};
        clean_up();
    }

    /// Takes over what another memory held, as if this one had been offered it.
    /// @throw invalid_argument if an identifier is held by both, or the tensors differ in number
    void merge(const side_snapshot& other) {
        std::vector<std::span<const float>> tensors(options_.tensors.size());
        for (std::size_t i = 0; i < other.size(); ++i) {
            for (std::size_t t = 0; t < tensors.size(); ++t) tensors[t] = other.tensor(i, t);
            offer(other.id(i), tensors, other.weight(i));
        }
    }

    /// Lets readers see what is held now. Costs a copy of the index (not of the tensors).
    void publish() {
        auto fresh = std::make_shared<side_snapshot>();
        fresh->tensors_ = options_.tensors.size();
        fresh->items_ = items_;
        fresh->places_ = places_;
        std::shared_ptr<const side_snapshot> shown = std::move(fresh);  // at the end the former one: it goes unlocked
        const std::lock_guard lock(guard_);
        published_.swap(shown);
    }

    /// What was published last. A lock is held while a pointer is copied, and none afterwards.
    [[nodiscard]] std::shared_ptr<const side_snapshot> snapshot() const {
        const std::lock_guard lock(guard_);
        return published_;
    }

    /// Returns when all is on the disk, safe from a loss of power.
    void sync() const {
        if (log_) log_->sync();
    }

  private:
    enum class kind : std::uint64_t { description, item, update, dropped, cut };
    using key_of = std::pair<double, std::uint64_t>;
    static constexpr std::uint64_t item_bytes = 16;

    [[nodiscard]] key_of key_for(std::uint64_t id, double weight) const {
        return {-portable_log(detail::item_bits::open(bits_.word(id))) / weight, id};
    }

    void put(std::uint64_t word) {
        const auto* from = reinterpret_cast<const std::byte*>(&word);
        record_.insert(record_.end(), from, from + 8);
    }
    void put(kind k) { put(static_cast<std::uint64_t>(k)); }
    void put(std::span<const float> values) {
        const auto bytes = std::as_bytes(values);
        record_.insert(record_.end(), bytes.begin(), bytes.end());
    }

    std::span<const std::byte> description() {
        record_.clear();
        put(kind::description), put(generator_.seed()), put(generator_.stream()), put(generator_.position());
        put(options_.max_items), put(options_.max_bytes), put(options_.tensors.size());
        for (const std::string& name : options_.tensors) {
            put(name.size());
            const auto bytes = std::as_bytes(std::span(name));
            record_.insert(record_.end(), bytes.begin(), bytes.end());
        }
        return record_;
    }

    /// Puts record_ where it stays.
    record_view keep() {
        if (log_) return (*log_)[log_->append(record_)];
        const auto copy = std::make_shared<std::vector<std::byte>>(record_);
        return {{copy, copy->data()}, copy->size()};
    }

    void insert(std::uint64_t id, double weight, const record_view& record, std::uint64_t need) {
        slot_.emplace(id, items_.size());
        items_.push_back({id, weight});
        const std::size_t count = options_.tensors.size();
        std::size_t at = 24 + 8 * count;
        for (std::size_t t = 0; t < count; ++t) {
            const auto numbers = static_cast<std::size_t>(word_of(record, 3 + t));
            places_.push_back({{record.data, record.data.get() + at}, numbers});
            at += 4 * numbers;
        }
        bytes_ += need;
        heap_.push_back(key_for(id, weight));
        std::push_heap(heap_.begin(), heap_.end());
    }

    /// Lets the item with the largest key go; the last slot takes its place.
    void drop_last(bool write) {
        const key_of key = heap_.front();
        std::pop_heap(heap_.begin(), heap_.end());
        heap_.pop_back();
        const std::size_t slot = slot_.at(key.second), last = items_.size() - 1, count = options_.tensors.size();
        bytes_ -= item_bytes;
        for (std::size_t t = 0; t < count; ++t) bytes_ -= 4 * places_[slot * count + t].numbers;
        slot_[items_[last].id] = slot;
        slot_.erase(key.second);
        items_[slot] = items_[last];
        for (std::size_t t = 0; t < count; ++t) std::swap(places_[slot * count + t], places_[last * count + t]);
        items_.pop_back();
        places_.resize(last * count);
        cut_ = std::min(cut_, key);
        if (!write || !log_) return;
        record_.clear();
        put(kind::dropped), put(key.second);
        log_->append(record_);
    }

    void lower_cut(const key_of& key) {
        cut_ = key;
        if (!log_ || items_.size() >= options_.max_items) return;  // full anyway: nothing to remember
        record_.clear();
        put_cut();
        log_->append(record_);
    }
    void put_cut() { put(kind::cut), put(std::bit_cast<std::uint64_t>(cut_.first)), put(cut_.second); }

    [[nodiscard]] static std::uint64_t word_of(const record_view& record, std::size_t i) {
        std::uint64_t word = 0;
        std::memcpy(&word, record.data.get() + 8 * i, 8);
        return word;
    }

    [[noreturn]] void fail(std::size_t record, const char* what) const {
        throw format_error(log_->name(), 0, sentence("record ", record, " ", what));
    }

    void load() {
        const std::vector<std::byte> mine(description().begin(), description().end());
        const record_view first = (*log_)[0];
        require(std::ranges::equal(mine, first.bytes()), "replay::side_memory: '", log_->name(),
                "' belongs to a memory with other tensors, bounds or another generator");
        const std::size_t count = options_.tensors.size();
        for (std::size_t i = 1; i < log_->size(); ++i) {
            const record_view r = (*log_)[i];
            if (r.size < 16) fail(i, "is too short");
            const std::uint64_t what = word_of(r, 0), id = word_of(r, 1);
            const auto found = slot_.find(id);
            if (what == static_cast<std::uint64_t>(kind::item)) {
                if (r.size < 24 + 8 * count) fail(i, "is too short");
                const auto weight = std::bit_cast<double>(word_of(r, 2));
                std::uint64_t numbers = 0;
                for (std::size_t t = 0; t < count; ++t) {
                    if (word_of(r, 3 + t) > r.size) fail(i, "has a length that does not fit");
                    numbers += word_of(r, 3 + t);
                }
                if (24 + 8 * count + 4 * numbers != r.size) fail(i, "has a length that does not fit");
                if (!(weight > 0 && weight < std::numeric_limits<double>::infinity())) fail(i, "has no weight");
                if (found != slot_.end()) fail(i, "holds an identifier that is held already");
                if (!(key_for(id, weight) < cut_)) fail(i, "holds an item beyond those that were let go");
                insert(id, weight, r, item_bytes + 4 * numbers);
                if (items_.size() > options_.max_items || bytes_ > options_.max_bytes)
                    fail(i, "is more than the memory holds");
            } else if (what == static_cast<std::uint64_t>(kind::update)) {
                if (found == slot_.end() || r.size < 24 || word_of(r, 2) >= count) fail(i, "changes nothing there is");
                auto& place = places_[found->second * count + static_cast<std::size_t>(word_of(r, 2))];
                if (r.size != 24 + 4 * place.numbers) fail(i, "has a length that does not fit");
                place.data = {r.data, r.data.get() + 24};
            } else if (what == static_cast<std::uint64_t>(kind::dropped)) {
                if (heap_.empty() || heap_.front().second != id) fail(i, "drops an item that is not the last");
                drop_last(false);
            } else if (what == static_cast<std::uint64_t>(kind::cut)) {
                if (r.size != 24) fail(i, "has a length that does not fit");
                cut_ = std::min(cut_, key_of{std::bit_cast<double>(word_of(r, 1)), word_of(r, 2)});
            } else {
                fail(i, "is of no known kind");
            }
        }
    }

    /// Writes what lives into a new file once too much of the old one is dead.
    void clean_up() {
        if (!log_) return;
        const std::uint64_t live = bytes_ + items_.size() * (24 + 8 * options_.tensors.size() + 32);
        if (log_->bytes() <= 2 * live + options_.spare_bytes) return;
        std::filesystem::path part = options_.file;
        part += ".part";
        std::filesystem::remove(part);
        auto fresh = std::make_unique<record_log>(part);
        fresh->append(description());
        record_.clear();
        put_cut();
        fresh->append(record_);
        const std::size_t count = options_.tensors.size();
        for (std::size_t i = 0; i < items_.size(); ++i) {
            record_.clear();
            put(kind::item), put(items_[i].id), put(std::bit_cast<std::uint64_t>(items_[i].weight));
            for (std::size_t t = 0; t < count; ++t) put(places_[i * count + t].numbers);
            for (std::size_t t = 0; t < count; ++t) put(places_[i * count + t].values());
            const record_view kept = (*fresh)[fresh->append(record_)];
            std::size_t at = 24 + 8 * count;
            for (std::size_t t = 0; t < count; ++t) {
                auto& place = places_[i * count + t];
                place.data = {kept.data, kept.data.get() + at};
                at += 4 * place.numbers;
            }
        }
        fresh->replace(options_.file);
        log_ = std::move(fresh);
    }

    side_memory_options options_;
    philox generator_;
    detail::item_bits bits_;
    std::unique_ptr<record_log> log_ = {};
    std::vector<detail::side_item> items_ = {};
    std::vector<detail::tensor_place> places_ = {};  // [items, tensors]
    std::unordered_map<std::uint64_t, std::size_t> slot_ = {};
    std::vector<key_of> heap_ = {};  // the largest key on top
    key_of cut_{std::numeric_limits<double>::infinity(), std::numeric_limits<std::uint64_t>::max()};
    std::uint64_t bytes_ = 0;
    std::vector<std::byte> record_ = {};  // the one being made
    mutable std::mutex guard_ = {};       // of published_
    std::shared_ptr<const side_snapshot> published_;
};

}  // namespace holdfast::replay
