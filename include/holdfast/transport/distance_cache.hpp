#pragma once
// Distances remembered by content: what two measures hold, and how their distance was asked for, is the key. One file
// that grows by a line per distance, each line whole or ignored: a run that is cut loses what it was working on,
// nothing else, and several runs may share it. Builds on measure.hpp. Leaves out which distances are needed
// (all_pairs.hpp).

#include <holdfast/core/certified.hpp>
#include <holdfast/core/error.hpp>
#include <holdfast/transport/measure.hpp>

#include <array>
#include <bit>
#include <cinttypes>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace holdfast::transport {

/// 128 bits that stand for a content: the same on every platform; two contents share one by chance once in 10^38.
struct fingerprint {
    std::uint64_t high = 0, low = 0;

    friend bool operator==(const fingerprint&, const fingerprint&) = default;
    friend bool operator<(const fingerprint& x, const fingerprint& y) {
        return x.high != y.high ? x.high < y.high : x.low < y.low;
    }
};

/// Takes words and texts in, gives their fingerprint. Order counts.
class fingerprint_maker {
  public:
    void add(std::uint64_t word) {
        word ^= ++count_ * 0x9e3779b97f4a7c15u;
        value_.high = mixed(value_.high ^ word, 0xff51afd7ed558ccdu);
        value_.low = mixed(value_.low + std::rotl(word, 31), 0xc4ceb9fe1a85ec53u);
    }
    void add(double x) { add(std::bit_cast<std::uint64_t>(x + 0.0)); }  // zero has two signs and is one value
    void add(const fingerprint& other) {
        add(other.high);
        add(other.low);
    }
    void add(std::string_view text) {
        add(std::uint64_t{text.size()});
        for (const char c : text) add(std::uint64_t{static_cast<unsigned char>(c)});
    }
    [[nodiscard]] fingerprint value() const {
        return {mixed(value_.high ^ value_.low, 0x9fb21c651e98df25u), value_.low};
    }

  private:
    static std::uint64_t mixed(std::uint64_t h, std::uint64_t factor) {
        h = (h ^ (h >> 32)) * factor;
        h = (h ^ (h >> 29)) * factor;
        return h ^ (h >> 32);
    }

    fingerprint value_{0x243f6a8885a308d3u, 0x13198a2e03707344u};
    std::uint64_t count_ = 0;
};

/// What a measure holds: its type, points and weights, in their order. Names do not enter.
/// @cost O(n d)
template <class Real>
[[nodiscard]] fingerprint fingerprint_of(const discrete_measure<Real>& measure) {
    fingerprint_maker maker;
    maker.add(std::uint64_t{sizeof(Real)});
    maker.add(std::uint64_t{measure.size()});
    maker.add(std::uint64_t{measure.dimension()});
    for (const Real x : measure.points.values()) maker.add(static_cast<double>(x));
    for (const double w : measure.weights) maker.add(w);
    return maker.value();
}

/// Distances by key, in memory, and in a folder where one is given. Safe to use from several threads.
class distance_cache {
  public:
    /// In memory alone.
    distance_cache() = default;

    /// In FOLDER/distances too (made where it is missing): what it holds is read, what is stored is appended and handed
    /// to the system at once, so that Ctrl-C loses nothing that was stored.
    /// @throw format_error if the folder cannot be made, or the file cannot be read or written
    explicit distance_cache(const std::filesystem::path& folder) : path_((folder / "distances").string()) {
        std::error_code failed;
        std::filesystem::create_directories(folder, failed);
        if (failed || !std::filesystem::is_directory(folder))
            throw format_error(folder.string(), 0,
                               failed ? "cannot be made a folder (" + failed.message() + ")" : "is no folder");
        if (std::filesystem::is_directory(path_, failed)) throw format_error(path_, 0, "is a folder, not a file");
        const bool torn = read();
        file_.reset(std::fopen(path_.c_str(), "ab"));
        if (!file_) throw format_error(path_, 0, "cannot be written");
        if (torn) write("\n");
    }

