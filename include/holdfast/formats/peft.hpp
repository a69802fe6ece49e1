#pragma once
// LoRA adapters as Hugging Face's PEFT saves them: a folder with adapter_config.json and adapter_model.safetensors.
// Reading gives plain matrices, to put into adapters::lora or a kernel; writing gives a folder that
// PeftModel.from_pretrained loads. Builds on safetensors.hpp. Leaves out embeddings, modules_to_save, and every adapter
// that is not LoRA (they are refused, not passed over).
/// @see PEFT, src/peft/tuners/lora/config.py and utils/save_and_load.py

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <holdfast/core/error.hpp>
#include <holdfast/core/matrix.hpp>
#include <holdfast/formats/json.hpp>
#include <holdfast/formats/safetensors.hpp>

namespace holdfast::formats {

/// One adapted module: y = x W' + scale x A' B'.
struct peft_module {
    std::string name = {};              ///< of the module in the base model: "model.layers.0.self_attn.q_proj"
    matrix<float> a = {};               ///< [rank, in]
    matrix<float> b = {};               ///< [out, rank]
    double alpha = 0;                   ///< lora_alpha, or the module's own in alpha_pattern
    double scale = 0;                   ///< alpha / rank, or alpha / sqrt(rank) with use_rslora
    std::vector<float> magnitude = {};  ///< [out] of DoRA; empty where it is not used
};

/// An adapter.
struct peft_adapter {
    std::string base_model = {};  ///< base_model_name_or_path; empty where the file has null
    std::string task_type = {};   ///< "CAUSAL_LM" ...; empty where the file has null
    double dropout = 0;
    bool rank_stabilised = false;  ///< use_rslora
    std::vector<peft_module> modules = {};

