#pragma once
// How much of every earlier task to replay: distances (or any weights) and a budget -> whole numbers, within what the
// tasks hold. What cannot be placed is returned. With certified distances the result says whether every value within
// the bounds would have given the same numbers. Builds on apportionment.hpp, which holds the rules.

#include <holdfast/core/certified.hpp>
#include <holdfast/core/error.hpp>
#include <holdfast/replay/apportionment.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <span>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

namespace holdfast::replay {

struct allocation_options {
    apportionment rule = sainte_lague{};
    std::span<const std::size_t> capacity = {};  ///< [k] how many a task holds; empty: no bound
    std::span<const std::size_t> minimum = {};   ///< [k] at least so many (or the capacity, where it is less); empty: 0
};

/// Whole numbers that sum to the budget, together with what could not be placed.
struct allocation {
    std::vector<std::size_t> quotas = {};  ///< [k]
    std::size_t unplaced = 0;              ///< budget - sum(quotas): every task with a weight is full
    bool equal_shares = false;             ///< all weights were 0, so all counted the same
    bool certain = true;                   ///< every value within the given bounds gives these quotas
    std::string rule = {};

    [[nodiscard]] std::size_t operator[](std::size_t task) const { return quotas[task]; }
    [[nodiscard]] std::size_t size() const { return quotas.size(); }
};

namespace detail {

inline void check_weight(std::size_t j, double w) {
    require(!std::isnan(w), "replay::allocate: a weight is a number, weight ", j, " is NaN");
    require(w >= 0 && std::isfinite(w), "replay::allocate: a weight is finite and at least 0, weight ", j, " is ", w);
}

inline apportionment_problem pose(std::span<const double> weights, std::size_t budget,
                                  const allocation_options& options) {
    const std::size_t k = weights.size();
    require(options.capacity.empty() || options.capacity.size() == k, "replay::allocate: one capacity per weight, got ",
            options.capacity.size(), " for ", k);
    require(options.minimum.empty() || options.minimum.size() == k, "replay::allocate: one minimum per weight, got ",
            options.minimum.size(), " for ", k);
    require(budget <= std::size_t{1} << 53, "replay::allocate: a budget is at most 2^53, it is ", budget);
    apportionment_problem p;
    p.budget = budget;
    p.weight.assign(weights.begin(), weights.end());
    p.low.assign(k, 0);
    p.high.assign(k, budget);
    std::size_t least = 0;
    for (std::size_t j = 0; j < k; ++j) {
        check_weight(j, weights[j]);
        if (!options.capacity.empty()) p.high[j] = std::min(budget, options.capacity[j]);
        if (!options.minimum.empty())
            p.low[j] =
                options.capacity.empty() ? options.minimum[j] : std::min(options.minimum[j], options.capacity[j]);
        require(p.low[j] <= budget - least, "replay::allocate: the minimum quotas must fit into the budget of ", budget,
                ", those of the first ", j + 1, " tasks do not");
        least += p.low[j];
    }
    require(least == 0 || !std::holds_alternative<as_released>(options.rule),
            "replay::allocate: the rule as released knows no minimum quotas, they ask for ", least);
    return p;
}

/// Powers of two only, so that ties stay ties.
inline double scale_of(std::span<const double> weights) {
    double largest = 0;
    for (const double w : weights) largest = std::max(largest, w);
    int exponent = 0;
    std::frexp(largest, &exponent);
    return largest > 0 ? std::ldexp(1.0, std::clamp(-exponent, -1000, 1000)) : 1.0;
}

inline std::vector<std::size_t> apportion(const apportionment_problem& p, const apportionment& rule) {
    return std::visit(
        [&](const auto& r) -> std::vector<std::size_t> {
            using rule_type = std::remove_cvref_t<decltype(r)>;
            if constexpr (std::is_same_v<rule_type, hamilton>)
                return by_largest_remainder(p);
            else if constexpr (std::is_same_v<rule_type, as_released>) {
                std::vector<std::size_t> seats = by_released_rule(p.weight, p.budget);
                for (std::size_t j = 0; j < seats.size(); ++j) seats[j] = std::min(seats[j], p.high[j]);
                return seats;
            } else
                return by_divisor<rule_type>(p);
        },
        rule);
}

/// Whether weights from `lower` to `upper`, each on its own, all give `seats`. Each returns true only if so.
/// For a divisor method the worst case is a corner: a task that holds a seat at its lowest weight, one that could take
/// it at its highest.
template <class Rule>
bool divisor_is_certain(const std::vector<double>& lower, const std::vector<double>& upper,
                        const apportionment_problem& p, const std::vector<std::size_t>& seats) {
    const std::size_t k = seats.size();
    const claim none{-1, 0, k};
    claim best = none, second = none;  // of those that could take one more
    for (std::size_t j = 0; j < k; ++j) {
        if (upper[j] <= 0 || seats[j] >= p.high[j]) continue;
        const claim c = claim_of<Rule>(upper[j], seats[j], j);
        if (best < c)
            second = best, best = c;
        else if (second < c)
            second = c;
    }
    for (std::size_t i = 0; i < k; ++i) {
        if (seats[i] <= p.low[i]) continue;
        if (lower[i] <= 0) return false;
        const claim rival = best.task == i ? second : best;
        if (rival.task != k && !(rival < claim_of<Rule>(lower[i], seats[i] - 1, i))) return false;
    }
    return true;
}

/// For Hamilton without bounds: seats are right for shares x if no seat wants to move, x_j - x_i < seats_j - seats_i +
/// 1 for every i that has one; the largest x_j - x_i over the box is at a corner. With bounds: intervals of the level.
inline bool remainder_is_certain(const std::vector<double>& lower, const std::vector<double>& upper,
                                 const apportionment_problem& p, const std::vector<std::size_t>& seats) {
    const std::size_t k = seats.size();
    const double budget = static_cast<double>(p.budget), slack = 1e-9 * std::max(1.0, budget);
    double all_lower = 0, all_upper = 0;
    bool bounded = false;
    for (std::size_t j = 0; j < k; ++j) {
        all_lower += lower[j];
        all_upper += upper[j];
        bounded = bounded || p.low[j] > 0 || p.high[j] < p.budget;
    }
    apportionment_problem q = p;
    std::vector<double> least(k), most(k);
    if (bounded) {
        for (std::size_t j = 0; j < k; ++j)
            if (lower[j] <= 0 && upper[j] > 0) return false;
        q.weight = upper;
        const double low_level = fill(q).level;
        q.weight = lower;
        const double high_level = fill(q).level;
        if (std::isinf(low_level) || std::isinf(high_level))  // nobody is between bounds: certain if all are full
            return p.placeable() < p.budget;
        for (std::size_t j = 0; j < k; ++j) {
            const auto low = static_cast<double>(p.low[j]), high = static_cast<double>(p.high[j]);
            least[j] = lower[j] > 0 ? std::clamp(low_level * lower[j], low, high) : low;
            most[j] = upper[j] > 0 ? std::clamp(high_level * upper[j], low, high) : low;
        }
    }
    for (std::size_t i = 0; i < k; ++i) {
        if (seats[i] <= p.low[i]) continue;
        for (std::size_t j = 0; j < k; ++j) {
            if (j == i || upper[j] <= 0 || seats[j] >= p.high[j]) continue;
            double widest = 0;
            if (bounded) {
                widest = most[j] - least[i];
            } else {
                const double rest =
                    upper[j] > lower[i] ? all_lower - lower[i] - lower[j] : all_upper - upper[i] - upper[j];
                const double total = lower[i] + upper[j] + std::max(rest, 0.0);
                if (!(total > 0)) return false;
                widest = budget * (upper[j] - lower[i]) / total;
            }
            if (!(widest + slack < static_cast<double>(seats[j]) - static_cast<double>(seats[i]) + 1)) return false;
        }
    }
    return true;
}

/// For the released rule: no share may cross a whole number, and the tasks that get one more must stand apart.
inline bool released_is_certain(const std::vector<double>& lower, const std::vector<double>& upper,
                                std::size_t budget) {
    const std::size_t k = lower.size();
    double all_lower = 0, all_upper = 0;
    for (std::size_t j = 0; j < k; ++j) all_lower += lower[j], all_upper += upper[j];
    std::size_t sum = 0;
    for (std::size_t j = 0; j < k; ++j) {
        const double others_low = std::max(all_lower - lower[j], 0.0),
                     others_high = std::max(all_upper - upper[j], 0.0);
        if (!(lower[j] + others_high > 0) || !(upper[j] + others_low > 0)) return false;
        const double n = static_cast<double>(budget);
        const double least = n * lower[j] / (lower[j] + others_high), most = n * upper[j] / (upper[j] + others_low);
        if (std::floor(least - 1e-9 * std::max(1.0, n)) != std::floor(most + 1e-9 * std::max(1.0, n))) return false;
        sum += static_cast<std::size_t>(least + 1e-9 * std::max(1.0, n));
    }
    std::vector<std::size_t> order(k);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return lower[a] > lower[b]; });
    for (std::size_t i = 0; i < budget - std::min(sum, budget) && i < k; ++i)
        for (std::size_t other = i + 1; other < k; ++other)
            if (!(lower[order[i]] > upper[order[other]])) return false;
    return true;
}

}  // namespace detail

