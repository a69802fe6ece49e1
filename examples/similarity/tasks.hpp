#pragma once
// The tasks of similarity: embeddings as .npy or .safetensors, or texts that the hashing embedder turns into points.
// Equal texts are embedded once and weigh what they occur.

#include <holdfast/core/error.hpp>
#include <holdfast/formats/json.hpp>
#include <holdfast/formats/npy.hpp>
#include <holdfast/formats/records.hpp>
#include <holdfast/formats/safetensors.hpp>
#include <holdfast/formats/superni.hpp>
#include <holdfast/formats/trace.hpp>
#include <holdfast/transport/embedding.hpp>
#include <holdfast/transport/measure.hpp>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <set>
#include <span>
#include <sstream>
#include <string>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>

namespace similarity {

namespace formats = holdfast::formats;
namespace transport = holdfast::transport;
using holdfast::require;

using cloud = transport::discrete_measure<double>;  // float32 files lose nothing in it, float64 ones neither

struct task_clouds {
    std::vector<std::string> names;
    std::vector<cloud> clouds;
    std::vector<std::size_t> rows;  // what each task holds before equal points are merged
    std::string points;             // how they came to be
};

/// What is embedded of a record.
inline const std::string& chosen(const formats::record& r, const std::string& field) {
    if (field == "prompt") return r.prompt;
    if (field == "answer") return r.answer;
    return r.instruction.empty() ? r.prompt : r.instruction;
}

/// A line per text; empty lines are passed over.
inline std::vector<std::string> read_lines(const std::filesystem::path& path) {
    std::istringstream in(formats::detail::read_text(path));
    std::vector<std::string> texts;
    for (std::string line; std::getline(in, line);) {
        if (!line.empty() && line.back() == '\r') line.pop_back();
        if (line.find_first_not_of(" \t") != std::string::npos) texts.push_back(line);
    }
    if (texts.empty()) throw holdfast::format_error(path.string(), 0, "holds no text");
    return texts;
}

/// prompt, answer, instruction; or SuperNI's instruction, input, output.
inline formats::record as_record(const formats::json_record& r) {
    formats::record one;
    one.instruction = r.text_or_empty("instruction");
    one.prompt = r.text_or_empty("prompt");
    if (one.prompt.empty()) {
        one.prompt = one.instruction;
        if (const std::string input = r.text_or_empty("input"); !input.empty()) one.prompt += "\n\n" + input;
    }
    one.answer = r.text_or_empty(r.value.contains("answer") ? "answer" : "output");
    if (one.prompt.empty()) r.refuse("has neither \"prompt\" nor \"instruction\"");
    return one;
}

using named_texts = std::pair<std::string, std::vector<std::string>>;

inline named_texts read_file(const std::filesystem::path& path, const std::string& field) {
    named_texts made{path.stem().string(), {}};
    const std::string kind = path.extension().string();
    if (kind == ".jsonl")
        for (const auto& r : formats::read_json_lines(path)) made.second.push_back(chosen(as_record(r), field));
    else if (kind == ".json")
        for (const auto& r : formats::detail::read_trace_split(path, made.first))
            made.second.push_back(chosen(r, field));
    else if (kind == ".txt")
        made.second = read_lines(path);
    else
        throw holdfast::format_error(path.string(), 0, "must be a folder, or a file .jsonl, .json or .txt");
    return made;
}

/// A folder in TRACE's or SuperNI's layout, or a folder of files that are tasks.
inline std::vector<named_texts> read_folder(const std::filesystem::path& folder, const std::string& field) {
    const std::vector<std::string> inside = formats::detail::names_in(folder);
    const auto any_has = [&](const char* marker) {
        for (const std::string& name : inside)
            if (std::filesystem::exists(folder / name / marker)) return true;
        return false;
    };
    const bool superni = any_has("train.jsonl");
    std::vector<named_texts> made;
    if (superni || any_has("train.json")) {
        for (const auto& t : superni ? formats::read_superni(folder) : formats::read_trace(folder)) {
            made.emplace_back(t.name, std::vector<std::string>{});
            for (const auto& r : t.train) made.back().second.push_back(chosen(r, field));
        }
        return made;
    }
    for (const std::string& name : inside)
        if (name.ends_with(".jsonl") || name.ends_with(".txt")) made.push_back(read_file(folder / name, field));
    if (made.empty())
        throw holdfast::format_error(folder.string(), 0,
                                     "holds no task: a task is a folder with train.json or train.jsonl, or a file "
                                     ".jsonl or .txt");
    return made;
}

inline cloud embed(const std::vector<std::string>& texts, const transport::hashing_embedder& embedder) {
    std::unordered_map<std::string, std::size_t> place;
    std::vector<std::string> distinct;
    std::vector<double> weights;
    for (const std::string& text : texts) {
        const auto [at, fresh] = place.emplace(text, distinct.size());
        if (fresh) {
            distinct.push_back(text);
            weights.push_back(0);
        }
        weights[at->second] += 1;
    }
    for (double& w : weights) w /= static_cast<double>(texts.size());
    const holdfast::matrix<float> points = embedder.embed(distinct);
    return transport::measure(
        holdfast::matrix<double>(points.rows(), points.cols(), {points.values().begin(), points.values().end()}),
        weights);
}

/// @param paths  folders of tasks, or files that are tasks
inline task_clouds read_texts(const std::vector<std::string>& paths, const std::string& field, std::size_t dimensions) {
    const transport::hashing_embedder embedder{.dimensions = dimensions};
    task_clouds made;
    made.points = "hashed n-grams of " + field + "s, " + std::to_string(dimensions) + " dimensions";
    for (const std::string& path : paths) {
        const auto found = std::filesystem::is_directory(path) ? read_folder(path, field)
                                                               : std::vector<named_texts>{(read_file(path, field))};
        for (const auto& [name, texts] : found) {
            made.names.push_back(name);
            made.clouds.push_back(embed(texts, embedder));
            made.rows.push_back(texts.size());
        }
    }
    return made;
}

/// Points under a name, and where they come from.
struct named_points {
    std::string name, file;
    holdfast::matrix<double> points;
};

/// A task per .npy, named by its file; a task per tensor of a .safetensors, named by the tensor.
inline std::vector<named_points> read_points(const std::vector<std::string>& files) {
    std::vector<named_points> made;
    std::set<std::string> stems;
    bool differ = true;
    for (const std::string& file : files) differ &= stems.insert(std::filesystem::path(file).stem().string()).second;
    for (const std::string& file : files) {
        if (!file.ends_with(".safetensors")) {
            const std::string stem = std::filesystem::path(file).stem().string();
            made.push_back({differ ? stem : file, file, formats::read_npy<double>(file)});
            continue;
        }
        const auto all = formats::safetensors::read(file);
        for (const auto& t : all.tensors()) made.push_back({t.name, file, all.values<double>(t.name)});
    }
    return made;
}

/// @param weights  one file for each task, or none
inline task_clouds read_embeddings(const std::vector<std::string>& files, const std::vector<std::string>& weights) {
    const std::vector<named_points> all = read_points(files);
    require(weights.empty() || weights.size() == all.size(), "similarity: --weights takes a file for each task, got ",
            weights.size(), " for ", all.size());
    task_clouds made;
    made.points = "embeddings as given";
    for (std::size_t t = 0; t < all.size(); ++t) {
        const auto& [name, file, points] = all[t];
        std::vector<double> w;
        if (!weights.empty()) {
            const auto column = formats::read_npy<double>(weights[t]);
            require(column.rows() == 1 || column.cols() == 1, "similarity: ", weights[t],
                    " must hold one number for each row of ", file, ", it is ", column.rows(), " x ", column.cols());
            w = column.values();
        }
        try {
            made.clouds.push_back(transport::measure(points, w));
        } catch (const holdfast::invalid_argument& wrong) {
            throw holdfast::format_error(file, 0, wrong.what());
        }
        require(made.clouds.back().dimension() == made.clouds.front().dimension(),
                "similarity: all embeddings have one dimension, ", all[0].name, " has ",
                made.clouds.front().dimension(), " and ", name, " has ", points.cols());
        made.names.push_back(name);
        made.rows.push_back(points.rows());
    }
    return made;
}

/// FOLDER/TASK.npy and FOLDER/TASK.w.npy: distinct points and their weights, as other programs take them.
inline void save(const task_clouds& tasks, const std::filesystem::path& folder) {
    std::error_code failed;
    std::filesystem::create_directories(folder, failed);
    if (failed) throw holdfast::format_error(folder.string(), 0, "cannot be made a folder (" + failed.message() + ")");
    for (std::size_t t = 0; t < tasks.names.size(); ++t) {
        std::string name = tasks.names[t];
        std::replace(name.begin(), name.end(), '/', '_');
        formats::write_npy(folder / (name + ".npy"), tasks.clouds[t].points);
        formats::write_npy(folder / (name + ".w.npy"), std::span<const double>(tasks.clouds[t].weights));
    }
}

}  // namespace similarity
