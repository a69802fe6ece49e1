#include <holdfast/experiment/checkpoint.hpp>
#include <holdfast/experiment/run.hpp>
#include <holdfast/replay/inscl.hpp>

#include "experiment/toy.hpp"
#include "support/test.hpp"

#include <bit>
#include <cstdint>
#include <fstream>

namespace experiment = holdfast::experiment;
namespace replay = holdfast::replay;

namespace {

struct power_cut {};

/// Throws at the n-th thing it is told of.
struct saboteur {
    std::size_t left;
    std::size_t* resumed_at = nullptr;
    void tick() {
        if (left-- == 0) throw power_cut{};
    }
    void stage_begin(std::size_t, std::size_t, std::string_view) { tick(); }
    void replayed(std::size_t, const replay::plan&) { tick(); }
    void scored(std::size_t, std::string_view, double) { tick(); }
    void undone(std::size_t, std::span<const std::string>) { tick(); }
    void stage_end(std::size_t) { tick(); }
    void step(std::size_t, std::size_t done, std::size_t total) {
        if (done * 2 == total) tick();
    }
    void resumed(std::size_t stage) {
        if (resumed_at) *resumed_at = stage;
    }
};

/// Everything of a record but the seconds, to the bit.
std::string bits(experiment::run_record r) {
    r.before_seconds = 0;
    for (auto& s : r.stages) s.plan_seconds = s.train_seconds = s.evaluate_seconds = 0;
    experiment::archive_writer out("comparison", 1);
    experiment::detail::put(out, r);
    return out.finish();
}

template <class Policy>
void check_every_cut(const std::string& name, const Policy& policy, const experiment::gate& gate = {}) {
    const auto stream = toy::stream();
    const auto suites = toy::suites();
    const auto general = toy::numbers("general", 6).train;
    experiment::run_options options{.seed = 3, .suites = suites, .general_data = general, .nll = true, .gate = gate};
    toy::temporary_folder whole(name + "-whole");
    options.checkpoint = whole.path / "run";
    toy::learner uninterrupted;
    const auto expected = experiment::run(stream, uninterrupted, policy, options).runs()[0];

    std::size_t cuts = 0;
    for (std::size_t n = 0;; ++n) {
        toy::temporary_folder folder(name);
        options.checkpoint = folder.path / "run";
        bool cut = false;
        toy::learner first;
        try {
            experiment::run(stream, first, policy, saboteur{n}, options);
        } catch (const power_cut&) {
            cut = true;
        }
        if (!cut) break;
        ++cuts;
        // A process that starts anew, with a model as it came.
        toy::learner second;
        const auto resumed = experiment::run(stream, second, policy, options).runs()[0];
        REQUIRE(bits(resumed) == bits(expected));
        REQUIRE(second.weights == uninterrupted.weights);
        // The same process, with the model as the cut left it.
        if (n % 3 == 0) {
            toy::temporary_folder other(name + "-same");
            options.checkpoint = other.path / "run";
            toy::learner model;
            CHECK_THROWS_AS(experiment::run(stream, model, policy, saboteur{n}, options), power_cut);
            if (std::filesystem::exists(options.checkpoint / "record")) {
                const auto again = experiment::run(stream, model, policy, options).runs()[0];
                REQUIRE(bits(again) == bits(expected));
            }
        }
    }
    CHECK(cuts > 30);
}

std::string content(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("a run cut anywhere and taken up again equals an uninterrupted one to the bit: InsCL") {
    check_every_cut("inscl", replay::inscl{.budget_per_task = 10});
}

TEST_CASE("a run cut anywhere and taken up again equals an uninterrupted one to the bit: trailing epoch") {
    check_every_cut("head", replay::head_slice{.ratio = 0.2});
}

TEST_CASE("a run cut anywhere and taken up again equals an uninterrupted one to the bit: stages that a gate undoes") {
    check_every_cut("gate", replay::inscl{.budget_per_task = 10},
                    {.conditions = "task:triple>=1.5,task:fivefold>=1.5"});
}

TEST_CASE("a run that is cut many times still ends as it should") {
    const auto stream = toy::stream();
    const replay::random_replay policy{.budget_per_task = 10};
    toy::learner uninterrupted;
    const auto expected = experiment::run(stream, uninterrupted, policy, {.seed = 1}).runs()[0];
    toy::temporary_folder folder("many");
    experiment::run_options options{.seed = 1, .checkpoint = folder.path};
    std::size_t attempts = 0;
    for (;; ++attempts) {
        REQUIRE(attempts < 20);
        toy::learner model;
        try {
            auto run = experiment::run(stream, model, policy, saboteur{12}, options).runs()[0];
            CHECK(run.used.back() == "save(path), load(path)");
            run.used.pop_back();  // what alone differs from a run without a checkpoint
            CHECK(bits(run) == bits(expected));
            break;
        } catch (const power_cut&) {}
    }
    CHECK(attempts >= 2);
}

TEST_CASE("a finished run is not trained again") {
    toy::temporary_folder folder("finished");
    const auto stream = toy::stream();
    experiment::run_options options{.checkpoint = folder.path};
    toy::learner first, second;
    const auto a = experiment::run(stream, first, replay::no_replay{}, options);
    std::size_t resumed_at = 0;
    const auto b = experiment::run(stream, second, replay::no_replay{}, saboteur{1000, &resumed_at}, options);
    CHECK(second.seen.empty());
    CHECK(second.weights == first.weights);
    CHECK(resumed_at == 4);
    CHECK(bits(a.runs()[0]) == bits(b.runs()[0]));
    CHECK(a.runs()[0].seconds() == b.runs()[0].seconds());  // the seconds are those of the training
}

TEST_CASE("only the last learner's state is kept") {
    toy::temporary_folder folder("states");
    toy::learner model;
    experiment::run(toy::stream(), model, replay::inscl{.budget_per_task = 4}, {.checkpoint = folder.path});
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder.path))
        names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    CHECK(names == std::vector<std::string>{"encoder", "learner-4", "record"});
}

