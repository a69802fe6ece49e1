#pragma once
// The network simplex behind exact.hpp, for n sources, m sinks and all n m arcs. Nodes: sources 0..n-1, sinks n..n+m-1,
// and a root that ties the parts of the tree together with arcs that never carry mass; what they cost is free to
// choose, and chosen so that the nodes below the root keep the potentials the search began with: a good start is not
// lost. A basis is a spanning tree; it is kept strongly feasible (every empty tree arc points to the root), which with
// Cunningham's choice of the leaving arc excludes cycling. Builds on core and pricing.hpp. Leaves out checking and
// reporting.
//
// Costs may be read in less than their true precision: rows as they are kept, any single cost precisely. The list of
// arcs then holds lower bounds, and what is about to enter the tree is looked at precisely first.

#include <holdfast/core/matrix.hpp>
#include <holdfast/transport/detail/aligned.hpp>
#include <holdfast/transport/detail/pricing.hpp>

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

/// Costs that are what they are: a matrix in memory, rows contiguous.
template <class Real>
struct dense_costs {
    using real = Real;
    static constexpr bool rounded = false;
    matrix_view<const Real> c;

    struct reader {
        matrix_view<const Real> c;
        [[nodiscard]] const Real* row(std::size_t i) const { return &c(i, 0); }
    };
    [[nodiscard]] std::size_t rows() const { return c.rows(); }
    [[nodiscard]] std::size_t cols() const { return c.cols(); }
    [[nodiscard]] reader read() const { return {c}; }
    [[nodiscard]] double precise(std::size_t i, std::size_t j) const { return static_cast<double>(c(i, j)); }
    [[nodiscard]] double slack(std::size_t) const { return 0; }
    [[nodiscard]] double largest() const {
        Real most = 0;
        for (std::size_t i = 0; i < c.rows(); ++i)
            most = std::max(most, row_pricing<Real>::largest(&c(i, 0), c.cols()));
        return static_cast<double>(most);
    }
};

/// Costs: real; rounded (whether rows differ from precise costs); rows(); cols(); read(), a reader whose row(i) points
/// to real [m]; precise(i, j), the true cost; slack(i), how far a cost of row i may be from the true one; largest(), no
/// cost is greater in size.
template <class Costs>
class network_simplex {
    using node = std::int32_t;
    using real = typename Costs::real;
    static constexpr node none = -1;
    static constexpr std::int64_t unit = std::int64_t{1} << 52;

  public:
    network_simplex(const Costs& costs, std::span<const double> a, std::span<const double> b)
        : c_(costs),
          n_(static_cast<node>(costs.rows())),
          m_(static_cast<node>(costs.cols())),
          root_(n_ + m_),
          a_(a),
          b_(b),
          supply_(integer_masses(a, unit)),
          demand_(integer_masses(b, unit)),
          scale_(costs.largest()),
          tolerance_(64 * std::numeric_limits<double>::epsilon() * scale_) {
        const auto nodes = static_cast<std::size_t>(root_) + 1;
        tree_.resize(nodes);
        potential_.assign(nodes, 0);
    }

    enum class outcome { optimal, close_enough, cut_short };

    /// Runs until the optimum, until primal − dual <= gap |dual|, or until the limit (0: none). Whatever the outcome,
    /// the plan is feasible and the potentials respect every cost.
    outcome solve(std::span<const double> f, std::span<const double> g, std::size_t max_pivots, double gap) {
        start_potentials(f, g);
        start_ = potential_;
        find_first_arcs(8);
        start_tree();
        for (;;) {
            refresh_potentials();
            const bool within = pivot_until_listed_arcs_agree(max_pivots, gap);
            if (!within) return close(gap) ? outcome::close_enough : outcome::cut_short;
            refresh_potentials();
            if (!find_arcs(8)) return outcome::optimal;
            if (gap > 0 && close(gap)) return outcome::close_enough;
        }
    }

    [[nodiscard]] std::size_t pivots() const { return pivots_; }
    [[nodiscard]] std::size_t passes() const { return passes_; }
    [[nodiscard]] std::vector<double> row_potentials() const { return {best_.begin(), best_.begin() + n_}; }
    [[nodiscard]] std::vector<double> column_potentials() const { return {best_.begin() + n_, best_.begin() + root_}; }

