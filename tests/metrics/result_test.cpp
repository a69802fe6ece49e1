#include <holdfast/metrics/continual.hpp>
#include <holdfast/metrics/forgetting.hpp>
#include <holdfast/metrics/result.hpp>

#include "metrics/tables.hpp"
#include "support/test.hpp"

#include <iomanip>
#include <sstream>

namespace metrics = holdfast::metrics;

namespace {
template <class T>
std::string printed(const T& value) {
    std::ostringstream out;
    out << value;
    return out.str();
}
}  // namespace

TEST_CASE("the table of the first page says what it should") {
    const auto r = tables::three_tasks();
    const auto op = metrics::overall_performance(r);
    CHECK(op.value == Approx(0.5333).margin(5e-5));
    CHECK(op.variant == "mean of the last row");
    CHECK(op.tasks == 3);
    CHECK(printed(op) == "OP (mean of the last row) = 0.5333");
    CHECK(printed(metrics::backward_transfer(r)) == "BWT (mean over T-1 earlier tasks) = -0.1400");
    CHECK(metrics::forward_transfer(r, r.before()).value == Approx(0.02));
}

TEST_CASE("a result prints two decimals in per cent, and leaves the stream's flags alone") {
    const metrics::result percent{.value = 12.345, .variant = "v", .name = "N", .scale = 100};
    CHECK(printed(percent) == "N (v) = 12.35");
    std::ostringstream out;
    out << std::setprecision(2) << std::scientific << percent << ' ' << 0.5;
    CHECK(out.str() == "N (v) = 12.35 5.00e-01");
}

TEST_CASE("a value that is not defined says so") {
    CHECK(metrics::text({.value = metrics::not_evaluated}) == "undefined");
    CHECK(metrics::text({.value = 0}) == "0.0000");
}

TEST_CASE("a result carries denominator, tasks, stages and scale") {
    const auto r = tables::o_lora();
    const auto bwt = metrics::backward_transfer(r);
    CHECK(bwt.denominator == 3);
    CHECK(bwt.tasks == 3);
    CHECK(bwt.stages == 4);
    CHECK(bwt.scale == 100);
    CHECK(bwt.name == "BWT");
    const auto over_t = metrics::backward_transfer(r, {.denominator = metrics::over_all_tasks});
    CHECK(over_t.denominator == 4);
    CHECK(over_t.tasks == 3);
    CHECK(over_t.variant == "mean over all T tasks, the last counts 0");
    const auto at = metrics::backward_transfer(r, {.stage = 2});
    CHECK(at.variant == "mean over T-1 earlier tasks, after stage 2");
    CHECK(at.denominator == 2);
}