TEST_CASE("a learner may save a folder") {
    struct two_files : toy::learner {
        void save(const std::string& path) const {
            std::filesystem::create_directories(path + "/deep");
            toy::learner::save(path + "/deep/weights");
            std::ofstream(path + "/note") << "a folder";
        }
        void load(const std::string& path) { toy::learner::load(path + "/deep/weights"); }
    };
    const auto stream = toy::stream();
    toy::temporary_folder folder("folder");
    experiment::run_options options{.checkpoint = folder.path};
    two_files first, second;
    CHECK_THROWS_AS(experiment::run(stream, first, replay::no_replay{}, saboteur{20}, options), power_cut);
    experiment::run(stream, second, replay::no_replay{}, options);
    toy::learner whole;
    experiment::run(stream, whole, replay::no_replay{});
    CHECK(second.weights == whole.weights);
    std::ofstream(folder.path / "learner-4" / "note") << "changed";
    CHECK_THROWS_WITH(experiment::run(stream, second, replay::no_replay{}, options), Contains("learner-4: is damaged"));
}

TEST_CASE("a checkpoint of another configuration is refused, and the sentence says what differs") {
    toy::temporary_folder folder("other");
    const auto stream = toy::stream();
    toy::learner model;
    const experiment::run_options options{.seed = 1, .checkpoint = folder.path, .config = {{"learning rate", "0.3"}}};
    experiment::run(stream, model, replay::random_replay{.budget_per_task = 5}, options);
    const std::string before = content(folder.path / "record");

    auto changed = options;
    changed.seed = 2;
    CHECK_REFUSES(experiment::run(stream, model, replay::random_replay{.budget_per_task = 5}, changed),
                  "another configuration: seed is \"1\" there and \"2\" here");
    changed = options;
    changed.config[0].second = "0.1";
    CHECK_REFUSES(experiment::run(stream, model, replay::random_replay{.budget_per_task = 5}, changed),
                  "learning rate is \"0.3\" there and \"0.1\" here");
    CHECK_REFUSES(experiment::run(stream, model, replay::random_replay{.budget_per_task = 6}, options),
                  "budget_per_task is \"5\" there and \"6\" here");
    CHECK_REFUSES(experiment::run(stream, model, replay::no_replay{}, options),
                  "method is \"random\" there and \"none\" here");
    auto other_stream = stream;
    other_stream[2].train[7].answer = "perhaps";
    CHECK_REFUSES(experiment::run(other_stream, model, replay::random_replay{.budget_per_task = 5}, options),
                  "task 3 is \"fourfold");
    other_stream = stream;
    other_stream.pop_back();
    CHECK_REFUSES(experiment::run(other_stream, model, replay::random_replay{.budget_per_task = 5}, options),
                  "number of tasks is \"4\" there and \"3\" here");
    changed = options;
    changed.config.emplace_back("epochs", "3");
    CHECK_REFUSES(experiment::run(stream, model, replay::random_replay{.budget_per_task = 5}, changed),
                  "epochs is \"3\" here and not set there");
    CHECK(content(folder.path / "record") == before);  // nothing was written over
}