    /// visit(i, j, mass, cost) for every arc that carries mass.
    template <class Visit>
    void each_flow(Visit visit) const {
        for (node x = 0; x < root_; ++x) {
            const link& at_x = tree_[at(x)];
            if (at_x.parent == root_ || at_x.flow == 0) continue;
            const auto [i, j] = arc_of(x);
            visit(at(i), at(j), static_cast<double>(at_x.flow) / static_cast<double>(unit), at_x.cost);
        }
    }

  private:
    struct link {  // a node's place in the tree, and the arc between it and its parent
        node parent = none, first = none, next = none, previous = none, depth = 0;
        std::int64_t flow = 0;
        double cost = 0;  // of that arc, precisely
    };
    struct arc {
        node i, j;    // source, and sink as a node
        double cost;  // or a lower bound of it
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
            // Only sums f + g matter: without their offset, and of the size of the costs, nothing is lost to rounding.
            const double offset = std::accumulate(g.begin(), g.end(), 0.0) / static_cast<double>(m_);
            for (node i = 0; i < n_; ++i) potential_[at(i)] = std::clamp(f[at(i)] + offset, -4 * scale_, 4 * scale_);
            for (node j = 0; j < m_; ++j)
                potential_[at(n_ + j)] = std::clamp(g[at(j)] - offset, -4 * scale_, 4 * scale_);
            return;
        }
        // Columns take the least cost of theirs, rows what is then left.
        std::vector<real> best(at(m_), std::numeric_limits<real>::max());
        auto costs = c_.read();
        for (node i = 0; i < n_; ++i) row_pricing<real>::lower(best.data(), costs.row(at(i)), at(m_));
        for (node j = 0; j < m_; ++j) potential_[at(n_ + j)] = static_cast<double>(best[at(j)]);
        for (node i = 0; i < n_; ++i)
            potential_[at(i)] = static_cast<double>(row_pricing<real>::least(costs.row(at(i)), best.data(), at(m_)));
    }

    /// A first tree. A spanning tree of the listed arcs by reduced cost is emptied from its leaves: were the potentials
    /// optimal, this would be the optimal plan. Then listed arcs by reduced cost each take what they can, and what is
    /// left pairs up as cheaply as it goes. Every arc uses up one of its ends, so the arcs that carry mass form a
    /// forest; one node of each part is tied to the root by an empty arc that points to it: strongly feasible by
    /// construction.
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
        for (const std::uint32_t k : peeled(order)) take(arcs_[k].i, arcs_[k].j - n_);
        for (const auto& [r, k] : order) take(arcs_[k].i, arcs_[k].j - n_);
        std::vector<node> sinks;
        for (node j = 0; j < m_; ++j)
            if (t[at(j)] > 0) sinks.push_back(j);
        auto costs = c_.read();
        for (node i = 0; i < n_; ++i)
            while (s[at(i)] > 0) {
                const real* c = costs.row(at(i));
                std::size_t best = 0;
                double least = std::numeric_limits<double>::infinity();
                for (std::size_t k = 0; k < sinks.size(); ++k) {
                    const double r = static_cast<double>(c[sinks[k]]) - potential_[at(n_ + sinks[k])];
                    if (r < least) least = r, best = k;
                }
                take(i, sinks[best]);
                if (t[at(sinks[best])] == 0) sinks[best] = sinks.back(), sinks.pop_back();
            }
        hang(used, mass);
    }

    /// The arcs of a least spanning tree (Kruskal), each when one of its ends is a leaf of what is left of the tree.
    [[nodiscard]] std::vector<std::uint32_t> peeled(const std::vector<std::pair<double, std::uint32_t>>& order) const {
        std::vector<node> part(at(root_));
        std::iota(part.begin(), part.end(), node{0});
        const auto find = [&](node x) {
            while (part[at(x)] != x) x = part[at(x)] = part[at(part[at(x)])];
            return x;
        };
        std::vector<std::uint32_t> degree(at(root_), 0), mixed(at(root_), 0), out;
        for (const auto& [r, k] : order) {
            const arc& e = arcs_[k];
            const node p = find(e.i), q = find(e.j);
            if (p == q) continue;
            part[at(p)] = q;
            const node ends[] = {e.i, e.j};  // named: nvcc 13.0 loses a braced range in a template
            for (const node x : ends) ++degree[at(x)], mixed[at(x)] ^= k;  // of one arc left, its number
        }
        for (node start = 0; start < root_; ++start)
            for (node x = start; degree[at(x)] == 1;) {
                const std::uint32_t k = mixed[at(x)];
                const node y = arcs_[k].i == x ? arcs_[k].j : arcs_[k].i;
                out.push_back(k);
                const node both[] = {x, y};
                for (const node z : both) --degree[at(z)], mixed[at(z)] ^= k;
                x = y;
            }
        return out;
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
                    tree_[at(y)].cost = c_.precise(at(e.i), at(e.j - n_));
                    stack.push_back(y);
                }
            }
        }
    }

    // --- the list of arcs
    // ----------------------------------------------------------------------------------------------

    [[nodiscard]] double reduced(const arc& e) const { return e.cost - potential_[at(e.i)] - potential_[at(e.j)]; }

    /// The first look: how good an arc must be to be listed is learnt from some rows, so that few have to be sorted.
    void find_first_arcs(int wanted) {
        const auto k = static_cast<std::size_t>(wanted);
        double bound = std::numeric_limits<double>::infinity();
        if (at(n_) * at(m_) > 4096 && at(m_) > 4 * k) {
            auto costs = c_.read();
            std::vector<double> r(at(m_)), kth;
            const node step = std::max(1, n_ / 32);
            for (node i = 0; i < n_; i += step) {
                const real* c = costs.row(at(i));
                for (node j = 0; j < m_; ++j)
                    r[at(j)] = static_cast<double>(c[j]) - potential_[at(i)] - potential_[at(n_ + j)];
                std::nth_element(r.begin(), r.begin() + wanted, r.end());
                kth.push_back(r[k]);
            }
            std::nth_element(kth.begin(), kth.begin() + std::ptrdiff_t(kth.size() / 2), kth.end());
            bound = kth[kth.size() / 2];
            bound += std::abs(bound);
        }
        look(k, bound, bound);
    }

    /// Adds to the list arcs that would lower the cost.
    /// @return whether there were any: if not, the tree is optimal
    bool find_arcs(int wanted) {
        const double far = 0.1 * scale_;  // forget what became unpromising, so that the list stays short
        std::size_t kept = 0;
        for (std::size_t k = 0; k < arcs_.size(); ++k)
            if (reduced(arcs_[k]) <= far) arcs_[kept] = arcs_[k], known_[kept++] = known_[k];
        arcs_.resize(kept);
        known_.resize(kept);
        return look(static_cast<std::size_t>(wanted), -tolerance_, 0);
    }

    void list(node i, node j, double cost, bool known) {
        arcs_.push_back({i, n_ + j, cost});
        known_.push_back(known);
    }

    /// Looks at all arcs once: adds to the list the k of least reduced cost of every row and column, as far as that is
    /// below `bound`; what is below `limit` (not less) is looked at closely. Rows' potentials made as great as the
    /// columns' allow respect every cost: a lower bound.
    /// @return whether any arc was below the bound
    bool look(std::size_t k, double bound, double limit) {
        ++passes_;
        struct candidate {
            double reduced, cost;
            node from;
        };
        const candidate nobody{bound, 0, none};
        const bool proof = passes_ > 1, known = proof || !Costs::rounded;
        std::vector<double> feasible(potential_);
        double dual = 0;
        std::vector<candidate> row;                         // sorted, at most k
        std::vector<candidate> column(at(m_) * k, nobody);  // per column sorted, at most k
        const auto insert = [](candidate* to, std::size_t size, const candidate& x) {
            std::size_t p = size - 1;
            for (; p > 0 && to[p - 1].reduced > x.reduced; --p) to[p] = to[p - 1];
            to[p] = x;
        };
        bool any = false;
        const double* v = potential_.data() + n_;
        aligned_vector<real> narrow(at(m_));
        double most = 0;
        for (node j = 0; j < m_; ++j) {
            narrow[at(j)] = static_cast<real>(v[j]);
            most = std::max(most, std::abs(v[j]));
        }
        constexpr std::size_t step = 64 / sizeof(real);
        std::vector<std::uint8_t> flagged(at(m_) / step + 1);
        auto costs = c_.read();
        for (node i = 0; i < n_; ++i) {
            const real* c = costs.row(at(i));
            const double u = potential_[at(i)];
            // What rounding hides: that of the costs, and of c − v in this precision.
            const double slack = c_.slack(at(i));
            const double room = slack + std::numeric_limits<real>::epsilon() * 2 * (scale_ + most);
            const auto least = static_cast<double>(row_pricing<real>::least(c, narrow.data(), at(m_)));
            double lowest = least - room - u;  // no true reduced cost of the row is below it
            row.assign(k, nobody);
            if (lowest < limit) {
                // Rounded down by the conversion or up, the room covers it.
                row_pricing<real>::flag(c, narrow.data(), static_cast<real>(limit + room + u), at(m_), flagged.data());
                double seen = limit;
                for (std::size_t p = 0; p * step < at(m_); ++p) {
                    if (!flagged[p]) continue;
                    const node end = std::min(m_, static_cast<node>((p + 1) * step));
                    for (auto j = static_cast<node>(p * step); j < end; ++j) {
                        candidate x{static_cast<double>(c[j]) - slack - u - v[j], static_cast<double>(c[j]) - slack, i};
                        if (!(x.reduced < limit)) continue;
                        if (proof && Costs::rounded) {
                            x.cost = c_.precise(at(i), at(j));
                            x.reduced = x.cost - u - v[j];
                        }
                        seen = std::min(seen, x.reduced);
                        candidate* of_column = &column[at(j) * k];
                        if (x.reduced < of_column[k - 1].reduced) insert(of_column, k, x);
                        x.from = j;
                        if (x.reduced < row[k - 1].reduced) insert(row.data(), k, x);
                    }
                }
                if (proof) lowest = seen;  // all that could be below the limit was looked at
            }
            feasible[at(i)] += lowest;
            dual += a_[at(i)] * feasible[at(i)];
            for (const candidate& x : row)
                if (x.from != none) list(i, x.from, x.cost, known), any = true;
        }
        for (node j = 0; j < m_; ++j)
            for (std::size_t p = 0; p < k; ++p)
                if (const candidate& x = column[at(j) * k + p]; x.from != none)
                    list(x.from, j, x.cost, known), any = true;
        for (node j = 0; j < m_; ++j) dual += b_[at(j)] * v[j];
        if (dual > dual_ || (!any && passes_ > 1)) {  // the last pass is the proof, whatever rounding says of others
            dual_ = dual;
            best_ = std::move(feasible);
        }
        return any;
    }

    [[nodiscard]] bool close(double gap) const { return primal_ - dual_ <= gap * std::abs(dual_); }

    // --- pivots
    // --------------------------------------------------------------------------------------------------------

    /// Block search: the best arc of a block enters; done when a whole round finds none.
    /// @return false at the limit, or as soon as the bounds are close enough
    bool pivot_until_listed_arcs_agree(std::size_t max_pivots, double gap) {
        const std::size_t size = arcs_.size();
        const std::size_t block = std::max<std::size_t>(64, static_cast<std::size_t>(std::sqrt(double(size))));
        std::size_t next = 0, fruitless = 0;
        while (fruitless < size) {
            const std::size_t begin = next, end = std::min(size, next + block);
            double least = -tolerance_;
            std::size_t best = size;
            for (std::size_t k = next; k < end; ++k)
                if (const double r = reduced(arcs_[k]); r < least) least = r, best = k;
            fruitless = best == size ? fruitless + (end - next) : 0;
            next = end == size ? 0 : end;
            if (best == size) continue;
            if (!known_[best]) {  // its cost was a lower bound; the block is searched again
                arc& e = arcs_[best];
                e.cost = c_.precise(at(e.i), at(e.j - n_));
                known_[best] = true;
                least = reduced(e);
                if (!(least < -tolerance_)) {
                    next = begin;
                    continue;
                }
            }
            if (max_pivots != 0 && pivots_ >= max_pivots) return false;
            if (gap > 0 && close(gap)) return false;
            ++pivots_;
            enter(arcs_[best], least);
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
            primal_ += static_cast<double>(delta) / static_cast<double>(unit) * reduced_cost;
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
            primal_ += static_cast<double>(here.flow) / static_cast<double>(unit) * here.cost;
        });
    }

    Costs c_;
    node n_, m_, root_;
    std::span<const double> a_, b_;
    std::vector<std::int64_t> supply_, demand_;  // what is not yet placed
    std::vector<link> tree_;
    std::vector<double> potential_, start_;  // f, g, and that of the root; as the search began
    std::vector<arc> arcs_;                  // the promising ones,
    std::vector<char> known_;                // and whether their costs are precise
    std::vector<double> best_;               // of all potentials that respect every cost, those of the greatest value
    double scale_, tolerance_, primal_ = 0, dual_ = -std::numeric_limits<double>::infinity();
    std::size_t pivots_ = 0, passes_ = 0;
};

}  // namespace holdfast::transport::detail
