#pragma once
// Shortest augmenting paths for dense transportation problems: from every source that has mass left, the cheapest way
// to a sink that has room, over arcs that take mass and back over arcs that give it (Dijkstra over reduced costs, the
// paths' lengths then going into the potentials). With potentials to start from that are nearly right, most mass finds
// its place at once and the paths are short: far fewer steps than the pivots of a simplex, and each is one pass over a
// row of costs. In the precision of the costs; network_simplex.hpp begins where this ends, and proves it.
// Builds on path_scan.hpp and first_plan.hpp. Leaves out any proof.
// See Jonker & Volgenant 1987, whose augmentation this is, for masses instead of pairs.

#include <holdfast/transport/detail/aligned.hpp>
#include <holdfast/transport/detail/first_plan.hpp>
#include <holdfast/transport/detail/path_scan.hpp>
#include <holdfast/transport/detail/pricing.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace holdfast::transport::detail {

/// Costs: as for network_simplex.
template <class Costs>
class augmenting_paths {
    using real = typename Costs::real;
    using node = std::int32_t;
    static constexpr node none = -1;

  public:
    /// @param supply [n], demand [m]  of equal sum
    /// @param potential               f [n] and g [m]: where to start, of which only g counts
    augmenting_paths(const Costs& costs, const std::vector<std::int64_t>& supply,
                     const std::vector<std::int64_t>& demand, const std::vector<double>& potential)
        : c_(costs.read()),
          n_(supply.size()),
          m_(demand.size()),
          left_(supply),
          room_(demand),
          first_(m_, none),
          reached_from_(n_, none),
          seen_(n_, 0),
          pairs_(n_ == m_ && std::all_of(supply.begin(), supply.end(), [&](auto x) { return x == supply[0]; }) &&
                 supply == demand),
          tie_(std::numeric_limits<real>::epsilon() * static_cast<real>(costs.largest())) {
        const std::size_t width = (m_ + scan_step - 1) / scan_step * scan_step;
        v_.assign(width, -std::numeric_limits<real>::infinity());
        w_ = v_;
        key_.resize(width);
        favour_.resize(m_);
        from_.resize(width);
        for (std::size_t j = 0; j < m_; ++j) v_[j] = static_cast<real>(potential[n_ + j]);
        place_along_tight_arcs();
        for (std::size_t j = 0; j < m_; ++j) favour_[j] = room_[j] > 0 ? tie_ : real{0};
    }

    /// Places all mass; gives up when too many rows were read, or where masses differ and many sources wait (their mass
    /// would split over sinks again and again: a tree is found faster).
    /// @return whether all is placed
    bool run() {
        const auto waiting = std::count_if(left_.begin(), left_.end(), [](std::int64_t left) { return left > 0; });
        if (!pairs_ && static_cast<std::size_t>(waiting) > n_ / 4) return false;
        const std::size_t most_rows = 20 * (n_ + m_);
        for (std::size_t i = 0; i < n_; ++i)
            while (left_[i] > 0) {
                if (rows_ > most_rows) return false;
                search(static_cast<node>(i));
            }
        return true;
    }

    /// Where they are now: f_i = min_j (c_ij − g_j).
    void potentials(std::vector<double>& potential) {
        for (std::size_t i = 0; i < n_; ++i)
            potential[i] = static_cast<double>(row_pricing<real>::least(c_.row(i), v_.data(), m_));
        for (std::size_t j = 0; j < m_; ++j) potential[n_ + j] = static_cast<double>(v_[j]);
    }

    /// visit(i, j, mass) for all that is placed.
    template <class Visit>
    void each_flow(Visit visit) const {
        for (std::size_t j = 0; j < m_; ++j)
            for (node s = first_[j]; s != none; s = shares_[at(s)].next)
                visit(at(shares_[at(s)].row), j, shares_[at(s)].mass);
    }

  private:
    struct share {  // what a source gives a sink, in the list of the sink's
        node row, next;
        std::int64_t mass;
    };

    static std::size_t at(node x) { return static_cast<std::size_t>(x); }

    void give(node row, std::size_t j, std::int64_t mass) {
        for (node s = first_[j]; s != none; s = shares_[at(s)].next)
            if (shares_[at(s)].row == row) {
                shares_[at(s)].mass += mass;
                return;
            }
        const share made{row, first_[j], mass};
        if (unused_ != none) {
            first_[j] = std::exchange(unused_, shares_[at(unused_)].next);
            shares_[at(first_[j])] = made;
        } else {
            first_[j] = static_cast<node>(shares_.size());
            shares_.push_back(made);
        }
    }
    void take(node row, std::size_t j, std::int64_t mass) {
        node* link = &first_[j];
        while (shares_[at(*link)].row != row) link = &shares_[at(*link)].next;
        share& of = shares_[at(*link)];
        of.mass -= mass;
        if (of.mass > 0) return;
        const node s = *link;
        *link = of.next;
        of.next = std::exchange(unused_, s);
    }
    [[nodiscard]] std::int64_t given(node row, std::size_t j) const {
        node s = first_[j];
        while (shares_[at(s)].row != row) s = shares_[at(s)].next;
        return shares_[at(s)].mass;
    }

