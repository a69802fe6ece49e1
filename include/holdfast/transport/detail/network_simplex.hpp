#pragma once
// The network simplex behind exact.hpp, for n sources, m sinks and all n m arcs. Nodes: sources 0..n-1, sinks n..n+m-1,
// and a root that ties the parts of the tree together with arcs that never carry mass; what they cost is free to
// choose, and chosen so that the nodes below the root keep the potentials the search began with: a good start is not
// lost. A basis is a spanning tree; it is kept strongly feasible (every empty tree arc points to the root), which with
// Cunningham's choice of the leaving arc excludes cycling. Builds on augmenting_paths.hpp and first_plan.hpp, where the
// search begins, and promising_arcs.hpp, which arcs are looked at. Leaves out checking and reporting.

#include <holdfast/transport/detail/augmenting_paths.hpp>
#include <holdfast/transport/detail/first_plan.hpp>
#include <holdfast/transport/detail/pricing.hpp>
#include <holdfast/transport/detail/promising_arcs.hpp>
#include <holdfast/transport/detail/simplex_costs.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

namespace holdfast::transport::detail {

/// Costs: real; rounded (whether rows differ from precise costs); rows(); cols(); read(), a `reader` whose row(i)
/// points to real [m], of which readable() entries, no fewer, may be read; any_order(), whether reading a row costs the
/// same whichever was read before; precise(i, j), the true cost; slack(i), how far a cost of row i may be from the true
/// one; largest(), no cost is greater in size.
template <class Costs>
class network_simplex {
    using node = std::int32_t;
    using real = typename Costs::real;
    static constexpr node none = -1;

  public:
    network_simplex(const Costs& costs, std::span<const double> a, std::span<const double> b)
        : c_(costs),
          n_(static_cast<node>(costs.rows())),
          m_(static_cast<node>(costs.cols())),
          root_(n_ + m_),
          unit_(mass_unit(a, b)),
          supply_(integer_masses(a, unit_)),
          demand_(integer_masses(b, unit_)),
          scale_(costs.largest()),
          tolerance_(64 * std::numeric_limits<double>::epsilon() * scale_),
          list_(costs, a, b, scale_, tolerance_) {
        const auto nodes = static_cast<std::size_t>(root_) + 1;
        tree_.resize(nodes);
        potential_.resize(nodes);
    }

    enum class outcome { optimal, close_enough, cut_short };

    /// Runs until the optimum, until primal − dual <= gap |dual|, or until the limit (0: none). Whatever the outcome,
    /// the plan is feasible and the potentials respect every cost.
    outcome solve(std::span<const double> f, std::span<const double> g, std::size_t max_pivots, double gap) {
        begin_potentials(c_, f, g, scale_, potential_);
        first_plan plan = plan_along_paths(c_, potential_, supply_, demand_);
        start_ = potential_;
        const bool placed = !plan.arcs.empty();
        if (!placed) {
            list_.begin(8, potential_);
            plan = plan_along(c_, list_.arcs(), potential_, supply_, demand_);
        }
        hang(plan.arcs, plan.mass);
        if (placed && gap > 0) {  // nothing is listed: this may be all
            refresh_potentials();
            list_.bound(potential_);
        }
        for (;;) {
            refresh_potentials();
            if (gap > 0 && close(gap)) return outcome::close_enough;
            const bool within = pivot_until_listed_arcs_agree(max_pivots, gap);
            if (!within) return close(gap) ? outcome::close_enough : outcome::cut_short;
            refresh_potentials();
            if (!list_.refill(8, potential_)) return outcome::optimal;
        }
    }

    [[nodiscard]] std::size_t pivots() const { return pivots_; }
    [[nodiscard]] std::size_t passes() const { return list_.passes(); }
    [[nodiscard]] std::vector<double> row_potentials() const {
        return {list_.best().begin(), list_.best().begin() + n_};
    }
    [[nodiscard]] std::vector<double> column_potentials() const {
        return {list_.best().begin() + n_, list_.best().begin() + root_};
    }

    /// visit(i, j, mass, cost) for every arc that carries mass.
    template <class Visit>
    void each_flow(Visit visit) const {
        for (node x = 0; x < root_; ++x) {
            const link& at_x = tree_[at(x)];
            if (at_x.parent == root_ || at_x.flow == 0) continue;
            const auto [i, j] = arc_of(x);
            visit(at(i), at(j), static_cast<double>(at_x.flow) / static_cast<double>(unit_), at_x.cost);
        }
    }

  private:
    struct link {  // a node's place in the tree, and the arc between it and its parent
        node parent = none, first = none, next = none, previous = none, depth = 0;
        std::int64_t flow = 0;
        double cost = 0;  // of that arc, precisely
    };

