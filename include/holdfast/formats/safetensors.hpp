#pragma once
// Hugging Face's .safetensors: named tensors of one or more dimensions, read as float or double whatever they are
// stored as (F64, F32, F16, BF16), written as F32 or F64. Builds on json.hpp (the header) and core's matrix. Leaves out
// integer tensors (they are listed, not read) and the index of a checkpoint in several files.
/// @see safetensors, README "Format": 8 bytes N, N bytes of JSON, the values, little-endian and row-major

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <holdfast/core/error.hpp>
#include <holdfast/core/half.hpp>
#include <holdfast/core/matrix.hpp>
#include <holdfast/formats/json.hpp>
#include <holdfast/formats/records.hpp>

namespace holdfast::formats {

/// One tensor of a file: where it is and how it reads.
struct tensor_entry {
    std::string name = {};
    std::string type = {};                ///< "F32", "BF16", "I64" ...
    std::vector<std::size_t> shape = {};  ///< empty: a single number
    std::size_t begin = 0, end = 0;       ///< byte offsets in the file's data
};

namespace detail {

/// Bytes of one value of a type; 0 for a type that no version of the format has.
inline std::size_t safetensors_item(std::string_view type) {
    if (type == "F64" || type == "I64" || type == "U64") return 8;
    if (type == "F32" || type == "I32" || type == "U32") return 4;
    if (type == "F16" || type == "BF16" || type == "I16" || type == "U16") return 2;
    if (type == "I8" || type == "U8" || type == "BOOL" || type == "F8_E4M3" || type == "F8_E5M2") return 1;
    return 0;
}

/// An unsigned integer of `bytes` bytes, least first.
inline std::uint64_t little_endian(const char* at, std::size_t bytes) {
    std::uint64_t value = 0;
    for (std::size_t k = 0; k < bytes; ++k)
        value |= static_cast<std::uint64_t>(static_cast<unsigned char>(at[k])) << (8 * k);
    return value;
}

}  // namespace detail

/// A .safetensors file in memory.
class safetensors {
  public:
    /// Checks the whole header: every tensor's bytes are there, as many as its shape needs, and none belongs to two.
    ///
    /// @param bytes  of the file
    /// @param file   what an error calls it
    /// @throw        format_error, with the tensor's name where it is about one
    [[nodiscard]] static safetensors parse(std::string bytes, const std::string& file) {
        safetensors all;
        all.file_ = file;
        const auto fail = [&](const std::string& what) { throw format_error(file, 0, what); };
        if (bytes.size() < 8) fail("is no safetensors file: it has fewer than 8 bytes");
        const std::uint64_t length = detail::little_endian(bytes.data(), 8);
        if (length > bytes.size() - 8)
            fail(sentence("is no safetensors file: a header of ", length, " bytes is announced, ", bytes.size() - 8,
                          " follow"));
        const std::string_view header = std::string_view(bytes).substr(8, static_cast<std::size_t>(length));
        if (first_invalid_utf8(header) != std::string_view::npos) fail("the header is not UTF-8");
        const json j = parse_json(header, file);
        if (!j.is_object()) fail("the header must be an object");
        all.data_ = 8 + static_cast<std::size_t>(length);
        const std::size_t have = bytes.size() - all.data_;
        for (const auto& [name, value] : j.items()) {
            if (name == "__metadata__") {
                if (!value.is_object()) fail("\"__metadata__\" must be an object");
                for (const auto& [key, text] : value.items()) {
                    if (!text.is_string()) fail(sentence("\"__metadata__\": \"", key, "\" must be text"));
                    all.metadata_[key] = text.template get<std::string>();
                }
                continue;
            }
            all.tensors_.push_back(entry(name, value, have, file));
        }
        // The file's own order is that of the bytes.
        std::sort(all.tensors_.begin(), all.tensors_.end(), [](const tensor_entry& a, const tensor_entry& b) {
            return a.begin != b.begin ? a.begin < b.begin : a.name < b.name;
        });
        for (std::size_t i = 1; i < all.tensors_.size(); ++i)
            if (all.tensors_[i].begin < all.tensors_[i - 1].end)
                fail(sentence("tensor \"", all.tensors_[i].name, "\" lies over \"", all.tensors_[i - 1].name, "\""));
        all.bytes_ = std::move(bytes);
        return all;
    }

    /// @throw format_error as parse; also a missing file
    [[nodiscard]] static safetensors read(const std::filesystem::path& path) {
        return parse(detail::read_bytes(path), path.string());
    }

    /// In the order in which their values lie in the file.
    [[nodiscard]] const std::vector<tensor_entry>& tensors() const { return tensors_; }
    [[nodiscard]] const std::map<std::string, std::string>& metadata() const { return metadata_; }

    [[nodiscard]] bool contains(std::string_view name) const { return find(name) != nullptr; }

    /// @throw format_error if there is no tensor of this name
    [[nodiscard]] const tensor_entry& at(std::string_view name) const {
        const tensor_entry* found = find(name);
        if (!found) throw format_error(file_, 0, sentence("has no tensor \"", name, "\""));
        return *found;
    }

