#pragma once
// A run that goes on where it was cut off: after every stage the record so far and the learner's own state are in a
// folder, each whole or absent, with version and checksum. Builds on archive.hpp (the format) and record.hpp (what is
// kept); leaves out when to write and what to compare (run.hpp). The folder belongs to one run of one method and seed.

#include <holdfast/core/matrix.hpp>
#include <holdfast/experiment/archive.hpp>
#include <holdfast/experiment/record.hpp>

#include <cstring>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace holdfast::experiment {

namespace detail {

inline void put(archive_writer& out, const task_record& t) {
    out.text("task", t.name);
    out.text("scorer", t.scorer);
    out.real("scale", t.scale);
    out.number("train", t.train);
    out.number("questions", t.questions);
}

inline task_record get_task(archive_reader& in) {
    task_record t;
    t.name = in.text("task");
    t.scorer = in.text("scorer");
    t.scale = in.real("scale");
    t.train = in.number("train");
    t.questions = in.number("questions");
    return t;
}

inline void put(archive_writer& out, const replay::plan& p) {
    out.number("past", p.examples.size());
    for (const auto& e : p.examples) out.numbers("example", e);
    out.numbers("quota", p.quotas);
    out.number("unplaced", p.unplaced);
    out.number("distances", p.distance.size());
    for (const auto& d : p.distance) {
        out.real("value", d.value);
        out.real("lower", d.lower);
        out.real("upper", d.upper);
        out.number("status", static_cast<std::uint64_t>(d.status));
    }
    out.number("certain", p.certain ? 1 : 0);
    out.number("mix", static_cast<std::uint64_t>(p.mix));
    out.number("general_data", p.general_data ? 1 : 0);
    out.number("reasons", p.reasons.size());
    for (const auto& r : p.reasons) {
        out.text("of", r.task);
        out.text("amount", r.amount);
        out.texts("choice", r.choice);
        out.numbers("reason", r.kind);
    }
}

inline replay::plan get_plan(archive_reader& in) {
    replay::plan p;
    p.examples.resize(in.count("past"));
    for (auto& e : p.examples) e = in.numbers<std::uint32_t>("example");
    p.quotas = in.numbers<std::size_t>("quota");
    p.unplaced = in.number("unplaced");
    p.distance.resize(in.count("distances"));
    for (auto& d : p.distance) {
        d.value = in.real("value");
        d.lower = in.real("lower");
        d.upper = in.real("upper");
        d.status = static_cast<status>(in.number("status"));
    }
    p.certain = in.number("certain") != 0;
    p.mix = static_cast<replay::mixing>(in.number("mix"));
    p.general_data = in.number("general_data") != 0;
    p.reasons.resize(in.count("reasons"));
    for (auto& r : p.reasons) {
        r.task = in.text("of");
        r.amount = in.text("amount");
        r.choice = in.texts("choice");
        r.kind = in.numbers<std::uint32_t>("reason");
    }
    return p;
}

inline void put(archive_writer& out, const run_record& r) {
    out.text("method", r.method);
    out.text("policy", r.policy);
    out.number("seed", r.seed);
    out.number("tasks", r.tasks.size());
    for (const auto& t : r.tasks) put(out, t);
    out.reals("before", r.before);
    out.number("rows", r.after.size());
    for (const auto& row : r.after) out.reals("score", row);
    out.number("items", r.items.size());
    for (const auto& row : r.items) out.reals("item", row);
    out.number("nll_rows", r.nll.size());
    for (const auto& row : r.nll) out.reals("nll", row);
    out.number("suites", r.suites.size());
    for (const auto& s : r.suites) {
        out.number("kind", static_cast<std::uint64_t>(s.kind));
        put(out, s.about);
        out.reals("score", s.scores);
    }
    out.number("stages", r.stages.size());
    for (const auto& s : r.stages) {
        out.text("learnt", s.task);
        put(out, s.plan);
        out.number("trained", s.trained);
        out.number("replayed", s.replayed);
        out.number("general", s.general);
        out.real("plan_seconds", s.plan_seconds);
        out.real("train_seconds", s.train_seconds);
        out.real("evaluate_seconds", s.evaluate_seconds);
        out.texts("undone", s.undone);
        out.reals("tried", s.tried);
    }
    out.reals("single_task", r.single_task);
    out.texts("used", r.used);
    out.number("config", r.config.size());
    for (const auto& [name, value] : r.config) {
        out.text("name", name);
        out.text("value", value);
    }
    out.real("before_seconds", r.before_seconds);
}

inline run_record get_record(archive_reader& in) {
    run_record r;
    r.method = in.text("method");
    r.policy = in.text("policy");
    r.seed = in.number("seed");
    r.tasks.resize(in.count("tasks"));
    for (auto& t : r.tasks) t = get_task(in);
    r.before = in.reals("before");
    r.after.resize(in.count("rows"));
    for (auto& row : r.after) row = in.reals("score");
    r.items.resize(in.count("items"));
    for (auto& row : r.items) row = in.reals("item");
    r.nll.resize(in.count("nll_rows"));
    for (auto& row : r.nll) row = in.reals("nll");
    r.suites.resize(in.count("suites"));
    for (auto& s : r.suites) {
        s.kind = static_cast<capability>(in.number("kind"));
        s.about = get_task(in);
        s.scores = in.reals("score");
    }
    r.stages.resize(in.count("stages"));
    for (auto& s : r.stages) {
        s.task = in.text("learnt");
        s.plan = get_plan(in);
        s.trained = in.number("trained");
        s.replayed = in.number("replayed");
        s.general = in.number("general");
        s.plan_seconds = in.real("plan_seconds");
        s.train_seconds = in.real("train_seconds");
        s.evaluate_seconds = in.real("evaluate_seconds");
        s.undone = in.texts("undone");
        s.tried = in.reals("tried");
    }
    r.single_task = in.reals("single_task");
    r.used = in.texts("used");
    r.config.resize(in.count("config"));
    for (auto& [name, value] : r.config) {
        name = in.text("name");
        value = in.text("value");
    }
    r.before_seconds = in.real("before_seconds");
    return r;
}

}  // namespace detail

