// Built where Thrust's headers are, on its OpenMP system: what nvcc would run on a GPU, on the CPU.

#include <holdfast/replay/draws_thrust.hpp>

#include <vector>

#include "support/test.hpp"

namespace replay = holdfast::replay;
using holdfast::philox;

TEST_CASE("Thrust draws the items that the CPU draws, without replacement and by alias table") {
    philox g{6};
    for (const std::size_t size : {std::size_t{1}, std::size_t{300}, std::size_t{50000}}) {
        std::vector<double> w(size);
        for (double& x : w) x = holdfast::uniform_index(g, 4) == 0 ? 0.0 : holdfast::exponential(g);
        w[0] = 1;
        const replay::weighted_without_replacement cpu(w);
        const replay::thrust_weighted_without_replacement there(w);
        const replay::alias_table table(w);
        const replay::thrust_alias_table table_there(table);
        for (std::uint64_t seed = 0; seed < 5; ++seed) {
            for (const std::size_t n : {std::size_t{0}, std::size_t{1}, cpu.positive() / 40, cpu.positive()})
                REQUIRE(there.draw(n, philox{seed, 3}) == cpu.draw(n, philox{seed, 3}));
            REQUIRE(table_there.draw(1001, philox{seed, 3}) == table.draw(1001, philox{seed, 3}));
        }
        CHECK_REFUSES(there.draw(cpu.positive() + 1, philox{1}), "replay::thrust_weighted_without_replacement: ");
    }
}
