#pragma once
// How weights become whole numbers with a given sum: Hamilton, three divisor methods and InsCL's own rounding, each
// within a lowest and a highest number per task. The rules themselves; the public door is allocation.hpp.
// Builds on the standard library. All ties go to the lower index, so the result is a function of the weights alone.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <queue>
#include <span>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

namespace holdfast::replay {

/// Largest remainder (Hamilton, Hare-Niemeyer): round every exact share down, then one more to the largest fractions.
/// Never off by one or more from the exact share; a larger budget can cost a task an example (Alabama paradox).
struct hamilton {
    static constexpr std::string_view name = "hamilton";
};

/// Divisor method with signposts s + 1/2 (Sainte-Lague, Webster): no bias for large or small weights, and a larger
/// budget never costs a task anything. The right default where the budget grows over time.
struct sainte_lague {
    static constexpr std::string_view name = "sainte-lague";
    static double signpost(double seats) { return seats + 0.5; }
};

/// Divisor method with signposts s + 1 (D'Hondt, Jefferson): favours large weights.
struct dhondt {
    static constexpr std::string_view name = "dhondt";
    static double signpost(double seats) { return seats + 1.0; }
};

/// Divisor method with signposts sqrt(s (s + 1)) (Huntington-Hill): every weight above 0 gets one before any gets two.
/// Where even that is too much, the largest weights come first.
struct huntington_hill {
    static constexpr std::string_view name = "huntington-hill";
    static double signpost(double seats) { return std::sqrt(seats * (seats + 1.0)); }
};

/// InsCL's released rounding, quota for quota: round down, then one more to the *largest weights*; tied weights all
/// send theirs to the first of the tie (`list.index`). Knows no capacity: what is above it comes back unplaced.
/// @see  cal_dynamic_num in replay/InsCL_sampling.py, OPPO-Mente-Lab/InsCL @3ad357c
struct as_released {
    static constexpr std::string_view name = "as released";
};

/// One of the rules.
using apportionment = std::variant<sainte_lague, hamilton, dhondt, huntington_hill, as_released>;

/// "sainte-lague", "hamilton" ...
[[nodiscard]] inline std::string_view name_of(const apportionment& rule) {
    return std::visit([](const auto& r) { return r.name; }, rule);
}

namespace detail {

/// Weights at least 0, some above; low <= high <= budget in every place; sum(low) <= budget.
struct apportionment_problem {
    std::vector<double> weight;
    std::vector<std::size_t> low, high;
    std::size_t budget = 0;

    /// What can be placed: no more than the tasks with a weight hold, and the minimum of the others.
    [[nodiscard]] std::size_t placeable() const {
        std::size_t room = 0;
        for (std::size_t j = 0; j < weight.size() && room < budget; ++j)
            room += std::min(weight[j] > 0 ? high[j] : low[j], budget - room);
        return room;
    }
};

/// The seat that a task would get next: who has the higher claim, and the lower index among equals.
struct claim {
    double priority;  // weight over the signpost
    double weight;    // decides between infinite priorities
    std::size_t task;

