// InsCL in both variants: by hand on toy tasks, what must hold for any input, and on the sixteen real groups against a
// recomputation of the quotas from the same distances.

#include "support/test.hpp"

#include <holdfast/core/parallel.hpp>
#include <holdfast/replay/inscl.hpp>
#include <holdfast/transport/embedding.hpp>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include "replay/chi_square.hpp"

namespace replay = holdfast::replay;
using holdfast::certified;
using holdfast::philox;
using counts = std::vector<std::size_t>;
using memories = std::vector<replay::task_memory>;
using tag_lists = std::vector<std::vector<std::string>>;

namespace {

/// A task of which instruction k has n[k] examples, in turns.
replay::task_memory task(const std::string& name, counts n, tag_lists tags) {
    std::vector<std::string> texts;
    for (bool more = true; more;) {
        more = false;
        for (std::size_t k = 0; k < n.size(); ++k)
            if (n[k] > 0) {
                --n[k];
                texts.push_back(name + " instruction " + std::to_string(k));
                more = true;
            }
    }
    auto memory = replay::task_memory::from(name, texts);
    memory.tags = std::move(tags);
    return memory;
}

/// How many examples of each instruction of past task j a plan takes.
counts taken(const replay::plan& plan, const memories& past, std::size_t j) {
    counts n(past[j].instructions.size(), 0);
    for (const auto e : plan.examples[j]) ++n[past[j].instruction.at(e)];
    return n;
}

/// Distances that a test gives by the task's name.
auto given(std::vector<std::pair<std::string, certified<double>>> by_name) {
    return [by_name](const replay::task_memory& earlier, const replay::task_memory&) {
        for (const auto& [name, d] : by_name)
            if (name == earlier.name) return d;
        return certified<double>::exactly(1.0);
    };
}

certified<double> exactly(double d) { return certified<double>::exactly(d); }

void check_plan(const replay::plan& plan, const memories& past, std::size_t budget) {
    REQUIRE(plan.examples.size() == past.size());
    REQUIRE(std::accumulate(plan.quotas.begin(), plan.quotas.end(), plan.unplaced) == budget);
    for (std::size_t j = 0; j < past.size(); ++j) {
        REQUIRE(plan.examples[j].size() == plan.quotas[j]);
        REQUIRE(std::set<std::uint32_t>(plan.examples[j].begin(), plan.examples[j].end()).size() == plan.quotas[j]);
        for (const auto e : plan.examples[j]) REQUIRE(e < past[j].size());
    }
}

const auto released = replay::mode::as_released;

}  // namespace

TEST_CASE("the oracle of transport_replay 4.1: floors 6 and 3 and one at random as released, 7 and 3 as published") {
    const memories past{task("A", {20, 20}, {{"a", "b"}, {"a"}})};
    const auto current = task("now", {5}, {{"b", "c"}});
    const auto distance = given({});
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        const auto r = replay::inscl{.budget_per_task = 10, .mode = released, .distance = distance}.plan(past, current,
                                                                                                         philox{seed});
        check_plan(r, past, 10);
        const counts n = taken(r, past, 0);
        CHECK(n[0] >= 6);
        CHECK(n[1] >= 3);
        const auto p =
            replay::inscl{.budget_per_task = 10, .pool = replay::pool::earlier_and_current, .distance = distance}.plan(
                past, current, philox{seed});
        CHECK(taken(p, past, 0) == counts{7, 3});
        // Among earlier instructions alone, a is in every one of them and tells nothing.
        const auto earlier =
            replay::inscl{.budget_per_task = 10, .distance = distance}.plan(past, current, philox{seed});
        CHECK(taken(earlier, past, 0) == counts{10, 0});
    }
}

