#include <holdfast/formats/npy.hpp>

#include <cmath>

#include <holdfast/core/random.hpp>

#include "support/temporary_folder.hpp"
#include "support/test.hpp"

namespace formats = holdfast::formats;

namespace {

/// A .npy of version 1 with this dictionary and these bytes of data.
std::string npy(const std::string& dictionary, const std::string& data, char version = 1) {
    std::string head = dictionary + "\n", out = "\x93NUMPY";
    out += version;
    out += '\0';
    for (int k = 0; k < (version == 1 ? 2 : 4); ++k) out += static_cast<char>((head.size() >> (8 * k)) & 0xFF);
    return out + head + data;
}

template <class T>
std::string raw(std::initializer_list<T> values) {
    std::string out;
    for (const T v : values) out.append(reinterpret_cast<const char*>(&v), sizeof v);
    return out;
}

holdfast::matrix<double> parse(const std::string& bytes) { return formats::parse_npy<double>(bytes, "x.npy"); }

}  // namespace

TEST_CASE("a matrix written is the matrix read, in float and in double") {
    const holdfast_test::temporary_folder folder;
    holdfast::matrix<double> m(3, 2);
    for (std::size_t k = 0; k < 6; ++k) m.values()[k] = 1.0 / (1.0 + static_cast<double>(k));
    m(2, 1) = std::numeric_limits<double>::infinity();
    formats::write_npy(folder.path() / "d.npy", m);
    CHECK(formats::read_npy<double>(folder.path() / "d.npy") == m);
    const auto f = formats::read_npy<float>(folder.path() / "d.npy");
    CHECK(f(1, 0) == 1.0f / 3.0f);
    formats::write_npy(folder.path() / "f.npy", f);
    CHECK(formats::read_npy<float>(folder.path() / "f.npy") == f);
    CHECK(formats::read_npy<double>(folder.path() / "f.npy")(1, 0) == static_cast<double>(1.0f / 3.0f));
    formats::write_npy(folder.path() / "t.npy", m.view().transposed());
    CHECK(formats::read_npy<double>(folder.path() / "t.npy")(1, 0) == m(0, 1));
    const std::vector<double> line{1, 2, 3};
    formats::write_npy(folder.path() / "l.npy", std::span<const double>(line));
    const auto column = formats::read_npy<double>(folder.path() / "l.npy");
    CHECK(column.rows() == 3);
    CHECK(column.cols() == 1);
    CHECK(column(2, 0) == 3);
    formats::write_npy(folder.path() / "e.npy", holdfast::matrix<float>(0, 4));
    CHECK(formats::read_npy<float>(folder.path() / "e.npy").cols() == 4);
}

TEST_CASE("the bytes are those of numpy.save") {
    // numpy 2.4.6: io.BytesIO of numpy.save(numpy.array([[1., 2.]])): 128 bytes of header, then the data.
    const holdfast_test::temporary_folder folder;
    holdfast::matrix<double> m(1, 2, std::vector<double>{1, 2});
    formats::write_npy(folder.path() / "a.npy", m);
    const std::string bytes = formats::detail::read_bytes(folder.path() / "a.npy");
    REQUIRE(bytes.size() == 128 + 16);
    const std::string dictionary = "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2), }";
    CHECK(bytes.substr(0, 10) == std::string("\x93NUMPY\x01\x00\x76\x00", 10));
    CHECK(bytes.substr(10, dictionary.size()) == dictionary);
    CHECK(bytes[127] == '\n');
    CHECK(bytes.substr(128) == raw<double>({1, 2}));
}

