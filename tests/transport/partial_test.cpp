#include <holdfast/core/random.hpp>
#include <holdfast/transport/barycentre.hpp>
#include <holdfast/transport/cost.hpp>
#include <holdfast/transport/engine_plain.hpp>
#include <holdfast/transport/partial.hpp>
#include <holdfast/transport/sinkhorn.hpp>
#include <holdfast/transport/unbalanced.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "support/test.hpp"
#include "transport/waves.hpp"

namespace transport = holdfast::transport;
using holdfast::matrix;
using holdfast::philox;
using holdfast::status;
using namespace holdfast_test;

namespace {

using numbers = std::vector<double>;

const matrix<double>& wave_cost() {
    static const auto c = transport::cost_matrix(waves(6, 3, 0), waves(5, 3, 0.5), transport::squared_euclidean{});
    return c;
}

}  // namespace

TEST_CASE("partial transport has the values of POT: its own examples, and others") {
    const matrix<double> c(2, 2, numbers{0, 1, 2, 3});
    const numbers a{.1, .2}, b{.1, .1};
    CHECK(transport::partial(c, a, b, .2).value == Approx(.3));  // docstring of ot.partial.partial_wasserstein
    CHECK(transport::partial(c, a, b, .1).value == Approx(0).margin(1e-16));
    const numbers u = wave_weights(6, 0), v = wave_weights(5, 1);
    CHECK(transport::partial(wave_cost(), u, v, .2).value == Approx(0.005174585767611411).epsilon(1e-12));
    CHECK(transport::partial(wave_cost(), u, v, .5).value == Approx(0.02823601678077584).epsilon(1e-12));
    CHECK(transport::partial(wave_cost(), u, v, .9).value == Approx(0.19329931670010514).epsilon(1e-12));
    CHECK(transport::partial(wave_cost(), times(2, u), times(3, v), 1.5).value ==
          Approx(0.1471541182657195).epsilon(1e-12));
}

TEST_CASE("partial transport of all there is, of nothing, and of what it says") {
    philox g{91};
    for (int k = 0; k < 60; ++k) {
        const std::size_t n = 1 + holdfast::uniform_index(g, 12), m = 1 + holdfast::uniform_index(g, 12);
        matrix<double> c(n, m);
        for (double& x : c.values()) x = k % 2 ? holdfast::uniform(g) : holdfast::normal(g);
        const numbers a = wave_weights(n, k), b = wave_weights(m, 2 * k);
        CHECK(transport::partial(c, a, b, 1).value == Approx(transport::exact(c, a, b).value).margin(1e-13));
        CHECK(transport::partial(c, a, b, 0).value == 0);
        double before = 0, slope = -1e300;
        for (const double mass : {.25, .5, .75, 1.0}) {
            const auto r = transport::partial(c, a, b, mass);
            CHECK(r.status == status::exact);
            CHECK(r.mass == Approx(mass).epsilon(1e-12));
            CHECK(r.upper - r.lower <= 1e-12);
            numbers rows(n, 0), columns(m, 0);
            for (const auto& e : r.plan) rows[e.i] += e.mass, columns[e.j] += e.mass;
            for (std::size_t i = 0; i < n; ++i) CHECK(rows[i] <= a[i] + 1e-15);
            for (std::size_t j = 0; j < m; ++j) CHECK(columns[j] <= b[j] + 1e-15);
            CHECK(r.value - before >= slope - 1e-12);  // the cost is convex in the mass
            slope = r.value - before;
            before = r.value;
        }
    }
}

TEST_CASE("unbalanced transport has the plan of POT") {
    const numbers a = times(2, wave_weights(6, 0)), b = times(3, wave_weights(5, 1));
    struct row {
        double epsilon, penalty_a, penalty_b, mass, cost;
    };
    for (const row& x : {row{.1, 1, 1, 2.1743526310230172, 0.5012186955296829},
                         row{.05, .5, .5, 1.9695128897747296, 0.37153777279699973},
                         row{.5, 10, 10, 2.417478848630092, 0.7007312120664922},
                         row{.1, 1, 4, 2.6219416194622616, 0.6355999860780102}}) {
        const auto r = transport::unbalanced(
            wave_cost(), a, b,
            {.epsilon = x.epsilon, .penalty_a = x.penalty_a, .penalty_b = x.penalty_b, .tolerance = 1e-13});
        CHECK(r.converged);
        CHECK(r.mass == Approx(x.mass).epsilon(1e-7));
        CHECK(r.transport_cost == Approx(x.cost).epsilon(1e-6));
        CHECK(r.upper - r.lower <= 1e-12 * r.value);
    }
}

