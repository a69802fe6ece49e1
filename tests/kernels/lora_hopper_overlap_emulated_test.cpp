// The Hopper kernels with the skinny products beside them, on the emulated GPU: results, who takes which tile, that the
// blocks' waits have an end whatever the machine's size, and that what one block wrote and another copies was fenced.
#include "hopper_watch.hpp"

#include "support/test.hpp"

#include <algorithm>
#include <set>

using namespace lora_cases;
namespace detail = holdfast::kernels::detail;
using bf16 = __nv_bfloat16;

namespace {

template <class T, class G = float>
std::string watched(const lora_case& c) {
    return hopper_verdict<T, G, watched_route<overlapped_route>>(c);
}

struct machine_of {
    explicit machine_of(int multiprocessors) { detail::emulation::multiprocessors = multiprocessors; }
    ~machine_of() { detail::emulation::multiprocessors = 3; }
};

const std::vector<int> heights{1, 2, 8, 9, 64}, widths{1, 4, 16, 43}, machines{1, 2, 3, 7, 78, 132, 144};

}  // namespace

TEST_CASE(
    "a schedule with helpers has every tile taken once, in rising order, by no more blocks than the machine has") {
    for (const int tiles_m : heights)
        for (const int tiles_n : widths)
            for (const int machine : machines)
                for (const bool soon : {true, false}) {
                    const std::int64_t pieces = detail::ceil_div(tiles_m * 128, 192);
                    const auto s = detail::plan_help(tiles_m, tiles_n, 65, pieces, 64, machine, soon);
                    CHECK((s.blocks >= 1 && s.blocks <= machine && s.helpers >= 1 && s.helpers <= pieces));
                    CHECK((s.helpers < s.blocks || s.blocks == 1));
                    std::vector<int> taken(std::size_t(tiles_m * tiles_n));
                    for (int block = 0; block < s.blocks; ++block)
                        for (int turn = 0, last = -1;; ++turn) {
                            const int t = s.tile(block, turn);
                            CHECK(t > last);
                            last = t;
                            if (t >= tiles_m * tiles_n) break;
                            ++taken[std::size_t(t)];
                        }
                    CHECK(std::all_of(taken.begin(), taken.end(), [](int n) { return n == 1; }));
                }
}

TEST_CASE("without helpers a schedule is the stride of a persistent grid") {
    const detail::hopper_schedule s{132, 0, 0};
    for (const int block : {0, 5, 131})
        for (int turn = 0; turn < 4; ++turn) CHECK(s.tile(block, turn) == block + 132 * turn);
}

TEST_CASE("helpers are the multiprocessors that the last turn would leave idle, and then take no tiles") {
    const auto square =
        detail::plan_help(16, 16, 65, 11, 64, 132, true);  // 2048 tokens of 4096 x 4096: two turns of 128
    CHECK((square.blocks == 132 && square.helpers == 4 && square.busy == 2));
    const auto wide =
        detail::plan_help(64, 43, 65, 43, 64, 132, true);  // 8192 tokens, 11008 wide: 21 turns, none to spare
    CHECK((wide.helpers == 4 && wide.busy < 21));
    const auto few = detail::plan_help(1, 16, 65, 1, 64, 132, true);
    CHECK((few.blocks == 17 && few.helpers == 1));
}

TEST_CASE("waits for u have an end: blocks that run at once are never all waiting") {
    for (const int tiles_m : heights)
        for (const int tiles_n : widths)
            for (const int machine : machines) {
                const int m = tiles_m * 128 - 5, tiles = tiles_m * tiles_n, pieces = detail::ceil_div(m, 192);
                const auto s = detail::plan_help(tiles_m, tiles_n, 65, pieces, 64, machine, true);
                // every block in turn does its next piece or tile as long as it can
                std::vector<int> next_piece(std::size_t(s.blocks)), turn(std::size_t(s.blocks));
                std::vector<bool> published(std::size_t(pieces), false);
                for (int b = 0; b < s.blocks; ++b) next_piece[std::size_t(b)] = b < s.helpers ? b : pieces;
                int done = 0;
                for (bool moved = true; moved;) {
                    moved = false;
                    for (int b = s.blocks; b-- > 0;) {  // those that wait first
                        int& piece = next_piece[std::size_t(b)];
                        if (piece < pieces) {
                            published[std::size_t(piece)] = true, piece += s.helpers, moved = true;
                            continue;
                        }
                        const int t = s.tile(b, turn[std::size_t(b)]);
                        if (t >= tiles) continue;
                        const int row = detail::tile_of(t, tiles_m, tiles_n, 8).m * 128, end = std::min(m, row + 128);
                        bool ready = true;
                        for (int i = row / 192; i <= (end - 1) / 192; ++i) ready = ready && published[std::size_t(i)];
                        if (ready) ++turn[std::size_t(b)], ++done, moved = true;
                    }
                }
                CHECK(done == tiles);
            }
}