TEST_CASE("more of the tasks that differ more, by the rule that was asked for") {
    const memories past{task("A", {400}, {{"x"}}), task("B", {400}, {{"y"}}), task("C", {400}, {{"z"}})};
    const auto current = task("now", {5}, {{"w"}});
    const auto distance = given({{"A", exactly(.42)}, {"B", exactly(.31)}, {"C", exactly(.27)}});
    const auto quotas = [&](replay::inscl policy) {
        policy.distance = distance;
        return policy.plan(past, current, philox{1}).quotas;
    };
    CHECK(quotas({.budget_per_task = 200}) == counts{252, 186, 162});
    CHECK(quotas({.budget_per_task = 7}) == counts{9, 6, 6});                    // 8.82 6.51 5.67
    CHECK(quotas({.budget_per_task = 7, .mode = released}) == counts{9, 7, 5});  // floors 8 6 5, then the largest
    CHECK(quotas({.budget_per_task = 1, .rule = replay::dhondt{}}) == counts{1, 1, 1});
    CHECK(quotas({.budget_per_task = 0}) == counts{0, 0, 0});
    CHECK(quotas({.budget = 10, .rule = replay::sainte_lague{}}) == counts{4, 3, 3});
    CHECK(quotas({.budget = 10, .mode = released}) == counts{5, 3, 2});
}

TEST_CASE("what a small task cannot hold goes to the others as published, and comes back as released") {
    const memories past{task("A", {20}, {{"x"}}), task("B", {100}, {{"y"}}), task("C", {80}, {{"z"}})};
    const auto current = task("now", {5}, {{"w"}});
    const auto distance = given({{"A", exactly(5)}, {"B", exactly(3)}, {"C", exactly(2)}});
    const auto p = replay::inscl{.budget_per_task = 30, .distance = distance}.plan(past, current, philox{1});
    CHECK(p.quotas == counts{20, 42, 28});
    CHECK(p.unplaced == 0);
    const auto all = replay::inscl{.budget_per_task = 100, .distance = distance}.plan(past, current, philox{1});
    CHECK(all.quotas == counts{20, 100, 80});
    CHECK(all.unplaced == 100);
    const auto r =
        replay::inscl{.budget_per_task = 30, .mode = released, .distance = distance}.plan(past, current, philox{1});
    CHECK(r.quotas == counts{20, 27, 18});  // the released rule asked for 45 27 18
    CHECK(r.unplaced == 25);
}

TEST_CASE("identical tasks and silent tags count the same, where the released code divides by zero") {
    const memories past{task("A", {9, 9}, {{"x"}, {"x"}}), task("B", {9, 9}, {{"x"}, {"x"}})};
    const auto current = task("now", {5}, {{"x"}});
    for (const auto mode : {replay::mode::as_published, released}) {
        const auto plan =
            replay::inscl{.budget_per_task = 6, .mode = mode, .distance = given({{"A", exactly(0)}, {"B", exactly(0)}})}
                .plan(past, current, philox{3});
        CHECK(plan.quotas == counts{6, 6});
        CHECK(taken(plan, past, 0) == counts{3, 3});
        CHECK_THAT(plan.why(0, plan.examples[0][0]),
                   Contains("no earlier task differs from the current one, so all count the same"));
    }
}

TEST_CASE("as released, with fewer places than instructions the top ones give one each") {
    const memories past{task("A", {4, 4, 4, 4}, {{"x"}, {"x", "y"}, {"x", "y", "z"}, {"x"}})};
    const auto plan = replay::inscl{.budget_per_task = 2, .mode = released, .distance = given({})}.plan(
        past, task("now", {5}, {{"w"}}), philox{1});
    CHECK(taken(plan, past, 0) == counts{0, 1, 1, 0});
}

TEST_CASE("as released, every instruction keeps one, and the largest share pays for it") {
    // One instruction has nearly all the information: floor(share * 10) = 9 and max(1, 0) for four others make 13.
    tag_lists tags(5, {"x"});
    for (int t = 0; t < 40; ++t) tags[0].push_back("rare " + std::string(static_cast<std::size_t>(t) + 1, 'q'));
    const memories past{task("A", {30, 30, 30, 30, 30}, tags)};
    const auto current = task("now", {5}, {{"w"}});
    const auto plan =
        replay::inscl{.budget_per_task = 10, .mode = released, .distance = given({})}.plan(past, current, philox{1});
    CHECK(taken(plan, past, 0) == counts{6, 1, 1, 1, 1});
    const auto few =
        replay::inscl{.budget_per_task = 5, .mode = released, .distance = given({})}.plan(past, current, philox{1});
    CHECK(taken(few, past, 0) == counts{1, 1, 1, 1, 1});
}