TEST_CASE("one atom against one has a closed form; large penalties are balanced transport") {
    // p minimises p c + eps KL(p | ab) + ra KL(p | a) + rb KL(p | b)
    const double c = 0.7, a = 2, b = 0.5, eps = 0.3, ra = 1.5, rb = 0.4;
    const double p = std::exp((eps * std::log(a * b) + ra * std::log(a) + rb * std::log(b) - c) / (eps + ra + rb));
    const auto one = transport::unbalanced(matrix<double>(1, 1, c), numbers{a}, numbers{b},
                                           {.epsilon = eps, .penalty_a = ra, .penalty_b = rb, .tolerance = 1e-14});
    CHECK(one.mass == Approx(p).epsilon(1e-10));
    CHECK(one.transport_cost == Approx(p * c).epsilon(1e-10));

    const numbers u = wave_weights(6, 0), v = wave_weights(5, 1);
    transport::plain_engine engine(wave_cost().view(), u, v);
    const auto balanced = transport::sinkhorn(engine, {.epsilon = .1, .tolerance = 1e-12});
    // The penalties take Σ a f² / (2 penalty) off, of either side: a tenth when they are ten times as large.
    double missing[2];
    for (int k = 0; k < 2; ++k) {
        const double penalty = k == 0 ? 1e5 : 1e6;
        const auto almost =
            transport::unbalanced(wave_cost(), u, v, {.epsilon = .1, .penalty_a = penalty, .penalty_b = penalty});
        CHECK(almost.converged);
        CHECK(almost.mass == Approx(1).epsilon(10 / penalty));
        CHECK(almost.iterations < 3000);  // without the translation about penalty / epsilon
        missing[k] = balanced.entropic_cost - almost.value;
    }
    CHECK(missing[1] > 0);
    CHECK(missing[0] == Approx(10 * missing[1]).epsilon(1e-3));
}

TEST_CASE("both bounds of an unbalanced run that is cut short hold; empty atoms are nothing") {
    philox g{92};
    for (int k = 0; k < 30; ++k) {
        matrix<double> c(7, 9);
        for (double& x : c.values()) x = holdfast::uniform(g);
        numbers a = times(1.5, wave_weights(7, k)), b = wave_weights(9, 3 * k);
        a[2] = b[0] = 0;
        const transport::unbalanced_options options{.epsilon = 0.02, .penalty_a = 0.5, .penalty_b = 2.0};
        auto brief = options;
        brief.max_iterations = 2;
        const auto full = transport::unbalanced(c, a, b, options), cut = transport::unbalanced(c, a, b, brief);
        CHECK(full.converged);
        CHECK(full.status == status::certified);
        CHECK(cut.lower <= full.upper);
        CHECK(full.lower <= cut.upper);
        CHECK(cut.iterations == 2);
        if (!cut.converged) CHECK(cut.status == status::not_converged);
    }
}

TEST_CASE("the Sinkhorn barycentre has the weights of POT, debiased too") {
    const std::size_t n = 8;
    matrix<double> z(n, 1);
    for (std::size_t i = 0; i < n; ++i) z(i, 0) = double(i) / 7;
    const auto c = transport::cost_matrix(z, z, transport::squared_euclidean{});
    numbers third(n, 0.0);
    third[2] = 1;
    const std::vector<numbers> measures{wave_weights(n, 0), wave_weights(n, 2), third};
    const std::vector<matrix<double>> costs(3, c);
    const auto check = [](const transport::barycentre_result& r, const numbers& expected) {
        CHECK(r.converged);
        for (std::size_t i = 0; i < expected.size(); ++i)
            CHECK(r.weights[i] == Approx(expected[i]).epsilon(1e-7).margin(1e-9));
    };
    check(transport::barycentre(costs, measures, {.epsilon = .1, .share = {.5, .3, .2}, .tolerance = 1e-12}),
          {0.10318738894622782, 0.1372782088502457, 0.15207908099988435, 0.15361689164897924, 0.1491060088948515,
           0.1359186077156148, 0.1055526384822578, 0.06326117446193964});
    check(transport::barycentre(costs, measures, {.epsilon = .02, .share = {.5, .3, .2}, .tolerance = 1e-12}),
          {0.09524830313946935, 0.14805467738782999, 0.1515491859588193, 0.1603248866803985, 0.13884623690432074,
           0.16876642833035185, 0.11278882788247632, 0.024421453716334755});
    check(transport::barycentre(
              costs, measures,
              {.epsilon = .02, .share = {.5, .3, .2}, .self = c.view(), .tolerance = 1e-10, .max_iterations = 100000}),
          {0.07723940000917666, 0.17391906582215286, 0.1292084827935007, 0.19280642755930374, 0.0993731383837188,
           0.21308333685973646, 0.11437014857239293, 1.870363621805847e-14});
    numbers ends(n, 0.0);
    ends[6] = ends[7] = .5;
    check(transport::barycentre(std::vector<matrix<double>>(2, c), std::vector<numbers>{third, ends},
                                {.epsilon = .1, .tolerance = 1e-12}),
          {0.007498181181213539, 0.03247407646077077, 0.09482843418745014, 0.18728779776820606, 0.2507850417700021,
           0.22792911872167956, 0.14053325923245413, 0.05866409067822366});
}