/// The checkpoint of one run in a folder: `record` (scores, plans, times), `learner-S` (the learner's state after
/// stage S), `encoder` (embeddings and tags, made once before training).
class checkpoint {
  public:
    /// Makes the folder if it is not there.
    /// @param configuration  everything that must be the same for a run to go on, in the order in which it is compared
    /// @throw format_error if the folder cannot be made
    checkpoint(std::filesystem::path folder, std::vector<setting> configuration)
        : folder_(std::move(folder)), configuration_(std::move(configuration)) {
        std::error_code failed;
        std::filesystem::create_directories(folder_, failed);
        if (failed || !std::filesystem::is_directory(folder_))
            throw format_error(
                folder_.string(), 0,
                "cannot be made a checkpoint folder" + (failed ? " (" + failed.message() + ")" : std::string{}));
    }

    /// The record of the last complete stage; nothing if no stage was completed yet.
    /// @throw invalid_argument if it belongs to another configuration; the sentence says which setting differs
    /// @throw format_error     if it is damaged, or of another version
    [[nodiscard]] std::optional<run_record> read() {
        const auto file = folder_ / "record";
        if (!std::filesystem::exists(file)) return std::nullopt;
        archive_reader in(file, "checkpoint", version);
        compare(in);
        state_ = in.text("state");
        state_checksum_ = in.text("state_checksum");
        return detail::get_record(in);
    }

    /// Brings the learner to the state that goes with the record that `read` returned.
    /// @throw format_error if that state is missing or damaged; what the learner throws passes
    template <class Learner>
    void load(Learner& learner) const {
        const auto path = folder_ / state_;
        if (!std::filesystem::exists(path))
            throw format_error(path.string(), 0, "is missing: the learner's state that the checkpoint needs");
        checksum sum;
        sum.add(checksum_of(path));
        if (sum.text() != state_checksum_)
            throw format_error(path.string(), 0, "is damaged: its checksum does not match the checkpoint's");
        learner.load(path.string());
    }

