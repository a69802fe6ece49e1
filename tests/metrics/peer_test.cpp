#include <holdfast/metrics/peer.hpp>

#include "metrics/tables.hpp"
#include "support/test.hpp"

namespace metrics = holdfast::metrics;
namespace peer = metrics::peer;

namespace {
double named(const std::vector<metrics::result>& report, const std::string& name) {
    for (const auto& r : report)
        if (r.name == name) return r.value;
    FAIL("no " << name);
    return 0;
}
}  // namespace

TEST_CASE("one table, three forgettings, as three toolkits print them") {
    const auto r = tables::four_tasks();
    CHECK(named(peer::avalanche(r), "StreamForgetting") == Approx(.14));
    CHECK(named(peer::avalanche(r), "StreamBWT") == Approx(-.14));
    CHECK(named(peer::facil(r), "forg") == Approx(.153333).margin(1e-6));
    CHECK(named(peer::continuum(r), "forgetting") == Approx(.153333).margin(1e-6));
    CHECK(named(peer::sapt(r, tables::four_single), "F.Ra") == Approx(.153333).margin(1e-6));
    CHECK(named(peer::mammoth(r, r.before()), "forgetting") == Approx(.18));
    CHECK(named(peer::pycil(r), "Forgetting") == Approx(.18));
}

TEST_CASE("Avalanche's own case: forgetting by experience is .8 and -.2 at the end, .5 one stage before") {
    metrics::accuracy_matrix r({"0", "1", "2"});
    r.append({1, 0, 0}).append({.5, .8, 1});
    CHECK(named(peer::avalanche(r), "StreamForgetting") == Approx(.5));
    r.append({.2, 1, .5});
    CHECK(named(peer::avalanche(r), "StreamForgetting") == Approx((.8 - .2) / 2));
    CHECK(named(peer::avalanche(r), "StreamBWT") == Approx(-.3));
}

TEST_CASE("the other numbers of each toolkit on the four-task case") {
    const auto r = tables::four_tasks();
    CHECK(named(peer::trace(r), "OP") == Approx(.715));
    CHECK(named(peer::trace(r), "BWT") == Approx(-.14));
    CHECK(named(peer::trace(r), "BWT as printed") == Approx(-.105));
    CHECK(named(peer::gem(r, r.before()), "FWT") == Approx(.116667).margin(1e-6));
    CHECK(named(peer::mammoth(r, r.before()), "forward_transfer") == Approx(.116667).margin(1e-6));
    CHECK(named(peer::mammoth(r, r.before()), "backward_transfer") == Approx(-.14));
    CHECK(named(peer::pycil(r), "Average Accuracy") == Approx(.737917).margin(1e-6));
    CHECK(named(peer::continuum(r), "accuracy_A") == Approx(.72));
    CHECK(named(peer::continuum(r), "backward_transfer") == Approx(-.13));
    CHECK(named(peer::continuum(r), "remembering") == Approx(.87));
    CHECK(named(peer::continuum(r), "positive_backward_transfer") == 0);
    CHECK(named(peer::continuum(r), "forward_transfer") == Approx(.283333).margin(1e-6));
    CHECK(named(peer::sapt(r, tables::four_single), "BWT") == Approx(-.105));
    CHECK(named(peer::sapt(r, tables::four_single), "FWT") == Approx(-.0475));
    CHECK(named(peer::inscl(r, tables::four_single), "Relative Gain") == Approx(77.521665).margin(1e-6));
    CHECK(named(peer::seekr(r), "BWT") == Approx(-.105));
    CHECK(named(peer::treelora(r), "BWT") == Approx(-.125));
    CHECK(named(peer::easycl(r), "FWT") == Approx(.116667).margin(1e-6));
    CHECK(named(peer::citb(r), "FWT") == Approx(.283333).margin(1e-6));
    CHECK(named(peer::aimmerging(r), "FWT") == Approx(.82 - .2125));
    CHECK(named(peer::clear(r), "in-domain") == Approx(.82));
    CHECK(named(peer::clear(r), "next-domain") == Approx(.283333).margin(1e-6));
    CHECK(named(peer::clear(r), "forward transfer") == Approx(.216667).margin(1e-6));
    CHECK(named(peer::clear(r), "backward transfer") == Approx(.653333).margin(1e-6));
}

TEST_CASE("on ragged rows a toolkit that pads with zeros sees what was never evaluated") {
    metrics::accuracy_matrix full({"a", "b", "c"}), ragged({"a", "b", "c"});
    full.append({.5, .9, .1}).append({.5, .6, .1}).append({.5, .4, .7});  // b was best before it was learned
    ragged.append({.5}).append({.5, .6}).append({.5, .4, .7});
    CHECK(named(peer::facil(full), "forg") == Approx(.25));
    CHECK(named(peer::facil(ragged), "forg") == Approx(.1));
    CHECK(named(peer::mammoth(full, std::vector<double>{0, 0, 0}), "forgetting") == Approx(.25));
    CHECK(metrics::forgetting(full).value == Approx(.1));  // ours does not look above the diagonal
    // and where a score is below zero, the zero of a padded cell is the best
    metrics::accuracy_matrix negative({"a", "b", "c"});
    negative.append({.1}).append({.1, -.5}).append({.1, -.7, .2});
    CHECK(named(peer::facil(negative), "forg") == Approx(.35));
    CHECK(metrics::forgetting(negative).value == Approx(.1));
}

TEST_CASE("toolkits that do not pad refuse a table they cannot read, naming the cell") {
    const auto r = tables::o_lora();
    CHECK_REFUSES(peer::continuum(r), "needs the score of task 1 (amazon) after stage 0, which was not evaluated");
    CHECK_REFUSES(peer::easycl(r), "needs the scores before training");
    CHECK(named(peer::seekr(r), "BWT") == Approx(-.884875));
    CHECK(named(peer::trace(r), "OP") == Approx(78.365125));
}