TEST_CASE("an instruction that has fewer examples than its share gives them all, and the rest is filled up") {
    const memories past{task("A", {2, 30}, {{"x", "y", "z"}, {"w"}})};
    const auto current = task("now", {5}, {{"w"}});
    for (const auto mode : {replay::mode::as_published, released}) {
        const auto plan =
            replay::inscl{.budget_per_task = 12, .mode = mode, .distance = given({})}.plan(past, current, philox{1});
        CHECK(taken(plan, past, 0) == counts{2, 10});
        CHECK(plan.unplaced == 0);
        const auto all =
            replay::inscl{.budget_per_task = 40, .mode = mode, .distance = given({})}.plan(past, current, philox{1});
        CHECK(taken(all, past, 0) == counts{2, 30});
        CHECK(all.unplaced == 8);
    }
}

TEST_CASE("inside an instruction every example is equally likely") {
    const memories past{task("A", {12, 12}, {{"x"}, {"y"}})};
    const auto current = task("now", {5}, {{"w"}});
    for (const auto mode : {replay::mode::as_published, released}) {
        counts of(12, 0);
        for (std::uint64_t seed = 0; seed < 5000; ++seed) {
            const auto plan = replay::inscl{.budget_per_task = 8, .mode = mode, .distance = given({})}.plan(
                past, current, philox{seed});
            for (const auto e : plan.examples[0])
                if (e % 2 == 0) ++of[e / 2];
        }
        CHECK(holdfast_test::inclusion_misfit(of, 4, 5000) < 1);
    }
}

TEST_CASE("any tasks: the budget is conserved, no example twice, the same plan on any number of threads") {
    philox g{99};
    for (int trial = 0; trial < 150; ++trial) {
        memories past;
        std::vector<std::pair<std::string, certified<double>>> w;
        const std::size_t tasks = holdfast::uniform_index(g, 5);
        const auto random_task = [&](const std::string& name) {
            counts n(1 + holdfast::uniform_index(g, 6));
            tag_lists tags(n.size());
            for (std::size_t& x : n) x = 1 + holdfast::uniform_index(g, 8);
            for (auto& list : tags)
                for (std::size_t t = holdfast::uniform_index(g, 4); t > 0; --t)
                    list.push_back(std::string(1 + holdfast::uniform_index(g, 5), 'v'));
            return task(name, n, tags);
        };
        for (std::size_t j = 0; j < tasks; ++j) {
            past.push_back(random_task("task " + std::to_string(j)));
            const double d = trial % 5 == 0 ? 0.0 : holdfast::uniform(g);
            w.emplace_back(past.back().name, certified<double>{d, 0.9 * d, 1.1 * d, holdfast::status::certified});
        }
        const auto current = random_task("now");
        for (const auto mode : {replay::mode::as_published, released}) {
            const replay::inscl policy{
                .budget_per_task = holdfast::uniform_index(g, 40), .mode = mode, .distance = given(w)};
            holdfast::set_threads(1);
            const auto plan = policy.plan(past, current, philox{1, static_cast<std::uint64_t>(trial)});
            check_plan(plan, past, policy.budget_per_task * tasks);
            holdfast::set_threads(3);
            CHECK(policy.plan(past, current, philox{1, static_cast<std::uint64_t>(trial)}).examples == plan.examples);
            for (std::size_t j = 0; j < tasks; ++j)
                for (std::uint32_t e = 0; e < past[j].size(); ++e) REQUIRE_FALSE(plan.why(j, e).empty());
        }
    }
    holdfast::set_threads(0);
}

