#pragma once
// The metrics of continual learning, by what they compare:
//   averages.hpp           the scores themselves: OP, average incremental, learning accuracy, intransigence ...
//   backward_transfer.hpp  the end against the diagonal: BWT, and clipped, Diaz-Rodriguez, raw
//   forward_transfer.hpp   before learning against a baseline: FWT, and zero-shot, no baseline, single-task ...
//   curves.hpp             the same after every stage
// Beside them: forgetting.hpp (best minus last), capability.hpp (what the stream does not teach), relative.hpp
// (shares), significance.hpp (intervals and tests; needs Boost.Math). In all of them stages and tasks count from 0.

#include <holdfast/metrics/accuracy_matrix.hpp>
#include <holdfast/metrics/averages.hpp>
#include <holdfast/metrics/backward_transfer.hpp>
#include <holdfast/metrics/curves.hpp>
#include <holdfast/metrics/forward_transfer.hpp>
#include <holdfast/metrics/result.hpp>