/// Splits a budget over tasks in proportion to weights, in whole numbers: what to replay of each earlier task.
///
///     sum(quotas) + unplaced = budget;  minimum_j <= quota_j <= capacity_j
///
/// More different tasks (larger distance) get more. A task that is full passes its share on to the others in
/// proportion; a weight of 0 asks for nothing beyond its minimum; when all weights are 0 all count the same, and the
/// result says so. Ties go to the lower index.
///
/// @param weights  [k] finite, at least 0, any scale
/// @param budget   how many in all
/// @return         quotas [k] and what could not be placed
/// @throw          invalid_argument for a NaN, infinite or negative weight, capacities or minima of another number
///                 than weights, minima that exceed the budget, minima under the rule as released
/// @cost           O(k log k), whatever the budget
/// @see            Balinski & Young 1982, "Fair Representation"; Wang et al. 2024 (InsCL), arXiv:2403.11435
[[nodiscard]] inline allocation allocate(std::span<const double> weights, std::size_t budget,
                                         const allocation_options& options = {}) {
    detail::apportionment_problem p = detail::pose(weights, budget, options);
    allocation result;
    result.rule = std::string(name_of(options.rule));
    if (weights.empty()) {
        result.unplaced = budget;
        return result;
    }
    result.equal_shares = std::all_of(weights.begin(), weights.end(), [](double w) { return w == 0; });
    if (result.equal_shares)
        p.weight.assign(weights.size(), 1.0);
    else if (const double scale = detail::scale_of(weights); !std::holds_alternative<as_released>(options.rule))
        for (double& w : p.weight) w *= scale;
    result.quotas = detail::apportion(p, options.rule);
    std::size_t placed = 0;
    for (const std::size_t q : result.quotas) placed += q;
    result.unplaced = budget - placed;
    return result;
}

