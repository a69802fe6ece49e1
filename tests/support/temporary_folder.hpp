#pragma once
// A folder that is empty at the start of a test and gone at its end.

#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <string_view>

namespace holdfast_test {

class temporary_folder {
  public:
    temporary_folder() {
        std::random_device seed;
        do path_ = std::filesystem::temp_directory_path() / ("holdfast-test-" + std::to_string(seed()));
        while (!std::filesystem::create_directory(path_));
    }
    temporary_folder(const temporary_folder&) = delete;
    temporary_folder& operator=(const temporary_folder&) = delete;
    ~temporary_folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    const std::filesystem::path& path() const { return path_; }

    /// Writes a file, and the folders on the way to it.
    std::filesystem::path write(const std::filesystem::path& name, std::string_view bytes) const {
        std::filesystem::create_directories((path_ / name).parent_path());
        std::ofstream(path_ / name, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
        return path_ / name;
    }

  private:
    std::filesystem::path path_;
};

}  // namespace holdfast_test

/// The expression must throw format_error with this text in what it says.
#define CHECK_MALFORMED(expression, text)                            \
    do {                                                             \
        CHECK_THROWS_AS((void)(expression), holdfast::format_error); \
        CHECK_THROWS_WITH((void)(expression), Contains(text));       \
    } while (false)
