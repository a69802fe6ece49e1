// The reference trainer: learns a stream of tasks with a small language model, with and without replay, and shows what
// it kept. Read the files in this order:
//
//     settings.hpp options.hpp     what a run is asked to do
//     bpe.hpp tokeniser.hpp text.hpp stream.hpp suites.hpp data.hpp     text, tasks, tokens
//     tensor.hpp layers.hpp attention.hpp adapters.hpp network.hpp model.hpp generate.hpp     the transformer
//     adamw.hpp fitting.hpp base.hpp     learning
//     learner.hpp methods.hpp     the model as the library's learner, and the methods compared
//
// Exit codes: 0 done, 1 something broke, 2 something that the user can put right (a sentence says what).
#include "data.hpp"
#include "methods.hpp"
#include "options.hpp"
#include "output.hpp"

#include <holdfast/core/config.hpp>
#include <holdfast/core/parallel.hpp>
#include <holdfast/experiment/report.hpp>
#include <holdfast/experiment/report_json.hpp>

#include <unistd.h>
#include <csignal>
#include <cstdio>
#include <exception>
#include <map>
#include <string>

namespace {

/// Ctrl-C: every complete stage is in its checkpoint already, so there is nothing to save.
extern "C" void stopped(int) {
    const char words[] = "\nStopped. The same command goes on after the last complete stage.\n";
    const auto written = write(2, words, sizeof words - 1);
    _exit(written < 0 ? 1 : 130);
}

void run(const trainer::settings& s) {
    using namespace trainer;
    holdfast::set_threads(s.threads);
    const material data = load_material(s);
    output_folder out(s, data);

    const bool alone = s.single;
    const std::size_t stages =
        s.seeds * (s.methods.size() * (data.stream.size() + 1) + (alone ? 2 * data.stream.size() : 0));
    std::map<std::string, double, std::less<>> scales;
    for (const auto& t : data.stream) scales[t.name] = t.scorer.best();
    progress shown(stages, scales);
    for (const std::string& note : data.notes) shown.say(note);
    const base_model base = make_base(
        s, data.stream, data.base_examples, [&](const std::string& line) { shown.say(line); },
        [&](std::size_t done, std::size_t all) { shown.part("base model", done, all); });

    experiment_setup setup{s, base, data.stream, data.suites, data.general_data, data.tags, configuration(s, base)};
    holdfast::experiment::report report;
    for (std::uint64_t seed = s.seed; seed < s.seed + s.seeds; ++seed) {
        std::vector<double> single;
        if (alone) single = learn_alone(setup, seed, shown);
        for (const std::string& method : s.methods) report.add(run_method(method, setup, seed, single, shown));
    }
    shown.clear();
    out.write(report);
    std::fputs(report.table().c_str(), stdout);
    std::printf("\n%s\n", out.closing_words().c_str());
}

}  // namespace

int main(int argc, char** argv) {
    std::signal(SIGINT, stopped);
    std::signal(SIGTERM, stopped);
    try {
        const auto asked = trainer::read_options(argc, argv, "holdfast " HOLDFAST_VERSION);
        if (asked) run(*asked);
        return 0;
    } catch (const trainer::usage_error& e) {
        std::fprintf(stderr, "trainer: %s\n", e.what());
        return 2;
    } catch (const holdfast::invalid_argument& e) {
        std::fprintf(stderr, "trainer: %s\n", e.what());
        return 2;
    } catch (const holdfast::format_error& e) {
        std::fprintf(stderr, "trainer: %s\n", e.what());
        return 2;
    } catch (const std::exception& e) {
        std::fprintf(stderr, "trainer: %s\n", e.what());
        return 1;
    }
}
