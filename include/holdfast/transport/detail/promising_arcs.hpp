#pragma once
// The short list of arcs that network_simplex.hpp pivots on, out of all n m: those of small reduced cost at the start,
// then what passes over all arcs add because it would lower the cost. The passes also bound the optimum from below.
// Builds on pricing.hpp and close_looks.hpp. Leaves out the tree.
//
// Costs may be read in less than their true precision: rows as they are kept, any single cost precisely. The list then
// holds lower bounds, and what is about to enter the tree is looked at precisely first.

#include <holdfast/transport/detail/aligned.hpp>
#include <holdfast/transport/detail/close_looks.hpp>
#include <holdfast/transport/detail/pricing.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

namespace holdfast::transport::detail {

struct arc {
    std::int32_t i, j;  // source, and sink as a node: sinks follow the sources
    double cost;        // or a lower bound of it
};

template <class Costs>
class promising_arcs {
    using node = std::int32_t;
    using real = typename Costs::real;

  public:
    promising_arcs(const Costs& costs, std::span<const double> a, std::span<const double> b, double scale,
                   double tolerance)
        : c_(costs),
          n_(costs.rows()),
          m_(costs.cols()),
          a_(a),
          b_(b),
          scale_(scale),
          tolerance_(tolerance),
          closely_(n_),
          closely_before_(closely_),
          narrow_(m_) {}

    [[nodiscard]] const std::vector<arc>& arcs() const { return arcs_; }
    [[nodiscard]] std::size_t passes() const { return passes_; }
    /// Of all potentials that respect every cost, the value of the best, and these potentials: f, then g.
    [[nodiscard]] double dual() const { return dual_; }
    [[nodiscard]] const std::vector<double>& best() const { return best_; }

    [[nodiscard]] static double reduced(const arc& e, const std::vector<double>& potential) {
        return e.cost - potential[static_cast<std::size_t>(e.i)] - potential[static_cast<std::size_t>(e.j)];
    }
    /// Makes sure that the cost of arc k is the true one. @return whether it was
    bool look_closely(std::size_t k) {
        if (known_[k]) return true;
        arc& e = arcs_[k];
        e.cost = c_.precise(static_cast<std::size_t>(e.i), static_cast<std::size_t>(e.j) - n_);
        known_[k] = true;
        return false;
    }

    /// The bound from below of these potentials, and no list.
    void bound(const std::vector<double>& potential) {
        pass(potential,
             [](std::size_t, const real*, double, double, double) { return std::numeric_limits<double>::infinity(); });
    }

    /// The first list: arcs of a reduced cost below what some rows have `wanted` arcs below, of a row no more than four
    /// times as many.
    void begin(std::size_t wanted, const std::vector<double>& potential) {
        const double bound = usual_bound(wanted, potential);
        const std::size_t most = 4 * wanted;
        std::vector<std::uint32_t> found(m_ + 16);
        pass(potential, [&](std::size_t i, const real* c, double slack, double room, double) {
            const double u = potential[i];
            const real limit = narrowed(bound + room + u);
            std::size_t count = row_pricing<real>::below(c, narrow_.data(), limit, m_, found.data());
            const auto of = [&](std::uint32_t j) { return static_cast<double>(c[j]) - slack - u - potential[n_ + j]; };
            count = static_cast<std::size_t>(std::remove_if(found.begin(), found.begin() + std::ptrdiff_t(count),
                                                            [&](std::uint32_t j) { return !(of(j) < bound); }) -
                                             found.begin());
            if (count > most) {
                std::nth_element(
                    found.begin(), found.begin() + std::ptrdiff_t(most), found.begin() + std::ptrdiff_t(count),
                    [&](std::uint32_t j, std::uint32_t k) { return of(j) != of(k) ? of(j) < of(k) : j < k; });
                count = most;
                std::sort(found.begin(), found.begin() + std::ptrdiff_t(count));
            }
            for (std::size_t k = 0; k < count; ++k)
                list(i, found[k], static_cast<double>(c[found[k]]) - slack, !Costs::rounded);
            return std::numeric_limits<double>::infinity();
        });
    }

    /// Adds the `wanted` arcs of every row and column that would lower the cost most, and forgets those that became
    /// unpromising, so that the list stays short.
    /// @return whether there were any: if not, the tree is optimal
    bool refill(std::size_t wanted, const std::vector<double>& potential) {
        const double far = 0.1 * scale_;
        std::size_t kept = 0;
        for (std::size_t k = 0; k < arcs_.size(); ++k)
            if (reduced(arcs_[k], potential) <= far) arcs_[kept] = arcs_[k], known_[kept++] = known_[k];
        arcs_.resize(kept);
        known_.resize(kept);
        return add_better(wanted, potential);
    }

  private:
    struct candidate {
        double reduced, cost;
        node from;
    };

    static real narrowed(double x) { return static_cast<real>(x); }
    void list(std::size_t i, std::size_t j, double cost, bool known) {
        arcs_.push_back({static_cast<node>(i), static_cast<node>(n_ + j), cost});
        known_.push_back(known);
    }