/// The same for weights that are known within bounds: quotas of the values, and whether any other values within the
/// bounds would have given the same (`certain`). True is a proof; false may be caution (at exact ties, and for
/// Hamilton with capacities or minima).
///
/// @param weights  [k] lower <= value <= upper, value at least 0; a lower bound below 0 counts as 0;
///                 where the status says exact, the value alone
/// @throw          as above, and invalid_argument where a value lies outside its bounds
/// @cost           O(k log k); O(k^2) for Hamilton and the rule as released
[[nodiscard]] inline allocation allocate(std::span<const certified<double>> weights, std::size_t budget,
                                         const allocation_options& options = {}) {
    const std::size_t k = weights.size();
    std::vector<double> value(k), lower(k), upper(k);
    bool points = true;
    for (std::size_t j = 0; j < k; ++j) {
        value[j] = weights[j].value;
        detail::check_weight(j, value[j]);
        require(weights[j].lower <= value[j] && value[j] <= weights[j].upper,
                "replay::allocate: a value lies within its bounds, weight ", j, " is ", value[j], " within ",
                weights[j].lower, " and ", weights[j].upper);
        const bool exact = weights[j].status == status::exact;  // bounds meet up to rounding
        lower[j] = exact ? value[j] : std::max(weights[j].lower, 0.0);
        upper[j] = exact ? value[j] : weights[j].upper;
        points = points && lower[j] == upper[j];
    }
    allocation result = allocate(std::span<const double>(value), budget, options);
    if (points || k == 0) return result;
    if (result.equal_shares) {
        result.certain = false;
        return result;
    }
    const detail::apportionment_problem p = detail::pose(value, budget, options);
    result.certain = std::visit(
        [&](const auto& r) {
            using rule_type = std::remove_cvref_t<decltype(r)>;
            if constexpr (std::is_same_v<rule_type, hamilton>)
                return detail::remainder_is_certain(lower, upper, p, result.quotas);
            else if constexpr (std::is_same_v<rule_type, as_released>)
                return detail::released_is_certain(lower, upper, budget);
            else
                return detail::divisor_is_certain<rule_type>(lower, upper, p, result.quotas);
        },
        options.rule);
    return result;
}

/// How many examples a share of all that the tasks hold is, rounded to the nearest whole number.
///
/// @throw invalid_argument if ratio is not within 0 and 1
[[nodiscard]] inline std::size_t budget_of(double ratio, std::span<const std::size_t> sizes) {
    require(ratio >= 0 && ratio <= 1, "replay::budget_of: ratio is from 0 to 1, it is ", ratio);
    double all = 0;
    for (const std::size_t n : sizes) all += static_cast<double>(n);
    return static_cast<std::size_t>(std::floor(ratio * all + 0.5));
}

}  // namespace holdfast::replay
