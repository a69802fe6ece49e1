// Numbers to a file and back: weights, adapters, an optimiser's state, in named sections beside the sizes of the model.
//
// Little-endian, versioned, with a checksum; written to a neighbour and renamed, so that a kill leaves the old file or
// the new one. Builds on parameters.hpp. Reads nothing but its own format (holdfast's formats know safetensors).
#pragma once

#include "parameters.hpp"

#include <holdfast/core/checksum.hpp>
#include <holdfast/core/error.hpp>

#include <bit>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace trainer {

static_assert(std::endian::native == std::endian::little, "weights.hpp writes numbers as they lie in memory");

/// One list of numbers under a name.
struct section {
    std::string name;
    std::span<const float> values;
};

namespace detail {

inline constexpr std::string_view weights_magic = "holdfast weights 1\n";

inline std::uint64_t checksum_of(std::string_view bytes) {
    holdfast::checksum sum;
    sum.add(bytes);
    return sum.value();
}

template <class T>
void put(std::string& to, const T& value) {
    char bytes[sizeof(T)];
    std::memcpy(bytes, &value, sizeof(T));
    to.append(bytes, sizeof(T));
}

/// The sizes that say whether two models are the same, one per line.
inline std::string described(const model_config& c) {
    return holdfast::sentence("vocabulary ", c.vocabulary, "\nwidth ", c.width, "\nlayers ", c.layers, "\nheads ",
                              c.heads, "\nkv_heads ", c.kv_heads, "\nhidden ", c.hidden, "\ncontext ", c.context,
                              "\nrope_base ", c.rope_base, "\nnorm_eps ", c.norm_eps, "\ntied_embeddings ",
                              c.tied_embeddings, "\n");
}

/// "width 128, not 192": the first line in which two descriptions differ.
inline std::string first_difference(std::string_view file, std::string_view model) {
    while (!file.empty() && !model.empty()) {
        const std::string_view a = file.substr(0, file.find('\n')), b = model.substr(0, model.find('\n'));
        if (a != b) return std::string(a) + ", the model " + std::string(b);
        file.remove_prefix(std::min(a.size() + 1, file.size()));
        model.remove_prefix(std::min(b.size() + 1, model.size()));
    }
    return "other sizes";
}

/// Reads a file's bytes one after the other; every step past the end is an error that names the file.
struct byte_reader {
    const std::string& file;
    std::string_view bytes;
    std::size_t at = 0;

    [[noreturn]] void fail(const std::string& what) const { throw holdfast::format_error(file, 0, what); }
    std::string_view take(std::uint64_t n) {
        if (n > bytes.size() - at)
            fail(holdfast::sentence("the file ends at byte ", bytes.size(), ", in the middle of something"));
        at += n;
        return bytes.substr(at - n, n);
    }
    template <class T>
    T number() {
        T value;
        std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
        return value;
    }
    std::string_view text() { return take(number<std::uint64_t>()); }
};

}  // namespace detail

/// Writes sections beside the sizes of the model they belong to.
///
/// @throw std::runtime_error if the file cannot be written; what was there before is then unchanged
inline void save_sections(const std::filesystem::path& path, const model_config& config,
                          std::span<const section> sections) {
    std::string bytes(detail::weights_magic);
    const auto text = [&](std::string_view s) {
        detail::put(bytes, std::uint64_t{s.size()});
        bytes += s;
    };
    text(detail::described(config));
    detail::put(bytes, std::uint64_t{sections.size()});
    for (const section& s : sections) {
        text(s.name);
        text({reinterpret_cast<const char*>(s.values.data()), s.values.size() * sizeof(float)});
    }
    detail::put(bytes, detail::checksum_of(bytes));
    const std::filesystem::path part = path.string() + ".part";
    std::ofstream file(part, std::ios::binary);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    file.close();
    std::error_code failed;
    if (file) std::filesystem::rename(part, path, failed);
    if (!file || failed) {
        std::filesystem::remove(part, failed);
        throw std::runtime_error("trainer::save: cannot write " + path.string());
    }
}

/// Reads what save_sections wrote.
///
/// @return sections by name
/// @throw  format_error that names the file if it is missing, of another kind or version, cut short, changed since, or
///         of a model of other sizes
inline std::map<std::string, std::vector<float>> load_sections(const std::filesystem::path& path,
                                                               const model_config& config) {
    const std::string name = path.string();
    std::ifstream file(path, std::ios::binary);
    if (!file) throw holdfast::format_error(name, 0, "cannot be opened");
    const std::string bytes(std::istreambuf_iterator<char>(file), {});
    detail::byte_reader in{name, bytes};
    const std::string_view magic = detail::weights_magic;
    if (bytes.substr(0, magic.size() - 2) != magic.substr(0, magic.size() - 2))
        in.fail("not a file of weights of the holdfast trainer");
    if (in.take(magic.size()) != magic) in.fail("weights of another version of the holdfast trainer");
    const std::string_view sizes = in.text();
    const std::uint64_t count = in.number<std::uint64_t>();
    std::map<std::string, std::vector<float>> sections;
    for (std::uint64_t s = 0; s < count; ++s) {
        const std::string title(in.text());
        const std::string_view raw = in.text();
        std::vector<float>& values = sections[title];
        values.resize(raw.size() / sizeof(float));
        std::memcpy(values.data(), raw.data(), values.size() * sizeof(float));
    }
    const std::size_t end = in.at;
    if (in.number<std::uint64_t>() != detail::checksum_of(std::string_view(bytes).substr(0, end)))
        in.fail("the checksum does not fit: the file was changed or damaged");
    if (const std::string own = detail::described(config); sizes != own)
        in.fail("weights of another model: the file says " + detail::first_difference(sizes, own));
    return sections;
}

/// The weights of a model alone.
inline void save_weights(const std::filesystem::path& path, const model_config& config, std::span<const float> flat) {
    const section all[] = {{"weights", flat}};
    save_sections(path, config, all);
}

/// @param flat  [all weights], written only if everything fits
inline void load_weights(const std::filesystem::path& path, const model_config& config, std::span<float> flat) {
    const auto sections = load_sections(path, config);
    const auto found = sections.find("weights");
    if (found == sections.end() || found->second.size() != flat.size())
        throw holdfast::format_error(path.string(), 0, "has no weights that fit the model");
    std::copy(found->second.begin(), found->second.end(), flat.begin());
}

}  // namespace trainer
