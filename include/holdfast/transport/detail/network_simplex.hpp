#pragma once
// The network simplex behind exact.hpp, for n sources, m sinks and all n m arcs. Nodes: sources 0..n-1, sinks n..n+m-1,
// and a root that ties the parts of the tree together with arcs of cost zero, which never carry mass.
// A basis is a spanning tree; it is kept strongly feasible (every empty tree arc points to the root), which with
// Cunningham's choice of the leaving arc excludes cycling. Builds on core. Leaves out checking and reporting.

#include <holdfast/core/matrix.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

namespace holdfast::transport::detail {

/// Masses as integers of equal sum: units of 2^-52, the leftover of rounding spread one unit each.
inline std::vector<std::int64_t> integer_masses(std::span<const double> weights, std::int64_t total) {
    const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
    std::vector<std::int64_t> units(weights.size());
    std::int64_t left = total;
    for (std::size_t i = 0; i < units.size(); ++i)
        left -= units[i] = std::llround(weights[i] / sum * static_cast<double>(total));
    const std::int64_t step = left < 0 ? -1 : 1;
    for (std::size_t i = 0; left != 0; i = (i + 1) % units.size())
        if (weights[i] > 0 && units[i] + step >= 0) {
            units[i] += step;
            left -= step;
        }
    return units;
}

template <class Real>
class network_simplex {
    using node = std::int32_t;
    static constexpr node none = -1;
    static constexpr std::int64_t unit = std::int64_t{1} << 52;

  public:
    network_simplex(matrix_view<const Real> cost, std::span<const double> a, std::span<const double> b)
        : c_(cost),
          n_(static_cast<node>(cost.rows())),
          m_(static_cast<node>(cost.cols())),
          root_(n_ + m_),
          supply_(integer_masses(a, unit)),
          demand_(integer_masses(b, unit)) {
        const auto nodes = static_cast<std::size_t>(root_) + 1;
        tree_.resize(nodes);
        potential_.assign(nodes, 0);
        for (node i = 0; i < n_; ++i)
            for (node j = 0; j < m_; ++j) scale_ = std::max(scale_, std::abs(static_cast<double>(c_(at(i), at(j)))));
        tolerance_ = 64 * std::numeric_limits<double>::epsilon() * scale_;
    }

    /// @return whether the optimum was reached; if not, the potentials respect every cost all the same
    bool solve(std::span<const double> f, std::span<const double> g, std::size_t max_pivots) {
        start_potentials(f, g);
        const int wanted = 12;
        find_arcs(wanted, std::numeric_limits<double>::infinity());
        start_tree();
        bool within = true;
        for (;;) {
            refresh_potentials();
            within = pivot_until_listed_arcs_agree(max_pivots);
            refresh_potentials();
            if (!find_arcs(within ? 4 : 1, -tolerance_) || !within) break;
        }
        for (node i = 0; i < n_; ++i) potential_[at(i)] += std::min(0.0, row_slack_[at(i)]);
        return within;
    }

    [[nodiscard]] std::size_t pivots() const { return pivots_; }
    [[nodiscard]] std::size_t passes() const { return passes_; }
    [[nodiscard]] std::vector<double> row_potentials() const { return {potential_.begin(), potential_.begin() + n_}; }
    [[nodiscard]] std::vector<double> column_potentials() const {
        return {potential_.begin() + n_, potential_.begin() + root_};
    }

    /// visit(i, j, mass) for every arc that carries mass.
    template <class Visit>
    void each_flow(Visit visit) const {
        for (node x = 0; x < root_; ++x) {
            const link& at_x = tree_[at(x)];
            if (at_x.parent == root_ || at_x.flow == 0) continue;
            const auto [i, j] = arc_of(x);
            visit(at(i), at(j), static_cast<double>(at_x.flow) / static_cast<double>(unit));
        }
    }

  private:
    struct link {  // a node's place in the tree, and the arc between it and its parent
        node parent = none, first = none, next = none, previous = none, depth = 0;
        std::int64_t flow = 0;
    };
    struct arc {
        node i, j;  // source, and sink as a node
        double cost;
    };

