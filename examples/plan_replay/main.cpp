// plan_replay: which examples of the earlier tasks to replay, for a trainer in any language. Reads a folder of tasks,
// writes a plan (JSON) or the chosen records themselves (JSON Lines, ready to append to a training file).
// Wrong input: one sentence on standard error, exit 2, nothing written.

#include <holdfast/core/random.hpp>
#include <holdfast/replay/balanced.hpp>
#include <holdfast/replay/forgetting_curve.hpp>
#include <holdfast/replay/inscl.hpp>
#include <holdfast/replay/surprise.hpp>

#include <CLI/CLI.hpp>

#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "command_line.hpp"
#include "stream.hpp"

namespace replay = holdfast::replay;
using holdfast::refuse;
using holdfast::require;
using json = nlohmann::ordered_json;

namespace {

struct settings {
    std::string data, layout, current, policy = "inscl", embeddings, tags, scores, scores_after, mode = "as_published",
                                       apportion, format = "json", out, explain;
    std::vector<std::string> tasks;
    bool all = false;
    std::optional<std::size_t> budget;
    std::optional<double> ratio, ageing;
    std::uint64_t seed = 1;
};

void add_options(CLI::App& app, settings& s) {
    app.add_option("--data", s.data, "Folder of tasks")->required();
    app.add_option("--layout", s.layout, "trace, superni or jsonl (DIR/TASK.jsonl) [what the folder looks like]")
        ->check(CLI::IsMember({"trace", "superni", "jsonl"}));
    app.add_option("--tasks", s.tasks, "Tasks in the order of the stream [the folder's order]")->delimiter(',');
    auto* current = app.add_option("--current", s.current, "The task about to be learnt; those before it are replayed");
    auto* all = app.add_flag("--all", s.all, "A plan for every stage of the stream");
    current->excludes(all);
    auto* budget = app.add_option("--budget", s.budget, "Examples to replay, all earlier tasks together");
    auto* ratio = app.add_option("--ratio", s.ratio, "Or a share of what the earlier tasks hold, 0 to 1");
    budget->excludes(ratio);
    app.add_option("--policy", s.policy,
                   "inscl, random, head, herding, gdumb, surprise, mir, prioritised, forgetting or none [inscl]")
        ->check(CLI::IsMember(
            {"inscl", "random", "head", "herding", "gdumb", "surprise", "mir", "prioritised", "forgetting", "none"}));
    app.add_option("--embeddings", s.embeddings, "Folder of TASK.npy, a row per training record [hashed n-grams]");
    app.add_option("--scores", s.scores,
                   "Folder of TASK.npy, a number per training record (its NLL, say): surprise, "
                   "mir, prioritised");
    app.add_option("--scores-after", s.scores_after, "The same after a trial step on the current task: mir");
    app.add_option("--ageing", s.ageing, "surprise: one list for all tasks, a score times exp(-ageing) per stage");
    app.add_option("--tags", s.tags, "JSON: instruction -> list of tags [keywords of the instruction]");
    app.add_option("--mode", s.mode, "as_published or as_released (InsCL) [as_published]")
        ->check(CLI::IsMember({"as_published", "as_released"}));
    app.add_option("--apportion", s.apportion, "hamilton, sainte-lague, dhondt or huntington-hill [hamilton]")
        ->check(CLI::IsMember({"hamilton", "sainte-lague", "dhondt", "huntington-hill"}));
    app.add_option("--seed", s.seed, "Seed of every draw [1]");
    app.add_option("--format", s.format, "json (the plan) or jsonl (the records) [json]")
        ->check(CLI::IsMember({"json", "jsonl"}));
    app.add_option("--out", s.out, "File [standard output]");
    app.add_option("--explain", s.explain, "Instead: one sentence on why the example with this id is replayed, or not");
}

replay::apportionment rule_of(const std::string& name) {
    if (name == "sainte-lague") return replay::sainte_lague{};
    if (name == "dhondt") return replay::dhondt{};
    if (name == "huntington-hill") return replay::huntington_hill{};
    return replay::hamilton{};
}

replay::plan plan_for(const settings& s, const plan_replay::stream& tasks, std::size_t current, std::size_t budget) {
    const auto past = std::span(tasks.memories).first(current);
    const auto& now = tasks.memories[current];
    const holdfast::philox g{s.seed, current};
    if (s.policy == "none") return replay::no_replay{}.plan(past, now, g);
    if (s.policy == "random") return replay::random_replay{.budget = budget}.plan(past, now, g);
    if (s.policy == "head") {
        if (s.ratio) return replay::head_slice{.ratio = *s.ratio, .general_data = false}.plan(past, now, g);
        return replay::head_slice{.budget = budget, .general_data = false}.plan(past, now, g);
    }
    if (s.policy == "herding") return replay::herding_replay{.budget = budget}.plan(past, now, g);
    if (s.policy == "gdumb") return replay::gdumb_replay{.budget = budget}.plan(past, now, g);
    if (s.policy == "surprise") return replay::surprise_replay{.budget = budget, .ageing = s.ageing}.plan(past, now, g);
    if (s.policy == "mir") return replay::mir_replay{.budget = budget}.plan(past, now, g);
    if (s.policy == "prioritised") return replay::prioritised_replay{.budget = budget}.plan(past, now, g);
    if (s.policy == "forgetting") return replay::forgetting_curve_replay{.budget = budget}.plan(past, now, g);
    const auto mode = s.mode == "as_released" ? replay::mode::as_released : replay::mode::as_published;
    return replay::inscl{.budget = budget, .mode = mode, .rule = rule_of(s.apportion)}.plan(past, now, g);
}

json as_json(const settings& s, const plan_replay::stream& tasks, std::size_t current, const replay::plan& plan) {
    json quotas = json::object(), distances = json::object(), examples = json::object();
    for (std::size_t j = 0; j < current; ++j) {
        const std::string& name = tasks.tasks[j].name;
        quotas[name] = plan.quotas[j];
        if (!plan.distance.empty())
            distances[name] = {{"value", plan.distance[j].value},
                               {"lower", plan.distance[j].lower},
                               {"upper", plan.distance[j].upper}};
        examples[name] = json::array();
        for (const auto e : plan.examples[j]) examples[name].push_back(tasks.tasks[j].train[e].id);
    }
    json made{{"current", tasks.tasks[current].name},
              {"budget", plan.size() + plan.unplaced},
              {"quotas", quotas},
              {"unplaced", plan.unplaced}};
    if (!plan.distance.empty()) made["distances"] = distances, made["certain"] = plan.certain;
    made["examples"] = examples;
    made["seed"] = s.seed;
    made["policy"] = s.policy;
    if (s.policy == "inscl") {
        made["mode"] = s.mode;
        made["apportion"] =
            s.mode == "as_released" ? "as released" : std::string(replay::name_of(rule_of(s.apportion)));
        made["embeddings"] = s.embeddings.empty() ? "hashed n-grams" : s.embeddings;
        made["tags"] = s.tags.empty() ? "keywords" : s.tags;
    }
    return made;
}

std::string as_lines(const plan_replay::stream& tasks, std::size_t current, const replay::plan& plan) {
    std::string lines;
    for (std::size_t j = 0; j < current; ++j)
        for (const auto e : plan.examples[j]) {
            const auto& r = tasks.tasks[j].train[e];
            json record{{"id", r.id}, {"task", tasks.tasks[j].name}, {"prompt", r.prompt}, {"answer", r.answer}};
            if (!r.instruction.empty()) record["instruction"] = r.instruction;
            lines += record.dump() + "\n";
        }
    return lines;
}

std::string explanation(const std::string& id, const plan_replay::stream& tasks, std::size_t current,
                        const replay::plan& plan) {
    for (std::size_t j = 0; j < current; ++j)
        for (std::size_t e = 0; e < tasks.tasks[j].train.size(); ++e)
            if (tasks.tasks[j].train[e].id == id) return plan.why(j, static_cast<std::uint32_t>(e)) + "\n";
    refuse("plan_replay: --explain: no earlier task has an example '", id, "'");
}

void run(const settings& s) {
    require(s.all || !s.current.empty(), "plan_replay: --current NAME or --all is needed");
    require(s.budget || s.ratio || s.policy == "none", "plan_replay: --budget N or --ratio R is needed");
    require(!s.budget || *s.budget > 0, "plan_replay: --budget must be at least 1, it is 0");
    require(!s.ratio || (*s.ratio > 0 && *s.ratio <= 1), "plan_replay: --ratio is above 0 and at most 1, it is ",
            s.ratio.value_or(0));
    require(s.apportion.empty() || s.mode != "as_released",
            "plan_replay: --apportion: as_released brings its own rule");
    require(!s.all || s.explain.empty(), "plan_replay: --explain needs one stage: --current NAME");
    const bool scored = s.policy == "surprise" || s.policy == "mir" || s.policy == "prioritised";
    require(!scored || !s.scores.empty(), "plan_replay: --policy ", s.policy,
            " chooses by what a model measured: --scores DIR is needed");
    require(s.policy != "mir" || !s.scores_after.empty(),
            "plan_replay: --policy mir compares with a trial step: --scores-after DIR is needed");
    require(!s.ageing || s.policy == "surprise", "plan_replay: --ageing is for --policy surprise");
    const plan_replay::stream tasks = plan_replay::read_stream({.data = s.data,
                                                                .layout = s.layout,
                                                                .tasks = s.tasks,
                                                                .current = s.current,
                                                                .embeddings = s.embeddings,
                                                                .tags = s.tags,
                                                                .scores = s.scores,
                                                                .scores_after = s.scores_after,
                                                                .embed = s.policy == "inscl",
                                                                .embed_examples = s.policy == "herding"});
    const std::size_t last = s.all ? tasks.tasks.size() - 1 : tasks.place(s.current);
    require(last > 0, "plan_replay: there is nothing to replay: '", tasks.tasks[last].name, "' is the first task");
    json plans = json::array();
    std::string text;
    for (std::size_t current = s.all ? 1 : last; current <= last; ++current) {
        std::vector<std::size_t> sizes;
        for (std::size_t j = 0; j < current; ++j) sizes.push_back(tasks.memories[j].size());
        const std::size_t budget = s.budget ? *s.budget : replay::budget_of(s.ratio.value_or(0), sizes);
        const replay::plan plan = plan_for(s, tasks, current, budget);
        if (!s.explain.empty())
            text = explanation(s.explain, tasks, current, plan);
        else if (s.format == "jsonl")
            text += as_lines(tasks, current, plan);
        else
            plans.push_back(as_json(s, tasks, current, plan));
    }
    if (s.format == "json" && s.explain.empty()) text = (s.all ? plans : plans[0]).dump(2) + "\n";
    write_result(s.out, text);
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("Which examples of the earlier tasks to replay, for a trainer in any language.", "plan_replay");
    settings s;
    add_options(app, s);
    return run_program(app, argc, argv, [&] { run(s); });
}
