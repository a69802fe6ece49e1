#pragma once
// All of holdfast that a C++20 compiler can use on this machine. The map:
//
//     0  core/        the words every module speaks: errors, views, random numbers, loops
//     1  scoring/     a prediction and its reference -> one number
//     1  metrics/     scores -> matrix -> what was kept
//     1  transport/   texts -> embeddings -> distance between tasks
//     1  formats/     files as the ecosystem writes them
//     2  replay/      distance + information -> allocation -> sampling
//     2  adapters/    the low-rank adapter: shapes, forward, backward, merge
//     3  experiment/  stream + learner + policy -> report
//
// A header includes its own folder or a lower floor; a folder is a namespace. Headers that need one library more are
// included where it is found. engine_xtensor.hpp, engine_thrust.hpp and draws_thrust.hpp are not: include them by name.
// What needs nvcc is in holdfast.cuh. Programs compile faster with just the headers they use.

#include <holdfast/adapters/lora_amx.hpp>
#include <holdfast/adapters/lora_options.hpp>
#include <holdfast/adapters/lora_saved.hpp>
#include <holdfast/core/amx.hpp>
#include <holdfast/core/certified.hpp>
#include <holdfast/core/checksum.hpp>
#include <holdfast/core/config.hpp>
#include <holdfast/core/cpu.hpp>
#include <holdfast/core/error.hpp>
#include <holdfast/core/half.hpp>
#include <holdfast/core/matrix.hpp>
#include <holdfast/core/parallel.hpp>
#include <holdfast/core/philox_vectors.hpp>
#include <holdfast/core/portable_math.hpp>
#include <holdfast/core/random.hpp>
#include <holdfast/core/tile_transpose.hpp>
#include <holdfast/experiment/abilities.hpp>
#include <holdfast/experiment/archive.hpp>
#include <holdfast/experiment/chart.hpp>
#include <holdfast/experiment/checkpoint.hpp>
#include <holdfast/experiment/concepts.hpp>
#include <holdfast/experiment/gate.hpp>
#include <holdfast/experiment/progress.hpp>
#include <holdfast/experiment/record.hpp>
#include <holdfast/experiment/report.hpp>
#include <holdfast/experiment/report_html.hpp>
#include <holdfast/experiment/run.hpp>
#include <holdfast/experiment/style.hpp>
#include <holdfast/experiment/summary.hpp>
#include <holdfast/experiment/text.hpp>
#include <holdfast/formats/csv_scores.hpp>
#include <holdfast/formats/npy.hpp>
#include <holdfast/formats/records.hpp>
#include <holdfast/metrics/accuracy_matrix.hpp>
#include <holdfast/metrics/anytime.hpp>
#include <holdfast/metrics/audit.hpp>
#include <holdfast/metrics/averages.hpp>
#include <holdfast/metrics/backward_transfer.hpp>
#include <holdfast/metrics/capability.hpp>
#include <holdfast/metrics/catalogue.hpp>
#include <holdfast/metrics/chance.hpp>
#include <holdfast/metrics/continual.hpp>
#include <holdfast/metrics/curves.hpp>
#include <holdfast/metrics/efficiency.hpp>
#include <holdfast/metrics/forgetting.hpp>
#include <holdfast/metrics/forward_transfer.hpp>
#include <holdfast/metrics/gate.hpp>
#include <holdfast/metrics/item_errors.hpp>
#include <holdfast/metrics/multiple_testing.hpp>
#include <holdfast/metrics/options.hpp>
#include <holdfast/metrics/peer.hpp>
#include <holdfast/metrics/permutation.hpp>
#include <holdfast/metrics/relative.hpp>
#include <holdfast/metrics/result.hpp>
#include <holdfast/metrics/running.hpp>
#include <holdfast/metrics/share_bounds.hpp>
#include <holdfast/replay/alias_table.hpp>
#include <holdfast/replay/allocation.hpp>
#include <holdfast/replay/apportionment.hpp>
#include <holdfast/replay/balanced.hpp>
#include <holdfast/replay/batches.hpp>
#include <holdfast/replay/forgetting_curve.hpp>
#include <holdfast/replay/inscl.hpp>
#include <holdfast/replay/inscl_choice.hpp>
#include <holdfast/replay/insinfo.hpp>
#include <holdfast/replay/item_bits.hpp>
#include <holdfast/replay/likely_items.hpp>
#include <holdfast/replay/memory.hpp>
#include <holdfast/replay/policy.hpp>
#include <holdfast/replay/priority_tree.hpp>
#include <holdfast/replay/representatives.hpp>
#include <holdfast/replay/reservoir.hpp>
#include <holdfast/replay/sampler.hpp>
#include <holdfast/replay/sampler_checks.hpp>
#include <holdfast/replay/smallest_keys.hpp>
#include <holdfast/replay/state.hpp>
#include <holdfast/replay/stratified.hpp>
#include <holdfast/replay/surprise.hpp>
#include <holdfast/replay/tag_merging.hpp>
#include <holdfast/replay/tagger.hpp>
#include <holdfast/replay/weighted_sampler.hpp>
#include <holdfast/scoring/bleu.hpp>
#include <holdfast/scoring/corpus.hpp>
#include <holdfast/scoring/edit_similarity.hpp>
#include <holdfast/scoring/exact_match.hpp>
#include <holdfast/scoring/indel_table.hpp>
#include <holdfast/scoring/lcs.hpp>
#include <holdfast/scoring/multiple_choice.hpp>
#include <holdfast/scoring/rouge.hpp>
#include <holdfast/scoring/sari.hpp>
#include <holdfast/scoring/scorer.hpp>
#include <holdfast/scoring/text.hpp>
#include <holdfast/scoring/token_f1.hpp>
#include <holdfast/scoring/tokenisers.hpp>
#include <holdfast/scoring/tokens.hpp>
#include <holdfast/scoring/unicode.hpp>
#include <holdfast/transport/all_pairs.hpp>
#include <holdfast/transport/barycentre.hpp>
#include <holdfast/transport/bounds.hpp>
#include <holdfast/transport/cost.hpp>
#include <holdfast/transport/cost_table.hpp>
#include <holdfast/transport/decision.hpp>
#include <holdfast/transport/distance_cache.hpp>
#include <holdfast/transport/divergence.hpp>
#include <holdfast/transport/embedding.hpp>
#include <holdfast/transport/engine_plain.hpp>
#include <holdfast/transport/engine_simd.hpp>
#include <holdfast/transport/engine_table.hpp>
#include <holdfast/transport/exact.hpp>
#include <holdfast/transport/gradient.hpp>
#include <holdfast/transport/line.hpp>
#include <holdfast/transport/measure.hpp>
#include <holdfast/transport/merge.hpp>
#include <holdfast/transport/nearest.hpp>
#include <holdfast/transport/partial.hpp>
#include <holdfast/transport/similarity.hpp>
#include <holdfast/transport/sinkhorn.hpp>
#include <holdfast/transport/sliced.hpp>
#include <holdfast/transport/unbalanced.hpp>
#include <holdfast/transport/wasserstein.hpp>
#include <holdfast/transport/wasserstein_options.hpp>

