#pragma once
// Samples that respect a division: strata by label, each with its share (stratified), or clusters of directions, each
// represented by what is nearest to its middle (spherical k-means, as in self-synthesised rehearsal).
// Builds on allocation.hpp and representatives.hpp.

#include <holdfast/core/error.hpp>
#include <holdfast/core/matrix.hpp>
#include <holdfast/core/parallel.hpp>
#include <holdfast/core/random.hpp>
#include <holdfast/replay/allocation.hpp>
#include <holdfast/replay/representatives.hpp>
#include <holdfast/replay/sampler.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

namespace holdfast::replay {

/// What a stratum gets of a draw: in proportion to its size, or as much as every other.
enum class strata_share { proportional, equal };

/// Uniform without replacement inside each stratum, whose share is fixed (largest remainder; what a small stratum
/// lacks, the others give). A stratum's part is as even as a draw of whole items can be.
class stratified {
  public:
    static constexpr bool with_replacement = false;

    /// @param stratum  [size] any number per item; equal numbers, one stratum
    /// @throw invalid_argument if there are 2^32 items or more
    explicit stratified(std::span<const std::uint32_t> stratum, strata_share share = strata_share::proportional)
        : share_(share) {
        detail::check_count("stratified", stratum.size());
        names_.assign(stratum.begin(), stratum.end());
        std::sort(names_.begin(), names_.end());
        names_.erase(std::unique(names_.begin(), names_.end()), names_.end());
        sizes_.assign(names_.size(), 0);
        for (const std::uint32_t s : stratum) {
            const auto at = std::lower_bound(names_.begin(), names_.end(), s) - names_.begin();
            of_.push_back(static_cast<std::uint32_t>(at));
            ++sizes_[of_.back()];
        }
    }

    [[nodiscard]] std::size_t size() const { return of_.size(); }
    /// The strata in ascending order of their numbers.
    [[nodiscard]] const std::vector<std::uint32_t>& strata() const { return names_; }

    /// [strata] How many of each a draw of n takes.
    /// @throw invalid_argument if n > size()
    [[nodiscard]] std::vector<std::size_t> quotas(std::size_t n) const {
        require(n <= size(), "replay::stratified: ", n, " items asked, there are ", size());
        std::vector<double> weight(sizes_.begin(), sizes_.end());
        if (share_ == strata_share::equal) weight.assign(weight.size(), 1.0);
        return allocate(weight, n, {.rule = hamilton{}, .capacity = sizes_}).quotas;
    }

    /// @return [n] different items, stratum by stratum, in random order inside each
    /// @throw  invalid_argument if n > size()
    [[nodiscard]] std::vector<std::uint32_t> draw(std::size_t n, philox g) const {
        const std::vector<std::size_t> take = quotas(n);
        const detail::item_bits bits(g);
        std::vector<std::uint64_t> words(size());
        bits.words(0, words);
        std::vector<std::vector<std::uint32_t>> items(sizes_.size());
        for (std::uint32_t i = 0; i < size(); ++i) items[of_[i]].push_back(i);
        std::vector<std::uint32_t> drawn;
        for (std::size_t s = 0; s < items.size(); ++s) {
            const auto last = items[s].begin() + static_cast<std::ptrdiff_t>(take[s]);
            std::partial_sort(items[s].begin(), last, items[s].end(), [&](std::uint32_t a, std::uint32_t b) {
                return std::pair(words[a], a) < std::pair(words[b], b);
            });
            drawn.insert(drawn.end(), items[s].begin(), last);
        }
        return drawn;
    }

    /// How likely a draw of n holds an item: its stratum's quota over its size.
    /// @throw invalid_argument if there is no such item, or n > size()
    [[nodiscard]] double inclusion_probability(std::size_t item, std::size_t n) const {
        require(item < size(), "replay::stratified: there are ", size(), " items, asked for item ", item);
        return static_cast<double>(quotas(n)[of_[item]]) / static_cast<double>(sizes_[of_[item]]);
    }

