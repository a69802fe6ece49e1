// similarity: how far apart tasks are, every distance with its bounds. Embeddings or texts in; a table, JSON, or a page
// with a map out. Wrong input: one sentence on standard error, exit 2, nothing written. What was measured stays in
// --cache, also when Ctrl-C ends the run.

#include <holdfast/experiment/archive.hpp>
#include <holdfast/experiment/progress.hpp>
#include <holdfast/transport/all_pairs.hpp>

#include <CLI/CLI.hpp>

#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "command_line.hpp"
#include "engines.hpp"
#include "outcome.hpp"
#include "page.hpp"
#include "tasks.hpp"

#if __has_include(<unistd.h>)
#include <unistd.h>
#endif

using namespace similarity;
namespace experiment = holdfast::experiment;

namespace {

struct settings {
    std::vector<std::string> files, weights, texts;
    std::string field = "instruction", cost = "cosine", solver = "auto", engine = "auto", format = "table", out, cache,
                save;
    std::optional<double> relative_gap;
    std::size_t dimensions = 512;
    double merge_within = 0;
};

void add_options(CLI::App& app, settings& s) {
    app.add_option("TASK.npy", s.files,
                   "Embeddings of each task, a row per example (float32 or float64); or .safetensors, a task per "
                   "tensor");
    app.add_option("--weights", s.weights, "Weights of the rows, a .npy per task, each summing to 1 [equal]");
    app.add_option("--text", s.texts,
                   "Or texts: a folder of tasks (TRACE's layout, SuperNI's, TASK.jsonl, TASK.txt), or such files");
    app.add_option("--field", s.field, "What of a record is embedded: instruction, prompt or answer [instruction]")
        ->check(CLI::IsMember({"instruction", "prompt", "answer"}));
    app.add_option("--dimensions", s.dimensions, "Of the hashed texts [512]");
    app.add_option("--cost", s.cost, "cosine, sqeuclidean or euclidean [cosine]")
        ->check(CLI::IsMember({"cosine", "sqeuclidean", "euclidean"}));
    app.add_option("--solver", s.solver, "auto, exact or sinkhorn [auto]")
        ->check(CLI::IsMember({"auto", "exact", "sinkhorn"}));
    app.add_option("--relative-gap", s.relative_gap, "Upper bound over lower bound, less 1; 0 is exact [0.01]");
    app.add_option("--merge-within", s.merge_within,
                   "Points nearer than this become one; what that may change widens the bounds [0]");
    app.add_option("--engine", s.engine, "Of Sinkhorn: auto, plain, simd or eigen [auto]")
        ->check(CLI::IsMember({"auto", "plain", "simd", "eigen"}));
    app.add_option("--cache", s.cache,
                   "Folder that remembers distances by content: later runs and other orders use it");
    app.add_option("--save", s.save, "Folder: the points as TASK.npy and their weights as TASK.w.npy");
    app.add_option("--format", s.format, "table, json or html [table]")
        ->check(CLI::IsMember({"table", "json", "html"}));
    app.add_option("--out", s.out, "File [standard output]");
}

transport::wasserstein_options options_of(const settings& s) {
    transport::wasserstein_options options;
    if (s.cost == "sqeuclidean") options.cost = transport::squared_euclidean{};
    if (s.cost == "euclidean") options.cost = transport::euclidean{};
    const double gap = s.relative_gap.value_or(s.solver == "exact" ? 0 : 0.01);
    require(std::isfinite(gap) && gap >= 0, "similarity: --relative-gap must be finite and not negative, it is ", gap);
    require(s.solver != "exact" || gap == 0, "similarity: --solver exact leaves no gap, --relative-gap is ", gap);
    require(s.solver != "sinkhorn" || gap > 0, "similarity: Sinkhorn is never exact: --relative-gap must be above 0");
    require(s.engine == "auto" || s.solver == "sinkhorn",
            "similarity: --engine is Sinkhorn's: it needs --solver sinkhorn");
    require(std::isfinite(s.merge_within) && s.merge_within >= 0,
            "similarity: --merge-within must be finite and not negative, it is ", s.merge_within);
    require(s.engine == "auto" || s.merge_within == 0, "similarity: --merge-within and --engine exclude each other");
    options.relative_gap = gap;
    options.merge_within = s.merge_within;
    if (s.solver == "exact") options.method = transport::solver::simplex;
    if (s.solver == "sinkhorn") options.method = transport::solver::sinkhorn;
    return options;
}

task_clouds read_tasks(const settings& s) {
    require(!s.files.empty() || !s.texts.empty(), "similarity: tasks are needed: A.npy B.npy ..., or --text DIR");
    require(s.files.empty() || s.texts.empty(), "similarity: tasks are embeddings or texts, not both");
    require(s.weights.empty() || s.texts.empty(),
            "similarity: --weights go with embeddings, texts weigh what they occur");
    require(s.dimensions > 0, "similarity: --dimensions must be above 0, it is 0");
    task_clouds tasks =
        s.texts.empty() ? read_embeddings(s.files, s.weights) : read_texts(s.texts, s.field, s.dimensions);
    require(tasks.names.size() > 1, "similarity: a distance needs two tasks, got ", tasks.names.size());
    std::set<std::string> names;
    for (const auto& name : tasks.names)
        require(names.insert(name).second, "similarity: task '", name, "' is named twice");
    return tasks;
}

/// A bar on a terminal, once a run takes longer than a moment; nothing elsewhere.
class bar {
  public:
    bar() : shown_(experiment::is_terminal(stderr)) {}
    void operator()(std::size_t done, std::size_t pairs) {
        if (!shown_) return;
        const auto now = clock::now();
        const double seconds = std::chrono::duration<double>(now - start_).count();
        if (seconds < 0.5 || (done < pairs && now - drawn_ < std::chrono::milliseconds(100))) return;
        drawn_ = now;
        const std::size_t cells = 24, full = done * cells / pairs;
        std::string line;
        for (std::size_t i = 0; i < cells; ++i) line += i < full ? "█" : "░";
        const double left = seconds / static_cast<double>(done > 0 ? done : 1) * static_cast<double>(pairs - done);
        std::fprintf(stderr, "\r\x1b[K%s %zu of %zu pairs%s", line.c_str(), done, pairs,
                     done > 0 && done < pairs ? (", about " + text::duration(left) + " left").c_str() : "");
        if (done == pairs) std::fputs("\r\x1b[K", stderr);
        std::fflush(stderr);
    }

