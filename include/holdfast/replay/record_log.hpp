#pragma once
// Records of bytes on disk: one file, append-only, memory-mapped, every record with a checksum. A process that is
// killed while it writes leaves at most one record that is not whole, which the next writer drops with a notice.
// Builds on core and POSIX (files, mmap, flock). What the records mean is side_memory.hpp's.
//
//     "holdfast" "records " version checksum | record ...       record: length, checksum of length and place,
//                                                               bytes, zeros up to a multiple of 8, checksum of bytes

#if !__has_include(<sys/mman.h>)
#error "record_log.hpp needs POSIX: files, mmap and flock"
#endif
#include <holdfast/core/error.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

namespace holdfast::replay {

/// A record where it lies in the mapped file: valid as long as the view lives, whatever becomes of the log.
struct record_view {
    std::shared_ptr<const std::byte> data = {};
    std::size_t size = 0;

    [[nodiscard]] std::span<const std::byte> bytes() const { return {data.get(), size}; }
};

namespace detail {

/// Of whole words (the last one filled up with zeros), seeded. Any change of one word changes it.
inline std::uint64_t word_checksum(std::span<const std::byte> bytes, std::uint64_t seed) {
    std::uint64_t h = seed ^ 0x9e3779b97f4a7c15ULL ^ bytes.size();
    for (std::size_t at = 0; at < bytes.size(); at += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, bytes.data() + at, std::min<std::size_t>(8, bytes.size() - at));
        h = (h ^ word) * 0xff51afd7ed558ccdULL;
        h ^= h >> 32;
    }
    h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53ULL;
    return h ^ (h >> 33);
}

class file_handle {
  public:
    file_handle() = default;
    explicit file_handle(int descriptor) : descriptor_(descriptor) {}
    file_handle(file_handle&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
    file_handle& operator=(file_handle&& other) noexcept {
        std::swap(descriptor_, other.descriptor_);
        return *this;
    }
    ~file_handle() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    [[nodiscard]] int get() const { return descriptor_; }

  private:
    int descriptor_ = -1;
};

/// The first `size` bytes of a file, and room for it to grow into: bytes beyond its end may be read once it has them.
inline std::shared_ptr<const std::byte> map_file(const file_handle& file, std::size_t size, const std::string& name) {
    void* at = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.get(), 0);
    if (at == MAP_FAILED) throw format_error(name, 0, sentence("cannot be mapped: ", std::strerror(errno)));
    return {static_cast<const std::byte*>(at),
            [size](const std::byte* p) { ::munmap(const_cast<std::byte*>(p), size); }};
}

}  // namespace detail

/// The one writer of a file of records, which can read them too.
///
/// append() returns when the record is the kernel's: a crash or kill of the process does not lose it. sync() makes all
/// of them survive a loss of power. Records are never changed; views of them stay valid.
///
/// @see  the tests kill a writer 200 times
class record_log {
  public:
    static constexpr std::uint64_t version = 1;

