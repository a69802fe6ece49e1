#pragma once
// A checksum of bytes and numbers, the same on every platform. Builds on nothing.

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace holdfast {

/// FNV-1a, 64 bits: finds torn and bit-flipped files, not forgeries.
class checksum {
  public:
    void add(std::string_view bytes) {
        for (const char c : bytes) value_ = (value_ ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    }
    void add(std::uint64_t number) {
        for (int i = 0; i < 8; ++i) value_ = (value_ ^ ((number >> (8 * i)) & 0xff)) * 0x100000001b3ULL;
    }
    [[nodiscard]] std::uint64_t value() const { return value_; }
    /// 16 hexadecimal digits.
    [[nodiscard]] std::string text() const {
        char digits[17];
        std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(value_));
        return digits;
    }

  private:
    std::uint64_t value_ = 0xcbf29ce484222325ULL;
};

}  // namespace holdfast