    static std::size_t at(node x) { return static_cast<std::size_t>(x); }
    [[nodiscard]] bool is_source(node x) const { return x < n_; }
    [[nodiscard]] std::pair<node, node> arc_of(node x) const {  // source and sink (from 0) of the arc to the parent
        const node p = tree_[at(x)].parent;
        return is_source(x) ? std::pair{x, p - n_} : std::pair{p, x - n_};
    }
    /// Whether the arc to the parent points to the parent: from sources always; from sinks only to the root.
    [[nodiscard]] bool points_up(node x) const { return is_source(x) || tree_[at(x)].parent == root_; }

    // --- start -------------------------------------------------------------------------------------------------------

    void start_potentials(std::span<const double> f, std::span<const double> g) {
        if (!g.empty()) {
            std::copy(f.begin(), f.end(), potential_.begin());
            std::copy(g.begin(), g.end(), potential_.begin() + n_);
            return;
        }
        std::vector<double> best(at(m_), std::numeric_limits<double>::infinity());
        for (node i = 0; i < n_; ++i)
            for (node j = 0; j < m_; ++j) best[at(j)] = std::min(best[at(j)], static_cast<double>(c_(at(i), at(j))));
        for (node j = 0; j < m_; ++j) potential_[at(n_ + j)] = best[at(j)];
        for (node i = 0; i < n_; ++i) {
            double least = std::numeric_limits<double>::infinity();
            for (node j = 0; j < m_; ++j) least = std::min(least, static_cast<double>(c_(at(i), at(j))) - best[at(j)]);
            potential_[at(i)] = least;
        }
    }

    /// A first tree: listed arcs by reduced cost each take what they can; what is left pairs up as cheaply as it goes.
    /// Every arc uses up one of its ends, so the arcs form a forest in which all carry mass; one node of each part is
    /// tied to the root by an empty arc that points to it: strongly feasible by construction.
    void start_tree() {
        std::vector<std::pair<double, std::uint32_t>> order(arcs_.size());
        for (std::size_t k = 0; k < arcs_.size(); ++k) order[k] = {reduced(arcs_[k]), static_cast<std::uint32_t>(k)};
        std::sort(order.begin(), order.end());
        std::vector<arc> used;
        std::vector<std::int64_t> mass;
        auto& s = supply_;
        auto& t = demand_;
        const auto take = [&](node i, node j) {
            const std::int64_t moved = std::min(s[at(i)], t[at(j)]);
            if (moved == 0) return;
            s[at(i)] -= moved;
            t[at(j)] -= moved;
            used.push_back({i, n_ + j, 0});
            mass.push_back(moved);
        };
        for (const auto& [r, k] : order) take(arcs_[k].i, arcs_[k].j - n_);
        std::vector<node> sinks;
        for (node j = 0; j < m_; ++j)
            if (t[at(j)] > 0) sinks.push_back(j);
        for (node i = 0; i < n_; ++i)
            while (s[at(i)] > 0) {
                std::size_t best = 0;
                double least = std::numeric_limits<double>::infinity();
                for (std::size_t k = 0; k < sinks.size(); ++k) {
                    const double r = static_cast<double>(c_(at(i), at(sinks[k]))) - potential_[at(n_ + sinks[k])];
                    if (r < least) least = r, best = k;
                }
                take(i, sinks[best]);
                if (t[at(sinks[best])] == 0) sinks[best] = sinks.back(), sinks.pop_back();
            }
        hang(used, mass);
    }

    /// Turns a forest of arcs into the tree below the root.
    void hang(const std::vector<arc>& used, const std::vector<std::int64_t>& mass) {
        std::vector<std::uint32_t> begin(at(root_) + 1, 0), edge(2 * used.size());
        for (const arc& e : used) ++begin[at(e.i)], ++begin[at(e.j)];
        std::uint32_t sum = 0;
        for (std::uint32_t& x : begin) sum += std::exchange(x, sum);
        std::vector<std::uint32_t> fill = begin;
        for (std::size_t k = 0; k < used.size(); ++k) {
            edge[fill[at(used[k].i)]++] = static_cast<std::uint32_t>(k);
            edge[fill[at(used[k].j)]++] = static_cast<std::uint32_t>(k);
        }
        std::vector<node> stack;
        for (node start = 0; start < root_; ++start) {
            if (tree_[at(start)].parent != none) continue;
            adopt(root_, start);
            stack.assign(1, start);
            while (!stack.empty()) {
                const node x = stack.back();
                stack.pop_back();
                for (std::uint32_t k = begin[at(x)]; k < begin[at(x) + 1]; ++k) {
                    const arc& e = used[edge[k]];
                    const node y = e.i == x ? e.j : e.i;
                    if (tree_[at(y)].parent != none) continue;
                    adopt(x, y);
                    tree_[at(y)].flow = mass[edge[k]];
                    stack.push_back(y);
                }
            }
        }
    }