    /// Opens a file of records, or makes an empty one. A last record that is not whole is cut off; notice() says so.
    ///
    /// @throw invalid_argument if another writer has the file open
    /// @throw format_error     if it is no file of records, a record before the last one is damaged, or the system
    ///                         refuses
    /// @cost  reads the whole file: every checksum is checked
    explicit record_log(const std::filesystem::path& file) : name_(file.string()) {
        for (;;) {
            file_ = detail::file_handle(::open(name_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
            if (file_.get() < 0) fail_system("cannot be opened");
            if (::flock(file_.get(), LOCK_EX | LOCK_NB) != 0)
                refuse("replay::record_log: '", name_, "' has another writer: a file of records has one");
            struct stat mine {};
            struct stat there {};  // the file may have been replaced while this was opening it
            if (::fstat(file_.get(), &mine) == 0 && ::stat(name_.c_str(), &there) == 0 && mine.st_ino == there.st_ino)
                break;
        }
        open_records();
    }

    /// How many records there are.
    [[nodiscard]] std::size_t size() const { return places_.size(); }
    /// Of the file.
    [[nodiscard]] std::uint64_t bytes() const { return end_; }
    [[nodiscard]] const std::string& name() const { return name_; }
    /// What had to be dropped when the file was opened, in a sentence; empty: nothing.
    [[nodiscard]] const std::string& notice() const { return notice_; }

    /// @throw invalid_argument if there is no such record
    [[nodiscard]] record_view operator[](std::size_t i) const {
        require(i < size(), "replay::record_log: there are ", size(), " records, asked for record ", i);
        const std::byte* header = map_.get() + places_[i];
        return {{map_, header + header_bytes}, static_cast<std::size_t>(word_at(header))};
    }

    /// Adds a record; it is there, whole, or not at all.
    ///
    /// @return its number
    /// @throw  format_error if the system refuses (a full disk); the file is as it was before
    std::size_t append(std::span<const std::byte> record) {
        const std::array<std::uint64_t, 2> header{record.size(), header_checksum(record.size(), end_)};
        const std::uint64_t zeros = 0;
        const std::uint64_t sum = detail::word_checksum(record, header[1]);
        const std::size_t padding = padded(record.size()) - record.size();
        std::array<iovec, 4> parts{{{const_cast<std::uint64_t*>(header.data()), header_bytes},
                                    {const_cast<std::byte*>(record.data()), record.size()},
                                    {const_cast<std::uint64_t*>(&zeros), padding},
                                    {const_cast<std::uint64_t*>(&sum), 8}}};
        write_all(parts);
        places_.push_back(end_);
        end_ += footprint(record.size());
        if (end_ > mapped_) map();
        return size() - 1;
    }

    /// Returns when every record is on the disk.
    void sync() const {
        if (::fdatasync(file_.get()) != 0) fail_system("cannot be brought to the disk");
    }

    /// Takes another file's name, which then is this one: whole or not at all, also when the power fails.
    /// @throw format_error if the system refuses
    void replace(const std::filesystem::path& other) {
        sync();
        if (::rename(name_.c_str(), other.c_str()) != 0) fail_system("cannot be renamed");
        const std::string folder = other.has_parent_path() ? other.parent_path().string() : ".";
        const detail::file_handle up(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (up.get() >= 0) ::fsync(up.get());
        name_ = other.string();
    }

    /// Bytes that a record of this size takes in the file.
    [[nodiscard]] static constexpr std::uint64_t footprint(std::uint64_t size) {
        return header_bytes + padded(size) + 8;
    }

  private:
    static constexpr std::uint64_t header_bytes = 16, first_record = 32;
    static constexpr std::size_t least_room = std::size_t{1} << 26;  // of address space, not of memory

    static constexpr std::uint64_t padded(std::uint64_t size) { return (size + 7) / 8 * 8; }
    static std::uint64_t word_at(const std::byte* at) {
        std::uint64_t word = 0;
        std::memcpy(&word, at, 8);
        return word;
    }
    static std::uint64_t header_checksum(std::uint64_t size, std::uint64_t place) {
        return detail::word_checksum(std::as_bytes(std::span(&size, 1)), place);
    }
    static std::array<std::uint64_t, 4> file_header() {
        std::array<std::uint64_t, 4> words{};
        std::memcpy(words.data(), "holdfastrecords ", 16);
        words[2] = version;
        words[3] = detail::word_checksum(std::as_bytes(std::span(words).first(3)), 0);
        return words;
    }

    [[noreturn]] void fail(const std::string& what) const { throw format_error(name_, 0, what); }
    [[noreturn]] void fail_system(const char* what) const { fail(sentence(what, ": ", std::strerror(errno))); }

    void map() {
        mapped_ = least_room;
        while (mapped_ < 2 * end_) mapped_ *= 2;
        map_ = detail::map_file(file_, mapped_, name_);
    }

    template <std::size_t N>
    void write_all(std::array<iovec, N>& parts) {
        std::uint64_t at = end_;
        std::size_t part = 0;
        while (part < N) {
            const ssize_t wrote =
                ::pwritev(file_.get(), parts.data() + part, static_cast<int>(N - part), static_cast<off_t>(at));
            if (wrote < 0 && errno == EINTR) continue;
            if (wrote < 0) {
                const int why = errno;
                if (::ftruncate(file_.get(), static_cast<off_t>(end_)) != 0) notice_ += " An end could not be cut off.";
                errno = why;
                fail_system("cannot be written");
            }
            at += static_cast<std::uint64_t>(wrote);
            auto left = static_cast<std::size_t>(wrote);
            while (part < N && left >= parts[part].iov_len) left -= parts[part++].iov_len;
            if (part < N) {
                parts[part].iov_base = static_cast<char*>(parts[part].iov_base) + left;
                parts[part].iov_len -= left;
            }
        }
    }

    void open_records() {
        struct stat about {};
        if (::fstat(file_.get(), &about) != 0) fail_system("cannot be read");
        const auto length = static_cast<std::uint64_t>(about.st_size);
        std::array<std::uint64_t, 4> expected = file_header();
        end_ = length;
        map();
        const std::uint64_t begun = std::min<std::uint64_t>(length, first_record);
        if (begun > 0 && std::memcmp(map_.get(), expected.data(), 16 < begun ? 16 : begun) != 0)
            fail("is no file of records");
        if (length < first_record) {  // new, or its writer was stopped at once
            end_ = 0;
            std::array<iovec, 1> header{{{expected.data(), first_record}}};
            write_all(header);
            end_ = first_record;
            return;
        }
        if (const std::uint64_t is = word_at(map_.get() + 16); is != version)
            fail(sentence("is of version ", is, ", this is version ", version));
        if (std::memcmp(map_.get(), expected.data(), first_record) != 0) fail("has a damaged beginning");
        std::uint64_t at = first_record;
        while (at < length && check(at, length)) {
            places_.push_back(at);
            at += footprint(word_at(map_.get() + at));
        }
        end_ = at;
        if (at == length) return;
        notice_ = sentence("'", name_, "': the last record was not whole and was dropped, ", length - at, " bytes; ",
                           size(), " records are kept.");
        if (::ftruncate(file_.get(), static_cast<off_t>(at)) != 0) fail_system("cannot be cut off at its last record");
    }

    /// Whether a whole record begins at `at`; false if what is there can be the torn end of the file.
    [[nodiscard]] bool check(std::uint64_t at, std::uint64_t length) const {
        const std::byte* header = map_.get() + at;
        const std::uint64_t left = length - at;
        if (left < header_bytes) return false;
        const std::uint64_t size = word_at(header);
        if (word_at(header + 8) != header_checksum(size, at)) {
            for (std::uint64_t i = 0; i < left; ++i)  // room that a loss of power left empty
                if (header[i] != std::byte{0})
                    fail(sentence("is damaged: the record at byte ", at, " has no beginning"));
            return false;
        }
        if (size > left || footprint(size) > left) return false;
        const std::byte* data = header + header_bytes;
        const auto n = static_cast<std::size_t>(size);
        const bool whole = word_at(data + padded(size)) == detail::word_checksum({data, n}, word_at(header + 8));
        if (!whole && footprint(size) < left)
            fail(sentence("is damaged: the record at byte ", at, " does not fit its checksum, and others follow it"));
        return whole;
    }

    std::string name_, notice_ = {};
    detail::file_handle file_ = {};
    std::shared_ptr<const std::byte> map_ = {};
    std::uint64_t end_ = 0, mapped_ = 0;
    std::vector<std::uint64_t> places_ = {};
};

}  // namespace holdfast::replay
