#pragma once
// Catch2 as this machine has it: v2 (Debian 12) and v3 differ in headers and names, and only here.

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
using Catch::Approx;
namespace holdfast_test {
inline auto Contains(const std::string& text) { return Catch::Matchers::ContainsSubstring(text); }
}  // namespace holdfast_test
using holdfast_test::Contains;
#else
#define CATCH_CONFIG_FAST_COMPILE  // a fifth less to compile
#include <catch2/catch.hpp>
using Catch::Contains;
#endif

#include <holdfast/core/error.hpp>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

/// The expression must throw invalid_argument with this text in its sentence.
#define CHECK_REFUSES(expression, text)                                  \
    do {                                                                 \
        CHECK_THROWS_AS((void)(expression), holdfast::invalid_argument); \
        CHECK_THROWS_WITH((void)(expression), Contains(text));           \
    } while (false)

/// Says on standard output that a test could not run here, and leaves it. tests/run.sh counts these lines.
#define SKIP_ALOUD(reason)                                         \
    do {                                                           \
        std::printf("SKIPPED: %s\n", std::string(reason).c_str()); \
        std::fflush(stdout);                                       \
        SUCCEED("skipped");                                        \
        return;                                                    \
    } while (false)

namespace holdfast_test {

/// The folder with published vectors and real data, or empty where it is not at hand.
/// From the environment (HOLDFAST_SHARED_DIR), else where the build found it.
inline std::filesystem::path shared_dir() {
    if (const char* from_environment = std::getenv("HOLDFAST_SHARED_DIR")) return from_environment;
#ifdef HOLDFAST_SHARED_DIR
    return HOLDFAST_SHARED_DIR;
#else
    return {};
#endif
}

/// A path under shared_dir(), or empty if it is not there.
inline std::filesystem::path shared(const std::filesystem::path& name) {
    const auto dir = shared_dir();
    if (dir.empty() || !std::filesystem::exists(dir / name)) return {};
    return dir / name;
}

}  // namespace holdfast_test
