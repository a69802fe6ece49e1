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

TEST_CASE("CITB's own table of nineteen dialogue tasks gives the three numbers it published") {
    // ROUGE-L after each stage, with the task that comes next; stream cl_dialogue_tasks, FT_INSTR of 100 instances,
    // order 1, seed 506 of the scores that hyintell/CITB keeps (2d46b19). Published: AR 32.8, FWT 18.7, BWT -3.8.
    std::vector<std::string> names;
    for (int j = 1; j <= 19; ++j) names.push_back("T" + std::to_string(j));
    metrics::accuracy_matrix r(names, std::vector<metrics::task_traits>(19, {.scale = 100}));
    r.append({46, 32});
    r.append({46, 18, 27.6025});
    r.append({46, 22, 28.2821, 18.6967});
    r.append({44, 22, 24.4549, 29.3982, 12.1541});
    r.append({46, 18, 23.6426, 27.8047, 18.1603, 8.2186});
    r.append({46, 30.0435, 22.8689, 22.7832, 12.9522, 10.4168, 7.5642});
    r.append({46, 16, 23.8337, 23.5358, 10.6216, 8.5194, 30.3273, 9.5192});
    r.append({46, 14, 22.8927, 23.2547, 11.5385, 7.4381, 30.2585, 48.0, 37.2998});
    r.append({38.2669, 26, 24.4792, 20.9072, 11.332, 8.9672, 30.8711, 48.0, 91.5602, 15.8739});
    r.append({48, 26, 24.3846, 25.1717, 10.5842, 7.9287, 36.0785, 48.0, 88.1514, 14.9679, 0.8008});
    r.append({50, 28, 23.3244, 25.1156, 18.6037, 7.3307, 34.5331, 48.0, 84.778, 9.7046, 30.0, 9.9072});
    r.append({50, 34, 22.0314, 24.4859, 18.8335, 7.7403, 32.8113, 48.0, 87.7314, 7.8369, 26.0, 13.5177, 14.8092});
    r.append(
        {52, 32, 24.1529, 19.5652, 12.8241, 12.3177, 27.2865, 20.0, 74.4269, 6.2359, 30.0, 12.9762, 12.5366, 38.0});
    r.append({46, 32, 24.021, 18.6967, 12.8001, 8.4958, 31.9002, 24.0, 51.7286, 6.5025, 16.0, 10.8687, 14.2096, 62.0,
              29.833});
    r.append({46, 28, 25.4219, 17.8443, 15.317, 11.9403, 28.3182, 48.0, 55.2428, 10.7119, 16.0, 14.31, 13.7716, 62.0,
              44.1914, 0.0});
    r.append({46, 34, 25.7419, 17.911, 17.8049, 8.493, 27.5742, 48.0, 53.172, 7.8745, 18.0, 11.6741, 14.2301, 60.0,
              50.2871, 0.0, 9.1993});
    r.append({46, 32, 26.3405, 15.3497, 17.3282, 7.5742, 27.5064, 6.5714, 77.6125, 6.9821, 28.0, 12.7775, 13.4871, 62.0,
              47.7461, 0.0, 17.9442, 24.0});
    r.append({46, 32, 25.3546, 5.7938, 16.5632, 7.2354, 23.071, 6.0, 71.0615, 8.7945, 20.0, 11.4109, 13.9063, 40.0,
              47.9048, 0.0, 15.1075, 76.0, 41.0});
    r.append({46, 30, 25.9447, 11.1524, 20.5915, 7.8714, 23.4661, 34.0, 72.4977, 11.6235, 32.0, 9.6052, 13.3966, 40.0,
              49.4711, 0.0, 18.6694, 76.0, 100.0});
    CHECK(metrics::overall_performance(r).value == Approx(32.8).margin(.05));
    CHECK(metrics::forward_transfer_no_baseline(r).value == Approx(18.7).margin(.05));
    CHECK(metrics::backward_transfer(r).value == Approx(-3.8).margin(.05));
    CHECK(metrics::overall_performance(r).value == Approx(32.7521).margin(5e-5));
    CHECK(metrics::forward_transfer_no_baseline(r).value == Approx(18.6932).margin(5e-5));
    CHECK(metrics::backward_transfer(r).value == Approx(-3.8341).margin(5e-5));
    CHECK(metrics::backward_transfer(r, {.denominator = metrics::over_all_tasks}).value ==
          Approx(-3.6323).margin(5e-5));
    CHECK(metrics::forgetting(r).value == Approx(5.9955).margin(5e-5));
}
