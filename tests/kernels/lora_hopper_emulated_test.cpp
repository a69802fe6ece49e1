// The Hopper kernel on the emulated GPU: its loads, barriers, descriptors, products, schedule and epilogue; and the
// numbers of hopper.hpp against the bits that the PTX manual gives.
#include "hopper_cases.hpp"

#include "support/test.hpp"

#include <set>

using namespace lora_cases;
namespace detail = holdfast::kernels::detail;
using bf16 = __nv_bfloat16;

TEST_CASE("a descriptor has its fields where the manual puts them") {
    const std::uint64_t d = detail::matrix_descriptor(0x1A400);
    CHECK((d & 0x3FFF) == 0x1A40);                            // start address / 16
    CHECK((d >> 16 & 0x3FFF) == 1);                           // leading dimension: not used by this layout
    CHECK((d >> 32 & 0x3FFF) == 64);                          // 1024 bytes from 8 rows to the next 8
    CHECK((d >> 49 & 7) == 0);                                // base offset: tiles lie on borders of 1024
    CHECK(d >> 62 == 1);                                      // 128-byte swizzle
    CHECK(detail::matrix_descriptor(0x1A400 + 32) == d + 2);  // the next 16 elements of a row
}

TEST_CASE("the 128-byte swizzle is a permutation of 1024 bytes in which eight rows of a chunk share no bank") {
    std::set<std::uint32_t> places;
    for (std::uint32_t row = 0; row < 8; ++row)
        for (std::uint32_t chunk = 0; chunk < 8; ++chunk) {
            const std::uint32_t at = detail::swizzled_128(4096 + 128 * row + 16 * chunk);
            CHECK(at == 4096 + 128 * row + 16 * (chunk ^ row));
            places.insert(at);
        }
    CHECK(places.size() == 64);
    for (std::uint32_t chunk = 0; chunk < 8; ++chunk) {
        std::set<std::uint32_t> banks;
        for (std::uint32_t row = 0; row < 8; ++row) banks.insert(detail::swizzled_128(128 * row + 16 * chunk) / 16 % 8);
        CHECK(banks.size() == 8);
    }
}

TEST_CASE("the steps of a sum cover it, and the last one's tail the rank") {
    for (const int k : {1, 63, 64, 65, 4096})
        for (int r = 1; r <= 256; ++r) {
            const auto s = detail::hopper_steps_of(k, r);
            CHECK((s.frozen * 64 >= k && (s.frozen - 1) * 64 < k));
            const int products = (s.low_rank - 1) * 4 + s.tail;
            CHECK((s.tail >= 1 && s.tail <= 4 && products * 16 >= r && (products - 1) * 16 < r));
        }
    static_assert(detail::hopper_tile::shared_bytes <= 227 * 1024);
}

TEST_CASE("the Hopper kernel gives what fp64 gives") {
    for (const std::int64_t m : {0, 1, 64, 130})
        CHECK(hopper_verdict<bf16>({.tokens = m, .in = 72, .out = 40, .rank = 8, .keep = false}) == "");
    for (const std::int64_t r : {16, 40, 48, 64, 72, 136})  // every tail, one extension step and more
        CHECK(hopper_verdict<bf16>({.tokens = 70, .in = 64, .out = 33, .rank = r, .keep = false}) == "");
    // five tiles for three processors, stages and parities more than once round
    CHECK(hopper_verdict<bf16>({.tokens = 600, .in = 328, .out = 130, .rank = 16, .keep = false, .samples = 40}) == "");
    CHECK(hopper_verdict<bf16>({.tokens = 130, .in = 24, .out = 530, .rank = 8, .p = 0.3, .keep = false}) == "");
    // odd sizes with gaps, epilogues, and what is saved for backward
    CHECK(hopper_verdict<bf16>(
              {.tokens = 66, .in = 61, .out = 45, .rank = 5, .p = 0.5, .pad = 3, .bias = true, .residual = true}) ==
          "");
    CHECK(hopper_verdict<__half>({.tokens = 65, .in = 64, .out = 257, .rank = 24, .bias = true, .keep = false}) == "");
    CHECK(
        hopper_verdict<bf16>(
            {.tokens = 40, .in = 64, .out = 40, .rank = 8, .p = 0.5, .zero_w = true, .keep = false, .scale = 30.0f}) ==
        "");
}

TEST_CASE("the Hopper route refuses with a code and a sentence what TMA cannot read, and other GPUs") {
    buffer<bf16> x(4, 16, 0, 0), w(6, 16, 0, 0), a(8, 16, 0, 0), b(6, 8, 0, 0), y(4, 6, 0, 0);
    kernels::lora_matmul_args<bf16> f;
    f.shape = {4, 16, 6, 8};
    f.x = x.data(), f.ldx = 16, f.w = w.data(), f.ldw = 16, f.a = a.data(), f.lda = 16, f.b = b.data(), f.ldb = 8;
    f.y = y.data(), f.ldy = 6;
    buffer<float> space(1, std::int64_t(kernels::lora_matmul_workspace(f) / 4), 0, 0);
    f.workspace = space.data(), f.workspace_bytes = space.bytes();
    x.write(std::vector<double>(64, 1.0)), w.write(std::vector<double>(96, 1.0));
    a.write(std::vector<double>(128, 1.0)), b.write(std::vector<double>(48, 1.0));
    CHECK(kernels::explain_hopper(f).empty());
    const auto refuses = [&](auto change, cudaError_t code, const char* words) {
        auto bad = f;
        change(bad);
        CHECK(kernels::lora_matmul_hopper(bad, nullptr) == code);
        CHECK_THAT(kernels::explain_hopper(bad), Contains(words));
    };
    using args = kernels::lora_matmul_args<bf16>;
    refuses([](args& g) { ++g.x; }, cudaErrorMisalignedAddress,
            "kernels::lora_matmul_hopper: x must lie on a border of 16 bytes, it is off by 2");
    refuses([](args& g) { g.ldw = 17; }, cudaErrorInvalidValue,
            "the leading dimension of w must be a multiple of 8, it is 17");
    refuses([](args& g) { g.workspace_bytes = 3; }, cudaErrorInvalidValue, "it holds 3");
    detail::emulation::compute_capability = 8;
    CHECK(kernels::lora_matmul_hopper(f, nullptr) == cudaErrorNoKernelImageForDevice);
    detail::emulation::compute_capability = 9;
    for (const double value : y.read()) CHECK(std::isnan(value));
    CHECK(kernels::lora_matmul_hopper(f, nullptr) == cudaSuccess);
    for (const double value : y.read()) CHECK(value == 16.0 + 16.0 * 8);
}
