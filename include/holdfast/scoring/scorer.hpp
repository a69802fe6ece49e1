#pragma once
// The scorer: a prediction and its references -> one number. Here stand the concept and any_scorer, the one type that
// holds any of them (a task carries it). Builds on overlap.hpp. The scorers themselves are in the sibling
// headers, one family each; what scores mean together is metrics/.

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <holdfast/scoring/overlap.hpp>

namespace holdfast::scoring {

/// What turns one prediction into one number.
/// 1. `score(prediction, references)` is higher for a better prediction, between 0 and `best`; the same arguments give
///    the same number, always. It never fails because of the text: empty, broken UTF-8 and a megabyte are scored too.
/// 2. With several references the scorer says which rule it follows (the best of them, unless its origin does
/// otherwise).
///    No reference at all scores 0.
/// 3. Optional: `static constexpr double best`, the score of a perfect prediction (1 when absent; 100 where the origin
///    reports per cent: fuzz.ratio, SARI).
/// 4. Optional: `name()`, what a report prints.
/// 5. Optional: `score(prediction, references, source)` for a score that depends on the text that was given to the
///    model.
/// 6. Optional: counts that add up over a corpus; see pooled_scorer and overlap_scorer.
template <class S>
concept scorer = requires(const S& s, std::string_view prediction, std::span<const std::string> references) {
    { s.score(prediction, references) } -> std::convertible_to<double>;
};

/// A scorer whose items are a few numbers each, so that one pass over the texts gives the scores of the items, their
/// mean (macro average), the score of the corpus as a whole (micro average), and that of any resample of it.
/// 1. `width`: how many numbers.
/// 2. `measure(prediction, references, source, numbers)` sets the numbers [width] and returns `score` of the item.
/// 3. `pooled(sums, items)`: the score of a corpus from the numbers summed over its items.
/// 4. Optional: `reports_pooled()`: that is what the origin reports of a corpus, not the mean (no when absent).
template <class S>
concept pooled_scorer = scorer<S> &&
    requires(const S& s, std::string_view text, std::span<const std::string> references, std::span<double> numbers,
             std::span<const double> sums) {
    { S::width } -> std::convertible_to<std::size_t>;
    { s.measure(text, references, text, numbers) } -> std::convertible_to<double>;
    { s.pooled(sums, std::size_t{}) } -> std::convertible_to<double>;
};

/// A scorer that counts what a prediction and one reference have in common; the rest follows: with several references
/// the best counts, the numbers of an item are the counts of the best, those of a corpus are added up.
/// 1. `match(prediction, reference)`: the counts of the pair.
/// 2. Optional: `static f(overlap)`, the score that counts have; overlap::f() when absent.
template <class S>
concept overlap_scorer = scorer<S> && !pooled_scorer<S> && requires(const S& s, std::string_view text) {
    { s.match(text, text) } -> std::same_as<overlap>;
};

namespace detail {

template <class S>
double f_of(const overlap& o) {
    if constexpr (requires {
                      { S::f(o) } -> std::convertible_to<double>;
                  })
        return S::f(o);
    else
        return o.f();
}

/// The counts of the reference that matches best into numbers [3]; returns the score.
template <class S>
double measure_best(const S& s, std::string_view prediction, std::span<const std::string> references,
                    std::span<double> numbers) {
    return measure_best(
        references, numbers, [&](const std::string& r) { return s.match(prediction, r); }, f_of<S>);
}

/// The score of the reference that matches best: what an overlap_scorer's `score` is.
template <class S>
double score_best(const S& s, std::string_view prediction, std::span<const std::string> references) {
    std::array<double, 3> numbers;
    return measure_best(s, prediction, references, numbers);
}

template <class S>
concept scorer_with_source = requires(const S& s, std::string_view text, std::span<const std::string> references) {
    { s.score(text, references, text) } -> std::convertible_to<double>;
};

template <class S>
double best_of(const S& s) {
    if constexpr (requires {
                      { s.best() } -> std::convertible_to<double>;
                  })
        return static_cast<double>(s.best());
    else if constexpr (requires {
                           { S::best } -> std::convertible_to<double>;
                       })
        return static_cast<double>(S::best);
    else
        return 1.0;
}

template <class S>
std::string name_of(const S& s) {
    if constexpr (requires { {std::string(s.name())}; })
        return std::string(s.name());
    else
        return "unnamed scorer";
}

/// Byte equality with any reference; an empty prediction never counts (TRACE). exact_match and the default any_scorer
/// share it.
inline double equals_any(std::string_view prediction, std::span<const std::string> references) {
    const bool hit =
        !prediction.empty() && std::find(references.begin(), references.end(), prediction) != references.end();
    return hit ? 1.0 : 0.0;
}

}  // namespace detail

/// Any scorer in one type: copied by sharing (a scorer is constant), never empty. Default-constructed it is the exact
/// match of TRACE (`exact_match`). It is a scorer itself.
///
///     any_scorer s = trace::rouge_l{};
///     s.score("the cat", references);
class any_scorer {
  public:
    any_scorer() = default;

