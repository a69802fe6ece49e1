#pragma once
// How sure every metric of one run is by its test items alone: the delta method, which takes a metric's derivative by
// each score and that score's own variance. Builds on catalogue.hpp. Leaves out the spread between runs (runs.hpp) and
// closed forms for single metrics (items.hpp); needs no Boost.

#include <holdfast/core/error.hpp>
#include <holdfast/core/matrix.hpp>
#include <holdfast/metrics/accuracy_matrix.hpp>
#include <holdfast/metrics/catalogue.hpp>
#include <holdfast/metrics/options.hpp>

#include <cmath>
#include <cstddef>
#include <limits>
#include <utility>
#include <vector>

namespace holdfast::metrics {

/// Variance of one score by the number of its test items, each right or wrong.
///
///     p (1 − p) / n · scale²
///
/// Where all n are alike, p is taken as if one more item had been right and one more wrong (n items alike do not make
/// the next one certain). A graded score (ROUGE-L ...) has less variance than this.
///
/// @param score  in the task's own unit
/// @return       in that unit, squared; NaN where n is 0 (not known) or the score lies outside 0..scale
[[nodiscard]] inline double score_variance(double score, const task_traits& traits) {
    double p = score / traits.scale;
    if (traits.size == 0 || !(p >= 0 && p <= 1)) return not_evaluated;
    const auto n = static_cast<double>(traits.size);
    if (p == 0 || p == 1) p = (p * n + 1) / (n + 2);
    return p * (1 - p) / n * traits.scale * traits.scale;
}

/// The same for a whole table: row 0 before training, row i + 1 after stage i [1 + stages, T]; NaN = not known.
[[nodiscard]] inline matrix<double> score_variances(const accuracy_matrix& r) {
    matrix<double> v(r.stages() + 1, r.tasks(), not_evaluated);
    for (std::size_t j = 0; j < r.tasks(); ++j) {
        if (!r.before().empty()) v(0, j) = score_variance(r.before()[j], r.traits()[j]);
        for (std::size_t i = 0; i < r.stages(); ++i) v(i + 1, j) = score_variance(r(i, j), r.traits()[j]);
    }
    return v;
}

/// Variances of the stream's scores and of the suites', each [1 + stages, tasks] as score_variances gives them; a
/// table without scores has an empty one.
struct variance_tables {
    matrix<double> stream{}, general{}, instruction_following{}, safety{};

    /// By the number of test items in the tables' traits.
    [[nodiscard]] static variance_tables of(const accuracy_matrix& r, const beside& b) {
        const auto suite = [](const accuracy_matrix* m) { return m ? score_variances(*m) : matrix<double>{}; };
        return {score_variances(r), suite(b.general), suite(b.instruction_following), suite(b.safety)};
    }
};

namespace detail {

/// The score at row (0: before training) and task, in the task's own unit.
inline double score_at(const accuracy_matrix& m, std::size_t row, std::size_t task) {
    if (row > 0) return m(row - 1, task);
    return m.before().empty() ? not_evaluated : m.before()[task];
}

/// The table with that score changed.
inline accuracy_matrix with_score(accuracy_matrix m, std::size_t row, std::size_t task, double score) {
    if (row > 0) {
        m.set(row - 1, task, score);
    } else {
        std::vector<double> before(m.before().begin(), m.before().end());
        before[task] = score;
        m.before(before);
    }
    return m;
}

}  // namespace detail

/// Standard error of every metric of one run by its test items.
///
///     error² = Σ_cells ( ∂metric / ∂score )² · variance(score)
///
/// Exact for means of scores, and for a maximum where it is not tied. Takes the scores of one task at different stages
/// as if from different items; they are the same ones, so the truth is narrower where a model keeps what it knew.
///
/// @param r   scores [stages, T]
/// @param b   what all_metrics was given beside it
/// @param of  what all_metrics gave for r, b and o
/// @param v   variances; variance_tables::of(r, b) unless better ones are known
/// @return    one per entry of `of.values`; NaN where a score that matters has no known variance, 0 where no score
///            moves the metric (which says nothing of its error)
/// @cost      O(cells · T²), cells = scores of r and of the suites
[[nodiscard]] inline std::vector<double> item_errors(const accuracy_matrix& r, const beside& b, const catalogue& of,
                                                     const variance_tables& v, const options& o = {}) {
    std::vector<double> variances(of.values.size(), 0.0);
    const auto use = [&](const accuracy_matrix* m, const matrix<double>& variance, auto all_with) {
        if (!m) return;
        require(variance.rows() == m->stages() + 1 && variance.cols() == m->tasks(),
                "metrics::item_errors: needs variances [", m->stages() + 1, ", ", m->tasks(), "], got [",
                variance.rows(), ", ", variance.cols(), "]");
        for (std::size_t row = 0; row <= m->stages(); ++row)
            for (std::size_t task = 0; task < m->tasks(); ++task) {
                const double score = detail::score_at(*m, row, task);
                if (std::isnan(score)) continue;
                const double h = 1e-5 * m->traits()[task].scale;
                const auto up = all_with(detail::with_score(*m, row, task, score + h));
                const auto down = all_with(detail::with_score(*m, row, task, score - h));
                for (std::size_t k = 0; k < variances.size(); ++k) {
                    const result* u = up.find(of.values[k].id);
                    const result* d = down.find(of.values[k].id);
                    const double slope = u && d ? (u->value - d->value) / (2 * h) : not_evaluated;
                    if (std::abs(slope) < 1e-8) continue;
                    variances[k] += slope * slope * variance(row, task);  // NaN stays: one unknown makes it unknown
                }
            }
    };
    use(&r, v.stream, [&](const accuracy_matrix& m) { return all_metrics(m, b, o); });
    const auto suite = [&](const accuracy_matrix* beside::*which, const matrix<double>& variance) {
        use(b.*which, variance, [&](const accuracy_matrix& m) {
            beside changed = b;
            changed.*which = &m;
            return all_metrics(r, changed, o);
        });
    };
    suite(&beside::general, v.general);
    suite(&beside::instruction_following, v.instruction_following);
    suite(&beside::safety, v.safety);
    for (double& x : variances) x = std::sqrt(x);
    return variances;
}

}  // namespace holdfast::metrics