TEST_CASE("a damaged checkpoint is refused with file and reason") {
    toy::temporary_folder folder("damaged");
    const auto stream = toy::stream();
    const experiment::run_options options{.checkpoint = folder.path};
    toy::learner model;
    experiment::run(stream, model, replay::no_replay{}, options);
    const auto record = folder.path / "record";
    const std::string good = content(record);
    const auto again = [&] { return experiment::run(stream, model, replay::no_replay{}, options); };
    const auto with = [&](std::string text) { std::ofstream(record, std::ios::binary) << text; };

    std::string bad = good;
    bad[bad.size() / 2] ^= 1;
    with(bad);
    CHECK_THROWS_AS(again(), holdfast::format_error);
    CHECK_THROWS_WITH(again(), Contains("record") && Contains("checksum does not match"));
    with(good.substr(0, good.size() / 3));
    CHECK_THROWS_WITH(again(), Contains("is damaged"));
    with("");
    CHECK_THROWS_WITH(again(), Contains("is no holdfast checkpoint"));
    std::string newer = good;
    newer.replace(newer.find(" 2\n"), 3, " 9\n");
    with(newer);
    CHECK_THROWS_WITH(again(), Contains("version 9") && Contains("reads version 2"));
    with(good);
    CHECK_NOTHROW(again());
    std::filesystem::resize_file(folder.path / "learner-4", 100);
    CHECK_THROWS_WITH(again(), Contains("learner-4: is damaged"));
    std::filesystem::remove(folder.path / "learner-4");
    CHECK_THROWS_WITH(again(), Contains("learner-4: is missing"));
}

TEST_CASE("a learner that saves nothing is found out at once") {
    struct forgetful : toy::learner {
        void save(const std::string&) const {}
    } model;
    toy::temporary_folder folder("nothing");
    CHECK_THROWS_WITH(experiment::run(toy::stream(), model, replay::no_replay{}, {.checkpoint = folder.path}),
                      Contains("learner.save(path) returned without writing it"));
}

TEST_CASE("a checkpoint folder that cannot be made is refused") {
    toy::temporary_folder folder("file");
    std::ofstream(folder.path / "taken") << "a file";
    toy::learner model;
    CHECK_THROWS_WITH(experiment::run(toy::stream(), model, replay::no_replay{}, {.checkpoint = folder.path / "taken"}),
                      Contains("cannot be made a checkpoint folder"));
    CHECK(content(folder.path / "taken") == "a file");
}
