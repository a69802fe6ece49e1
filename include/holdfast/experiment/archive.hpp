#pragma once
// A small text format for what must survive a power cut: one labelled value per line, a version in front, a checksum at
// the end, numbers kept to the bit. Also the two things a file needs to be trusted: a write that is whole or absent,
// and a checksum of a file or a folder. Builds on core/error.hpp; leaves out what is stored (checkpoint.hpp).

#include <holdfast/core/checksum.hpp>
#include <holdfast/core/error.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#if __has_include(<unistd.h>)
#include <fcntl.h>
#include <unistd.h>
#endif

namespace holdfast::experiment {

using holdfast::checksum;

namespace detail {

[[noreturn]] inline void refuse_file(const std::filesystem::path& file, const std::string& what) {
    throw format_error(file.string(), 0,
                       what + (errno ? std::string(" (") + std::strerror(errno) + ")" : std::string{}));
}

/// What was written to a file, or renamed in a folder, is on the disk when this returns. Where the system has no such
/// call, or refuses it for a folder, the kernel's own time has to do.
inline void to_disk([[maybe_unused]] const std::filesystem::path& file_or_folder) {
#if __has_include(<unistd.h>)
    const int handle = ::open(file_or_folder.c_str(), O_RDONLY);
    if (handle < 0) return;
    ::fsync(handle);
    ::close(handle);
#endif
}

/// All bytes of a file.
inline std::string read_all(const std::filesystem::path& file) {
    errno = 0;
    std::ifstream in(file, std::ios::binary);
    if (!in) refuse_file(file, "cannot be read");
    std::string bytes;
    std::array<char, 1 << 16> part{};
    while (in.read(part.data(), static_cast<std::streamsize>(part.size())) || in.gcount() > 0)
        bytes.append(part.data(), static_cast<std::size_t>(in.gcount()));
    if (in.bad()) refuse_file(file, "cannot be read to its end");
    return bytes;
}

}  // namespace detail

/// Writes a file so that its name holds the old content or the new one, whole, at every moment: a neighbour
/// `NAME.partial` is written, forced to the disk, and renamed.
/// @throw format_error with the system's reason if it cannot be written
inline void write_atomically(const std::filesystem::path& file, std::string_view bytes) {
    std::filesystem::path partial = file;
    partial += ".partial";
    errno = 0;
    {
        std::ofstream out(partial, std::ios::binary | std::ios::trunc);
        if (!out) detail::refuse_file(file, "cannot be written");
        out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
        out.flush();
        if (!out) detail::refuse_file(file, "could not be written to its end");
    }
    detail::to_disk(partial);
    std::error_code failed;
    std::filesystem::rename(partial, file, failed);
    if (failed) throw format_error(file.string(), 0, "cannot be written (" + failed.message() + ")");
    detail::to_disk(file.has_parent_path() ? file.parent_path() : std::filesystem::path("."));
}

/// Checksum of a file, or of a folder: names and contents of all its files, in the order of their names.
/// @throw format_error if a file in it cannot be read
inline std::uint64_t checksum_of(const std::filesystem::path& path) {
    checksum sum;
    std::vector<std::filesystem::path> files;
    if (std::filesystem::is_directory(path)) {
        for (const auto& entry : std::filesystem::recursive_directory_iterator(path))
            if (entry.is_regular_file()) files.push_back(entry.path());
        std::sort(files.begin(), files.end());
    } else {
        files.push_back(path);
    }
    std::array<char, 1 << 16> part{};
    for (const auto& file : files) {
        if (file != path) sum.add(std::filesystem::relative(file, path).generic_string());
        errno = 0;
        std::ifstream in(file, std::ios::binary);
        if (!in) detail::refuse_file(file, "cannot be read");
        std::uint64_t size = 0;
        while (in.read(part.data(), static_cast<std::streamsize>(part.size())) || in.gcount() > 0) {
            sum.add(std::string_view(part.data(), static_cast<std::size_t>(in.gcount())));
            size += static_cast<std::uint64_t>(in.gcount());
        }
        sum.add(size);
    }
    return sum.value();
}

/// Writes labelled values, one a line: `seed n 7`, `score x 3fe0000000000000`, `task s 4 FOMC`.
class archive_writer {
  public:
    explicit archive_writer(std::string_view kind, unsigned version)
        : text_(sentence("holdfast ", kind, " ", version, "\n")) {}

