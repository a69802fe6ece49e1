#pragma once
// What a replay policy may know of one task: which example carries which instruction, and what is known of the
// instructions. Index-only: examples stay in the user's store, a plan names them by their place in it.
// Builds on core. Leaves out how tags and embeddings come about (insinfo.hpp, transport/embedding.hpp).

#include <holdfast/core/error.hpp>
#include <holdfast/core/matrix.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace holdfast::replay {

/// One task as a policy sees it; n examples that share k distinct instructions.
struct task_memory {
    std::string name = {};
    std::vector<std::uint32_t> instruction = {};      ///< [n] which of `instructions` example i carries
    std::vector<std::string> instructions = {};       ///< [k] distinct, in the order of their first example
    std::vector<std::vector<std::string>> tags = {};  ///< [k] tags of each instruction; empty: no tagger ran
    matrix<float> embedding = {};                     ///< [k, d] a row per instruction; 0 x 0: no embedder ran

    std::vector<double> score = {};  ///< [n] what a learner measured of each example (its NLL, say); empty: nothing
    std::vector<double> score_after_step = {};  ///< [n] the same after a trial step on the current task; empty: none
    std::vector<std::uint32_t> label = {};      ///< [n] the class of each example (its answer, say); empty: not known
    matrix<float> example_embedding = {};       ///< [n, d] a row per example; 0 x 0: no embedder ran over examples

    /// n, the number of examples.
    [[nodiscard]] std::size_t size() const { return instruction.size(); }

    /// [k] How many examples carry each instruction.
    [[nodiscard]] std::vector<std::size_t> frequency() const {
        std::vector<std::size_t> count(instructions.size(), 0);
        for (const std::uint32_t i : instruction) ++count[i];
        return count;
    }

    /// [k] The examples of each instruction, in the task's order.
    [[nodiscard]] std::vector<std::vector<std::uint32_t>> examples_of_instruction() const {
        std::vector<std::vector<std::uint32_t>> of(instructions.size());
        for (std::size_t e = 0; e < size(); ++e) of[instruction[e]].push_back(static_cast<std::uint32_t>(e));
        return of;
    }

    /// A memory of a task whose example i carries the text instruction_of_example[i] (which may be empty).
    ///
    /// @param instruction_of_example  [n], n < 2^32
    /// @throw invalid_argument if there are 2^32 examples or more
    /// @cost  O(total length of the texts), expected
    [[nodiscard]] static task_memory from(std::string name, std::span<const std::string> instruction_of_example) {
        require(instruction_of_example.size() < std::numeric_limits<std::uint32_t>::max(),
                "replay::task_memory::from: a task holds fewer than 2^32 examples, '", name, "' has ",
                instruction_of_example.size());
        task_memory memory;
        memory.name = std::move(name);
        memory.instruction.reserve(instruction_of_example.size());
        std::unordered_map<std::string_view, std::uint32_t> seen;
        for (const std::string& text : instruction_of_example) {
            const auto next = static_cast<std::uint32_t>(memory.instructions.size());
            const auto [place, fresh] = seen.try_emplace(text, next);
            if (fresh) memory.instructions.push_back(text);
            memory.instruction.push_back(place->second);
        }
        return memory;
    }
};

/// Refuses a memory whose parts do not fit each other; every policy that looks into a memory calls it first.
///
/// @param who  the function that asks, for the sentence
/// @throw invalid_argument if an example names an instruction that is not there, or tags, embeddings, scores or
///        labels are there for another number than there are instructions or examples
inline void check_memory(std::string_view who, const task_memory& memory) {
    const std::size_t k = memory.instructions.size();
    for (std::size_t e = 0; e < memory.size(); ++e)
        require(memory.instruction[e] < k, who, ": example ", e, " of task '", memory.name, "' carries instruction ",
                memory.instruction[e], ", there are ", k);
    require(memory.tags.empty() || memory.tags.size() == k, who, ": task '", memory.name, "' has ", k,
            " distinct instructions and tags for ", memory.tags.size());
    require(memory.embedding.rows() == 0 || memory.embedding.rows() == k, who, ": task '", memory.name, "' has ", k,
            " distinct instructions and embeddings for ", memory.embedding.rows());
    require(memory.score.empty() || memory.score.size() == memory.size(), who, ": task '", memory.name, "' has ",
            memory.size(), " examples and scores for ", memory.score.size());
    require(memory.score_after_step.empty() || memory.score_after_step.size() == memory.size(), who, ": task '",
            memory.name, "' has ", memory.size(), " examples and scores after a step for ",
            memory.score_after_step.size());
    require(memory.label.empty() || memory.label.size() == memory.size(), who, ": task '", memory.name, "' has ",
            memory.size(), " examples and labels for ", memory.label.size());
    require(memory.example_embedding.rows() == 0 || memory.example_embedding.rows() == memory.size(), who, ": task '",
            memory.name, "' has ", memory.size(), " examples and embeddings of examples for ",
            memory.example_embedding.rows());
}

}  // namespace holdfast::replay