TEST_CASE("a plan says why") {
    const memories past{task("A", {6, 6}, {{"movie", "review"}, {"movie"}}), task("B", {6}, {{"sum"}})};
    const auto plan =
        replay::inscl{.budget_per_task = 4, .distance = given({{"A", exactly(.3)}, {"B", exactly(.1)}})}.plan(
            past, task("now", {5}, {{"w"}}), philox{1});
    CHECK(plan.quotas == counts{6, 2});
    CHECK(plan.certain);
    // N = 3: movie 2, review 1: 1.504 and 0.405, so 4.73 and 1.27 of six.
    std::uint32_t first = 100;
    for (const auto e : plan.examples[0])
        if (past[0].instruction[e] == 0) first = std::min(first, e);
    CHECK(
        plan.why(0, first) ==
        holdfast::sentence("Example ", first,
                           " of task 'A' is replayed: its instruction 'A instruction 0' tells 1.5 (review "
                           "1.1, movie 0.405), 78.8 % of the task, and gives 5 of its 6; the task gives 6 "
                           "of 8: its distance from the current one is 0.3, 75.0 % of the sum over 2 earlier tasks."));
}

TEST_CASE("distances are measured between embeddings, and exactly where bounds leave the quotas open") {
    auto a = task("A", {3, 1}, {{"x"}, {"y"}}), b = task("B", {4}, {{"z"}}), now = task("now", {2}, {{"w"}});
    a.embedding = holdfast::matrix<float>(2, 2);
    a.embedding(0, 0) = 1;  // the same direction as now
    a.embedding(1, 1) = 2;  // a right angle: distance 1, a quarter of the task
    b.embedding = holdfast::matrix<float>(1, 2);
    b.embedding(0, 0) = -3;  // opposite: distance 2
    now.embedding = holdfast::matrix<float>(1, 2);
    now.embedding(0, 0) = 5;
    for (const auto mode : {replay::mode::as_published, released}) {
        const auto plan = replay::inscl{.budget_per_task = 2, .mode = mode}.plan(memories{a, b}, now, philox{1});
        REQUIRE(plan.distance.size() == 2);
        CHECK(plan.distance[0].value == Approx(0.25));
        CHECK(plan.distance[1].value == Approx(2));
        CHECK(plan.distance[0].lower <= plan.distance[0].value);
        CHECK(plan.quotas == counts{mode == released ? 0u : 0u, 4});
    }
}

TEST_CASE("a policy without its ingredients says which") {
    auto a = task("A", {3}, {{"x"}}), now = task("now", {2}, {{"w"}});
    const replay::inscl policy{};
    const auto plan_of = [&](const replay::inscl& p) { return p.plan(memories{a}, now, philox{1}); };
    CHECK_REFUSES(plan_of(policy),
                  "replay::inscl: every task needs the embeddings of its instructions, task 'A' has none");
    a.embedding = holdfast::matrix<float>(1, 3, 1.0f);
    CHECK_REFUSES(plan_of(policy),
                  "replay::inscl: every task needs the embeddings of its instructions, task 'now' has none");
    now.embedding = holdfast::matrix<float>(1, 2, 1.0f);
    CHECK_REFUSES(plan_of(policy), "replay::inscl: embeddings have one dimension, task 'A' has 3 and 'now' has 2");
    now.embedding = holdfast::matrix<float>(1, 3, 1.0f);
    CHECK_NOTHROW(plan_of(policy));
    CHECK_REFUSES(plan_of({.relative_gap = -1}), "replay::inscl: relative_gap is at least 0, it is -1");
    CHECK_REFUSES(plan_of({.distance = given({{"A", {std::nan(""), 0, 1, holdfast::status::certified}}})}),
                  "replay::inscl: the distance of task 'A' from 'now' is NaN");
    a.tags.clear();
    CHECK_NOTHROW(plan_of(policy));  // the keyword tagger
    CHECK_REFUSES(plan_of({.tagger = nullptr}), "replay::inscl: task 'A' brings no tags, and no tagger is set");
    a.instruction[0] = 7;
    CHECK_REFUSES(plan_of(policy), "replay::inscl: example 0 of task 'A' carries instruction 7, there are 1");
    const auto empty = replay::task_memory::from("E", {});
    CHECK_REFUSES(policy.plan(memories{empty}, now, philox{1}),
                  "replay::inscl: every task needs an example, task 'E' has none");
    CHECK(policy.plan({}, now, philox{1}).examples.empty());
}