    static std::size_t at(node x) { return static_cast<std::size_t>(x); }
    [[nodiscard]] bool is_source(node x) const { return x < n_; }
    [[nodiscard]] std::pair<node, node> arc_of(node x) const {  // source and sink (from 0) of the arc to the parent
        const node p = tree_[at(x)].parent;
        return is_source(x) ? std::pair{x, p - n_} : std::pair{p, x - n_};
    }
    /// Whether the arc to the parent points to the parent: from sources always; from sinks only to the root.
    [[nodiscard]] bool points_up(node x) const { return is_source(x) || tree_[at(x)].parent == root_; }

    // --- start ---

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
                    tree_[at(y)].cost = c_.precise(at(e.i), at(e.j - n_));
                    stack.push_back(y);
                }
            }
        }
    }

    // --- pivots ---

    [[nodiscard]] double reduced(const arc& e) const { return list_.reduced(e, potential_); }
    [[nodiscard]] bool close(double gap) const { return primal_ - list_.dual() <= gap * std::abs(list_.dual()); }

    /// Block search: the best arc of a block enters; done when a whole round finds none.
    /// @return false at the limit, or as soon as the bounds are close enough
    bool pivot_until_listed_arcs_agree(std::size_t max_pivots, double gap) {
        const std::vector<arc>& arcs = list_.arcs();
        const std::size_t size = arcs.size();
        const std::size_t block = std::max<std::size_t>(64, static_cast<std::size_t>(std::sqrt(double(size))));
        std::size_t next = 0, fruitless = 0;
        while (fruitless < size) {
            const std::size_t begin = next, end = std::min(size, next + block);
            double least = -tolerance_;
            std::size_t best = size;
            for (std::size_t k = next; k < end; ++k)
                if (const double r = reduced(arcs[k]); r < least) least = r, best = k;
            fruitless = best == size ? fruitless + (end - next) : 0;
            next = end == size ? 0 : end;
            if (best == size) continue;
            if (!list_.look_closely(best)) {  // its cost was a lower bound; the block is searched again
                least = reduced(arcs[best]);
                if (!(least < -tolerance_)) {
                    next = begin;
                    continue;
                }
            }
            if (max_pivots != 0 && pivots_ >= max_pivots) return false;
            if (gap > 0 && close(gap)) return false;
            ++pivots_;
            enter(arcs[best], least);
        }
        return true;
    }

    /// Arc i -> j enters the tree, mass moves around the cycle it closes, and the arc that runs empty leaves.
    void enter(const arc& entering, double reduced_cost) {
        const node i = entering.i, j = entering.j;
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
            primal_ += static_cast<double>(delta) / static_cast<double>(unit_) * reduced_cost;
        }
        // What hangs below the leaving arc is turned over and hung onto the entering arc.
        const node inner = below_source ? i : j, outer = below_source ? j : i;
        node child = inner, parent = outer;
        std::int64_t flow = delta;
        double cost = entering.cost;
        for (;;) {
            const link old = tree_[at(child)];
            abandon(child);
            adopt(parent, child);
            tree_[at(child)].flow = flow;
            tree_[at(child)].cost = cost;
            if (child == out) break;
            parent = child;
            child = old.parent;
            flow = old.flow;
            cost = old.cost;
        }
        const double shift = reduced_cost;  // makes the entering arc tight
        const bool sources_up = is_source(inner);
        walk(inner, [&](node z) { potential_[at(z)] += is_source(z) == sources_up ? shift : -shift; });
    }

    // --- the tree ---

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

    /// Potentials and the plan's cost anew from the tree: rounding of many pivots does not pile up.
    void refresh_potentials() {
        primal_ = 0;
        walk(root_, [&](node x) {
            if (x == root_) return;
            if (tree_[at(x)].parent == root_) {
                potential_[at(x)] = start_[at(x)];
                return;
            }
            const link& here = tree_[at(x)];
            potential_[at(x)] = here.cost - potential_[at(here.parent)];
            primal_ += static_cast<double>(here.flow) / static_cast<double>(unit_) * here.cost;
        });
    }

    Costs c_;
    node n_, m_, root_;
    std::int64_t unit_;
    std::vector<std::int64_t> supply_, demand_;  // what is not yet placed
    std::vector<link> tree_;
    std::vector<double> potential_, start_;  // f, g, and that of the root; as the search began
    double scale_, tolerance_, primal_ = 0;
    promising_arcs<Costs> list_;
    std::size_t pivots_ = 0;
};

}  // namespace holdfast::transport::detail