    /// Makes this stage the one to go on from. A cut at any moment leaves the former stage or this one.
    /// @throw format_error if it cannot be written; what the learner throws passes
    template <class Learner>
    void write(const run_record& record, Learner& learner) {
        const std::string former = state_;
        const std::string name = "learner-" + std::to_string(record.stages.size());
        const auto path = folder_ / name, partial = folder_ / (name + ".partial");
        std::error_code ignored;
        std::filesystem::remove_all(partial, ignored);
        learner.save(partial.string());
        if (!std::filesystem::exists(partial))
            throw format_error(partial.string(), 0, "is not there: learner.save(path) returned without writing it");
        force_to_disk(partial);
        checksum sum;
        sum.add(checksum_of(partial));
        if (name != former) std::filesystem::remove_all(path, ignored);  // left by a cut between rename and record
        std::error_code failed;
        std::filesystem::rename(partial, path, failed);
        if (failed) throw format_error(path.string(), 0, "cannot be written (" + failed.message() + ")");

        archive_writer out("checkpoint", version);
        put_configuration(out);
        out.text("state", name);
        out.text("state_checksum", sum.text());
        detail::put(out, record);
        write_atomically(folder_ / "record", out.finish());
        state_ = name;
        state_checksum_ = sum.text();
        if (!former.empty() && former != name) std::filesystem::remove_all(folder_ / former, ignored);
    }

    /// Keeps what the untouched model said about the instructions, so that a resumed run measures with it too. Floats
    /// are stored as this machine holds them.
    void write_encoder(const std::vector<replay::task_memory>& memories) const {
        archive_writer out("encoder", version);
        put_configuration(out);
        out.number("memories", memories.size());
        for (const auto& m : memories) {
            out.text("task", m.name);
            out.number("rows", m.embedding.rows());
            out.number("cols", m.embedding.cols());
            std::string bytes(m.embedding.size() * sizeof(float), '\0');
            if (!bytes.empty()) std::memcpy(bytes.data(), m.embedding.data(), bytes.size());
            out.text("embedding", bytes);
            out.number("tagged", m.tags.size());
            for (const auto& tags : m.tags) out.texts("tag", tags);
        }
        write_atomically(folder_ / "encoder", out.finish());
    }

    /// Fills embeddings and tags of the memories as write_encoder stored them.
    /// @return false if there is nothing stored; true when all were filled
    /// @throw  as read()
    bool read_encoder(std::vector<replay::task_memory>& memories) const {
        const auto file = folder_ / "encoder";
        if (!std::filesystem::exists(file)) return false;
        archive_reader in(file, "encoder", version);
        compare(in);
        if (in.number("memories") != memories.size())
            throw format_error(file.string(), 0, "holds another number of tasks");
        for (auto& m : memories) {
            if (in.text("task") != m.name) throw format_error(file.string(), 0, "holds another task than " + m.name);
            const std::size_t rows = in.number("rows"), cols = in.number("cols");
            const std::string bytes = in.text("embedding");
            if (cols != 0 &&
                (rows > bytes.size() / sizeof(float) / cols || rows * cols * sizeof(float) != bytes.size()))
                throw format_error(file.string(), 0, "holds an embedding of another size");
            std::vector<float> values(bytes.size() / sizeof(float));
            if (!values.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
            m.embedding = matrix<float>(rows, cols, std::move(values));
            m.tags.resize(in.count("tagged"));
            for (auto& tags : m.tags) tags = in.texts("tag");
        }
        return true;
    }

  private:
    static constexpr unsigned version = 2;

    void put_configuration(archive_writer& out) const {
        out.number("settings", configuration_.size());
        for (const auto& [name, value] : configuration_) {
            out.text("setting", name);
            out.text("is", value);
        }
    }

    void compare(archive_reader& in) const {
        std::vector<setting> there(in.count("settings"));
        for (auto& [name, value] : there) {
            name = in.text("setting");
            value = in.text("is");
        }
        const auto differs = [&](const std::string& what) {
            refuse("experiment::run: the checkpoint in \"", folder_.string(),
                   "\" belongs to another configuration: ", what,
                   "; give another folder, or remove this one to begin again");
        };
        for (std::size_t i = 0; i < there.size() || i < configuration_.size(); ++i) {
            if (i >= configuration_.size())
                differs(there[i].first + " is \"" + there[i].second + "\" there and not set here");
            const auto& [name, value] = configuration_[i];
            if (i >= there.size() || there[i].first != name)
                differs(name + " is \"" + value + "\" here and not set there");
            if (there[i].second != value)
                differs(name + " is \"" + there[i].second + "\" there and \"" + value + "\" here");
        }
    }

    static void force_to_disk(const std::filesystem::path& path) {
        if (std::filesystem::is_directory(path))
            for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) detail::to_disk(entry.path());
        detail::to_disk(path);
    }

    std::filesystem::path folder_;
    std::vector<setting> configuration_;
    std::string state_, state_checksum_;
};

}  // namespace holdfast::experiment
