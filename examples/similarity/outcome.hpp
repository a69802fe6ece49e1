#pragma once
// What similarity found, as a table for a terminal and as JSON.

#include <holdfast/core/certified.hpp>
#include <holdfast/experiment/text.hpp>
#include <holdfast/transport/all_pairs.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace similarity {

namespace text = holdfast::experiment::detail;
namespace transport = holdfast::transport;

struct outcome {
    std::vector<std::string> names;
    std::vector<std::size_t> rows, points;  // of each task, before and after equal points are merged
    transport::all_pairs_result table;
    std::string cost, solver, engine, source;
    double relative_gap = 0, seconds = 0, cpu_seconds = 0;  // of the distances: on the clock, and of all threads

    [[nodiscard]] std::size_t size() const { return names.size(); }
    [[nodiscard]] std::size_t pairs() const { return size() * (size() - 1) / 2; }

    /// W as a metric between tasks: its root where the cost is a square, so that distances obey the triangle.
    [[nodiscard]] double metric(std::size_t i, std::size_t j) const {
        const double w = std::max(0.0, table.value(i, j));
        return cost == "cosine" ? std::sqrt(2 * w) : cost == "sqeuclidean" ? std::sqrt(w) : w;
    }
    [[nodiscard]] std::string metric_name() const {
        return cost == "cosine" ? "√(2 W)" : cost == "sqeuclidean" ? "√W" : "W";
    }
    [[nodiscard]] double largest() const {
        double most = 0;
        for (const double x : table.value.values()) most = std::max(most, x);
        return most;
    }
    [[nodiscard]] double least() const {
        double few = largest();
        for (std::size_t i = 0; i < size(); ++i)
            for (std::size_t j = 0; j < i; ++j) few = std::min(few, table.value(i, j));
        return few;
    }
    /// Decimals that give the largest distance so many significant digits.
    [[nodiscard]] int decimals(int digits) const {
        const double most = largest();
        if (!(most > 0)) return 0;
        return std::clamp(digits - 1 - static_cast<int>(std::floor(std::log10(most))), 0, 15);
    }
    /// The widest gap of all pairs, relative to the lower bound; 0 where all are exact.
    [[nodiscard]] double widest() const {
        double gap = 0;
        for (std::size_t i = 0; i < size(); ++i)
            for (std::size_t j = 0; j < i; ++j) {
                const auto w = table(i, j);
                if (w.status != holdfast::status::exact && w.lower > 0)
                    gap = std::max(gap, (w.upper - w.lower) / w.lower);
            }
        return gap;
    }
    [[nodiscard]] std::size_t count(holdfast::status s) const {
        std::size_t n = 0;
        for (std::size_t i = 0; i < size(); ++i)
            for (std::size_t j = 0; j < i; ++j) n += table(i, j).status == s;
        return n;
    }

    /// How far the numbers may be trusted, in a sentence.
    [[nodiscard]] std::string certificate() const {
        const std::size_t open = count(holdfast::status::not_converged);
        std::string words = std::to_string(pairs()) + (pairs() == 1 ? " pair" : " pairs");
        if (count(holdfast::status::exact) == pairs())
            words += ", exact up to rounding";
        else
            words += ", bounds at most " + text::fixed(100 * widest(), 2) + " % apart";
        if (open > 0)
            words += "; " + std::to_string(open) + " not within the " + text::fixed(100 * relative_gap, 2) +
                     " % asked for (their bounds hold)";
        return words;
    }
};

inline std::string as_table(const outcome& o) {
    const int decimals = o.decimals(4);
    std::vector<std::vector<std::string>> rows(1, {"W (" + o.cost + ")"});
    for (std::size_t j = 0; j < o.size(); ++j) rows[0].push_back(std::to_string(j + 1));
    for (std::size_t i = 0; i < o.size(); ++i) {
        rows.push_back({std::to_string(i + 1) + " " + o.names[i]});
        for (std::size_t j = 0; j < o.size(); ++j)
            rows.back().push_back(i == j ? "." : text::fixed(o.table.value(i, j), decimals));
    }
    std::string all = text::aligned(rows) + "\n" + o.certificate() + "; " + text::duration(o.seconds);
    if (o.table.remembered > 0) all += ", " + std::to_string(o.table.remembered) + " from the cache";
    all += "\n";
    for (std::size_t i = 0; i < o.size(); ++i)
        for (std::size_t j = i + 1; j < o.size(); ++j)
            if (const auto w = o.table(i, j); w.status == holdfast::status::not_converged)
                all += "  " + o.names[i] + " to " + o.names[j] + ": between " + text::fixed(w.lower, decimals + 2) +
                       " and " + text::fixed(w.upper, decimals + 2) + "\n";
    return all;
}

inline std::string as_json(const outcome& o) {
    using json = nlohmann::ordered_json;
    const auto rows = [&](const auto& entry) {
        json table = json::array();
        for (std::size_t i = 0; i < o.size(); ++i) {
            table.push_back(json::array());
            for (std::size_t j = 0; j < o.size(); ++j) table.back().push_back(entry(o.table(i, j)));
        }
        return table;
    };
    using pair = holdfast::certified<double>;
    const json all{{"names", o.names},
                   {"value", rows([](const pair& w) { return w.value; })},
                   {"lower", rows([](const pair& w) { return w.lower; })},
                   {"upper", rows([](const pair& w) { return w.upper; })},
                   {"status", rows([](const pair& w) { return holdfast::to_string(w.status); })},
                   {"seconds", o.seconds},
                   {"cpu_seconds", o.cpu_seconds},
                   {"cost", o.cost},
                   {"relative_gap", o.relative_gap},
                   {"solver", o.solver},
                   {"rows", o.rows},
                   {"points", o.points},
                   {"from_cache", o.table.remembered}};
    return all.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace similarity