#if __has_include(<sys/mman.h>)  // POSIX
#include <holdfast/replay/record_log.hpp>
#include <holdfast/replay/side_memory.hpp>
#include <holdfast/replay/side_snapshot.hpp>
#endif

#if __has_include(<Eigen/Core>) && !defined(__CUDACC__)  // nvcc takes Eigen, with pages of warnings
#include <holdfast/adapters/lora.hpp>
#include <holdfast/transport/engine_eigen.hpp>
#include <holdfast/transport/gaussian.hpp>
#endif

#if __has_include(<boost/math/distributions/students_t.hpp>)
#include <holdfast/metrics/bayesian.hpp>
#include <holdfast/metrics/bootstrap.hpp>
#include <holdfast/metrics/items.hpp>
#include <holdfast/metrics/ranking.hpp>
#include <holdfast/metrics/runs.hpp>
#include <holdfast/metrics/significance.hpp>
#endif

#if __has_include(<nlohmann/json.hpp>)
#include <holdfast/experiment/report_json.hpp>
#include <holdfast/formats/general.hpp>
#include <holdfast/formats/json.hpp>
#include <holdfast/formats/lm_eval.hpp>
#include <holdfast/formats/peft.hpp>
#include <holdfast/formats/safetensors.hpp>
#include <holdfast/formats/superni.hpp>
#include <holdfast/formats/trace.hpp>
#endif