    friend bool operator<(const claim& a, const claim& b) {
        if (a.priority != b.priority) return a.priority < b.priority;
        if (a.priority == std::numeric_limits<double>::infinity() && a.weight != b.weight) return a.weight < b.weight;
        return a.task > b.task;
    }
};

template <class Rule>
claim claim_of(double weight, std::size_t seats, std::size_t task) {
    return {weight / Rule::signpost(static_cast<double>(seats)), weight, task};
}

/// How many signposts lie at or below x, within low and high.
template <class Rule>
std::size_t seats_at(double x, std::size_t low, std::size_t high) {
    if (x >= static_cast<double>(high) + 1) return high;
    auto seats = static_cast<std::size_t>(x);  // signpost(s) is within s and s + 1
    if (Rule::signpost(static_cast<double>(seats)) <= x) ++seats;
    return std::clamp(seats, low, high);
}

/// Divisor method: seats go one by one to the highest claim. All but the last O(k) are given at once, at a multiplier
/// found by bisection, so that the cost does not depend on the budget.
template <class Rule>
std::vector<std::size_t> by_divisor(const apportionment_problem& p) {
    const std::size_t k = p.weight.size(), target = p.placeable();
    const auto given_at = [&](double multiplier, std::vector<std::size_t>& seats) {
        std::size_t sum = 0;
        for (std::size_t j = 0; j < k; ++j) {
            seats[j] = p.weight[j] > 0 && multiplier > 0 ? seats_at<Rule>(multiplier * p.weight[j], p.low[j], p.high[j])
                                                         : p.low[j];
            sum += seats[j];
        }
        return sum;
    };
    double total = 0;
    for (const double w : p.weight) total += w;
    std::vector<std::size_t> seats(k), trial(k);
    double below = 0, above = static_cast<double>(target) / total;
    for (int step = 0; step < 2100 && above < 1e300 && given_at(above, trial) < target; ++step) {
        below = above;
        above *= 2;
    }
    for (int step = 0; step < 64; ++step) {
        if (below > 0 && target - given_at(below, trial) <= k / 4) break;
        const double middle = below + (above - below) / 2;
        (given_at(middle, trial) <= target ? below : above) = middle;
    }
    // A hair lower: a seat that is decided in the last bit is decided by its claim.
    std::size_t sum = given_at(below * (1 - 1e-12), seats);
    std::vector<claim> claims;
    for (std::size_t j = 0; j < k; ++j)
        if (p.weight[j] > 0 && seats[j] < p.high[j]) claims.push_back(claim_of<Rule>(p.weight[j], seats[j], j));
    std::priority_queue<claim> next(std::less<claim>{}, std::move(claims));
    for (; sum < target; ++sum) {
        const std::size_t j = next.top().task;
        next.pop();
        if (++seats[j] < p.high[j]) next.push(claim_of<Rule>(p.weight[j], seats[j], j));
    }
    return seats;
}

/// Exact shares under a common level: x_j = weight_j * level within low_j and high_j, the level such that they sum to
/// what can be placed (water-filling).
struct filled {
    std::vector<double> share;
    double level = 0;
};

inline filled fill(const apportionment_problem& p) {
    const std::size_t k = p.weight.size();
    const auto target = static_cast<double>(p.placeable());
    enum : char { at_low, free, at_high };
    std::vector<char> state(k, free);
    filled result;
    result.share.assign(k, 0);
    // With what is at a bound known, the others share the rest.
    const auto share_out = [&] {
        double fixed = 0, free_weight = 0;
        for (std::size_t j = 0; j < k; ++j) {
            if (state[j] == free)
                free_weight += p.weight[j];
            else
                fixed += static_cast<double>(state[j] == at_low ? p.low[j] : p.high[j]);
        }
        const double rest = target - fixed;
        result.level = free_weight > 0 ? rest / free_weight : std::numeric_limits<double>::infinity();
        bool within = true;
        for (std::size_t j = 0; j < k; ++j) {
            const auto low = static_cast<double>(p.low[j]), high = static_cast<double>(p.high[j]);
            const double x = state[j] == at_low ? low : state[j] == at_high ? high : rest * p.weight[j] / free_weight;
            within = within && x >= low && x <= high;
            result.share[j] = std::clamp(x, low, high);
        }
        return within;
    };
    for (std::size_t j = 0; j < k; ++j)
        if (!(p.weight[j] > 0)) state[j] = at_low;
    if (share_out()) return result;
    // Raise the level from 0 through the points where a task leaves its lowest number or reaches its highest.
    struct event {
        double level;
        std::size_t task;
        bool reaches_high;
    };
    std::vector<event> events;
    double fixed = 0, free_weight = 0;
    for (std::size_t j = 0; j < k; ++j) {
        state[j] = at_low;
        fixed += static_cast<double>(p.low[j]);
        if (!(p.weight[j] > 0)) continue;
        events.push_back({static_cast<double>(p.low[j]) / p.weight[j], j, false});
        events.push_back({static_cast<double>(p.high[j]) / p.weight[j], j, true});
    }
    std::sort(events.begin(), events.end(), [](const event& a, const event& b) {
        return std::tie(a.level, a.reaches_high, a.task) < std::tie(b.level, b.reaches_high, b.task);
    });
    for (const event& e : events) {
        if (fixed + e.level * free_weight >= target) break;
        if (e.reaches_high) {
            state[e.task] = at_high;
            free_weight -= p.weight[e.task];
            fixed += static_cast<double>(p.high[e.task]);
        } else {
            state[e.task] = free;
            free_weight += p.weight[e.task];
            fixed -= static_cast<double>(p.low[e.task]);
        }
    }
    share_out();
    return result;
}

inline std::vector<std::size_t> by_largest_remainder(const apportionment_problem& p) {
    const std::size_t k = p.weight.size(), target = p.placeable();
    const std::vector<double> share = fill(p).share;
    std::vector<std::size_t> seats(k), order;
    std::size_t sum = 0;
    for (std::size_t j = 0; j < k; ++j) {
        seats[j] = std::clamp(static_cast<std::size_t>(share[j]), p.low[j], p.high[j]);
        sum += seats[j];
        if (p.weight[j] > 0) order.push_back(j);
    }
    const auto fraction = [&](std::size_t j) { return share[j] - static_cast<double>(seats[j]); };
    const std::vector<std::size_t> floors = seats;
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        return share[a] - static_cast<double>(floors[a]) > share[b] - static_cast<double>(floors[b]);
    });
    // One round, but for rounding noise in shares that are whole numbers.
    while (sum < target)
        for (const std::size_t j : order)
            if (sum < target && seats[j] < p.high[j]) ++seats[j], ++sum;
    for (std::size_t i = order.size(); i-- > 0 && sum > target;)
        if (const std::size_t j = order[i]; seats[j] > p.low[j] && fraction(j) < 0.5) --seats[j], --sum;
    return seats;
}

/// What the released rule asks for, capacity or not; sums to the budget.
inline std::vector<std::size_t> by_released_rule(const std::vector<double>& weight, std::size_t budget) {
    const std::size_t k = weight.size();
    double total = 0;
    for (const double w : weight) total += w;
    std::vector<double> share(k);
    std::vector<std::size_t> seats(k), order(k);
    std::size_t sum = 0;
    for (std::size_t j = 0; j < k; ++j) {
        share[j] = weight[j] / total;
        seats[j] = static_cast<std::size_t>(share[j] * static_cast<double>(budget));
        sum += seats[j];
    }
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return share[a] < share[b]; });
    const auto first_of_tie = [&](std::size_t place) {  // list.index
        while (place > 0 && share[order[place - 1]] == share[order[place]]) --place;
        return order[place];
    };
    for (std::size_t i = 0; i < k && sum > budget; ++i) --seats[first_of_tie(i)], --sum;
    for (std::size_t i = k; i-- > 0 && sum < budget;) ++seats[first_of_tie(i)], ++sum;
    return seats;
}

}  // namespace detail
}  // namespace holdfast::replay