TEST_CASE("y with u computed beside it is what fp64 gives") {
    for (const int multiprocessors : {1, 2, 5}) {
        const machine_of some(multiprocessors);
        for (const std::int64_t m : {0, 1, 130})
            CHECK(watched<bf16>({.tokens = m, .in = 72, .out = 40, .rank = 8}) == "");
        // several pieces and tiles that need two of them, and more tiles than blocks
        CHECK(watched<bf16>({.tokens = 420, .in = 200, .out = 264, .rank = 16, .keep = false, .samples = 40}) == "");
    }
    {  // a helper that is slower than the tiles that wait for it, every second one for two pieces
        const machine_of two(2);
        CHECK(watched<bf16>({.tokens = 400, .in = 64, .out = 40, .rank = 136, .keep = false, .samples = 400}) == "");
    }
    for (const std::int64_t r : {24, 40, 56, 64, 72})  // every tail, one turn of 64 ranks and two
        CHECK(watched<bf16>({.tokens = 70, .in = 64, .out = 40, .rank = r, .keep = false}) == "");
    CHECK(watched<bf16>(
              {.tokens = 66, .in = 61, .out = 45, .rank = 5, .p = 0.5, .pad = 3, .bias = true, .residual = true}) ==
          "");
    CHECK(watched<__half>({.tokens = 200, .in = 64, .out = 72, .rank = 24, .p = 0.1, .bias = true, .keep = false}) ==
          "");
}

TEST_CASE("gradients with dA computed beside dx are what fp64 gives") {
    for (const int multiprocessors : {1, 2, 5}) {
        const machine_of some(multiprocessors);
        CHECK(watched<bf16>({.tokens = 40, .in = 264, .out = 72, .rank = 8, .p = 0.3, .accumulate = true}) == "");
    }
    CHECK(watched<bf16>({.tokens = 140, .in = 296, .out = 72, .rank = 16}) == "");
    CHECK(watched<bf16, bf16>({.tokens = 33, .in = 64, .out = 72, .rank = 72}) == "");
    CHECK(watched<__half>({.tokens = 34, .in = 64, .out = 64, .rank = 24, .p = 0.3}) == "");
}

TEST_CASE("the number of multiprocessors and the order of events change no bit of the overlapped kernels' results") {
    const lora_case c{.tokens = 260, .in = 136, .out = 264, .rank = 8, .p = 0.2, .samples = 10};
    const machine_of first(1);
    const auto one = run<bf16, float, overlapped_route>(c);
    CHECK(one.repeatable);
    for (const int multiprocessors : {2, 3, 5}) {
        const machine_of some(multiprocessors);
        const auto e = run<bf16, float, overlapped_route>(c);
        CHECK((e.y == one.y && e.u == one.u && e.dx == one.dx && e.da == one.da && e.db == one.db && e.repeatable));
    }
    // the split of the sum aside, which few tokens have, these are the bits of the kernels one after the other
    const auto apart = run<bf16, float, hopper_route>(c);
    CHECK((apart.dx == one.dx && apart.da == one.da && apart.db == one.db));
}

TEST_CASE("launches count themselves in the state, and shapes of all sizes share it without clearing") {
    std::uint32_t* const state = overlapped_route::state();
    const std::uint32_t before = state[0];
    for (const std::int64_t m : {400, 10, 400, 200}) {
        const lora_case c{.tokens = m, .in = 64, .out = 40, .rank = 8, .keep = false, .samples = 5};
        CHECK(watched<bf16>(c) == "");
    }
    CHECK(state[0] == before + 8);  // each case runs twice
    CHECK(state[1] == 0);           // and all blocks have left
    CHECK(kernels::lora_matmul_hopper_state({400, 64, 40, 8}) == 5);
}

TEST_CASE("the overlapped kernels refuse with a code and a sentence") {
    buffer<bf16> x(4, 16, 0, 0), w(8, 16, 0, 0), a(8, 16, 0, 0), b(8, 8, 0, 0), y(4, 8, 0, 0);
    kernels::lora_matmul_args<bf16> f;
    f.shape = {4, 16, 8, 8};
    f.x = x.data(), f.ldx = 16, f.w = w.data(), f.ldw = 16, f.a = a.data(), f.lda = 16, f.b = b.data(), f.ldb = 8;
    f.y = y.data(), f.ldy = 8;
    buffer<float> space(1, std::int64_t(kernels::lora_matmul_workspace(f) / 4), 0, 0);
    f.workspace = space.data(), f.workspace_bytes = space.bytes();
    std::uint32_t* const state = overlapped_route::state();
    CHECK(kernels::explain_overlapped(f, state).empty());
    CHECK(kernels::lora_matmul_hopper_overlapped(f, nullptr, nullptr) == cudaErrorInvalidValue);
    CHECK(kernels::explain_overlapped(f, nullptr) == "kernels::lora_matmul_hopper_overlapped: state is a null pointer");
    f.ldb = 9;
    CHECK(kernels::lora_matmul_hopper_overlapped(f, state, nullptr) == cudaErrorInvalidValue);
    CHECK_THAT(kernels::explain_overlapped(f, state), Contains("the leading dimension of b must be a multiple of 8"));
    f.ldb = 8;
    detail::emulation::compute_capability = 8;
    CHECK(kernels::lora_matmul_hopper_overlapped(f, state, nullptr) == cudaErrorNoKernelImageForDevice);
    CHECK(kernels::lora_matmul_backward_hopper_overlapped(kernels::lora_matmul_backward_args<bf16>{}, nullptr) ==
          cudaErrorInvalidValue);
    detail::emulation::compute_capability = 9;
    for (const double value : y.read()) CHECK(std::isnan(value));
}
