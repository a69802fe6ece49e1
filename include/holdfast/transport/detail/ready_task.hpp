#pragma once
// What a distance needs of each task, made once: near points merged, points ready for costs; and costs between two such
// tasks as the simplex takes them. Builds on cost_table.hpp, merge.hpp and wasserstein_options.hpp.

#include <holdfast/core/matrix.hpp>
#include <holdfast/transport/cost.hpp>
#include <holdfast/transport/cost_table.hpp>
#include <holdfast/transport/detail/fixed_points.hpp>
#include <holdfast/transport/detail/precise.hpp>
#include <holdfast/transport/measure.hpp>
#include <holdfast/transport/merge.hpp>
#include <holdfast/transport/wasserstein_options.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace holdfast::transport::detail {

/// Whether two measures are the same set of points with the same weights, in whatever order.
template <class Real>
bool same_measure(const discrete_measure<Real>& a, const discrete_measure<Real>& b) {
    if (a.size() != b.size() || a.dimension() != b.dimension()) return false;
    const auto first = a.points.row(0);  // most measures that differ differ in this
    std::size_t at = 0;
    while (at < b.size() && !std::equal(first.begin(), first.end(), b.points.row(at).begin())) ++at;
    if (at == b.size()) return false;
    std::vector<std::pair<std::uint64_t, std::size_t>> x(a.size()), y(b.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
        x[i] = {row_identity<Real>::digest(&a.points(i, 0), a.dimension()).hash, i};
        y[i] = {row_identity<Real>::digest(&b.points(i, 0), b.dimension()).hash, i};
    }
    std::uint64_t sum = 0;  // in whatever order
    for (std::size_t i = 0; i < a.size(); ++i) sum += x[i].first - y[i].first;
    if (sum != 0) return false;
    std::sort(x.begin(), x.end());
    std::sort(y.begin(), y.end());
    for (std::size_t i = 0, j = 0; i < x.size(); ++i) {
        if (x[i].first != y[i].first) return false;
        for (j = i; j > 0 && y[j - 1].first == x[i].first;) --j;  // rows whose hashes collide are tried in turn
        bool found = false;
        for (; !found && j < y.size() && y[j].first == x[i].first; ++j) {
            const auto p = a.points.row(x[i].second), q = b.points.row(y[j].second);
            found = a.weights[x[i].second] == b.weights[y[j].second] && std::equal(p.begin(), p.end(), q.begin());
        }
        if (!found) return false;
    }
    return true;
}

/// A measure, its points ready for costs: what is done once per task. The measure must outlive it.
template <class Real>
class ready_task {
    std::unique_ptr<const merged_measure<Real>> merged_;

  public:
    const discrete_measure<Real>& measure;
    double moved = 0, moved_squared = 0;  // Σ w |displacement| of points merged into others, and of its square
    bool has_single = false;              // whether single precision can hold squares and factors
    std::vector<double> factor;           // [n] what points are multiplied by
    double largest = 0;                   // greatest length of a point then
    std::optional<prepared_points<double>> double_;
    std::optional<fixed_points> whole;  // unit vectors in whole numbers, where they pay

    ready_task(const discrete_measure<Real>& given, const wasserstein_options& options)
        : merged_(options.merge_within > 0 ? std::make_unique<const merged_measure<Real>>(
                                                 merge_near(given, options.merge_within, options.cost))
                                           : nullptr),
          measure(merged_ ? merged_->measure : given) {
        if (merged_) moved = merged_->moved, moved_squared = merged_->moved_squared;
        const bool is_cosine = options.cost.kind() == ground_cost::kinds::cosine;
        if (is_cosine && options.method != solver::sinkhorn && measure.dimension() >= 32) {
            const point_preparation<float, matrix<Real>> prepare_point(measure.points, true);
            factor.resize(measure.size());
            whole.emplace(measure.size(), measure.dimension(), measure.weights,
                          [&](std::size_t i, float* to) { factor[i] = prepare_point(i, to).factor; });
            largest = 1;
            has_single = true;
        } else if (options.cost.kind() <= ground_cost::kinds::euclidean) {  // else rounding has no known bound
            single_ = prepare<float>(measure.points, options.cost);
            factor = single_->factor;
            largest = single_->largest;
            has_single = largest == 0 || (largest > 1e-15 && largest < 1e15);
        }
        has_single = has_single && std::count(factor.begin(), factor.end(), 0.0) == 0;
        if (has_single) return;
        single_.reset();
        whole.reset();
        double_ = prepare<double>(measure.points, options.cost);
    }

    /// In single precision, if it has that: where there are whole numbers, made when first needed, by whoever comes
    /// first.
    [[nodiscard]] const prepared_points<float>& single() const {
        std::call_once(single_made_, [&] {
            if (!single_) single_ = prepare<float>(measure.points, cosine{});
        });
        return *single_;
    }

    /// In double: made when first needed, which is rarely, and then not shared between threads.
    [[nodiscard]] prepared_points<double> precise(const ground_cost& cost) const {
        return double_ ? *double_ : prepare<double>(measure.points, cost);
    }

  private:
    mutable std::optional<prepared_points<float>> single_;
    mutable std::once_flag single_made_;
};

/// Costs as network_simplex takes them: rows from the table, single costs from the points as they were given.
template <class A, class B>
struct table_problem {
    using real = float;
    using reader = cost_table::reader;
    static constexpr bool rounded = true;

    const cost_table* table;
    const ready_task<A>* a;
    const ready_task<B>* b;
    ground_cost::kinds kind;
    double rounding;  // no cost in single precision is further from the true one

    [[nodiscard]] std::size_t rows() const { return table->rows(); }
    [[nodiscard]] std::size_t cols() const { return table->cols(); }
    [[nodiscard]] reader read() const { return table->read(); }
    [[nodiscard]] bool any_order() const { return table->how() != storage::streamed; }
    [[nodiscard]] double slack(std::size_t i) const { return rounding + table->quantisation(i); }
    [[nodiscard]] double largest() const { return table->greatest() + rounding; }
    [[nodiscard]] double precise(std::size_t i, std::size_t j) const {
        const double s = precise_distance<A, B>::squared(
            &a->measure.points(i, 0), a->factor[i], &b->measure.points(j, 0), b->factor[j], a->measure.dimension());
        return kind == ground_cost::kinds::cosine ? s / 2 : kind == ground_cost::kinds::euclidean ? std::sqrt(s) : s;
    }
};

/// Costs as they are read from a table, taken for the true ones.
struct read_costs {
    using real = float;
    using reader = cost_table::reader;
    static constexpr bool rounded = false;

    const cost_table* table;

    [[nodiscard]] std::size_t rows() const { return table->rows(); }
    [[nodiscard]] std::size_t cols() const { return table->cols(); }
    [[nodiscard]] reader read() const { return table->read(); }
    [[nodiscard]] bool any_order() const { return table->how() != storage::streamed; }
    [[nodiscard]] double slack(std::size_t) const { return 0; }
    [[nodiscard]] double largest() const { return table->greatest(); }
    [[nodiscard]] double precise(std::size_t i, std::size_t j) const { return static_cast<double>(table->at(i, j)); }
};

template <class Real>
bool close_enough(const certified<Real>& x, double relative_gap) {
    return x.upper - x.lower <= relative_gap * std::abs(x.lower);
}

}  // namespace holdfast::transport::detail