TEST_CASE("a debiased barycentre of one measure is that measure, a plain one is wider; supports may differ") {
    const std::size_t n = 15;
    matrix<double> z(n, 1);
    for (std::size_t i = 0; i < n; ++i) z(i, 0) = double(i) / 14;
    const auto c = transport::cost_matrix(z, z, transport::squared_euclidean{});
    numbers bump(n, 0.0);
    for (std::size_t i = 0; i < n; ++i) bump[i] = std::exp(-40 * std::pow(z(i, 0) - 0.5, 2));
    bump = times(1 / std::accumulate(bump.begin(), bump.end(), 0.0), bump);
    const auto variance = [&](const numbers& w) {
        double sum = 0;
        for (std::size_t i = 0; i < n; ++i) sum += w[i] * std::pow(z(i, 0) - 0.5, 2);
        return sum;
    };
    const auto plain =
        transport::barycentre(std::vector<matrix<double>>{c}, std::vector<numbers>{bump}, {.epsilon = .01});
    const auto debiased = transport::barycentre(std::vector<matrix<double>>{c}, std::vector<numbers>{bump},
                                                {.epsilon = .01, .self = c.view(), .max_iterations = 50000});
    CHECK(variance(plain.weights) > 1.1 * variance(bump));
    CHECK(variance(debiased.weights) == Approx(variance(bump)).epsilon(1e-3));
    // Two atoms at 0 and 1 on a support of three, from costs that are not square: the middle holds the most.
    const matrix<double> left(3, 1, numbers{0, .25, 1}), right(3, 1, numbers{1, .25, 0});
    const auto middle = transport::barycentre(std::vector<matrix<double>>{left, right}, std::vector<numbers>{{1}, {1}},
                                              {.epsilon = .05});
    CHECK(middle.weights[1] > 0.98);
    CHECK(middle.weights[0] == Approx(middle.weights[2]));
    CHECK(!transport::barycentre(std::vector<matrix<double>>(2, c), std::vector<numbers>{bump, wave_weights(n, 1)},
                                 {.max_iterations = 1})
               .converged);
}

TEST_CASE("partial, unbalanced and barycentre say what is wrong with their input") {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const matrix<double> c(2, 2, 1.0), bad(2, 2, nan);
    const numbers w{.5, .5}, none{0, 0}, negative{1, -1};
    CHECK_REFUSES(transport::partial(c, w, w, 1.1), "from 0 to 1 can move, the lesser of both sums; asked for 1.1");
    CHECK_REFUSES(transport::partial(c, w, w, nan), "asked for nan");
    CHECK_REFUSES(transport::partial(c, w, numbers{1}, .5), "needs as many masses, got 2 and 1");
    CHECK_REFUSES(transport::partial(matrix<double>(), w, w, .5), "must not be empty");
    CHECK_REFUSES(transport::partial(c, none, w, 0), "a measure needs mass");
    CHECK_REFUSES(transport::partial(c, negative, w, 0), "mass 1 is -1");
    CHECK_REFUSES(transport::partial(bad, w, w, .5), "costs must be finite");
    CHECK_REFUSES(transport::unbalanced(c, w, numbers{1}), "needs as many masses, got 2 and 1");
    CHECK_REFUSES(transport::unbalanced(bad, w, w), "entry (0, 0) is nan");
    CHECK_REFUSES(transport::unbalanced(matrix<double>(), w, w), "must not be empty");
    CHECK_REFUSES(transport::unbalanced(c, w, w, {.epsilon = 0}), "epsilon must be positive and finite, it is 0");
    CHECK_REFUSES(transport::unbalanced(c, w, w, {.penalty_a = -1}),
                  "penalties must be positive and finite, they are -1");
    CHECK_REFUSES(transport::unbalanced(c, w, w, {.max_iterations = 0}), "max_iterations must be positive");
    CHECK_REFUSES(transport::unbalanced(c, negative, w), "mass 1 is -1");
    const std::vector<matrix<double>> costs{c};
    const std::vector<numbers> measures{w};
    CHECK_REFUSES(transport::barycentre(costs, {}), "one cost for each measure, got 1 costs and 0 measures");
    CHECK_REFUSES(transport::barycentre(costs, measures, {.epsilon = -1}), "epsilon must be positive");
    CHECK_REFUSES(transport::barycentre(costs, measures, {.share = {.5, .5}}),
                  "one share for each measure, got 2 for 1");
    CHECK_REFUSES(transport::barycentre(costs, measures, {.share = {.5}}), "weights must sum to 1, they sum to 0.5");
    CHECK_REFUSES(transport::barycentre(costs, std::vector<numbers>{{1}}), "cost 0 must be 2 x 1, it is 2 x 2");
    CHECK_REFUSES(transport::barycentre(costs, std::vector<numbers>{{.5, .4}}),
                  "weights must sum to 1, they sum to 0.9");
    CHECK_REFUSES(transport::barycentre(std::vector<matrix<double>>{bad}, measures), "costs must be finite");
    CHECK_REFUSES(transport::barycentre(costs, measures, {.max_iterations = 0}), "max_iterations must be positive");
    const matrix<double> wide(2, 3, 1.0);
    CHECK_REFUSES(transport::barycentre(costs, measures, {.self = wide.view()}), "must be 2 x 2, it is 2 x 3");
}
