#pragma once
// A first plan for network_simplex.hpp, along arcs of small reduced cost. A spanning tree of the listed arcs is emptied
// from its leaves: were the potentials optimal, this would be the optimal plan. Then listed arcs by reduced cost each
// take what they can, and what is left pairs up as cheaply as it goes. Every arc uses up one of its ends, so those that
// carry mass form a forest. And the potentials that a search begins with. Builds on promising_arcs.hpp.

#include <holdfast/transport/detail/pricing.hpp>
#include <holdfast/transport/detail/promising_arcs.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

namespace holdfast::transport::detail {

/// Nodes in parts that grow together.
class disjoint_parts {
    using node = std::int32_t;

  public:
    explicit disjoint_parts(std::size_t nodes) : part_(nodes) { std::iota(part_.begin(), part_.end(), node{0}); }
    /// @return whether they were in different parts
    bool unite(node x, node y) {
        const node p = find(x), q = find(y);
        if (p == q) return false;
        part_[static_cast<std::size_t>(p)] = q;
        return true;
    }

  private:
    node find(node x) {
        const auto of = [&](node y) -> node& { return part_[static_cast<std::size_t>(y)]; };
        while (of(x) != x) x = of(x) = of(of(x));
        return x;
    }
    std::vector<node> part_;
};

/// Arcs that carry mass, and how much.
struct first_plan {
    std::vector<arc> arcs;  // costs are not set
    std::vector<std::int64_t> mass;
};

/// Whether arcs between so many nodes close no cycle.
inline bool is_forest(const std::vector<arc>& arcs, std::size_t nodes) {
    disjoint_parts parts(nodes);
    return std::all_of(arcs.begin(), arcs.end(), [&](const arc& e) { return parts.unite(e.i, e.j); });
}

/// The numbers of listed arcs by reduced cost, as far as a 4096th of their range tells them apart; by number within.
inline std::vector<std::uint32_t> by_reduced_cost(const std::vector<arc>& arcs, const std::vector<double>& potential) {
    constexpr std::size_t buckets = 4096;
    const auto reduced = [&](const arc& e) {
        return e.cost - potential[static_cast<std::size_t>(e.i)] - potential[static_cast<std::size_t>(e.j)];
    };
    double least = std::numeric_limits<double>::infinity(), most = -least;
    std::vector<double> r(arcs.size());
    for (std::size_t k = 0; k < arcs.size(); ++k) {
        r[k] = reduced(arcs[k]);
        least = std::min(least, r[k]);
        most = std::max(most, r[k]);
    }
    const double scale = most > least ? static_cast<double>(buckets - 1) / (most - least) : 0;
    std::vector<std::uint32_t> begin(buckets + 1, 0), bucket(arcs.size()), order(arcs.size());
    for (std::size_t k = 0; k < arcs.size(); ++k) {
        bucket[k] = static_cast<std::uint32_t>((r[k] - least) * scale);
        ++begin[bucket[k] + 1];
    }
    for (std::size_t p = 0; p < buckets; ++p) begin[p + 1] += begin[p];
    for (std::size_t k = 0; k < arcs.size(); ++k) order[begin[bucket[k]]++] = static_cast<std::uint32_t>(k);
    return order;
}

/// The arcs of a spanning forest of least reduced cost (Kruskal), each when one of its ends is a leaf of what is left.
inline std::vector<std::uint32_t> peeled(const std::vector<arc>& arcs, const std::vector<std::uint32_t>& order,
                                         std::size_t nodes) {
    using node = std::int32_t;
    const auto at = [](node x) { return static_cast<std::size_t>(x); };
    disjoint_parts parts(nodes);
    std::vector<std::uint32_t> degree(nodes, 0), mixed(nodes, 0), out;
    for (const std::uint32_t k : order) {
        const arc& e = arcs[k];
        if (!parts.unite(e.i, e.j)) continue;
        const node ends[] = {e.i, e.j};  // named: nvcc 13.0 loses a braced range in a template
        for (const node x : ends) ++degree[at(x)], mixed[at(x)] ^= k;  // of one arc left, its number
    }
    for (std::size_t start = 0; start < nodes; ++start)
        for (node x = static_cast<node>(start); degree[at(x)] == 1;) {
            const std::uint32_t k = mixed[at(x)];
            const node y = arcs[k].i == x ? arcs[k].j : arcs[k].i;
            out.push_back(k);
            const node both[] = {x, y};
            for (const node z : both) --degree[at(z)], mixed[at(z)] ^= k;
            x = y;
        }
    return out;
}

/// Potentials that a search begins with: those given, or, where none are, columns' least costs and what is then left to
/// rows.
///
/// @param scale      no cost is greater in size
/// @param potential  [n + m and more], of which the first n are set to f and the next m to g
template <class Costs>
void begin_potentials(const Costs& c, std::span<const double> f, std::span<const double> g, double scale,
                      std::vector<double>& potential) {
    using real = typename Costs::real;
    const std::size_t n = c.rows(), m = c.cols();
    if (!g.empty()) {
        // Only sums f + g matter: without their offset, and of the size of the costs, nothing is lost to rounding.
        const double offset = std::accumulate(g.begin(), g.end(), 0.0) / static_cast<double>(m);
        for (std::size_t i = 0; i < n; ++i) potential[i] = std::clamp(f[i] + offset, -4 * scale, 4 * scale);
        for (std::size_t j = 0; j < m; ++j) potential[n + j] = std::clamp(g[j] - offset, -4 * scale, 4 * scale);
        return;
    }
    std::vector<real> best(m, std::numeric_limits<real>::max());
    auto costs = c.read();
    for (std::size_t i = 0; i < n; ++i) row_pricing<real>::lower(best.data(), costs.row(i), 0, m);
    for (std::size_t j = 0; j < m; ++j) potential[n + j] = static_cast<double>(best[j]);
    for (std::size_t i = 0; i < n; ++i)
        potential[i] = static_cast<double>(row_pricing<real>::least(costs.row(i), best.data(), m));
}

/// @param supply, demand  masses of equal sum; all zero afterwards
template <class Costs>
first_plan plan_along(const Costs& c, const std::vector<arc>& arcs, const std::vector<double>& potential,
                      std::vector<std::int64_t>& supply, std::vector<std::int64_t>& demand) {
    const std::size_t n = supply.size(), m = demand.size();
    first_plan made;
    const auto take = [&](std::size_t i, std::size_t j) {
        const std::int64_t moved = std::min(supply[i], demand[j]);
        if (moved == 0) return;
        supply[i] -= moved;
        demand[j] -= moved;
        made.arcs.push_back({static_cast<std::int32_t>(i), static_cast<std::int32_t>(n + j), 0});
        made.mass.push_back(moved);
    };
    const auto along = [&](const std::vector<std::uint32_t>& order) {
        for (const std::uint32_t k : order)
            take(static_cast<std::size_t>(arcs[k].i), static_cast<std::size_t>(arcs[k].j) - n);
    };
    const std::vector<std::uint32_t> order = by_reduced_cost(arcs, potential);
    along(peeled(arcs, order, n + m));
    along(order);
    std::vector<std::size_t> sinks;
    for (std::size_t j = 0; j < m; ++j)
        if (demand[j] > 0) sinks.push_back(j);
    auto costs = c.read();
    for (std::size_t i = 0; i < n; ++i)
        while (supply[i] > 0) {
            const auto* row = costs.row(i);
            std::size_t best = 0;
            double least = std::numeric_limits<double>::infinity();
            for (std::size_t k = 0; k < sinks.size(); ++k) {
                const double r = static_cast<double>(row[sinks[k]]) - potential[n + sinks[k]];
                if (r < least) least = r, best = k;
            }
            take(i, sinks[best]);
            if (demand[sinks[best]] == 0) sinks[best] = sinks.back(), sinks.pop_back();
        }
    return made;
}

}  // namespace holdfast::transport::detail
