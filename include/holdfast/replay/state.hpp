#pragma once
// The state of a sampler as bytes and back, bit for bit: a format with name, version and checksum, so that a damaged or
// foreign state is an error and never a wrong sampler. Builds on core alone.
//
//     "holdfast" | kind, 8 bytes | version | words ... | checksum of all before      (words: 64 bits, little-endian)

#include <holdfast/core/checksum.hpp>
#include <holdfast/core/error.hpp>
#include <holdfast/core/random.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast::replay {

/// Puts words behind one another. `finish` adds the checksum.
class state_writer {
  public:
    state_writer(std::string_view kind, std::uint64_t version) : bytes_("holdfast") {
        require(kind.size() <= 8, "replay::state_writer: a kind has at most 8 letters, '", kind, "' has ", kind.size());
        bytes_ += kind;
        bytes_.append(8 - kind.size(), ' ');
        word(version);
    }

    void word(std::uint64_t w) {
        for (int shift = 0; shift < 64; shift += 8) bytes_ += static_cast<char>(static_cast<unsigned char>(w >> shift));
    }
    void number(double x) { word(std::bit_cast<std::uint64_t>(x)); }
    void generator(const philox& g) { word(g.seed()), word(g.stream()), word(g.position()); }

    [[nodiscard]] std::string finish() {
        word(checksum(bytes_));
        return bytes_;
    }

    /// FNV-1a, finished as in MurmurHash3. Any change of one byte changes it.
    [[nodiscard]] static std::uint64_t checksum(std::string_view bytes) {
        holdfast::checksum sum;
        sum.add(bytes);
        std::uint64_t h = sum.value();
        h = (h ^ (h >> 33)) * 0xff51afd7ed558ccdULL;
        h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53ULL;
        return h ^ (h >> 33);
    }

  private:
    std::string bytes_;
};

/// Takes the words back in their order.
class state_reader {
  public:
    /// @throw format_error if the bytes are no state, of another kind or version, or damaged
    state_reader(std::string_view bytes, std::string_view kind, std::uint64_t version)
        : bytes_(bytes), kind_(kind), name_(std::string(kind) + " state") {
        if (bytes.size() < 32 || bytes.size() % 8 != 0 || bytes.substr(0, 8) != "holdfast")
            fail("not a state of holdfast, or cut off");
        end_ = bytes.size() - 8;
        at_ = end_;
        if (raw() != state_writer::checksum(bytes.substr(0, end_))) fail("damaged: its checksum does not fit");
        std::string padded(kind);
        padded.append(8 - kind.size(), ' ');
        if (bytes.substr(8, 8) != padded) fail("of another kind: '" + std::string(bytes.substr(8, 8)) + "'");
        at_ = 16;
        if (const std::uint64_t is = word(); is != version)
            fail(sentence("of version ", is, ", this is version ", version));
    }

    [[nodiscard]] std::uint64_t word() {
        if (at_ + 8 > end_) fail("too short");
        return raw();
    }
    [[nodiscard]] double number() { return std::bit_cast<double>(word()); }
    [[nodiscard]] philox generator() {
        const std::uint64_t seed = word(), stream = word();
        philox g(seed, stream);
        g.discard(word());
        return g;
    }

    /// How many words are left.
    [[nodiscard]] std::size_t left() const { return (end_ - at_) / 8; }

    /// Refuses the state with a reason.
    [[noreturn]] void fail(const std::string& reason) const { throw format_error(name_, 0, reason); }

    /// To be called when all is read: refuses what goes on.
    void finish() const {
        if (at_ != end_) fail("too long");
    }

  private:
    std::uint64_t raw() {
        std::uint64_t w = 0;
        for (int shift = 0; shift < 64; shift += 8)
            w |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes_[at_++])) << shift;
        return w;
    }

    std::string_view bytes_, kind_;
    std::string name_;
    std::size_t at_ = 0, end_ = 0;
};

}  // namespace holdfast::replay
