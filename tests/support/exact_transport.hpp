#pragma once
// Exact transport by other means than the library's, slow and plain: successive shortest paths for any weights, the
// Hungarian method for equal ones, sorting on the line. For tests only.

#include <holdfast/core/matrix.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <span>
#include <vector>

namespace holdfast_test {

/// Successive shortest paths with potentials (Edmonds & Karp 1972); O(augmentations (n + m)^2).
inline double transport_by_shortest_paths(holdfast::matrix_view<const double> c, std::vector<double> a,
                                          std::vector<double> b) {
    const std::size_t n = c.rows(), m = c.cols();
    const double infinite = std::numeric_limits<double>::infinity(), nothing = 1e-14;
    holdfast::matrix<double> flow(n, m);
    double least = infinite;
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = 0; j < m; ++j) least = std::min(least, c(i, j));
    std::vector<double> u(n, 0), v(m, least);  // c − u − v >= 0 (as distances: reduced costs are not negative)
    for (;;) {
        double left = 0;
        for (const double x : a) left += x;
        if (left <= nothing * static_cast<double>(n)) break;
        // Dijkstra from all rows with supply to any column with demand.
        std::vector<double> du(n, infinite), dv(m, infinite);
        std::vector<std::size_t> from_row(m, n), from_column(n, m);
        std::vector<char> done_row(n, 0), done_column(m, 0);
        for (std::size_t i = 0; i < n; ++i)
            if (a[i] > nothing) du[i] = 0;
        std::size_t target = m;
        while (target == m) {
            double best = infinite;
            std::size_t row = n, column = m;
            for (std::size_t i = 0; i < n; ++i)
                if (!done_row[i] && du[i] < best) best = du[i], row = i, column = m;
            for (std::size_t j = 0; j < m; ++j)
                if (!done_column[j] && dv[j] < best) best = dv[j], column = j, row = n;
            if (best == infinite) return std::numeric_limits<double>::quiet_NaN();
            if (row < n) {
                done_row[row] = 1;
                for (std::size_t j = 0; j < m; ++j) {
                    const double d = best + std::max(0.0, c(row, j) - u[row] - v[j]);
                    if (!done_column[j] && d < dv[j]) dv[j] = d, from_row[j] = row;
                }
            } else {
                done_column[column] = 1;
                if (b[column] > nothing) target = column;
                for (std::size_t i = 0; i < n; ++i)
                    if (!done_row[i] && flow(i, column) > nothing && best < du[i]) {
                        du[i] = best;
                        from_column[i] = column;
                    }
            }
        }
        const double length = dv[target];
        for (std::size_t i = 0; i < n; ++i) u[i] -= std::min(du[i], length);
        for (std::size_t j = 0; j < m; ++j) v[j] += std::min(dv[j], length);
        double moved = b[target];
        std::size_t j = target;
        for (;;) {
            const std::size_t i = from_row[j];
            if (from_column[i] == m) {
                moved = std::min(moved, a[i]);
                break;
            }
            j = from_column[i];
            moved = std::min(moved, flow(i, j));
        }
        b[target] -= moved;
        for (j = target;;) {
            const std::size_t i = from_row[j];
            flow(i, j) += moved;
            if (from_column[i] == m) {
                a[i] -= moved;
                break;
            }
            j = from_column[i];
            flow(i, j) -= moved;
        }
    }
    double cost = 0;
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = 0; j < m; ++j) cost += flow(i, j) * c(i, j);
    return cost;
}

/// The Hungarian method (Kuhn 1955; shortest augmenting paths) for n rows and n columns of weight 1/n; O(n^3).
inline double transport_by_assignment(holdfast::matrix_view<const double> c) {
    const std::size_t n = c.rows();
    std::vector<double> u(n + 1, 0), v(n + 1, 0);
    std::vector<std::size_t> match(n + 1, 0), way(n + 1, 0);
    for (std::size_t i = 1; i <= n; ++i) {
        std::vector<double> least(n + 1, std::numeric_limits<double>::infinity());
        std::vector<char> used(n + 1, 0);
        match[0] = i;
        std::size_t j0 = 0;
        do {
            used[j0] = 1;
            const std::size_t i0 = match[j0];
            std::size_t j1 = 0;
            double delta = std::numeric_limits<double>::infinity();
            for (std::size_t j = 1; j <= n; ++j) {
                if (used[j]) continue;
                const double r = c(i0 - 1, j - 1) - u[i0] - v[j];
                if (r < least[j]) least[j] = r, way[j] = j0;
                if (least[j] < delta) delta = least[j], j1 = j;
            }
            for (std::size_t j = 0; j <= n; ++j) {
                if (used[j])
                    u[match[j]] += delta, v[j] -= delta;
                else
                    least[j] -= delta;
            }
            j0 = j1;
        } while (match[j0] != 0);
        for (; j0 != 0; j0 = way[j0]) match[j0] = match[way[j0]];
    }
    double cost = 0;
    for (std::size_t j = 1; j <= n; ++j) cost += c(match[j] - 1, j - 1);
    return cost / static_cast<double>(n);
}

/// On the line, for a convex cost of the difference: the quantiles are coupled. `cost(x − y)`.
template <class Cost>
double transport_on_the_line(std::span<const double> x, std::vector<double> a, std::span<const double> y,
                             std::vector<double> b, Cost cost) {
    std::vector<std::size_t> p(x.size()), q(y.size());
    std::iota(p.begin(), p.end(), std::size_t{0});
    std::iota(q.begin(), q.end(), std::size_t{0});
    std::sort(p.begin(), p.end(), [&](std::size_t s, std::size_t t) { return x[s] < x[t]; });
    std::sort(q.begin(), q.end(), [&](std::size_t s, std::size_t t) { return y[s] < y[t]; });
    double total = 0;
    for (std::size_t i = 0, j = 0; i < p.size() && j < q.size();) {
        const double moved = std::min(a[p[i]], b[q[j]]);
        total += moved * cost(x[p[i]] - y[q[j]]);
        a[p[i]] -= moved;
        b[q[j]] -= moved;
        if (a[p[i]] <= b[q[j]]) {
            if (b[q[j]] <= 1e-15) ++j;
            ++i;
        } else {
            ++j;
        }
    }
    return total;
}

}  // namespace holdfast_test