    /// One tensor's values.
    ///
    /// @tparam T  float or double: F16 and BF16 are widened exactly, F64 is rounded where T is float
    /// @return    [n, d]; one dimension becomes a column [n, 1], a single number [1, 1], more than two are [first,
    /// rest]
    /// @throw     format_error if there is no such tensor, or its values are not floating-point
    template <std::floating_point T>
    [[nodiscard]] matrix<T> values(std::string_view name) const {
        const tensor_entry& t = at(name);
        const std::size_t item = detail::safetensors_item(t.type), n = (t.end - t.begin) / item;
        const std::size_t rows = t.shape.empty() ? 1 : t.shape[0];
        matrix<T> out(rows, rows == 0 ? 0 : n / rows);
        const char* from = bytes_.data() + data_ + t.begin;
        const auto fill = [&](auto value_of) {
            for (std::size_t i = 0; i < n; ++i)
                out.data()[i] = static_cast<T>(value_of(detail::little_endian(from + i * item, item)));
        };
        if (t.type == "F32")
            fill([](std::uint64_t b) { return std::bit_cast<float>(static_cast<std::uint32_t>(b)); });
        else if (t.type == "F64")
            fill([](std::uint64_t b) { return std::bit_cast<double>(b); });
        else if (t.type == "BF16")
            fill([](std::uint64_t b) { return float(bfloat16::from_bits(static_cast<std::uint16_t>(b))); });
        else if (t.type == "F16")
            fill([](std::uint64_t b) { return float(half::from_bits(static_cast<std::uint16_t>(b))); });
        else
            throw format_error(
                file_, 0,
                sentence("tensor \"", name, "\" is of type ", t.type, ", where F64, F32, F16 or BF16 is needed"));
        return out;
    }

  private:
    static tensor_entry entry(const std::string& name, const json& value, std::size_t have, const std::string& file) {
        const auto fail = [&](const std::string& what) {
            throw format_error(file, 0, sentence("tensor \"", name, "\" ", what));
        };
        tensor_entry t;
        t.name = name;
        if (!value.is_object() || !value.contains("dtype") || !value["dtype"].is_string())
            fail("must be an object with a text \"dtype\"");
        t.type = value["dtype"].get<std::string>();
        const std::size_t item = detail::safetensors_item(t.type);
        if (item == 0) fail(sentence("is of unknown type \"", t.type, "\""));
        const auto counts = [&](const char* key) {
            const auto list = value.find(key);
            if (list == value.end() || !list->is_array()) fail(sentence("has no list \"", key, "\""));
            std::vector<std::size_t> all;
            for (const json& x : *list) {
                if (!x.is_number_unsigned()) fail(sentence("\"", key, "\" must hold whole numbers from 0"));
                all.push_back(x.get<std::size_t>());
            }
            return all;
        };
        t.shape = counts("shape");
        const auto offsets = counts("data_offsets");
        if (offsets.size() != 2 || offsets[0] > offsets[1] || offsets[1] > have)
            fail(sentence("must lie within the ", have, " bytes of values"));
        t.begin = offsets[0], t.end = offsets[1];
        std::size_t bytes = item;
        for (const std::size_t n : t.shape) {
            if (n != 0 && bytes > std::numeric_limits<std::size_t>::max() / n) fail("has a shape beyond all memory");
            bytes *= n;
        }
        if (bytes != t.end - t.begin) fail(sentence("needs ", bytes, " bytes for its shape and has ", t.end - t.begin));
        return t;
    }

    [[nodiscard]] const tensor_entry* find(std::string_view name) const {
        for (const tensor_entry& t : tensors_)
            if (t.name == name) return &t;
        return nullptr;
    }

    std::string file_, bytes_;
    std::size_t data_ = 0;
    std::vector<tensor_entry> tensors_;
    std::map<std::string, std::string> metadata_;
};

/// A matrix under a name, to be written.
template <std::floating_point T>
using named_matrix = std::pair<std::string, matrix_view<const T>>;

/// Writes matrices as a .safetensors file (F32 or F64), in the order given; the values begin at a multiple of 8 bytes.
///
/// @param tensors   names of their own, and matrices [n, d]
/// @param metadata  text under names; PyTorch's reader asks for {"format": "pt"}
/// @throw           invalid_argument if two names are alike; format_error if the file cannot be written
template <std::floating_point T>
void write_safetensors(const std::filesystem::path& path, const std::vector<named_matrix<T>>& tensors,
                       const std::map<std::string, std::string>& metadata = {{"format", "pt"}}) {
    static_assert(std::same_as<T, float> || std::same_as<T, double>);
    nlohmann::ordered_json header = nlohmann::ordered_json::object();
    if (!metadata.empty()) header["__metadata__"] = metadata;
    std::size_t offset = 0;
    for (const auto& [name, m] : tensors) {
        require(!header.contains(name) && name != "__metadata__",
                "formats::write_safetensors: tensors need names of their own, two are \"", name, "\"");
        const std::size_t bytes = m.size() * sizeof(T);
        header[name] = {{"dtype", sizeof(T) == 4 ? "F32" : "F64"},
                        {"shape", {m.rows(), m.cols()}},
                        {"data_offsets", {offset, offset + bytes}}};
        offset += bytes;
    }
    std::string text = header.dump();
    text.append((8 - text.size() % 8) % 8, ' ');
    std::string out;
    out.reserve(8 + text.size() + offset);
    for (std::size_t k = 0; k < 8; ++k) out += static_cast<char>(static_cast<unsigned char>(text.size() >> (8 * k)));
    out += text;
    using bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
    for (const auto& [name, m] : tensors)
        for (std::size_t i = 0; i < m.rows(); ++i)
            for (std::size_t j = 0; j < m.cols(); ++j) {
                const auto value = std::bit_cast<bits>(m(i, j));
                for (std::size_t k = 0; k < sizeof value; ++k)
                    out += static_cast<char>(static_cast<unsigned char>(value >> (8 * k)));
            }
    detail::write_bytes(path, out);
}

}  // namespace holdfast::formats