  private:
    using clock = std::chrono::steady_clock;
    bool shown_;
    clock::time_point start_ = clock::now(), drawn_ = {};
};

bool keeps_a_cache = false;  // read by the handler

extern "C" void stopped(int) {
    // What was stored is with the system already; only what a handler may call is called.
    const char* words =
        keeps_a_cache ? "\nsimilarity: stopped; the cache keeps what was measured\n" : "\nsimilarity: stopped\n";
#if __has_include(<unistd.h>)
    std::size_t length = 0;
    while (words[length] != '\0') ++length;
    if (::write(2, words, length) < 0) ::_exit(131);
    ::_exit(130);
#else
    static_cast<void>(words);
    std::_Exit(130);
#endif
}

outcome measure_all(const settings& s) {
    const transport::wasserstein_options options = options_of(s);
    task_clouds tasks = read_tasks(s);
    if (!s.save.empty()) save(tasks, s.save);
    std::optional<transport::distance_cache> cache;
    if (!s.cache.empty()) cache.emplace(s.cache);
    keeps_a_cache = cache.has_value();
    std::signal(SIGINT, stopped);
    std::signal(SIGTERM, stopped);
    bar progress;
    const transport::all_pairs_options how{.cache = cache ? &*cache : nullptr, .progress = std::ref(progress)};
    const std::span<const cloud> clouds(tasks.clouds);
    const auto start = std::chrono::steady_clock::now();
    const std::clock_t cpu_start = std::clock();
    outcome o;
    if (s.engine == "auto") {
        o.table = transport::all_pairs(clouds, options, how);
    } else {
        const std::string name = holdfast::sentence("sinkhorn ", s.engine, " ", s.cost, " ", options.relative_gap);
        o.table = transport::all_pairs_by(
            clouds, [&](const cloud& a, const cloud& b) { return by_engine(s.engine, a, b, options); }, name, how);
    }
    o.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    o.cpu_seconds = static_cast<double>(std::clock() - cpu_start) / CLOCKS_PER_SEC;
    o.names = std::move(tasks.names);
    o.rows = std::move(tasks.rows);
    for (const cloud& c : tasks.clouds) o.points.push_back(c.size());
    o.cost = s.cost;
    o.solver = s.solver;
    o.engine = s.engine;
    o.source = tasks.points;
    o.relative_gap = options.relative_gap;
    return o;
}

void run(const settings& s) {
    const outcome o = measure_all(s);
    const std::string all = s.format == "json" ? as_json(o) : s.format == "html" ? as_html(o) : as_table(o);
    write_result(s.out, all);
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("How far apart tasks are: Wasserstein distances between all of them, each with its bounds.",
                 "similarity");
    settings s;
    add_options(app, s);
    return run_program(app, argc, argv, [&] { run(s); });
}
