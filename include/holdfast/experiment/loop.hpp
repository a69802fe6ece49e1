#pragma once
// The inside of run: row 0, then for every task plan, train, evaluate, checkpoint. Builds on abilities.hpp (what a
// learner can do besides), checkpoint.hpp and options.hpp. The door, and what it promises, is run.hpp.

#include <holdfast/core/certified.hpp>
#include <holdfast/core/error.hpp>
#include <holdfast/core/random.hpp>
#include <holdfast/experiment/abilities.hpp>
#include <holdfast/experiment/checkpoint.hpp>
#include <holdfast/experiment/concepts.hpp>
#include <holdfast/experiment/configuration.hpp>
#include <holdfast/experiment/gate.hpp>
#include <holdfast/experiment/measured.hpp>
#include <holdfast/experiment/options.hpp>
#include <holdfast/experiment/record.hpp>
#include <holdfast/replay/policy.hpp>
#include <holdfast/replay/tagger.hpp>

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace holdfast::experiment {

namespace detail {

/// Words that key the generator, so that plan and order draw from sequences of their own.
enum draw : std::uint64_t { draw_plan = 1, draw_order = 2, draw_replay_order = 3 };

class stopwatch {
  public:
    [[nodiscard]] double seconds() const {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    }

  private:
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// One run, from row 0 to the last stage.
template <class Stream, class Learner, class Policy, class Observer>
class loop {
  public:
    loop(const Stream& stream, Learner& learner, const Policy& policy, Observer& observer, const run_options& options)
        : stream_(stream),
          learner_(learner),
          policy_(policy),
          told_(observer),
          options_(options),
          tasks_(stream.size()) {
        check();
    }

    run_record go() {
        std::optional<checkpoint> kept;
        if (!options_.checkpoint.empty())
            kept.emplace(options_.checkpoint, configuration_of(stream_, policy_, options_, record_));
        std::vector<std::string> names;
        for (const auto& t : record_.tasks) names.push_back(t.name);
        told_.run_begin(names, record_.method);

        std::optional<run_record> former = kept ? kept->read() : std::nullopt;
        remember(kept);
        std::size_t next = 0;  // the first stage still to do
        if (former) {
            next = former->stages.size() + 1;
            former->single_task = record_.single_task;
            record_ = std::move(*former);
            if constexpr (saves_and_loads<Learner>) kept->load(learner_);
            told_.resumed(next - 1);
        }
        for (std::size_t stage = next; stage <= tasks_; ++stage) {
            told_.stage_begin(stage, tasks_ + 1, stage == 0 ? "before training" : record_.tasks[stage - 1].name);
            if (stage > 0) learn(stage);
            evaluate(stage);
            if constexpr (saves_and_loads<Learner>) {
                if (stage > 0 && options_.gate.closed()) pass_or_undo(stage, *kept);
                if (kept) kept->write(record_, learner_);
            }
            told_.stage_end(stage);
        }
        return std::move(record_);
    }

  private:
    static constexpr double nan = std::numeric_limits<double>::quiet_NaN();

    void check() {
        require(tasks_ > 0, "experiment::run: the stream must hold at least one task, it is empty");
        require(options_.single_task.empty() || options_.single_task.size() == tasks_,
                "experiment::run: single_task must hold one score per task, it holds ", options_.single_task.size(),
                " for ", tasks_, " tasks");
        require(
            options_.checkpoint.empty() || saves_and_loads<Learner>,
            "experiment::run: a checkpoint needs learner.save(path) and learner.load(path), which this learner lacks");
        require(!options_.gate.closed() || !options_.checkpoint.empty(),
                "experiment::run: a gate needs a checkpoint folder, to go back to (run_options::checkpoint)");
        require(!options_.nll || has_nll<Learner>,
                "experiment::run: nll was asked for and needs learner.nll(example), which this learner lacks");
        require(!wants_embeddings() || options_.embed || embeds<Learner>, "experiment::run: policy \"",
                std::string(policy_.name()),
                "\" measures with embeddings: give the learner embed(texts), or the options an embed function");
        check_measured<Policy, Learner>(std::string(policy_.name()), options_);
        record_.policy = policy_.name();
        record_.method = options_.method.empty() ? record_.policy : options_.method;
        record_.seed = options_.seed;
        record_.config = options_.config;
        record_.single_task = options_.single_task;
        for (std::size_t i = 0; i < tasks_; ++i) record_.tasks.push_back(about(stream_[i]));
        for (std::size_t i = 0; i < tasks_; ++i)
            for (std::size_t j = 0; j < i; ++j)
                require(record_.tasks[i].name != record_.tasks[j].name,
                        "experiment::run: tasks need names of their own, ", j, " and ", i, " are both \"",
                        record_.tasks[i].name, "\"");
        for (const auto& s : options_.suites)
            record_.suites.push_back({s.kind, about(s.questions), std::vector<double>(tasks_ + 1, nan)});
        if (options_.gate.closed())
            check_gate(options_.gate, record_, options_.evaluate == evaluation::all, options_.suites_every_stage);
        if (trains_with_stage<Learner>) record_.used.push_back("train(examples, stage_info)");
        if (scores_items<Learner>) record_.used.push_back("evaluate_items(task)");
        if (!options_.checkpoint.empty()) record_.used.push_back("save(path), load(path)");
        if (options_.nll) record_.used.push_back("nll(example)");
        if (wants_embeddings()) record_.used.push_back(options_.embed ? "embed from the options" : "embed(texts)");
    }

    /// A policy that measures distances in a way of its own (a `distance` that is set) needs no embeddings.
    [[nodiscard]] bool wants_embeddings() const {
        if constexpr (requires { static_cast<bool>(policy_.distance); })
            if (static_cast<bool>(policy_.distance)) return false;
        return replay::needs_embeddings<Policy>;
    }
    static constexpr bool wants_tags() { return replay::needs_tags<Policy>; }

    /// What the policy may know of each task, measured with the model as it came.
    void remember(const std::optional<checkpoint>& kept) {
        for (std::size_t i = 0; i < tasks_; ++i) {
            const task& t = stream_[i];
            std::vector<std::string> instructions;
            instructions.reserve(t.train.size());
            for (const auto& e : t.train) instructions.push_back(e.instruction.empty() ? e.prompt : e.instruction);
            memories_.push_back(replay::task_memory::from(t.name, instructions));
        }
        if (!wants_embeddings() && !wants_tags()) return;
        if (kept && kept->read_encoder(memories_)) return;
        for (auto& m : memories_) {
            if (wants_embeddings()) m.embedding = embedding_of(m);
            if (wants_tags())
                for (const auto& text : m.instructions) m.tags.push_back(tags_of(text));
        }
        if (kept) kept->write_encoder(memories_);
    }

    matrix<float> embedding_of(const replay::task_memory& m) {
        if (options_.embed) return to_floats(options_.embed(m.instructions), m.instructions.size(), m.name);
        if constexpr (embeds<Learner>)
            return to_floats(learner_.embed(std::span<const std::string>(m.instructions)), m.instructions.size(),
                             m.name);
        else
            return {};
    }

    std::vector<std::string> tags_of(const std::string& instruction) const {
        if (const auto known = options_.tags.find(instruction); known != options_.tags.end()) return known->second;
        if (options_.tagger) return options_.tagger(instruction);
        if constexpr (requires {
                          static_cast<bool>(policy_.tagger);
                          policy_.tagger(std::string_view(instruction));
                      }) {
            if (static_cast<bool>(policy_.tagger)) return policy_.tagger(std::string_view(instruction));
        } else if constexpr (requires { policy_.tagger.tags(std::string_view(instruction)); }) {
            return policy_.tagger.tags(std::string_view(instruction));
        }
        return replay::keyword_tagger{}.tags(instruction);
    }

    /// Plans the replay of stage s and trains on it. Stage s learns task s - 1.
    void learn(std::size_t stage) {
        stage_record done;
        const task& current = stream_[stage - 1];
        done.task = current.name;
        const stopwatch planning;
        measure(policy_, learner_, stream_, std::span(memories_).first(stage - 1), options_, draw_plan);
        done.plan = plan_of(stage);
        std::vector<example> replayed = recall(done.plan, stage - 1);
        done.plan_seconds = planning.seconds();
        done.replayed = replayed.size();
        if (done.plan.general_data) {
            replayed.insert(replayed.end(), options_.general_data.begin(), options_.general_data.end());
            done.general = options_.general_data.size();
        }
        told_.replayed(stage, done.plan);

        const stopwatch training;
        std::vector<example> examples(current.train.begin(), current.train.end());
        done.trained = examples.size();
        const bool trailing = done.plan.mix == replay::mixing::trailing_epoch;
        if (!trailing) examples.insert(examples.end(), replayed.begin(), replayed.end());
        train(examples, {stage, current.name, false, told_.step(stage)}, draw_order);
        if (trailing && !replayed.empty())
            train(replayed, {stage, current.name, true, told_.step(stage)}, draw_replay_order);
        done.train_seconds = training.seconds();
        record_.stages.push_back(std::move(done));
    }

    /// The policy's plan for a stage. A task whose stage was undone is not rehearsed: it would be learnt after all.
    replay::plan plan_of(std::size_t stage) const {
        const std::span<const replay::task_memory> all(memories_);
        const philox g{options_.seed, stage, draw_plan, 0};
        std::vector<std::size_t> standing;
        for (std::size_t j = 0; j + 1 < stage; ++j)
            if (record_.stages[j].undone.empty()) standing.push_back(j);
        if (standing.size() + 1 == stage) return policy_.plan(all.first(stage - 1), all[stage - 1], g);
        std::vector<replay::task_memory> past;
        for (const std::size_t j : standing) past.push_back(all[j]);
        replay::plan p = policy_.plan(std::span<const replay::task_memory>(past), all[stage - 1], g);
        const auto spread = [&](auto& of_standing, auto absent) {
            if (of_standing.size() != standing.size()) return;  // empty where the policy says nothing of it
            std::decay_t<decltype(of_standing)> of_all(stage - 1, absent);
            for (std::size_t i = 0; i < standing.size(); ++i) of_all[standing[i]] = std::move(of_standing[i]);
            of_standing = std::move(of_all);
        };
        spread(p.examples, std::vector<std::uint32_t>{});
        spread(p.quotas, std::size_t{0});
        if (!p.distance.empty()) spread(p.distance, certified<double>{nan, nan, nan, status::exact});
        if (!p.reasons.empty()) spread(p.reasons, replay::plan::reason{});
        return p;
    }

    /// Lets a stage stand that passes the gate; else the learner goes back to where it was before it, and the row holds
    /// that model's scores.
    void pass_or_undo(std::size_t stage, const checkpoint& kept) {
        std::vector<std::string> fell;
        for (const auto& judged : judge(options_.gate, record_))
            if (judged.failed) fell.push_back(judged.words());
        if (fell.empty()) return;
        told_.undone(stage, fell);
        kept.load(learner_);
        record_.stages.back().undone = std::move(fell);
        record_.stages.back().tried = std::move(record_.after.back());
        record_.after.pop_back();
        if (options_.nll) record_.nll.pop_back();
        const double seconds = record_.stages.back().evaluate_seconds;
        evaluate(stage);
        record_.stages.back().evaluate_seconds += seconds;
    }

    void train(std::vector<example>& examples, const stage_info& where, draw word) {
        philox g{options_.seed, where.stage, static_cast<std::uint64_t>(word), 0};
        shuffle(std::span<example>(examples), g);
        if constexpr (trains_with_stage<Learner>)
            learner_.train(std::span<const example>(examples), where);
        else
            learner_.train(std::span<const example>(examples));
    }

    /// The examples that a plan names, earlier tasks in their order.
    std::vector<example> recall(const replay::plan& plan, std::size_t past) const {
        require(plan.examples.size() == past || plan.examples.empty(), "experiment::run: policy \"", record_.policy,
                "\" must plan for each of ", past, " earlier tasks, it planned for ", plan.examples.size());
        std::vector<example> replayed;
        for (std::size_t j = 0; j < plan.examples.size(); ++j) {
            if (plan.examples[j].empty()) continue;
            const task& t = stream_[j];
            for (const std::uint32_t i : plan.examples[j]) {
                require(i < t.train.size(), "experiment::run: policy \"", record_.policy, "\" planned example ", i,
                        " of task \"", t.name, "\", which has ", t.train.size());
                replayed.push_back(t.train[i]);
            }
        }
        return replayed;
    }

    /// Fills row `stage` (0: before training), and the suites' scores where they are due.
    void evaluate(std::size_t stage) {
        const stopwatch evaluating;
        std::vector<double> row(tasks_, nan), nll(tasks_, nan);
        const std::size_t shown = stage == 0 || options_.evaluate == evaluation::all ? tasks_ : stage;
        record_.items.resize(scores_items<Learner> ? tasks_ : 0);
        for (std::size_t j = 0; j < shown; ++j) {
            const task& t = stream_[j];
            answer a = ask(learner_, t);
            row[j] = a.score;
            if (scores_items<Learner>) record_.items[j] = std::move(a.items);
            if constexpr (has_nll<Learner>)
                if (options_.nll) {
                    double sum = 0;
                    for (const auto& e : t.test) sum += static_cast<double>(learner_.nll(e));
                    nll[j] = sum / static_cast<double>(t.test.size());
                }
            told_.scored(stage, t.name, row[j]);
        }
        if (options_.nll) record_.nll.push_back(std::move(nll));
        if (stage == 0 || stage == tasks_ || options_.suites_every_stage)
            for (std::size_t i = 0; i < options_.suites.size(); ++i) {
                const task& questions = options_.suites[i].questions;
                record_.suites[i].scores[stage] = ask(learner_, questions).score;
                told_.scored(stage, questions.name, record_.suites[i].scores[stage]);
            }
        if (stage == 0) {
            record_.before = std::move(row);
            record_.before_seconds = evaluating.seconds();
        } else {
            record_.after.push_back(std::move(row));
            record_.stages.back().evaluate_seconds = evaluating.seconds();
        }
    }

    const Stream& stream_;
    Learner& learner_;
    const Policy& policy_;
    told<Observer> told_;
    const run_options& options_;
    std::size_t tasks_;
    run_record record_ = {};
    std::vector<replay::task_memory> memories_ = {};
};

}  // namespace detail

}  // namespace holdfast::experiment