    /// Columns as dear as rows allow, then every row along the arcs on which nothing is left to gain.
    void place_along_tight_arcs() {
        std::vector<real> u(n_);
        aligned_vector<real> low(v_.size(), std::numeric_limits<real>::max());
        for (std::size_t i = 0; i < n_; ++i) {
            const real* c = c_.row(i);
            u[i] = row_pricing<real>::least(c, v_.data(), m_);
            row_pricing<real>::lower(low.data(), c, u[i], m_);
        }
        std::copy_n(low.begin(), m_, v_.begin());
        std::vector<std::uint32_t> found(m_ + 16);
        for (std::size_t i = 0; i < n_; ++i) {
            const real* c = c_.row(i);
            const std::size_t count = row_pricing<real>::below(c, v_.data(), u[i] + tie_, m_, found.data());
            for (std::size_t k = 0; k < count && left_[i] > 0; ++k) {
                const std::size_t j = found[k];
                const std::int64_t mass = std::min(left_[i], room_[j]);
                if (mass == 0) continue;
                left_[i] -= mass;
                room_[j] -= mass;
                give(static_cast<node>(i), j, mass);
            }
        }
    }

    /// From sink to sink, the nearest first, as long as the source has mass and the ways that were found are there.
    /// Potentials are then such that these ways cost nothing.
    void search(node source) {
        std::fill(key_.begin(), key_.end(), std::numeric_limits<real>::infinity());
        for (std::size_t j = 0; j < m_; ++j) w_[j] = v_[j] + favour_[j];
        passed_.clear();
        ++search_;
        seen_[at(source)] = search_;
        std::size_t j = scan(source, c_.row(at(source)), 0);
        for (;;) {
            if (room_[j] > 0) {
                const bool there = augment(source, j);
                if (!there || left_[at(source)] == 0) break;
            }
            j = pass(j);
        }
        for (const auto& [column, length] : passed_) v_[column] += length - key_[j];
    }

    /// Through a full sink to all sources that give to it, and to the sinks that they could give to instead. The sink
    /// that is nearest then.
    std::size_t pass(std::size_t j) {
        const real length = key_[j];
        passed_.push_back({j, length});
        w_[j] = -std::numeric_limits<real>::infinity();  // never to come nearer
        key_[j] = std::numeric_limits<real>::infinity();
        std::size_t next = m_;
        for (node s = first_[j]; s != none; s = shares_[at(s)].next) {
            const node row = shares_[at(s)].row;
            if (seen_[at(row)] == search_) continue;
            seen_[at(row)] = search_;
            reached_from_[at(row)] = static_cast<node>(j);
            const real* c = c_.row(at(row));
            next = scan(row, c, c[j] - v_[j] - length);
        }
        return next != m_ ? next : path_scan<real>::nearest(key_.data(), m_);
    }

    std::size_t scan(node row, const real* c, real h) {
        ++rows_;
        return path_scan<real>::nearer(c, c_.readable(), w_.data(), h, row, key_.data(), from_.data(), m_);
    }

    /// Moves what the way to a sink lets through. @return whether the way is still there
    bool augment(node source, std::size_t sink) {
        std::int64_t least = std::numeric_limits<std::int64_t>::max();
        for (node row = node(from_[sink]); row != source; row = node(from_[at(reached_from_[at(row)])]))
            least = std::min(least, given(row, at(reached_from_[at(row)])));
        const std::int64_t mass = std::min({least, left_[at(source)], room_[sink]});
        left_[at(source)] -= mass;
        room_[sink] -= mass;
        if (room_[sink] == 0) favour_[sink] = 0;
        for (std::size_t j = sink;;) {
            const node row = node(from_[j]);
            give(row, j, mass);
            if (row == source) return mass < least;
            j = at(reached_from_[at(row)]);
            take(row, j, mass);
        }
    }

    typename Costs::reader c_;
    std::size_t n_, m_;
    std::vector<std::int64_t> left_, room_;  // of sources to give, of sinks to take
    std::vector<share> shares_;
    std::vector<node> first_;  // of each sink's list
    node unused_ = none;
    std::vector<node> reached_from_;  // by which sink a source was reached
    std::vector<std::uint32_t> seen_;
    std::uint32_t search_ = 0;
    bool pairs_;  // whether all masses are the same
    real tie_;
    aligned_vector<real> v_, w_, key_;  // g; g in a search; lengths of ways
    std::vector<real> favour_;          // in a search, of sinks with room: of those as near, they come first
    aligned_vector<beside<real>> from_;
    std::vector<std::pair<std::size_t, real>> passed_;
    std::size_t rows_ = 0;
};

/// A plan along shortest paths, and into `potential` where they end; nothing where they took too long, or their arcs
/// close a cycle.
template <class Costs>
first_plan plan_along_paths(const Costs& c, std::vector<double>& potential, const std::vector<std::int64_t>& supply,
                            const std::vector<std::int64_t>& demand) {
    first_plan placed;
    if (!c.any_order()) return placed;
    augmenting_paths<Costs> paths(c, supply, demand, potential);
    if (!paths.run()) return placed;
    paths.potentials(potential);
    const std::size_t n = supply.size();
    paths.each_flow([&](std::size_t i, std::size_t j, std::int64_t mass) {
        placed.arcs.push_back({static_cast<std::int32_t>(i), static_cast<std::int32_t>(n + j), 0});
        placed.mass.push_back(mass);
    });
    if (!is_forest(placed.arcs, n + demand.size())) placed = {};
    return placed;
}

}  // namespace holdfast::transport::detail