    void number(std::string_view label, std::uint64_t value) { text_ += sentence(label, " n ", value, "\n"); }
    void real(std::string_view label, double value) {
        char digits[17];
        std::snprintf(digits, sizeof digits, "%016llx",
                      static_cast<unsigned long long>(std::bit_cast<std::uint64_t>(value)));
        text_ += sentence(label, " x ", digits, "\n");
    }
    void text(std::string_view label, std::string_view value) {
        text_ += sentence(label, " s ", value.size(), " ", value, "\n");
    }
    void reals(std::string_view label, std::span<const double> values) {
        number(label, values.size());
        for (const double value : values) real(label, value);
    }
    void texts(std::string_view label, std::span<const std::string> values) {
        number(label, values.size());
        for (const auto& value : values) text(label, value);
    }
    template <class Unsigned>
    void numbers(std::string_view label, const std::vector<Unsigned>& values) {
        number(label, values.size());
        for (const auto value : values) number(label, static_cast<std::uint64_t>(value));
    }

    /// All of it, with the checksum line.
    [[nodiscard]] std::string finish() const {
        checksum sum;
        sum.add(text_);
        return text_ + "checksum " + sum.text() + "\n";
    }

  private:
    std::string text_;
};

/// Reads what archive_writer wrote, in the same order with the same labels.
/// Every function throws format_error, with file and line, if the next line is another one.
class archive_reader {
  public:
    /// @throw format_error if the file is of another kind or version, cut short, or changed (checksum)
    archive_reader(std::filesystem::path file, std::string_view kind, unsigned version)
        : file_(std::move(file)), text_(detail::read_all(file_)) {
        const std::string head = sentence("holdfast ", kind, " ");
        if (text_.compare(0, head.size(), head) != 0) fail(sentence("is no holdfast ", kind));
        position_ = head.size();
        const std::string found = word('\n');
        if (found != std::to_string(version))
            fail(sentence("is a ", kind, " of version ", found, ", this holdfast reads version ", version));
        const std::size_t tail = text_.rfind("checksum ");
        checksum sum;
        sum.add(std::string_view(text_).substr(0, tail == std::string::npos ? 0 : tail));
        if (tail == std::string::npos || text_.substr(tail) != "checksum " + sum.text() + "\n")
            fail("is damaged: its checksum does not match its content");
        text_.resize(tail);
    }

    std::uint64_t number(std::string_view label) {
        expect(label, 'n');
        return parse(word('\n'), 10);
    }
    double real(std::string_view label) {
        expect(label, 'x');
        return std::bit_cast<double>(parse(word('\n'), 16));
    }
    std::string text(std::string_view label) {
        expect(label, 's');
        const std::uint64_t length = parse(word(' '), 10);
        if (text_.size() - position_ <= length || text_[position_ + length] != '\n')
            fail("holds a text of another length");
        std::string value = text_.substr(position_, length);
        position_ += length + 1;
        return value;
    }
    std::vector<double> reals(std::string_view label) {
        return many<double>(label, [&] { return real(label); });
    }
    std::vector<std::string> texts(std::string_view label) {
        return many<std::string>(label, [&] { return text(label); });
    }
    template <class Unsigned>
    std::vector<Unsigned> numbers(std::string_view label) {
        return many<Unsigned>(label, [&] { return static_cast<Unsigned>(number(label)); });
    }
    /// A number of things to follow: never more than there are bytes left, so that a damaged count allocates nothing.
    std::size_t count(std::string_view label) {
        const std::uint64_t n = number(label);
        if (n > text_.size() - position_) fail(sentence("announces ", n, " of '", label, "', more than follow"));
        return static_cast<std::size_t>(n);
    }

  private:
    template <class T, class Read>
    std::vector<T> many(std::string_view label, Read read) {
        std::vector<T> values(count(label));
        for (auto& value : values) value = read();
        return values;
    }
    void expect(std::string_view label, char type) {
        const std::string head = sentence(label, ' ', type, ' ');
        if (text_.compare(position_, head.size(), head) != 0) fail(sentence("lacks '", label, "' here"));
        position_ += head.size();
    }
    std::string word(char end) {
        const std::size_t at = text_.find(end, position_);
        if (at == std::string::npos) fail("ends too early");
        std::string found = text_.substr(position_, at - position_);
        position_ = at + 1;
        return found;
    }
    std::uint64_t parse(const std::string& digits, int base) {
        char* end = nullptr;
        const unsigned long long value = std::strtoull(digits.c_str(), &end, base);
        if (digits.empty() || *end != '\0' || digits[0] == '-') fail(sentence("'", digits, "' is no number"));
        return value;
    }
    [[noreturn]] void fail(const std::string& what) const {
        const auto lines = std::count(text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(position_), '\n');
        throw format_error(file_.string(), static_cast<std::size_t>(lines) + 1, what);
    }

    std::filesystem::path file_;
    std::string text_;
    std::size_t position_ = 0;
};

}  // namespace holdfast::experiment