    // --- the list of arcs
    // ----------------------------------------------------------------------------------------------

    [[nodiscard]] double reduced(const arc& e) const { return e.cost - potential_[at(e.i)] - potential_[at(e.j)]; }

    /// Looks at all arcs once: adds to the list the `wanted` of least reduced cost of every row and column, as far as
    /// that is below `bound`, and notes the least of every row. @return whether any arc was below the bound
    bool find_arcs(int wanted, double bound) {
        ++passes_;
        const auto k = static_cast<std::size_t>(wanted);
        row_slack_.assign(at(n_), 0);
        if (passes_ > 1) {  // forget what became unpromising, so that the list stays short
            const double far = 0.1 * scale_;
            std::erase_if(arcs_, [&](const arc& e) { return reduced(e) > far; });
        }
        std::vector<std::pair<double, node>> row;                                // sorted, at most k
        std::vector<std::pair<double, node>> column(at(m_) * k, {bound, none});  // per column sorted, at most k
        const auto insert = [](std::pair<double, node>* list, std::size_t size, std::pair<double, node> x) {
            std::size_t p = size - 1;
            for (; p > 0 && list[p - 1].first > x.first; --p) list[p] = list[p - 1];
            list[p] = x;
        };
        bool any = false;
        const double* v = potential_.data() + n_;
        for (node i = 0; i < n_; ++i) {
            const Real* c = &c_(at(i), 0);
            const double u = potential_[at(i)];
            row.assign(k, {bound, none});
            double least = std::numeric_limits<double>::infinity();
            for (node j = 0; j < m_; ++j) {
                const double r = static_cast<double>(c[j]) - u - v[j];
                least = std::min(least, r);
                if (r < row[k - 1].first) insert(row.data(), k, {r, j});
                if (r < column[at(j) * k + k - 1].first) insert(&column[at(j) * k], k, {r, i});
            }
            row_slack_[at(i)] = least;
            for (const auto& [r, j] : row)
                if (j != none) arcs_.push_back({i, n_ + j, static_cast<double>(c[j])}), any = true;
        }
        for (node j = 0; j < m_; ++j)
            for (std::size_t p = 0; p < k; ++p)
                if (const node i = column[at(j) * k + p].second; i != none)
                    arcs_.push_back({i, n_ + j, static_cast<double>(c_(at(i), at(j)))}), any = true;
        return any;
    }

    // --- pivots
    // --------------------------------------------------------------------------------------------------------

    /// Block search: the best arc of a block enters; done when a whole round finds none. @return false at the limit
    bool pivot_until_listed_arcs_agree(std::size_t max_pivots) {
        const std::size_t size = arcs_.size();
        const std::size_t block = std::max<std::size_t>(64, static_cast<std::size_t>(std::sqrt(double(size))));
        std::size_t next = 0, fruitless = 0;
        while (fruitless < size) {
            const std::size_t end = std::min(size, next + block);
            double least = -tolerance_;
            std::size_t best = size;
            for (std::size_t k = next; k < end; ++k)
                if (const double r = reduced(arcs_[k]); r < least) least = r, best = k;
            fruitless = best == size ? fruitless + (end - next) : 0;
            next = end == size ? 0 : end;
            if (best == size) continue;
            if (max_pivots != 0 && pivots_ >= max_pivots) return false;
            ++pivots_;
            enter(arcs_[best].i, arcs_[best].j, least);
        }
        return true;
    }

