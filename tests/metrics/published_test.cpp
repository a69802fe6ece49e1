// The accuracy matrices that TRACE printed, and what it printed about them (arXiv:2310.06762, appendix tables 7 to 26).
#include <holdfast/metrics/continual.hpp>
#include <holdfast/metrics/forgetting.hpp>

#include "support/test.hpp"

#include <nlohmann/json.hpp>

#include <cmath>
#include <fstream>

namespace metrics = holdfast::metrics;

namespace {

metrics::accuracy_matrix read(const nlohmann::json& run) {
    metrics::accuracy_matrix r(run.at("tasks").get<std::vector<std::string>>());
    for (const auto& cells : run.at("R")) {
        std::vector<double> row;
        for (const auto& x : cells) row.push_back(x.is_null() ? metrics::not_evaluated : x.get<double>());
        r.append(row);
    }
    return r;
}

double value(const metrics::accuracy_matrix& r, const std::string& id) {
    using namespace metrics;
    if (id == "overall_performance") return overall_performance(r).value;
    if (id == "backward_transfer") return backward_transfer(r).value;
    if (id == "backward_transfer_over_T") return backward_transfer(r, {.denominator = over_all_tasks}).value;
    if (id == "backward_transfer_clipped") return backward_transfer_clipped(r).value;
    if (id == "forgetting") return forgetting(r).value;
    if (id == "forgetting_inclusive") return forgetting_inclusive(r).value;
    if (id == "average_incremental") return average_incremental(r).value;
    if (id == "learning_accuracy") return learning_accuracy(r).value;
    if (id == "lower_triangle_mean") return lower_triangle_mean(r).value;
    FAIL("no metric for " << id);
    return 0;
}

}  // namespace

TEST_CASE("every matrix that TRACE printed gives the recomputed values, and the published ones") {
    const auto path = holdfast_test::shared("vectors/trace_matrices.json");
    if (path.empty()) SKIP_ALOUD("trace_matrices.json is not at hand (HOLDFAST_SHARED_DIR)");
    const auto file = nlohmann::json::parse(std::ifstream(path));
    std::size_t runs = 0;
    for (const auto& [key, run] : file.at("runs").items()) {
        const std::string name = key;  // for CAPTURE, which cannot take a binding
        CAPTURE(name);
        const auto r = read(run);
        for (const auto& [metric, expected] : run.at("computed").items()) {
            const std::string id = metric;
            CAPTURE(id);
            CHECK(value(r, id) == Approx(expected.get<double>()).margin(1e-9));
        }
        const auto& published = run.at("published");
        CHECK(std::abs(metrics::overall_performance(r).value - published.at("overall_performance").get<double>()) <=
              1.1e-3);
        // The paper's formula divides by T, its numbers by T-1: 0.5e-3 is rounding, and three more runs fit if the last
        // digit was cut off (T12 -.0894 as -.090, T13 -.4580 as -.457, T16). Only T17 (.0123 printed .011) and T19
        // (.0050 printed .004) fit the sum over T (.0108, .0044); there T-1 is wrong by 1.3e-3 and 1.0e-3.
        const double printed = published.at("backward_transfer").get<double>();
        const double over_t = metrics::backward_transfer(r, {.denominator = metrics::over_all_tasks}).value;
        if (name == "T17" || name == "T19")
            CHECK(std::abs(over_t - printed) < 0.5e-3);
        else
            CHECK(std::abs(metrics::backward_transfer(r).value - printed) <= 1.1e-3);
        ++runs;
    }
    CHECK(runs == 13);
}

TEST_CASE("table 8, stage by stage") {
    metrics::accuracy_matrix r(
        {"C-STANCE", "FOMC", "MeetingBank", "Py150", "ScienceQA", "NumGLUE-cm", "NumGLUE-ds", "20Minuten"});
    r.append({.5});
    r.append({.456, .735});
    r.append({.448, .67, .523});
    r.append({.453, .658, .459, .58});
    r.append({.435, 0, .433, .459, .764});
    r.append({.442, .595, .446, .509, .636, .383});
    r.append({.436, .577, .442, .508, .45, .247, .582});
    r.append({.454, .609, .457, .512, .637, .272, .548, .408});
    const std::vector<double> op{.5, .5955, .547, .5375, .4182, .501833, .463143, .487125};
    const std::vector<double> bwt{0, -.044, -.0585, -.062667, -.25275, -.0948, -.1375, -.082571};
    const std::vector<double> over_t{0, -.022, -.039, -.047, -.2022, -.079, -.117857, -.07225};
    const auto op_curve = metrics::overall_performance_by_stage(r);
    const auto bwt_curve = metrics::backward_transfer_by_stage(r);
    const auto over_curve = metrics::backward_transfer_by_stage(r, {.denominator = metrics::over_all_tasks});
    for (std::size_t t = 0; t < 8; ++t) {
        CAPTURE(t);
        CHECK(op_curve[t] == Approx(op[t]).margin(5e-7));
        if (t == 0) {
            CHECK(std::isnan(bwt_curve[0]));  // our policy: not defined is NaN, never 0
            CHECK(std::isnan(over_curve[0]));
            continue;
        }
        CHECK(bwt_curve[t] == Approx(bwt[t]).margin(5e-7));
        CHECK(over_curve[t] == Approx(over_t[t]).margin(5e-7));
    }
    CHECK(metrics::overall_performance(r).value == Approx(.487).margin(1.1e-3));  // as the paper prints it
    CHECK(metrics::backward_transfer(r).value == Approx(-.083).margin(1.1e-3));
}

TEST_CASE("table 18: one matrix, five numbers, three signs") {
    metrics::accuracy_matrix r(
        {"C-STANCE", "FOMC", "MeetingBank", "Py150", "ScienceQA", "NumGLUE-cm", "NumGLUE-ds", "20Minuten"});
    r.append({.471});
    r.append({.487, .734});
    r.append({.485, .769, .499});
    r.append({.5, .785, .496, .543});
    r.append({.486, .807, .507, .561, .763});
    r.append({.475, .781, .494, .546, .78, .358});
    r.append({.493, .785, .492, .552, .78, .309, .486});
    r.append({.5, .8, .51, .55, .785, .37, .52, .406});
    CHECK(metrics::backward_transfer(r).value == Approx(.025857).margin(5e-7));
    CHECK(metrics::backward_transfer(r, {.denominator = metrics::over_all_tasks}).value ==
          Approx(.022625).margin(5e-7));
    CHECK(metrics::backward_transfer_clipped(r).value == 0);
    CHECK(metrics::forgetting(r).value == Approx(-.005143).margin(5e-7));
    CHECK(metrics::forgetting_inclusive(r).value == Approx(.002571).margin(5e-7));
}