    /// @throw invalid_argument if there is no such module
    [[nodiscard]] const peft_module& at(std::string_view name) const {
        for (const auto& m : modules)
            if (m.name == name) return m;
        refuse("formats::peft_adapter: there is no module \"", name, "\"");
    }
};

namespace detail {

inline constexpr std::string_view peft_prefix = "base_model.model.";

/// The module's own value in rank_pattern or alpha_pattern, whose keys are suffixes of module names, or `otherwise`.
inline double peft_pattern(const json& config, const char* key, std::string_view module, double otherwise) {
    const auto pattern = config.find(key);
    if (pattern == config.end() || !pattern->is_object()) return otherwise;
    for (const auto& [suffix, value] : pattern->items())
        if (value.is_number() &&
            (module == suffix || (module.ends_with(suffix) && module[module.size() - suffix.size() - 1] == '.')))
            return value.template get<double>();
    return otherwise;
}

}  // namespace detail

/// Reads an adapter.
///
/// Patterns of ranks and alphas are taken as names or suffixes of names; as regular expressions, which PEFT allows too,
/// they are not read, and a rank that then disagrees with the tensors is an error.
///
/// @param folder  with adapter_config.json and adapter_model.safetensors
/// @return        modules in natural order of their names, values as float whatever they are stored as
/// @throw         format_error: a missing file, no LoRA, an A without its B, shapes that do not fit, a tensor of a kind
///                that is not read here
inline peft_adapter read_peft(const std::filesystem::path& folder) {
    detail::require_folder(folder);
    const auto config_path = folder / "adapter_config.json";
    const json config = read_json(config_path);
    const auto fail = [&](const std::string& what) { throw format_error(config_path.string(), 0, what); };
    if (!config.is_object()) fail("must be an object");
    const auto text = [&](const char* key) {
        const auto at = config.find(key);
        return at != config.end() && at->is_string() ? at->get<std::string>() : std::string{};
    };
    const auto number = [&](const char* key, double otherwise) {
        const auto at = config.find(key);
        if (at == config.end() || at->is_null()) return otherwise;
        if (!at->is_number()) fail(sentence("field \"", key, "\" must be a number"));
        return at->get<double>();
    };
    if (text("peft_type") != "LORA") fail(sentence("\"peft_type\" must be LORA, it is \"", text("peft_type"), "\""));
    if (const auto at = config.find("fan_in_fan_out"); at != config.end() && *at == json(true))
        fail("\"fan_in_fan_out\" is true: weights [in, out] (Conv1D) are not read here");
    peft_adapter all;
    all.base_model = text("base_model_name_or_path");
    all.task_type = text("task_type");
    all.dropout = number("lora_dropout", 0);
    if (const auto at = config.find("use_rslora"); at != config.end()) all.rank_stabilised = *at == json(true);
    const double rank = number("r", 8), alpha = number("lora_alpha", 8);

    const auto file = folder / "adapter_model.safetensors";
    const safetensors tensors = safetensors::read(file);
    const auto refuse_tensor = [&](const std::string& name, const std::string& what) {
        throw format_error(file.string(), 0, sentence("tensor \"", name, "\" ", what));
    };
    for (const tensor_entry& t : tensors.tensors()) {
        std::string_view name = t.name;
        if (name.starts_with(detail::peft_prefix)) name.remove_prefix(detail::peft_prefix.size());
        const auto split = [&](std::string_view ending) {
            if (!name.ends_with(ending)) return false;
            name.remove_suffix(ending.size());
            return true;
        };
        if (split(".lora_B.weight")) {
            if (!tensors.contains(t.name.substr(0, t.name.size() - 13) + "lora_A.weight"))
                refuse_tensor(t.name, "has no A beside it");
            continue;
        }
        if (split(".lora_magnitude_vector.weight") || split(".lora_magnitude_vector")) continue;
        if (!split(".lora_A.weight")) refuse_tensor(t.name, "is no lora_A, lora_B or lora_magnitude_vector");
        const std::string stem = t.name.substr(0, t.name.size() - 13);
        if (!tensors.contains(stem + "lora_B.weight")) refuse_tensor(t.name, "has no B beside it");
        const tensor_entry& b = tensors.at(stem + "lora_B.weight");
        if (t.shape.size() != 2 || b.shape.size() != 2) refuse_tensor(t.name, "or its B is not of two dimensions");
        peft_module m;
        m.name = std::string(name);
        const double own = detail::peft_pattern(config, "rank_pattern", name, rank);
        if (t.shape[0] != b.shape[1] || static_cast<double>(t.shape[0]) != own)
            refuse_tensor(t.name, sentence("is [", t.shape[0], ", ", t.shape[1], "] and its B [", b.shape[0], ", ",
                                           b.shape[1], "], where the configuration says rank ", own));
        m.a = tensors.values<float>(t.name);
        m.b = tensors.values<float>(b.name);
        m.alpha = detail::peft_pattern(config, "alpha_pattern", name, alpha);
        m.scale = m.alpha / (all.rank_stabilised ? std::sqrt(own) : own);
        for (const char* ending : {"lora_magnitude_vector", "lora_magnitude_vector.weight"}) {
            if (!tensors.contains(stem + ending)) continue;
            m.magnitude = tensors.values<float>(stem + ending).values();
            if (m.magnitude.size() != m.b.rows())
                refuse_tensor(stem + ending,
                              sentence("has ", m.magnitude.size(), " values for ", m.b.rows(), " outputs"));
        }
        all.modules.push_back(std::move(m));
    }
    if (all.modules.empty()) throw format_error(file.string(), 0, "holds no adapter");
    std::sort(all.modules.begin(), all.modules.end(),
              [](const peft_module& a, const peft_module& b) { return natural_less(a.name, b.name); });
    return all;
}

/// Writes an adapter that PEFT loads. The rank and alpha of most modules stand in the configuration, those of the
/// others in rank_pattern and alpha_pattern. `scale` is not stored: it follows from alpha, rank and rank_stabilised.
///
/// @param folder   made if it is not there; both files are written over
/// @throw          invalid_argument if there is no module, names are alike, or shapes do not fit; format_error if a
///                 file cannot be written
inline void write_peft(const std::filesystem::path& folder, const peft_adapter& adapter) {
    constexpr auto function = "formats::write_peft";
    require(!adapter.modules.empty(), function, ": needs at least one module, got none");
    std::vector<named_matrix<float>> tensors;
    std::vector<std::string> targets;
    using setting = std::pair<std::size_t, double>;  // rank and alpha
    std::vector<std::pair<setting, std::size_t>> settings;
    bool dora = false;
    for (const peft_module& m : adapter.modules) {
        require(m.a.rows() > 0 && m.a.rows() == m.b.cols(), function, ": A [r, in] and B [out, r] of \"", m.name,
                "\" do not fit, they are [", m.a.rows(), ", ", m.a.cols(), "] and [", m.b.rows(), ", ", m.b.cols(),
                "]");
        require(m.magnitude.empty() || m.magnitude.size() == m.b.rows(), function, ": \"", m.name, "\" needs ",
                m.b.rows(), " magnitudes, it has ", m.magnitude.size());
        const std::string stem = std::string(detail::peft_prefix) + m.name + ".";
        tensors.emplace_back(stem + "lora_A.weight", m.a.view());
        tensors.emplace_back(stem + "lora_B.weight", m.b.view());
        dora = dora || !m.magnitude.empty();
        const std::string target = m.name.substr(m.name.rfind('.') + 1);
        if (std::find(targets.begin(), targets.end(), target) == targets.end()) targets.push_back(target);
        const setting own{m.a.rows(), m.alpha};
        const auto at = std::find_if(settings.begin(), settings.end(), [&](const auto& s) { return s.first == own; });
        if (at == settings.end())
            settings.push_back({own, 1});
        else
            ++at->second;
    }
    require(!dora, function, ": magnitudes of DoRA are read, not written");
    const auto [rank, alpha] = std::max_element(settings.begin(), settings.end(), [](const auto& a, const auto& b) {
                                   return a.second < b.second;
                               })->first;
    json ranks = json::object(), alphas = json::object();
    for (const peft_module& m : adapter.modules) {
        if (m.a.rows() != rank) ranks[m.name] = m.a.rows();
        if (m.alpha != alpha) alphas[m.name] = m.alpha;
    }
    const auto or_null = [](const std::string& s) { return s.empty() ? json(nullptr) : json(s); };
    const json config = {{"peft_type", "LORA"},
                         {"base_model_name_or_path", or_null(adapter.base_model)},
                         {"task_type", or_null(adapter.task_type)},
                         {"r", rank},
                         {"lora_alpha", alpha},
                         {"lora_dropout", adapter.dropout},
                         {"use_rslora", adapter.rank_stabilised},
                         {"target_modules", targets},
                         {"rank_pattern", ranks},
                         {"alpha_pattern", alphas},
                         {"bias", "none"},
                         {"fan_in_fan_out", false},
                         {"inference_mode", true}};
    std::error_code failed;
    std::filesystem::create_directories(folder, failed);
    if (failed) throw format_error(folder.string(), 0, "cannot be made (" + failed.message() + ")");
    write_safetensors<float>(folder / "adapter_model.safetensors", tensors);
    detail::write_bytes(folder / "adapter_config.json", config.dump(2) + "\n");
}

}  // namespace holdfast::formats