    /// Arc i -> j enters the tree, mass moves around the cycle it closes, and the arc that runs empty leaves.
    void enter(node i, node j, double reduced_cost) {
        node x = i, y = j;  // up to where the two paths meet
        while (x != y) {
            if (tree_[at(x)].depth >= tree_[at(y)].depth)
                x = tree_[at(x)].parent;
            else
                y = tree_[at(y)].parent;
        }
        const node join = x;
        // The last blocking arc in the direction of the cycle, from the join on: this keeps the tree strongly feasible.
        std::int64_t delta = std::numeric_limits<std::int64_t>::max();
        node out = none;
        bool below_source = true;
        for (x = i; x != join; x = tree_[at(x)].parent)
            if (points_up(x) && tree_[at(x)].flow < delta) delta = tree_[at(x)].flow, out = x;
        for (x = j; x != join; x = tree_[at(x)].parent)
            if (!points_up(x) && tree_[at(x)].flow <= delta) delta = tree_[at(x)].flow, out = x, below_source = false;
        if (delta != 0) {
            for (x = i; x != join; x = tree_[at(x)].parent) tree_[at(x)].flow += points_up(x) ? -delta : delta;
            for (x = j; x != join; x = tree_[at(x)].parent) tree_[at(x)].flow += points_up(x) ? delta : -delta;
        }
        // What hangs below the leaving arc is turned over and hung onto the entering arc.
        const node inner = below_source ? i : j, outer = below_source ? j : i;
        node child = inner, parent = outer;
        std::int64_t flow = delta;
        for (;;) {
            const node old_parent = tree_[at(child)].parent;
            const std::int64_t old_flow = tree_[at(child)].flow;
            abandon(child);
            adopt(parent, child);
            tree_[at(child)].flow = flow;
            if (child == out) break;
            parent = child;
            child = old_parent;
            flow = old_flow;
        }
        const double shift = reduced_cost;  // makes the entering arc tight
        const bool sources_up = is_source(inner);
        walk(inner, [&](node z) { potential_[at(z)] += is_source(z) == sources_up ? shift : -shift; });
    }

    // --- the tree
    // ------------------------------------------------------------------------------------------------------

    void adopt(node parent, node child) {
        link& p = tree_[at(parent)];
        link& x = tree_[at(child)];
        x.parent = parent;
        x.previous = none;
        x.next = p.first;
        x.depth = p.depth + 1;
        if (p.first != none) tree_[at(p.first)].previous = child;
        p.first = child;
    }

    void abandon(node child) {
        link& x = tree_[at(child)];
        if (x.previous != none)
            tree_[at(x.previous)].next = x.next;
        else
            tree_[at(x.parent)].first = x.next;
        if (x.next != none) tree_[at(x.next)].previous = x.previous;
    }

    /// Visits x and all below it, parents first, and sets depths on the way.
    template <class Visit>
    void walk(node top, Visit visit) {
        node x = top;
        for (;;) {
            link& here = tree_[at(x)];
            here.depth = x == root_ ? 0 : tree_[at(here.parent)].depth + 1;
            visit(x);
            if (here.first != none) {
                x = here.first;
                continue;
            }
            while (x != top && tree_[at(x)].next == none) x = tree_[at(x)].parent;
            if (x == top) return;
            x = tree_[at(x)].next;
        }
    }

    /// Potentials anew from the costs of the tree's arcs: rounding of many pivots does not pile up.
    void refresh_potentials() {
        walk(root_, [&](node x) {
            if (x == root_ || tree_[at(x)].parent == root_) {
                potential_[at(x)] = 0;
                return;
            }
            const auto [i, j] = arc_of(x);
            potential_[at(x)] = static_cast<double>(c_(at(i), at(j))) - potential_[at(tree_[at(x)].parent)];
        });
    }

    matrix_view<const Real> c_;
    node n_, m_, root_;
    std::vector<std::int64_t> supply_, demand_;  // what is not yet placed
    std::vector<link> tree_;
    std::vector<double> potential_;  // f, g, and that of the root
    std::vector<arc> arcs_;          // the promising ones
    std::vector<double> row_slack_;
    double scale_ = 0, tolerance_ = 0;
    std::size_t pivots_ = 0, passes_ = 0;
};

}  // namespace holdfast::transport::detail
