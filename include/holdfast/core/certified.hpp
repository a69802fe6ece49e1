#pragma once
// A number that is known within bounds. Made by transport (a distance and its certificate), taken by replay
// (an allocation that is the same for every value within the bounds says so). Builds on nothing.

namespace holdfast {

/// How much a bounded value may be trusted.
enum class status {
    exact,         ///< lower == value == upper up to rounding
    certified,     ///< lower <= exact <= upper, and the gap is what was asked for
    not_converged  ///< the bounds hold, but the gap asked for was not reached
};

[[nodiscard]] constexpr const char* to_string(status s) noexcept {
    switch (s) {
        case status::exact:
            return "exact";
        case status::certified:
            return "certified";
        default:
            return "not converged";
    }
}

/// A value with proven bounds: lower <= exact value <= upper.
template <class T>
struct certified {
    T value{};
    T lower{};
    T upper{};
    holdfast::status status = holdfast::status::exact;

    /// A value without doubt.
    [[nodiscard]] static constexpr certified exactly(T x) { return {x, x, x, holdfast::status::exact}; }
    /// upper - lower.
    [[nodiscard]] constexpr T gap() const { return upper - lower; }

    friend constexpr bool operator==(const certified&, const certified&) = default;
};

}  // namespace holdfast
