#pragma once
// The tasks of plan_replay: a folder in one of three layouts, with embeddings and tags where the user brings them, as
// the memories that a policy plans on.

#include <holdfast/core/error.hpp>
#include <holdfast/formats/json.hpp>
#include <holdfast/formats/npy.hpp>
#include <holdfast/formats/records.hpp>
#include <holdfast/formats/superni.hpp>
#include <holdfast/formats/trace.hpp>
#include <holdfast/replay/memory.hpp>
#include <holdfast/replay/tagger.hpp>
#include <holdfast/transport/embedding.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace plan_replay {

namespace formats = holdfast::formats;
namespace replay = holdfast::replay;
using holdfast::require;

struct stream {
    std::vector<formats::task> tasks;
    std::vector<replay::task_memory> memories;  // of their training records

    /// Where in the stream a task stands.
    [[nodiscard]] std::size_t place(const std::string& name) const {
        for (std::size_t j = 0; j < tasks.size(); ++j)
            if (tasks[j].name == name) return j;
        holdfast::refuse("plan_replay: there is no task '", name, "'");
    }
};

struct stream_options {
    std::string data, layout;
    std::vector<std::string> tasks;
    std::string current;  // joins the tasks at their end, where it is not among them
    std::string embeddings, tags, scores, scores_after;
    bool embed = true;            // instructions
    bool embed_examples = false;  // prompts
};

/// DIR/TASK.jsonl: an object a line with prompt and answer; id and instruction where there are some.
inline std::vector<formats::task> read_jsonl_folder(const std::filesystem::path& folder,
                                                    const std::vector<std::string>& wanted) {
    std::vector<std::string> names = wanted;
    if (names.empty())
        for (const std::string& file : formats::detail::names_in(folder))
            if (file.ends_with(".jsonl")) names.push_back(file.substr(0, file.size() - 6));
    if (names.empty()) throw holdfast::format_error(folder.string(), 0, "holds no task: a task is a file TASK.jsonl");
    std::vector<formats::task> tasks;
    for (const std::string& name : names) {
        formats::task task;
        task.name = name;
        for (const formats::json_record& r : formats::read_json_lines(folder / (name + ".jsonl"))) {
            formats::record one{r.text_or_empty("id"), r.text("prompt"), r.text("answer"),
                                r.text_or_empty("instruction")};
            if (one.id.empty()) one.id = name + "/train/" + std::to_string(r.number);
            task.train.push_back(std::move(one));
        }
        tasks.push_back(std::move(task));
    }
    return tasks;
}

inline std::string guessed_layout(const std::filesystem::path& folder) {
    if (!std::filesystem::is_directory(folder)) return "trace";  // whose reader says what is wrong
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        if (std::filesystem::exists(entry.path() / "train.jsonl")) return "superni";
        if (std::filesystem::exists(entry.path() / "train.json")) return "trace";
    }
    return "jsonl";
}

/// [n, d] A row per training record, as the user brings them.
template <class T>
holdfast::matrix<T> rows_of(const replay::task_memory& memory, const std::filesystem::path& file) {
    holdfast::matrix<T> rows = formats::read_npy<T>(file);
    if (rows.rows() != memory.size())
        throw holdfast::format_error(
            file.string(), 0,
            holdfast::sentence("must have a row per training record, it has ", rows.rows(), " for ", memory.size()));
    for (const T x : std::span(rows.data(), rows.rows() * rows.cols()))
        if (!std::isfinite(x)) throw holdfast::format_error(file.string(), 0, "holds a number that is not finite");
    return rows;
}

/// [n] A number per training record.
inline std::vector<double> numbers_of(const replay::task_memory& memory, const std::filesystem::path& file) {
    const holdfast::matrix<double> rows = rows_of<double>(memory, file);
    if (rows.cols() != 1)
        throw holdfast::format_error(
            file.string(), 0, holdfast::sentence("must have one number per training record, it has ", rows.cols()));
    return {rows.data(), rows.data() + rows.rows()};
}