  private:
    strata_share share_;
    std::vector<std::uint32_t> names_ = {}, of_ = {};
    std::vector<std::size_t> sizes_ = {};
};

static_assert(sampler<stratified>);

/// Directions in clusters.
struct clustering {
    std::vector<std::uint32_t> cluster = {};  ///< [n] which one a point belongs to
    std::vector<double> similarity = {};      ///< [n] cosine of a point and its cluster's centre
    matrix<double> centres = {};              ///< [k, d] of length 1
    std::size_t rounds = 0;
    bool settled = false;  ///< the last round changed nothing
};

namespace detail {

/// Cosine of a row and a direction of length 1; 0 for a row of zeros.
template <class View>
double cosine_with(const View& x, std::size_t i, const double* direction, double inverse_length) {
    return inverse_length * over_row(x, i, [=](double value, std::size_t c) { return value * direction[c]; });
}

}  // namespace detail

/// Spherical k-means: clusters by direction, begun at points far from each other (k-means++ on 1 - cosine), then
/// assigned and averaged in turn until nothing changes. A cluster that runs empty takes the point that fits worst.
///
/// @param points      [n, d]; a point of zeros has no direction and a cosine of 0 with every centre
/// @param clusters    from 1 to n
/// @param most_rounds of assigning and averaging
/// @throw invalid_argument for another number of clusters, or a point that is not finite
/// @cost  O(rounds n k d)
/// @see   Dhillon & Modha 2001; Arthur & Vassilvitskii 2007 (k-means++); Huang et al. 2024 (SSR), arXiv:2403.01244
template <matrix_like Matrix>
[[nodiscard]] clustering spherical_k_means(const Matrix& points, std::size_t clusters, philox g,
                                           std::size_t most_rounds = 100) {
    const auto x = view(points);
    const std::size_t n = x.rows(), d = x.cols();
    detail::check_points("spherical_k_means", x, 0);
    require(clusters >= 1 && clusters <= n, "replay::spherical_k_means: from 1 to ", n, " clusters, asked for ",
            clusters);
    std::vector<double> inverse(n), far(n, 1.0);
    for (std::size_t i = 0; i < n; ++i) {
        const double square = detail::over_row(x, i, [](double value, std::size_t) { return value * value; });
        inverse[i] = square > 0 ? 1 / std::sqrt(square) : 0;
    }
    clustering made;
    made.centres = matrix<double>(clusters, d);
    const auto begin_at = [&](std::size_t k, std::size_t i) {
        for (std::size_t c = 0; c < d; ++c) made.centres(k, c) = static_cast<double>(x(i, c)) * inverse[i];
    };
    for (std::size_t k = 0; k < clusters; ++k) {
        double total = 0;
        for (const double f : far) total += f;
        double left = uniform(g) * total;
        std::size_t at = 0;
        while (at + 1 < n && (left -= far[at]) >= 0) ++at;
        begin_at(k, at);
        for (std::size_t i = 0; i < n; ++i)
            far[i] = std::min(k == 0 ? 2.0 : far[i],
                              std::max(0.0, 1 - detail::cosine_with(x, i, &made.centres(k, 0), inverse[i])));
    }
    made.cluster.assign(n, std::numeric_limits<std::uint32_t>::max());
    made.similarity.assign(n, 0);
    std::vector<std::uint32_t> former;
    while (made.rounds < most_rounds && !made.settled) {
        former = made.cluster;
        parallel_chunks(n, 256, [&](std::size_t begin, std::size_t end, std::size_t) {
            for (std::size_t i = begin; i < end; ++i)
                for (std::size_t k = 0; k < clusters; ++k) {
                    const double s = detail::cosine_with(x, i, &made.centres(k, 0), inverse[i]);
                    if (k > 0 && !(s > made.similarity[i])) continue;
                    made.similarity[i] = s;
                    made.cluster[i] = static_cast<std::uint32_t>(k);
                }
        });
        ++made.rounds;
        made.settled = former == made.cluster;
        if (made.settled) break;
        matrix<double> sums(clusters, d);
        std::vector<std::size_t> sizes(clusters, 0);
        for (std::size_t i = 0; i < n; ++i) {
            ++sizes[made.cluster[i]];
            for (std::size_t c = 0; c < d; ++c) sums(made.cluster[i], c) += static_cast<double>(x(i, c)) * inverse[i];
        }
        std::vector<char> moved(n, 0);
        for (std::size_t k = 0; k < clusters; ++k) {
            double square = 0;
            for (std::size_t c = 0; c < d; ++c) square += sums(k, c) * sums(k, c);
            for (std::size_t c = 0; c < d && square > 0; ++c) made.centres(k, c) = sums(k, c) / std::sqrt(square);
            if (sizes[k] > 0) continue;
            const std::size_t worst = detail::least_free(n, moved, [&](std::size_t i) { return made.similarity[i]; });
            moved[worst] = 1;
            begin_at(k, worst);
        }
    }
    return made;
}

/// Representatives: every cluster of directions gives in proportion to its size, those nearest to its centre first
/// (SSR: 20 clusters).
///
/// @return [n] different items, cluster by cluster
/// @throw  invalid_argument for more items than there are, and as spherical_k_means
template <matrix_like Matrix>
[[nodiscard]] std::vector<std::uint32_t> cluster_representatives(const Matrix& points, std::size_t n,
                                                                 std::size_t clusters, const philox& g) {
    const clustering c = spherical_k_means(points, clusters, g);
    require(n <= c.cluster.size(), "replay::cluster_representatives: ", n, " items asked, there are ",
            c.cluster.size());
    std::vector<std::vector<std::uint32_t>> members(clusters);
    for (std::uint32_t i = 0; i < c.cluster.size(); ++i) members[c.cluster[i]].push_back(i);
    std::vector<std::size_t> sizes;
    for (const auto& m : members) sizes.push_back(m.size());
    const std::vector<double> weight(sizes.begin(), sizes.end());
    const auto quotas = allocate(weight, n, {.rule = hamilton{}, .capacity = sizes}).quotas;
    std::vector<std::uint32_t> chosen;
    for (std::size_t k = 0; k < clusters; ++k) {
        std::stable_sort(members[k].begin(), members[k].end(),
                         [&](std::uint32_t a, std::uint32_t b) { return c.similarity[a] > c.similarity[b]; });
        chosen.insert(chosen.end(), members[k].begin(), members[k].begin() + static_cast<std::ptrdiff_t>(quotas[k]));
    }
    return chosen;
}

}  // namespace holdfast::replay