    /// Takes any scorer by value.
    template <scorer S>
        requires(!std::same_as<S, any_scorer>)
    any_scorer(S s) : model_(std::make_shared<model<S>>(std::move(s))) {}

    /// @param prediction  what the model wrote
    /// @param references  accepted answers [k]; none scores 0
    /// @return            0 .. best()
    /// @throw             invalid_argument where the scorer cannot do without the source (SARI)
    double score(std::string_view prediction, std::span<const std::string> references) const {
        return model_ ? model_->score(prediction, references) : detail::equals_any(prediction, references);
    }

    /// The same with the text the model was given; scorers that do not look at it ignore it.
    double score(std::string_view prediction, std::span<const std::string> references, std::string_view source) const {
        return model_ ? model_->score(prediction, references, source) : detail::equals_any(prediction, references);
    }

    /// What a report prints; valid as long as a copy of this scorer lives.
    std::string_view name() const { return model_ ? model_->name() : std::string_view("exact_match"); }

    /// The score of a perfect prediction: 1, or 100 where the origin reports per cent.
    double best() const { return model_ ? model_->best() : 1.0; }

    /// Does the score depend on the source text?
    bool uses_source() const { return model_ && model_->uses_source(); }

    /// How many numbers an item is (pooled_scorer); 1, the score itself, where the scorer says nothing of a corpus.
    std::size_t width() const { return model_ ? model_->width() : 1; }

    /// Has the scorer a score of a corpus that is not the mean of its items?
    bool pools() const { return model_ && model_->pools(); }

    /// Is that score what the scorer's origin reports?
    bool reports_pooled() const { return model_ && model_->reports_pooled(); }

    /// @param numbers  [width], set
    /// @return         the score of the item
    double measure(std::string_view prediction, std::span<const std::string> references, std::string_view source,
                   std::span<double> numbers) const {
        if (model_) return model_->measure(prediction, references, source, numbers);
        return numbers[0] = detail::equals_any(prediction, references);
    }

    /// @param sums   numbers [width] summed over the items
    /// @param items  how many
    /// @return       the score of the corpus; the mean where the scorer says nothing of a corpus
    double pooled(std::span<const double> sums, std::size_t items) const {
        return model_ ? model_->pooled(sums, items) : sums[0] / static_cast<double>(items);
    }

  private:
    struct interface {
        interface() = default;
        interface(const interface&) = delete;
        interface& operator=(const interface&) = delete;
        virtual ~interface() = default;
        virtual double score(std::string_view, std::span<const std::string>) const = 0;
        virtual double score(std::string_view, std::span<const std::string>, std::string_view) const = 0;
        virtual std::string_view name() const = 0;
        virtual double best() const = 0;
        virtual bool uses_source() const = 0;
        virtual std::size_t width() const = 0;
        virtual bool pools() const = 0;
        virtual bool reports_pooled() const = 0;
        virtual double measure(std::string_view, std::span<const std::string>, std::string_view,
                               std::span<double>) const = 0;
        virtual double pooled(std::span<const double>, std::size_t) const = 0;
    };

    template <class S>
    struct model final : interface {
        explicit model(S s) : held(std::move(s)), called(detail::name_of(held)) {}
        double score(std::string_view p, std::span<const std::string> r) const override {
            return static_cast<double>(held.score(p, r));
        }
        double score(std::string_view p, std::span<const std::string> r,
                     [[maybe_unused]] std::string_view source) const override {
            if constexpr (detail::scorer_with_source<S>)
                return static_cast<double>(held.score(p, r, source));
            else
                return static_cast<double>(held.score(p, r));
        }
        std::string_view name() const override { return called; }
        double best() const override { return detail::best_of(held); }
        bool uses_source() const override { return detail::scorer_with_source<S>; }
        bool pools() const override { return pooled_scorer<S> || overlap_scorer<S>; }
        std::size_t width() const override {
            if constexpr (pooled_scorer<S>)
                return S::width;
            else
                return overlap_scorer<S> ? 3 : 1;
        }
        bool reports_pooled() const override {
            if constexpr (requires { held.reports_pooled(); })
                return held.reports_pooled();
            else
                return false;
        }
        double measure(std::string_view p, std::span<const std::string> r, std::string_view source,
                       std::span<double> numbers) const override {
            if constexpr (pooled_scorer<S>)
                return static_cast<double>(held.measure(p, r, source, numbers));
            else if constexpr (overlap_scorer<S>)
                return detail::measure_best(held, p, r, numbers);
            else
                return numbers[0] = score(p, r, source);
        }
        double pooled([[maybe_unused]] std::span<const double> sums,
                      [[maybe_unused]] std::size_t items) const override {
            if constexpr (pooled_scorer<S>)
                return static_cast<double>(held.pooled(sums, items));
            else if constexpr (overlap_scorer<S>)
                return detail::f_of<S>({sums[0], sums[1], sums[2]});
            else
                return sums[0] / static_cast<double>(items);
        }
        S held;
        std::string called;
    };

    std::shared_ptr<const interface> model_;
};

static_assert(scorer<any_scorer>);

}  // namespace holdfast::scoring
