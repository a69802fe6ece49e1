#include <holdfast/formats/safetensors.hpp>

#include "support/temporary_folder.hpp"
#include "support/test.hpp"

namespace formats = holdfast::formats;

namespace {

std::string from_hex(std::string_view hex) {
    std::string bytes;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
        bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
    return bytes;
}

std::string file_of(const std::string& header, const std::string& values = {}) {
    std::string bytes;
    for (std::size_t k = 0; k < 8; ++k)
        bytes += static_cast<char>(static_cast<unsigned char>(header.size() >> (8 * k)));
    return bytes + header + values;
}

// safetensors 0.8.0, safetensors.torch.save of half, bfloat16, float, double and int64 tensors
const std::string recorded = file_of(
    R"({"__metadata__":{"format":"pt","made":"by torch"},"steps":{"dtype":"I64","shape":[2],"data_offsets":[0,16]},)"
    R"("w.double":{"dtype":"F64","shape":[],"data_offsets":[16,24]},"w.single":{"dtype":"F32","shape":[1,2],)"
    R"("data_offsets":[24,32]},"w.brain":{"dtype":"BF16","shape":[3],"data_offsets":[32,38]},)"
    R"("w.half":{"dtype":"F16","shape":[2,2],"data_offsets":[38,46]}}   )",
    from_hex("0700000000000000ffffffffffffffff59f3f8c21f6ea501cdcccc3d000060c0c03f00c00100003e00c00100ff7b"));

}  // namespace

TEST_CASE("a file that PyTorch wrote is read, whatever its values are stored as") {
    const auto f = formats::safetensors::parse(recorded, "m.safetensors");
    REQUIRE(f.tensors().size() == 5);
    CHECK(f.tensors()[0].name == "steps");
    CHECK(f.at("w.half").shape == std::vector<std::size_t>{2, 2});
    CHECK(f.metadata().at("made") == "by torch");
    CHECK(f.contains("w.brain"));
    CHECK_FALSE(f.contains("w"));
    const auto half = f.values<float>("w.half");
    CHECK((half(0, 0) == 1.5F && half(0, 1) == -2.0F && half(1, 1) == 65504.0F));
    CHECK(half(1, 0) == 0x1p-24F);
    const auto brain = f.values<double>("w.brain");
    CHECK((brain.rows() == 3 && brain.cols() == 1));
    CHECK((brain(0, 0) == 1.5 && brain(1, 0) == -2 && brain(2, 0) == 0x1p-133));
    CHECK(f.values<float>("w.single")(0, 0) == 0.1F);
    CHECK(f.values<double>("w.double")(0, 0) == 1e-300);
    CHECK_MALFORMED(f.values<float>("steps"), "tensor \"steps\" is of type I64");
    CHECK_MALFORMED(f.values<float>("bias"), "m.safetensors: has no tensor \"bias\"");
}

TEST_CASE("every pattern of 16 bits is widened as binary16 says") {
    std::string values;
    for (unsigned bits = 0; bits < 0x10000; ++bits)
        values += {static_cast<char>(bits & 255), static_cast<char>(bits >> 8)};
    const auto all = formats::safetensors::parse(
        file_of(R"({"h":{"dtype":"F16","shape":[65536],"data_offsets":[0,131072]}})", values), "m");
    const auto read = all.values<float>("h");
    for (unsigned bits = 0; bits < 0x10000; ++bits) {
        const float got = read(bits, 0);
        const int exponent = (bits >> 10) & 31, fraction = bits & 1023;
        const double sign = bits & 0x8000 ? -1 : 1;
        if (exponent == 31 && fraction != 0) {
            REQUIRE(std::isnan(got));
            continue;
        }
        const double expected = exponent == 31  ? sign * std::numeric_limits<double>::infinity()
                                : exponent == 0 ? sign * std::ldexp(fraction, -24)
                                                : sign * std::ldexp(1024 + fraction, exponent - 25);
        REQUIRE(static_cast<double>(got) == expected);
        REQUIRE(std::signbit(got) == (sign < 0));
    }
}