/// [k, d] The mean of the rows of the records that carry each instruction.
inline holdfast::matrix<float> instruction_means(const replay::task_memory& memory, const std::filesystem::path& file) {
    const holdfast::matrix<float> rows = rows_of<float>(memory, file);
    holdfast::matrix<float> means(memory.instructions.size(), rows.cols());
    std::vector<double> sum(memory.instructions.size() * rows.cols(), 0.0);
    const auto count = memory.frequency();
    for (std::size_t e = 0; e < rows.rows(); ++e)
        for (std::size_t c = 0; c < rows.cols(); ++c)
            sum[memory.instruction[e] * rows.cols() + c] += static_cast<double>(rows(e, c));
    for (std::size_t k = 0; k < means.rows(); ++k)
        for (std::size_t c = 0; c < means.cols(); ++c)
            means(k, c) = static_cast<float>(sum[k * means.cols() + c] / static_cast<double>(count[k]));
    return means;
}

inline replay::precomputed_tagger read_tags(const std::string& path) {
    const formats::json value = formats::read_json(path);
    const char* rule = "must be an object: instruction -> list of tags";
    if (!value.is_object()) throw holdfast::format_error(path, 0, rule);
    replay::precomputed_tagger::table table;
    for (const auto& [instruction, list] : value.items()) {
        if (!list.is_array() || !std::all_of(list.begin(), list.end(), [](const auto& t) { return t.is_string(); }))
            throw holdfast::format_error(
                path, 0, holdfast::sentence("the tags of \"", instruction, "\" must be a list of texts"));
        table.emplace(instruction, list.template get<std::vector<std::string>>());
    }
    return replay::precomputed_tagger(std::move(table));
}

/// @throw format_error or invalid_argument with the sentence to show
inline stream read_stream(const stream_options& options) {
    stream made;
    std::vector<std::string> wanted = options.tasks;
    if (!wanted.empty() && !options.current.empty() &&
        std::find(wanted.begin(), wanted.end(), options.current) == wanted.end())
        wanted.push_back(options.current);
    const std::string layout = options.layout.empty() ? guessed_layout(options.data) : options.layout;
    if (layout == "trace")
        made.tasks = formats::read_trace(options.data, {.tasks = wanted});
    else if (layout == "superni")
        made.tasks = formats::read_superni(options.data, {.tasks = wanted});
    else
        made.tasks = read_jsonl_folder(options.data, wanted);
    std::unordered_set<std::string> names;
    for (const formats::task& task : made.tasks) {
        require(names.insert(task.name).second, "plan_replay: task '", task.name, "' is named twice");
        std::unordered_set<std::string> ids;
        std::vector<std::string> instructions, prompts;
        std::unordered_map<std::string, std::uint32_t> answers;
        std::vector<std::uint32_t> labels;
        for (const formats::record& r : task.train) {
            require(ids.insert(r.id).second, "plan_replay: identifiers must differ, task '", task.name, "' has two '",
                    r.id, "'");
            instructions.push_back(r.instruction);
            prompts.push_back(r.prompt);
            labels.push_back(answers.try_emplace(r.answer, static_cast<std::uint32_t>(answers.size())).first->second);
        }
        made.memories.push_back(replay::task_memory::from(task.name, instructions));
        replay::task_memory& memory = made.memories.back();
        memory.label = labels;  // a class is an answer
        const auto file = [&](const std::string& folder) {
            return std::filesystem::path(folder) / (task.name + ".npy");
        };
        if (task.name != options.current) {  // of what is about to be learnt nobody knows scores
            if (!options.scores.empty()) memory.score = numbers_of(memory, file(options.scores));
            if (!options.scores_after.empty()) memory.score_after_step = numbers_of(memory, file(options.scores_after));
        }
        if (options.embed_examples)
            memory.example_embedding = options.embeddings.empty()
                                           ? holdfast::transport::hashing_embedder{}.embed(prompts)
                                           : rows_of<float>(memory, file(options.embeddings));
        if (!options.embed) continue;
        memory.embedding = options.embeddings.empty()
                               ? holdfast::transport::hashing_embedder{}.embed(memory.instructions)
                               : instruction_means(memory, file(options.embeddings));
    }
    if (options.embed && !options.tags.empty()) {
        const replay::precomputed_tagger tagger = read_tags(options.tags);
        for (replay::task_memory& memory : made.memories)
            for (const std::string& text : memory.instructions) memory.tags.push_back(tagger.tags(text));
    }
    return made;
}

}  // namespace plan_replay
