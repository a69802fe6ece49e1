// Tiles of the matrix unit: their products against plain loops, whole numbers that wrap included; skipped aloud where
// there are none.
#include <holdfast/core/amx.hpp>
#include <holdfast/core/half.hpp>
#include <holdfast/core/random.hpp>
#include <holdfast/core/tile_transpose.hpp>

#include "support/test.hpp"

#include <cstdint>
#include <thread>

namespace detail = holdfast::detail;

#if HOLDFAST_AMX
namespace {

template <class T>
struct tile {
    alignas(64) T at[16][64 / sizeof(T)];
};

std::uint8_t byte(holdfast::philox& g) { return static_cast<std::uint8_t>(g()); }

/// C += A B of bytes, by loops, modulo 2^32.
template <class A, class B>
void by_loops(tile<std::uint32_t>& c, const tile<std::uint8_t>& a, const tile<std::uint8_t>& b) {
    for (int i = 0; i < 16; ++i)
        for (int j = 0; j < 16; ++j)
            for (int k = 0; k < 64; ++k)
                c.at[i][j] +=
                    static_cast<std::uint32_t>(static_cast<A>(a.at[i][k]) * static_cast<B>(b.at[k / 4][4 * j + k % 4]));
}

template <class A, class B, class Add>
void check_bytes(Add add) {
    holdfast::philox g{7};
    tile<std::uint8_t> a, b;
    tile<std::uint32_t> c, expected;
    for (int i = 0; i < 16; ++i)
        for (int k = 0; k < 64; ++k) a.at[i][k] = byte(g), b.at[i][k] = byte(g);
    for (int i = 0; i < 16; ++i)
        for (int j = 0; j < 16; ++j) c.at[i][j] = expected.at[i][j] = i % 2 == 0 ? 0x7fffff00u : 0x80000010u;
    by_loops<A, B>(expected, a, b);
    {
        const detail::tile_session tiles;
        detail::tile_load<0>(c.at, 64);
        detail::tile_load<1>(a.at, 64);
        detail::tile_load<2>(b.at, 64);
        add();
        detail::tile_store<0>(c.at, 64);
    }
    for (int i = 0; i < 16; ++i)
        for (int j = 0; j < 16; ++j) REQUIRE(c.at[i][j] == expected.at[i][j]);
}

}  // namespace

TEST_CASE("tiles multiply bytes of either sign, and sums wrap") {
    if (!detail::machine_tiles().int8) SKIP_ALOUD("no tiles of 8 bits here");
    check_bytes<std::int8_t, std::int8_t>([] { detail::tile_add_ss<0, 1, 2>(); });
    check_bytes<std::int8_t, std::uint8_t>([] { detail::tile_add_su<0, 1, 2>(); });
    check_bytes<std::uint8_t, std::int8_t>([] { detail::tile_add_us<0, 1, 2>(); });
    check_bytes<std::uint8_t, std::uint8_t>([] { detail::tile_add_uu<0, 1, 2>(); });
    std::thread([] {  // leave is the process's, shapes the thread's
        check_bytes<std::int8_t, std::int8_t>([] { detail::tile_add_ss<0, 1, 2>(); });
    })
        .join();
}

TEST_CASE("tiles multiply bfloat16 into float") {
    if (!detail::machine_tiles().bfloat16) SKIP_ALOUD("no tiles of bfloat16 here");
    holdfast::philox g{8};
    tile<std::uint16_t> a, b;
    tile<float> c;
    for (int i = 0; i < 16; ++i)
        for (int k = 0; k < 32; ++k) {
            a.at[i][k] = holdfast::bfloat16(static_cast<float>(holdfast::normal(g))).bits;
            b.at[i][k] = holdfast::bfloat16(static_cast<float>(holdfast::normal(g))).bits;
        }
    {
        const detail::tile_session tiles;
        detail::tile_zero<3>();
        detail::tile_load<4>(a.at, 64);
        detail::tile_load<5>(b.at, 64);
        detail::tile_add_bf16<3, 4, 5>();
        detail::tile_store<3>(c.at, 64);
    }
    for (int i = 0; i < 16; ++i)
        for (int j = 0; j < 16; ++j) {
            double sum = 0;
            for (int k = 0; k < 32; ++k)
                sum += double(holdfast::bfloat16::from_bits(a.at[i][k])) *
                       double(holdfast::bfloat16::from_bits(b.at[k / 2][2 * j + k % 2]));
            REQUIRE(double(c.at[i][j]) == Approx(sum).margin(1e-4));
        }
}

TEST_CASE("sixteen rows become sixteen columns, in place too") {
    if (detail::machine_level() != detail::simd_level::avx512) SKIP_ALOUD("no AVX-512 here");
    tile<std::uint32_t> to;
    std::uint32_t from[16][20];
    for (std::uint32_t i = 0; i < 16; ++i)
        for (std::uint32_t j = 0; j < 20; ++j) from[i][j] = 100 * i + j;
    detail::transpose_tile(from, sizeof from[0], to.at);
    for (std::uint32_t i = 0; i < 16; ++i)
        for (std::uint32_t j = 0; j < 16; ++j) REQUIRE(to.at[j][i] == from[i][j]);
    detail::transpose_tile(to.at, 64, to.at);
    for (std::uint32_t i = 0; i < 16; ++i)
        for (std::uint32_t j = 0; j < 16; ++j) REQUIRE(to.at[i][j] == from[i][j]);
}
#else
TEST_CASE("where tiles are not compiled, there are none") {
    CHECK_FALSE(detail::machine_tiles().int8);
    CHECK_FALSE(detail::machine_tiles().bfloat16);
}
#endif
