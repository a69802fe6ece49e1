#pragma once
// NumPy's .npy: arrays of float32 and float64 with one or two dimensions, C and Fortran order, either byte order,
// versions 1 to 3. Builds on records.hpp (reading) and core's matrix. Leaves out other types, .npz and memory mapping.
/// @see NumPy, numpy/lib/format.py

#include <algorithm>
#include <bit>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <holdfast/core/error.hpp>
#include <holdfast/core/matrix.hpp>
#include <holdfast/formats/records.hpp>

namespace holdfast::formats {

namespace detail {

struct npy_header {
    std::size_t item = 0;  // bytes of a value
    bool big_endian = false;
    bool fortran = false;
    std::vector<std::size_t> shape;
    std::size_t data = 0;  // byte offset of the first value
};

/// The text after 'key': in the header's dictionary, from the first sign that is no blank.
inline std::string_view npy_field(std::string_view dictionary, std::string_view key, const std::string& file) {
    const std::string quoted = "'" + std::string(key) + "':";
    const std::size_t at = dictionary.find(quoted);
    if (at == std::string_view::npos) throw format_error(file, 0, "the .npy header has no field " + quoted);
    const std::string_view rest = dictionary.substr(at + quoted.size());
    return rest.substr(std::min(rest.find_first_not_of(' '), rest.size()));
}

inline npy_header parse_npy_header(std::string_view bytes, const std::string& file) {
    const auto byte = [&](std::size_t k) { return static_cast<unsigned char>(bytes[k]); };
    if (bytes.size() < 10 || bytes.substr(0, 6) != "\x93NUMPY")
        throw format_error(file, 0, "is no .npy file: it does not begin with \\x93NUMPY");
    if (byte(6) < 1 || byte(6) > 3)
        throw format_error(file, 0, sentence(".npy version ", byte(6) + 0, " is not known, only 1 to 3"));
    npy_header h;
    std::size_t length = byte(8) + 256u * byte(9);
    h.data = 10;
    if (byte(6) > 1) {
        if (bytes.size() < 12) throw format_error(file, 0, "the .npy header ends at byte offset 10");
        length += (std::size_t{byte(10)} << 16) + (std::size_t{byte(11)} << 24);
        h.data = 12;
    }
    if (bytes.size() - h.data < length)
        throw format_error(
            file, 0, sentence("the .npy header has ", length, " bytes, the file ends after ", bytes.size() - h.data));
    const std::string_view dictionary = bytes.substr(h.data, length);
    h.data += length;

    const std::string_view descr = npy_field(dictionary, "descr", file);
    const std::string_view type = descr.substr(0, std::min(descr.find_first_of(",}"), descr.size()));
    if (type.size() != 5 || type[0] != '\'' || type[2] != 'f' || (type[3] != '4' && type[3] != '8') ||
        type[4] != '\'' || (type[1] != '<' && type[1] != '>'))
        throw format_error(file, 0,
                           "the .npy type must be float32 or float64 ('<f4', '<f8'), it is " + std::string(type));
    h.item = type[3] == '4' ? 4 : 8;
    h.big_endian = type[1] == '>';

    const std::string_view order = npy_field(dictionary, "fortran_order", file);
    h.fortran = order.starts_with("True");
    if (!h.fortran && !order.starts_with("False"))
        throw format_error(file, 0, "the .npy field 'fortran_order' must be True or False");

    std::string_view shape = npy_field(dictionary, "shape", file);
    const std::size_t close = shape.find(')');
    if (!shape.starts_with("(") || close == std::string_view::npos)
        throw format_error(file, 0, "the .npy field 'shape' must be a tuple");
    shape = shape.substr(1, close - 1);
    while (true) {
        shape.remove_prefix(std::min(shape.find_first_not_of(" ,"), shape.size()));
        if (shape.empty()) break;
        std::size_t extent = 0;
        const auto [end, error] = std::from_chars(shape.data(), shape.data() + shape.size(), extent);
        if (error != std::errc{})
            throw format_error(file, 0, "the .npy field 'shape' must hold numbers, it holds " + std::string(shape));
        h.shape.push_back(extent);
        shape.remove_prefix(static_cast<std::size_t>(end - shape.data()));
    }
    if (h.shape.empty() || h.shape.size() > 2)
        throw format_error(file, 0, sentence("the .npy array must have 1 or 2 dimensions, it has ", h.shape.size()));
    return h;
}

template <class Bits, class Real>
Real npy_value(const char* from, bool swap) {
    Bits bits;
    std::memcpy(&bits, from, sizeof bits);
    if (swap) {
        Bits turned = 0;
        for (std::size_t k = 0; k < sizeof bits; ++k)
            turned = static_cast<Bits>(turned << 8) | ((bits >> (8 * k)) & 0xFFu);
        bits = turned;
    }
    return std::bit_cast<Real>(bits);
}

}  // namespace detail

/// Reads an array from the bytes of a .npy file.
///
/// @tparam T  float or double; a file of the other type is converted (float64 to float rounds)
/// @param file  what an error calls the source
/// @return    [n, d]; an array of one dimension becomes a column [n, 1]
/// @throw     format_error: no .npy, another type, 0 or more than 2 dimensions, fewer or more bytes than the shape
/// needs
template <std::floating_point T>
matrix<T> parse_npy(std::string_view bytes, const std::string& file) {
    const detail::npy_header h = detail::parse_npy_header(bytes, file);
    const std::size_t rows = h.shape[0], cols = h.shape.size() == 2 ? h.shape[1] : 1;
    const std::size_t have = bytes.size() - h.data;
    const bool countable = cols == 0 || rows <= std::numeric_limits<std::size_t>::max() / h.item / cols;
    if (!countable || rows * cols * h.item != have)
        throw format_error(file, 0,
                           sentence("the .npy shape ", rows, " x ", cols, " of ", h.item, "-byte values does not fit ",
                                    have, " bytes of data from byte offset ", h.data));
    matrix<T> out(rows, cols);
    const bool swap = h.big_endian != (std::endian::native == std::endian::big);
    const char* data = bytes.data() + h.data;
    for (std::size_t i = 0; i < rows; ++i)
        for (std::size_t j = 0; j < cols; ++j) {
            const char* at = data + h.item * (h.fortran ? j * rows + i : i * cols + j);
            out(i, j) = h.item == 4 ? static_cast<T>(detail::npy_value<std::uint32_t, float>(at, swap))
                                    : static_cast<T>(detail::npy_value<std::uint64_t, double>(at, swap));
        }
    return out;
}

/// Reads a .npy file: parse_npy of its bytes.
///
/// @throw format_error as parse_npy; also a missing file
template <std::floating_point T>
matrix<T> read_npy(const std::filesystem::path& path) {
    return parse_npy<T>(detail::read_bytes(path), path.string());
}

namespace detail {

template <class T>
std::string npy_bytes(matrix_view<const T> values, const std::string& shape) {
    static_assert(std::same_as<T, float> || std::same_as<T, double>);
    std::string header = std::string("{'descr': '") + (std::endian::native == std::endian::little ? '<' : '>') + 'f' +
                         std::to_string(sizeof(T)) + "', 'fortran_order': False, 'shape': " + shape + ", }";
    header.append(21 - std::to_string(values.rows()).size(), ' ');       // NumPy leaves room for a longer first extent
    header.append(63 - (10 + header.size()) % 64, ' ').push_back('\n');  // the data begins at a multiple of 64
    std::string out = "\x93NUMPY";
    out.append({'\x01', '\x00', static_cast<char>(header.size() & 0xFF), static_cast<char>(header.size() >> 8)})
        .append(header);
    for (std::size_t i = 0; i < values.rows(); ++i)
        for (std::size_t j = 0; j < values.cols(); ++j) {
            const T value = values(i, j);
            char bytes[sizeof(T)];
            std::memcpy(bytes, &value, sizeof value);
            out.append(bytes, sizeof value);
        }
    return out;
}

}  // namespace detail

/// Writes a matrix [n, d] as .npy (version 1, C order, the type of its values), byte for byte as numpy.save
/// does (from NumPy 1.24 on).
///
/// @throw format_error if the file cannot be written
template <matrix_like M>
void write_npy(const std::filesystem::path& path, const M& values) {
    using element = std::remove_const_t<element_t<M>>;
    const matrix_view<const element> v = view(values);
    detail::write_bytes(path, detail::npy_bytes<element>(v, sentence("(", v.rows(), ", ", v.cols(), ")")));
}

/// Writes numbers [n] as .npy with one dimension.
///
/// @throw format_error if the file cannot be written
template <std::floating_point T>
void write_npy(const std::filesystem::path& path, std::span<const T> values) {
    detail::write_bytes(path, detail::npy_bytes<T>(matrix_view<const T>(values.data(), values.size(), 1),
                                                   sentence("(", values.size(), ",)")));
}

}  // namespace holdfast::formats