TEST_CASE("the sixteen real groups: quotas equal a recomputation from the same distances, in both variants") {
    const auto folder = holdfast_test::shared("data/superni");
    if (folder.empty()) SKIP_ALOUD("no data/superni here");
    std::ifstream order_file(folder / "categories.json");
    const auto order = nlohmann::json::parse(order_file).at("order").get<std::vector<std::string>>();
    REQUIRE(order.size() == 16);
    memories tasks;
    for (const std::string& name : order) {
        std::ifstream lines(folder / name / "train.jsonl");
        std::vector<std::string> instructions;
        for (std::string line; std::getline(lines, line);)
            instructions.push_back(nlohmann::json::parse(line).at("instruction"));
        tasks.push_back(replay::task_memory::from(name, instructions));
        tasks.back().embedding =
            holdfast::transport::hashing_embedder{.dimensions = 256}.embed(tasks.back().instructions);
        REQUIRE(tasks.back().size() == 300);
    }
    int certain = 0;
    for (std::size_t stage = 1; stage < tasks.size(); ++stage) {
        const std::span<const replay::task_memory> past = std::span(tasks).first(stage);
        const memories copy(past.begin(), past.end());
        const std::size_t budget = 200 * stage;

        // As published: fill up to 300 each in proportion, round down, then the largest fractions.
        const auto p = replay::inscl{}.plan(past, tasks[stage], philox{1, stage});
        check_plan(p, copy, budget);
        certain += p.certain;
        std::vector<double> share(stage, 0);
        std::vector<char> full(stage, 0);
        for (bool again = true; again;) {
            again = false;
            double rest = static_cast<double>(budget), weight = 0;
            for (std::size_t j = 0; j < stage; ++j) full[j] ? rest -= 300 : weight += p.distance[j].value;
            for (std::size_t j = 0; j < stage; ++j) {
                if (!full[j]) share[j] = rest * p.distance[j].value / weight;
                if (!full[j] && share[j] > 300) full[j] = 1, share[j] = 300, again = true;
            }
        }
        counts expected(stage);
        std::size_t given_out = 0;
        for (std::size_t j = 0; j < stage; ++j) given_out += expected[j] = static_cast<std::size_t>(share[j]);
        for (; given_out < budget; ++given_out) {
            std::size_t best = 0;
            for (std::size_t j = 1; j < stage; ++j)
                if (share[j] - static_cast<double>(expected[j]) > share[best] - static_cast<double>(expected[best]))
                    best = j;
            ++expected[best];
        }
        CHECK(p.quotas == expected);
        CHECK(p.unplaced == 0);
        CHECK(replay::inscl{.relative_gap = 0}.plan(past, tasks[stage], philox{1, stage}).quotas == expected);

        // As released: round down, then one more to the largest; what is above 300 comes back.
        const auto r = replay::inscl{.mode = released}.plan(past, tasks[stage], philox{1, stage});
        check_plan(r, copy, budget);
        double sum = 0;
        for (const auto& d : r.distance) sum += d.value;
        counts asked(stage);
        std::vector<std::pair<double, std::size_t>> largest;
        given_out = 0;
        for (std::size_t j = 0; j < stage; ++j) {
            given_out += asked[j] = static_cast<std::size_t>(r.distance[j].value / sum * static_cast<double>(budget));
            largest.emplace_back(-r.distance[j].value, j);
        }
        std::sort(largest.begin(), largest.end());
        for (std::size_t i = 0; given_out < budget; ++i, ++given_out) ++asked[largest[i].second];
        std::size_t above = 0;
        for (std::size_t& n : asked) {
            above += n - std::min<std::size_t>(n, 300);
            n = std::min<std::size_t>(n, 300);
        }
        CHECK(r.quotas == asked);
        CHECK(r.unplaced == above);
    }
    CHECK(certain >= 14);
}