    /// What an arc must be below to be listed, learnt from a few rows, so that the others need no sorting.
    double usual_bound(std::size_t wanted, const std::vector<double>& potential) {
        if (n_ * m_ <= 4096 || m_ <= 4 * wanted) return std::numeric_limits<double>::infinity();
        auto costs = c_.read();
        std::vector<double> r(m_), kth;
        const std::size_t step = std::max<std::size_t>(1, n_ / 12);
        for (std::size_t i = step / 2; i < n_; i += step) {
            const real* c = costs.row(i);
            for (std::size_t j = 0; j < m_; ++j) r[j] = static_cast<double>(c[j]) - potential[i] - potential[n_ + j];
            std::nth_element(r.begin(), r.begin() + std::ptrdiff_t(wanted), r.end());
            kth.push_back(r[wanted]);
        }
        const auto middle = kth.begin() + std::ptrdiff_t(kth.size() / 2);
        std::nth_element(kth.begin(), middle, kth.end());
        return *middle + std::abs(*middle);
    }

    /// visit(i, costs, slack, room, lowest) for every row, lowest: no true reduced cost of the row is below it; what
    /// visit returns is a better such bound, or infinity. Rows' potentials made as great as the columns' allow respect
    /// every cost: a lower bound.
    template <class Visit>
    bool pass(const std::vector<double>& potential, Visit visit) {
        ++passes_;
        const std::size_t before = arcs_.size();
        const double* v = potential.data() + n_;
        double most = 0, dual = 0;
        for (std::size_t j = 0; j < m_; ++j) {
            narrow_[j] = narrowed(v[j]);
            most = std::max(most, std::abs(v[j]));
        }
        std::vector<double> feasible(potential.begin(), potential.begin() + std::ptrdiff_t(n_ + m_));
        auto costs = c_.read();
        for (std::size_t i = 0; i < n_; ++i) {
            const real* c = costs.row(i);
            // What rounding hides: that of the costs, and of c − v in this precision.
            const double slack = c_.slack(i);
            const double room = slack + std::numeric_limits<real>::epsilon() * 2 * (scale_ + most);
            const auto least = static_cast<double>(row_pricing<real>::least(c, narrow_.data(), m_));
            const double lowest = least - room - potential[i], better = visit(i, c, slack, room, lowest);
            feasible[i] += std::isinf(better) ? lowest : better;
            dual += a_[i] * feasible[i];
        }
        for (std::size_t j = 0; j < m_; ++j) dual += b_[j] * v[j];
        last_feasible_ = std::move(feasible);
        last_dual_ = dual;
        if (dual > dual_) keep_bound();
        return arcs_.size() > before;
    }
    void keep_bound() {
        dual_ = last_dual_;
        best_ = last_feasible_;
    }

    bool add_better(std::size_t k, const std::vector<double>& potential) {
        const candidate nobody{-tolerance_, 0, -1};
        std::swap(closely_before_, closely_);
        closely_.clear();
        std::vector<candidate> row, column(m_ * k, nobody);  // sorted, at most k; of a column likewise
        const auto insert = [](candidate* to, std::size_t size, const candidate& x) {
            std::size_t p = size - 1;
            for (; p > 0 && to[p - 1].reduced > x.reduced; --p) to[p] = to[p - 1];
            to[p] = x;
        };
        std::vector<std::uint32_t> found(m_ + 16);
        bool any = pass(potential, [&](std::size_t i, const real* c, double, double room, double lowest) {
            if (!(lowest < 0)) return std::numeric_limits<double>::infinity();
            const double u = potential[i];
            row.assign(k, nobody);
            // Rounded down by the conversion or up, the room covers it.
            const std::size_t count = row_pricing<real>::below(c, narrow_.data(), narrowed(room + u), m_, found.data());
            double seen = 0;  // all that could be below zero is looked at closely
            const close_looks::look* before = closely_before_.row(i);
            closely_.begin(i);
            for (std::size_t p = 0; p < count; ++p) {
                const std::uint32_t j = found[p];
                const double v = potential[n_ + j];
                if (!(static_cast<double>(c[j]) - room - u - v < 0)) continue;
                candidate x{0, static_cast<double>(c[j]), static_cast<node>(i)};
                if constexpr (Costs::rounded) {
                    while (before->j < j) ++before;
                    x.cost = before->j == j ? before->cost : c_.precise(i, j);
                    closely_.add(i, j, x.cost);
                }
                x.reduced = x.cost - u - v;
                seen = std::min(seen, x.reduced);
                candidate* of_column = &column[j * k];
                if (x.reduced < of_column[k - 1].reduced) insert(of_column, k, x);
                x.from = static_cast<node>(j);
                if (x.reduced < row[k - 1].reduced) insert(row.data(), k, x);
            }
            closely_.end();
            for (const candidate& x : row)
                if (x.from >= 0) list(i, static_cast<std::size_t>(x.from), x.cost, true);
            return seen;
        });
        for (std::size_t j = 0; j < m_; ++j)
            for (std::size_t p = 0; p < k; ++p)
                if (const candidate& x = column[j * k + p]; x.from >= 0)
                    list(static_cast<std::size_t>(x.from), j, x.cost, true), any = true;
        if (!any) keep_bound();  // the last pass is the proof, whatever rounding says of others
        return any;
    }

    Costs c_;
    std::size_t n_, m_;
    std::span<const double> a_, b_;
    double scale_, tolerance_;
    close_looks closely_, closely_before_;  // in this pass and the one before
    aligned_vector<real> narrow_;           // potentials of the columns in the precision of the rows
    std::vector<arc> arcs_;
    std::vector<char> known_;  // whether their costs are the true ones
    std::vector<double> best_, last_feasible_;
    double dual_ = -std::numeric_limits<double>::infinity(), last_dual_ = 0;
    std::size_t passes_ = 0;
};

}  // namespace holdfast::transport::detail