    /// @return the distance stored under a key, to the bit, if there is one
    [[nodiscard]] std::optional<certified<double>> find(const fingerprint& key) const {
        const std::lock_guard lock(*guard_);
        const auto at = known_.find(key);
        return at == known_.end() ? std::nullopt : std::optional(at->second);
    }

    /// Remembers a distance; what was stored under the key before is kept.
    /// @throw format_error if the file cannot be written (a full disk)
    void store(const fingerprint& key, const certified<double>& distance) {
        const std::lock_guard lock(*guard_);
        if (known_.emplace(key, distance).second && file_) write(line_of(key, distance));
    }

    [[nodiscard]] std::size_t size() const {
        const std::lock_guard lock(*guard_);
        return known_.size();
    }
    /// Lines of the file that were torn or changed, and hence ignored.
    [[nodiscard]] std::size_t ignored() const { return ignored_; }

  private:
    struct closer {
        void operator()(std::FILE* file) const { std::fclose(file); }
    };
    static constexpr std::size_t words = 6;  // key, value, lower, upper, status; and a check of them all
    using record = std::array<std::uint64_t, words>;

    static std::uint64_t check_of(const record& r) {
        fingerprint_maker maker;
        for (const std::uint64_t word : r) maker.add(word);
        return maker.value().low;
    }

    static std::string line_of(const fingerprint& key, const certified<double>& d) {
        const record r{key.high,
                       key.low,
                       std::bit_cast<std::uint64_t>(d.value),
                       std::bit_cast<std::uint64_t>(d.lower),
                       std::bit_cast<std::uint64_t>(d.upper),
                       static_cast<std::uint64_t>(d.status)};
        std::string line;
        const auto add = [&](std::uint64_t word, char end) {
            std::array<char, 17> digits{};
            std::snprintf(digits.data(), digits.size(), "%016" PRIx64, word);
            line += digits.data();
            line += end;
        };
        for (const std::uint64_t word : r) add(word, ' ');
        add(check_of(r), '\n');
        return line;
    }

    void write(const std::string& text) const {
        const bool whole =
            std::fwrite(text.data(), 1, text.size(), file_.get()) == text.size() && std::fflush(file_.get()) == 0;
        if (!whole) throw format_error(path_, 0, "cannot be written to its end");
    }

    /// @return whether the file ends inside a line
    bool read() {
        std::ifstream in(path_, std::ios::binary);
        std::string line;
        bool torn = false;
        while (std::getline(in, line)) {
            torn = in.eof();
            record r{};
            std::uint64_t check = 0;
            if (!parse(line, r, check) || check != check_of(r) || r[5] > 2) {
                ignored_ += line.empty() ? 0u : 1u;
                continue;
            }
            known_.insert_or_assign(fingerprint{r[0], r[1]},
                                    certified<double>{std::bit_cast<double>(r[2]), std::bit_cast<double>(r[3]),
                                                      std::bit_cast<double>(r[4]), static_cast<status>(r[5])});
        }
        if (in.bad()) throw format_error(path_, 0, "cannot be read");
        return torn;
    }

    /// @return whether the line is a record
    static bool parse(const std::string& line, record& r, std::uint64_t& check) {
        if (line.size() != (words + 1) * 17 - 1) return false;
        for (std::size_t k = 0; k <= words; ++k) {
            std::uint64_t word = 0;
            for (std::size_t i = 0; i < 16; ++i) {
                const char c = line[k * 17 + i];
                const bool digit = c >= '0' && c <= '9';
                if (!digit && !(c >= 'a' && c <= 'f')) return false;
                word = word << 4 | static_cast<std::uint64_t>(digit ? c - '0' : c - 'a' + 10);
            }
            if (k < words && line[k * 17 + 16] != ' ') return false;
            (k < words ? r[k] : check) = word;
        }
        return true;
    }

    std::string path_;
    std::map<fingerprint, certified<double>> known_;
    std::size_t ignored_ = 0;
    std::unique_ptr<std::FILE, closer> file_;
    std::unique_ptr<std::mutex> guard_ = std::make_unique<std::mutex>();  // so that a cache can be moved
};

}  // namespace holdfast::transport