TEST_CASE(
    "the sixteen real groups: distances, quotas and shares inside each task equal POT's and a hand-made InsInfo") {
    const auto folder = holdfast_test::shared("data/superni");
    if (folder.empty()) SKIP_ALOUD("no data/superni here");
    std::ifstream order_file(folder / "categories.json"),
        expected_file(std::filesystem::path(HOLDFAST_TEST_DIR) / "reference/inscl_superni.json");
    const auto order = nlohmann::json::parse(order_file).at("order").get<std::vector<std::string>>();
    const auto expected = nlohmann::json::parse(expected_file);
    REQUIRE(expected.size() == 15);
    memories tasks;
    for (const std::string& name : order) {
        std::ifstream lines(folder / name / "train.jsonl");
        std::vector<std::string> instructions;
        for (std::string line; std::getline(lines, line);)
            instructions.push_back(nlohmann::json::parse(line).at("instruction"));
        tasks.push_back(replay::task_memory::from(name, instructions));
        replay::task_memory& memory = tasks.back();
        memory.embedding = holdfast::matrix<float>(memory.instructions.size(), 64);
        for (std::size_t k = 0; k < memory.instructions.size(); ++k) {
            const std::string& text = memory.instructions[k];
            memory.tags.emplace_back();
            std::string word;
            for (std::size_t i = 0; i <= text.size(); ++i) {  // as tests/reference/inscl_superni.py
                const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
                if (i + 1 < text.size()) memory.embedding(k, (31u * byte(i) + byte(i + 1)) % 64) += 1;
                const char c = i < text.size() ? text[i] : ' ';
                if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
                    word += static_cast<char>(c | 0x20);
                    continue;
                }
                if (word.size() >= 7 && memory.tags[k].size() < 6) memory.tags[k].push_back(word.substr(0, 4) + "q");
                word.clear();
            }
        }
    }
    for (std::size_t stage = 1; stage < tasks.size(); ++stage) {
        const std::span<const replay::task_memory> past = std::span(tasks).first(stage);
        const auto& e = expected[stage - 1];
        const auto inside = [&](const replay::plan& plan, std::size_t j) {
            counts taken(past[j].instructions.size(), 0);
            for (const auto i : plan.examples[j]) ++taken[past[j].instruction[i]];
            return taken;
        };
        const auto exact = replay::inscl{.relative_gap = 0}.plan(past, tasks[stage], philox{1, stage});
        const auto certified = replay::inscl{}.plan(past, tasks[stage], philox{1, stage});
        const auto r = replay::inscl{.mode = released}.plan(past, tasks[stage], philox{1, stage});
        CHECK(exact.quotas == e.at("published").get<counts>());
        CHECK(certified.quotas == exact.quotas);
        CHECK(r.quotas == e.at("released").get<counts>());
        for (std::size_t j = 0; j < stage; ++j) {
            const double w = e.at("distance")[j].get<double>();
            CHECK(exact.distance[j].value == Approx(w).epsilon(1e-6));
            CHECK(certified.distance[j].lower <= w * (1 + 1e-6));
            CHECK(w <= certified.distance[j].upper * (1 + 1e-6));
            CHECK(inside(exact, j) == e.at("inside")[j].get<counts>());
            // As released a random rest fills up, or random ones go while one of each instruction stays.
            const auto base = e.at("base")[j].get<counts>(), taken = inside(r, j);
            const std::size_t all = std::accumulate(base.begin(), base.end(), std::size_t{0});
            REQUIRE(r.quotas[j] >= base.size());
            for (std::size_t k = 0; k < base.size(); ++k) {
                if (all <= r.quotas[j]) CHECK(taken[k] >= base[k]);
                if (all >= r.quotas[j]) CHECK(taken[k] <= base[k]);
                CHECK(taken[k] >= 1);
            }
        }
    }
}