TEST_CASE("what is written is read alike, to the bit") {
    const holdfast_test::temporary_folder folder;
    holdfast::matrix<float> a(2, 3), b(0, 4);
    for (std::size_t i = 0; i < 6; ++i) a.data()[i] = 0.1F * static_cast<float>(i) - 0.2F;
    const auto path = folder.path() / "m.safetensors";
    formats::write_safetensors<float>(path, {{"a", a.view()}, {"a'", a.view().transposed()}, {"none", b.view()}});
    const auto f = formats::safetensors::read(path);
    CHECK(f.values<float>("a") == a);
    CHECK(f.at("a'").shape == std::vector<std::size_t>{3, 2});
    CHECK(f.values<float>("a'")(2, 1) == a(1, 2));
    CHECK(f.values<float>("none").size() == 0);
    CHECK(f.metadata().at("format") == "pt");
    const auto bytes = formats::detail::read_bytes(path);
    CHECK(bytes.size() % 8 == 0);
    holdfast::matrix<double> d(1, 1, 0.1);
    formats::write_safetensors<double>(path, {{"d", d.view()}}, {});
    CHECK(formats::safetensors::read(path).values<double>("d") == d);
    CHECK_REFUSES(formats::write_safetensors<float>(path, {{"a", a.view()}, {"a", a.view()}}),
                  "tensors need names of their own, two are \"a\"");
    CHECK_MALFORMED(formats::write_safetensors<float>(folder.path() / "no" / "m", {{"a", a.view()}}),
                    "cannot be written");
}

TEST_CASE("a header that does not fit is refused with the tensor's name") {
    const auto parse = [](const std::string& bytes) { return formats::safetensors::parse(bytes, "m"); };
    CHECK_MALFORMED(parse("short"), "m: is no safetensors file: it has fewer than 8 bytes");
    CHECK_MALFORMED(parse(recorded.substr(0, 100)), "a header of 360 bytes is announced, 92 follow");
    CHECK_MALFORMED(parse(std::string(16, '\xff')), "is announced, 8 follow");
    CHECK_MALFORMED(parse(recorded.substr(0, recorded.size() - 1)), "tensor \"w.half\" must lie within the 45 bytes");
    CHECK_MALFORMED(parse(file_of("[]")), "the header must be an object");
    CHECK_MALFORMED(parse(file_of("{\"a\": ")), "broken JSON");
    CHECK_MALFORMED(parse(file_of("\xff{}")), "not UTF-8");
    const auto one = [&](const std::string& about) {
        return parse(file_of("{\"a\":" + about + "}", std::string(8, '\0')));
    };
    CHECK_MALFORMED(one("3"), "tensor \"a\" must be an object with a text \"dtype\"");
    CHECK_MALFORMED(one(R"({"dtype":"F12","shape":[2],"data_offsets":[0,8]})"), "of unknown type \"F12\"");
    CHECK_MALFORMED(one(R"({"dtype":"F32","shape":2,"data_offsets":[0,8]})"), "has no list \"shape\"");
    CHECK_MALFORMED(one(R"({"dtype":"F32","shape":[-2],"data_offsets":[0,8]})"), "\"shape\" must hold whole numbers");
    CHECK_MALFORMED(one(R"({"dtype":"F32","shape":[3],"data_offsets":[0,8]})"),
                    "needs 12 bytes for its shape and has 8");
    CHECK_MALFORMED(one(R"({"dtype":"F32","shape":[2],"data_offsets":[4,12]})"), "must lie within the 8 bytes");
    CHECK_MALFORMED(one(R"({"dtype":"F32","shape":[2],"data_offsets":[8,0]})"), "must lie within");
    CHECK_MALFORMED(one(R"({"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]})"),
                    "beyond all memory");
    CHECK_MALFORMED(parse(file_of(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                                  R"("b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
                                  std::string(8, '\0'))),
                    "tensor \"b\" lies over \"a\"");
    CHECK_MALFORMED(parse(file_of(R"({"__metadata__":{"a":1}})")), "\"a\" must be text");
    CHECK(parse(file_of("{}")).tensors().empty());
}
