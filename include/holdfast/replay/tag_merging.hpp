#pragma once
// Near-equal tags become one ("movie review", "film critique"): density clusters (DBSCAN) of the tags' embeddings, each
// replaced by its most frequent tag. As the paper writes it, and as the released code does it.
// Builds on core, tagger.hpp and insinfo.hpp. The embeddings come from the caller (InsCL: phrase-BERT).

#include <holdfast/core/error.hpp>
#include <holdfast/core/matrix.hpp>
#include <holdfast/core/parallel.hpp>
#include <holdfast/replay/insinfo.hpp>
#include <holdfast/replay/tagger.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace holdfast::replay {

struct dbscan_options {
    double eps = 0.1;             ///< neighbours are at most this far (cosine distance, 0 to 2)
    std::size_t min_samples = 5;  ///< neighbours, itself included, that make a point a core of a cluster
};

/// Density clusters under cosine distance: labels from 0 in the order of the first core point, -1 for noise.
///
/// A cluster is what can be reached from a core point through core points; a point near several clusters belongs to the
/// first. The same labels as scikit-learn's DBSCAN(metric="cosine").
///
/// @param points  [n, d] rows not zero
/// @return        [n]
/// @throw         invalid_argument for a zero or non-finite row, eps below 0, min_samples of 0
/// @cost          O(n^2 d) time, O(number of neighbours) memory
/// @see           Ester et al. 1996, "A density-based algorithm for discovering clusters in large spatial databases"
template <matrix_like Matrix>
[[nodiscard]] std::vector<int> dbscan(const Matrix& points, const dbscan_options& options = {}) {
    require(options.eps >= 0, "replay::dbscan: eps is at least 0, it is ", options.eps);
    require(options.min_samples > 0, "replay::dbscan: min_samples is at least 1, it is 0");
    const auto x = view(points);
    const std::size_t n = x.rows(), d = x.cols();
    std::vector<double> unit(n * d);
    for (std::size_t i = 0; i < n; ++i) {
        double squares = 0;
        for (std::size_t c = 0; c < d; ++c) squares += static_cast<double>(x(i, c)) * static_cast<double>(x(i, c));
        require(squares > 0 && std::isfinite(squares), "replay::dbscan: a point has a direction, row ", i,
                " is zero or not finite");
        for (std::size_t c = 0; c < d; ++c) unit[i * d + c] = static_cast<double>(x(i, c)) / std::sqrt(squares);
    }
    std::vector<std::vector<std::uint32_t>> near(n);
    parallel_for(n, [&](std::size_t i) {
        for (std::size_t j = 0; j < n; ++j) {
            double dot = 0;
            for (std::size_t c = 0; c < d; ++c) dot += unit[i * d + c] * unit[j * d + c];
            if (i == j || 1.0 - dot <= options.eps) near[i].push_back(static_cast<std::uint32_t>(j));
        }
    });
    std::vector<int> label(n, -1);
    int clusters = 0;
    std::vector<std::size_t> open;
    for (std::size_t i = 0; i < n; ++i) {
        if (label[i] >= 0 || near[i].size() < options.min_samples) continue;
        label[i] = clusters;
        open.assign(1, i);
        while (!open.empty()) {
            const std::size_t at = open.back();
            open.pop_back();
            if (near[at].size() < options.min_samples) continue;
            for (const std::uint32_t j : near[at])
                if (label[j] < 0) {
                    label[j] = clusters;
                    open.push_back(j);
                }
        }
        ++clusters;
    }
    return label;
}

/// Lists of tags per instruction, per task.
using task_tags = std::vector<std::vector<std::string>>;

/// Tags in normal form, with every cluster replaced by its most frequent tag (the first seen among equals) and
/// repetitions inside an instruction removed.
///
/// As released: A to Z alone; the last cluster stays as it is (`range(max(labels))`), and repetitions inside an
/// instruction are removed only if some cluster was merged.
///
/// @param tasks    of all tasks in the pool, in their order
/// @param embed    distinct tags -> their embeddings [n, d]
/// @return         the same lists, merged
/// @throw          invalid_argument if embed returns another number of rows than it was given tags; as dbscan
/// @see            tag_utils.py of OPPO-Mente-Lab/InsCL @3ad357c: eps 0.1, min_samples 5, phrase-BERT
[[nodiscard]] inline std::vector<task_tags> merge_tags(
    std::vector<task_tags> tasks, const std::function<matrix<float>(std::span<const std::string>)>& embed,
    const dbscan_options& options = {}, mode variant = mode::as_published) {
    const bool released = variant == mode::as_released;
    std::vector<std::string> pool;
    std::vector<std::size_t> count;
    std::unordered_map<std::string, std::size_t> place;
    for (task_tags& task : tasks)
        for (std::vector<std::string>& list : task) {
            for (std::string& tag : list) {
                tag = normalize_tag(tag, released ? tag_letters::ascii : tag_letters::every_script);
                if (tag.empty() && !released) continue;
                const auto [at, fresh] = place.try_emplace(tag, pool.size());
                if (fresh) pool.push_back(tag), count.push_back(0);
                ++count[at->second];
            }
            if (!released) list.erase(std::remove(list.begin(), list.end(), std::string{}), list.end());
        }
    if (pool.empty()) return tasks;
    const matrix<float> points = embed(pool);
    require(points.rows() == pool.size(), "replay::merge_tags: one embedding per tag, got ", points.rows(), " for ",
            pool.size());
    const std::vector<int> label = dbscan(points, options);
    const int clusters = 1 + *std::max_element(label.begin(), label.end());
    const int merged = released ? clusters - 1 : clusters;
    std::vector<std::size_t> chief(static_cast<std::size_t>(std::max(clusters, 0)), pool.size());
    for (std::size_t t = 0; t < pool.size(); ++t) {
        if (label[t] < 0 || label[t] >= merged) continue;
        std::size_t& best = chief[static_cast<std::size_t>(label[t])];
        if (best == pool.size() || count[t] > count[best]) best = t;
    }
    const bool no_repeats = !released || merged > 0;
    for (task_tags& task : tasks)
        for (std::vector<std::string>& list : task) {
            std::vector<std::string> kept;
            for (const std::string& tag : list) {
                const int of = label[place.at(tag)];
                const std::string& name = of >= 0 && of < merged ? pool[chief[static_cast<std::size_t>(of)]] : tag;
                if (!no_repeats || std::find(kept.begin(), kept.end(), name) == kept.end()) kept.push_back(name);
            }
            list = std::move(kept);
        }
    return tasks;
}

}  // namespace holdfast::replay