TEST_CASE("Fortran order, big-endian values, one dimension and later versions are read") {
    const std::string values = raw<double>({1, 2, 3, 4, 5, 6});
    const auto c = parse(npy("{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }", values));
    CHECK(c(0, 1) == 2);
    CHECK(c(1, 0) == 4);
    const auto fortran = parse(npy("{'descr': '<f8', 'fortran_order': True, 'shape': (2, 3), }", values, 2));
    CHECK(fortran(0, 1) == 3);
    CHECK(fortran(1, 0) == 2);
    std::string turned = raw<float>({1.5f, -2.25f});
    std::reverse(turned.begin(), turned.begin() + 4);
    std::reverse(turned.begin() + 4, turned.end());
    const auto big = parse(npy("{'descr': '>f4', 'fortran_order': False, 'shape': (2,), }", turned, 3));
    CHECK(big(0, 0) == 1.5);
    CHECK(big(1, 0) == -2.25);
    CHECK(parse(npy("{'shape': (0, 3), 'fortran_order': False, 'descr': '<f8'}", "")).rows() == 0);
}

TEST_CASE("npy: what is wrong is named with the file") {
    const std::string eight(8, '\0');
    CHECK_MALFORMED(parse(""), "x.npy: is no .npy file");
    CHECK_MALFORMED(parse("PK\x03\x04 a zip of arrays"), "is no .npy file");
    CHECK_MALFORMED(parse(npy("{}", "", 9)), ".npy version 9 is not known");
    CHECK_MALFORMED(parse(std::string("\x93NUMPY\x02\x00\x01\x00", 10)), "ends at byte offset 10");
    CHECK_MALFORMED(parse(std::string("\x93NUMPY\x01\x00\xff\x00{", 11)),
                    "the .npy header has 255 bytes, the file ends after 1");
    CHECK_MALFORMED(parse(npy("{'shape': (1,), 'fortran_order': False}", eight)), "has no field 'descr':");
    CHECK_MALFORMED(parse(npy("{'descr': '<i8', 'fortran_order': False, 'shape': (1,), }", eight)),
                    "must be float32 or float64 ('<f4', '<f8'), it is '<i8'");
    CHECK_MALFORMED(parse(npy("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,), }", eight)),
                    "must be float32 or float64");
    CHECK_MALFORMED(parse(npy("{'descr': '<f8', 'fortran_order': Maybe, 'shape': (1,), }", eight)),
                    "'fortran_order' must be True or False");
    CHECK_MALFORMED(parse(npy("{'descr': '<f8', 'fortran_order': False, 'shape': 1, }", eight)),
                    "'shape' must be a tuple");
    CHECK_MALFORMED(parse(npy("{'descr': '<f8', 'fortran_order': False, 'shape': (x,), }", eight)),
                    "'shape' must hold numbers");
    CHECK_MALFORMED(parse(npy("{'descr': '<f8', 'fortran_order': False, 'shape': (), }", eight)),
                    "must have 1 or 2 dimensions, it has 0");
    CHECK_MALFORMED(parse(npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1, 1), }", eight)), "it has 3");
    CHECK_MALFORMED(parse(npy("{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }", eight)),
                    "2 x 1 of 8-byte values does not fit 8 bytes");
    CHECK_MALFORMED(parse(npy("{'descr': '<f8', 'fortran_order': False, 'shape': (4611686018427387904, 4), }", eight)),
                    "does not fit");
    const holdfast_test::temporary_folder folder;
    CHECK_MALFORMED(formats::read_npy<float>(folder.path() / "none.npy"), "there is no such file");
    CHECK_MALFORMED(formats::write_npy(folder.path() / "no/folder.npy", holdfast::matrix<float>(1, 1)),
                    "cannot be written");
}

TEST_CASE("a damaged .npy is an array or a format_error, never anything else") {
    holdfast::philox g{6};
    const std::string good = npy("{'descr': '<f8', 'fortran_order': False, 'shape': (2, 1), }", raw<double>({1, 2}));
    int read = 0;
    for (int round = 0; round < 20000; ++round) {
        std::string bytes = good;
        for (std::size_t n = 1 + holdfast::uniform_index(g, 3); n > 0; --n)
            bytes[holdfast::uniform_index(g, bytes.size())] = static_cast<char>(holdfast::uniform_index(g, 256));
        if (round % 3 == 0) bytes.resize(holdfast::uniform_index(g, bytes.size()));
        try {
            read += parse(bytes).size() > 0 ? 1 : 0;
        } catch (const holdfast::format_error&) {}
    }
    CHECK(read > 0);  // damage to the values alone
}
