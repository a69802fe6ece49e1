#pragma once
// Multiple choice without generation: the option that the model finds most likely. Works on log-likelihoods, however
// they were computed; no text is looked at. Builds on core's errors. Leaves out calibration and prompt-free baselines.

#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include <holdfast/core/error.hpp>

namespace holdfast::scoring {

/// The option with the highest log-likelihood; of equal ones the first (as NumPy's argmax).
///
/// @param log_likelihood  natural logarithms, one per option [k], k >= 1; -inf is a likelihood of zero
/// @return                index from 0
/// @throw                 invalid_argument if there is no option, or a value is NaN
inline std::size_t most_likely(std::span<const double> log_likelihood) {
    require(!log_likelihood.empty(), "scoring::most_likely: needs at least 1 option, there are 0");
    std::size_t best = 0;
    for (std::size_t k = 0; k < log_likelihood.size(); ++k) {
        require(!std::isnan(log_likelihood[k]), "scoring::most_likely: a log-likelihood must be a number, option ", k,
                " has NaN");
        if (log_likelihood[k] > log_likelihood[best]) best = k;
    }
    return best;
}

/// The same, each log-likelihood divided by the option's length first, so that long options are not punished for being
/// long. The unit is the caller's: characters (acc_norm of lm-evaluation-harness), bytes or tokens; say which one.
///
/// @param log_likelihood  natural logarithms, one per option [k], k >= 1
/// @param length          length of each option [k], above 0
/// @return                index from 0; of equal ones the first
/// @throw                 invalid_argument if there is no option, the sizes differ, a length is not above 0 or a value
/// is NaN
inline std::size_t most_likely(std::span<const double> log_likelihood, std::span<const double> length) {
    require(log_likelihood.size() == length.size(), "scoring::most_likely: needs one length per option, got ",
            length.size(), " for ", log_likelihood.size(), " options");
    std::vector<double> per_unit;
    for (std::size_t k = 0; k < length.size(); ++k) {
        require(length[k] > 0, "scoring::most_likely: a length must be above 0, option ", k, " has ", length[k]);
        per_unit.push_back(log_likelihood[k] / length[k]);
    }
    return most_likely(per_unit);
}

/// Share of items whose chosen option is the right one.
///
/// @param chosen  option per item [n]
/// @param right   right option per item [n]
/// @return        0 ... 1
/// @throw         invalid_argument if there is no item, or the sizes differ
inline double choice_accuracy(std::span<const std::size_t> chosen, std::span<const std::size_t> right) {
    require(!chosen.empty(), "scoring::choice_accuracy: needs at least 1 item, there are 0");
    require(chosen.size() == right.size(), "scoring::choice_accuracy: needs one right option per item, got ",
            right.size(), " for ", chosen.size(), " items");
    double hits = 0;
    for (std::size_t k = 0; k < chosen.size(); ++k) hits += chosen[k] == right[k] ? 1 : 0;
    return hits / static_cast<double>(chosen.size());
}

}  // namespace holdfast::scoring
