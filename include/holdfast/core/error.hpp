#pragma once
// How the library says no: two exception types, and sentences built from their parts only when they are needed.
// A sentence names the function, the rule and the value: "transport::sinkhorn: weights must sum to 1, they sum to
// 0.93". What is not an error (a search that did not converge, a score that is missing) is a value in the result
// instead.

#include <holdfast/core/config.hpp>

#include <cstddef>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace holdfast {

/// A wrong shape or value at a public door.
struct invalid_argument : std::invalid_argument {
    using std::invalid_argument::invalid_argument;
};

/// A file that is not what its name or its place promises.
///
/// what() reads "FILE:LINE: SENTENCE", or "FILE: SENTENCE" when no line is known (line 0); readers of binary files
/// put the byte offset into the sentence.
struct format_error : std::runtime_error {
    format_error(std::string file_name, std::size_t line_number, const std::string& words)
        : std::runtime_error(place(file_name, line_number).append(words)),
          file(std::move(file_name)),
          line(line_number) {}

    std::string file;
    std::size_t line;  ///< from 1; 0 where no line is known

  private:
    static std::string place(const std::string& file, std::size_t line) {
        std::string text = file;
        if (line) text.append(":").append(std::to_string(line));
        return text.append(": ");
    }
};

namespace detail {

inline void say(std::string& to, std::string_view part) { to += part; }
inline void say(std::string& to, const char* part) { to += part; }
inline void say(std::string& to, char part) { to += part; }
inline void say(std::string& to, bool part) { to += part ? "true" : "false"; }

template <class Number>
    requires std::is_arithmetic_v<Number>
void say(std::string& to, Number part) {
    if constexpr (std::is_floating_point_v<Number>) {
        char text[32];
        std::snprintf(text, sizeof text, "%.9g", static_cast<double>(part));
        to += text;
    } else {
        to += std::to_string(part);
    }
}

}  // namespace detail

/// The parts, one after the other; numbers with nine significant digits.
template <class... Parts>
[[nodiscard]] std::string sentence(const Parts&... parts) {
    std::string text;
    (detail::say(text, parts), ...);
    return text;
}

/// Throws invalid_argument with the sentence that the parts make.
template <class... Parts>
[[noreturn]] void refuse(const Parts&... parts) {
    throw invalid_argument(sentence(parts...));
}

/// Throws invalid_argument with the sentence that the parts make, unless `holds`.
template <class... Parts>
void require(bool holds, const Parts&... parts) {
    if (!holds) [[unlikely]]
        refuse(parts...);
}

}  // namespace holdfast
