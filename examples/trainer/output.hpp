// The folder of a run: report.json, report.html, matrix-METHOD.csv, and the checkpoints from which a cut run goes on.
//
// The folder remembers what it was made for. A run of another configuration is refused before anything is written.
#pragma once

#include "data.hpp"
#include "settings.hpp"

#include <holdfast/core/error.hpp>
#include <holdfast/experiment/archive.hpp>
#include <holdfast/experiment/report.hpp>
#include <holdfast/experiment/report_json.hpp>

#include <cstddef>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

namespace trainer {

class output_folder {
  public:
    /// @throw usage_error if the folder cannot be written, or holds a run of another configuration
    output_folder(const settings& s, const material& data) : folder_(s.out), synthetic_(s.data.empty()) {
        namespace fs = std::filesystem;
        std::error_code failed;
        if (fs::exists(folder_, failed) && !fs::is_directory(folder_, failed))
            throw usage_error("--out: " + folder_.string() + " is a file, not a folder");
        const fs::path checkpoints = folder_ / "checkpoints";
        if (s.fresh) fs::remove_all(checkpoints, failed);
        const fs::path file = checkpoints / "configuration";
        const std::vector<experiment::setting> asked = identity(s, data);
        if (fs::exists(file, failed)) compare(file, asked);
        fs::create_directories(checkpoints, failed);
        if (failed) throw usage_error("--out: " + folder_.string() + " cannot be made (" + failed.message() + ")");
        experiment::archive_writer out("run", 1);
        out.number("settings", asked.size());
        for (const auto& [name, value] : asked) {
            out.text("name", name);
            out.text("value", value);
        }
        try {
            experiment::write_atomically(file, out.finish());
        } catch (const holdfast::format_error& e) {
            throw usage_error("--out: " + folder_.string() + " cannot be written (" + e.what() + ")");
        }
    }

    void write(const experiment::report& report) const {
        experiment::write_json(report, folder_ / "report.json");
        report.write_html(folder_ / "report.html", synthetic_ ? "What was kept (synthetic stream)" : "What was kept");
        report.write_csv(folder_);
    }

    std::string closing_words() const {
        return (synthetic_ ? "The stream is synthetic; the numbers say how methods compare, nothing about TRACE.\n"
                           : "") +
               ("Report: " + (folder_ / "report.html").string() + ", report.json and matrix-METHOD.csv beside it.");
    }

  private:
    /// What must not change between a run and its continuation; methods and seeds may be added.
    static std::vector<experiment::setting> identity(const settings& s, const material& data) {
        const auto names = [](const auto& list) {
            std::string out;
            for (const auto& x : list) out += (out.empty() ? "" : ",") + x;
            return out;
        };
        experiment::checksum texts;
        std::vector<std::string> tasks;
        const auto add = [&](const std::vector<experiment::example>& examples) {
            for (const experiment::example& e : examples) {
                texts.add(e.prompt);
                texts.add(e.answer);
            }
        };
        for (const experiment::task& t : data.stream) {
            tasks.push_back(t.name);
            add(t.train);
            add(t.test);
        }
        for (const experiment::suite& q : data.suites) add(q.questions.test);
        add(data.base_examples);
        return {{"--quick", s.quick ? "on" : "off"},
                {"--data", s.data.empty() ? "the built-in stream" : s.data},
                {"--general", s.general.empty() ? "the built-in suites" : s.general},
                {"the order of tasks", names(tasks)},
                {"--train-limit", std::to_string(s.train_limit)},
                {"--test-limit", std::to_string(s.test_limit)},
                {"--budget", std::to_string(s.budget)},
                {"--base-examples", std::to_string(s.base_examples)},
                {"--tags", s.tags.empty() ? "the keyword tagger" : s.tags},
                {"relative gain", s.single ? "on" : "off"},
                {"the texts", texts.text()},
                {"--gate", s.gate.empty() ? "none" : s.gate},
                {"--gate-confidence", holdfast::sentence(s.gate_confidence)}};
    }

    void compare(const std::filesystem::path& file, const std::vector<experiment::setting>& asked) const {
        experiment::archive_reader in(file, "run", 1);
        const std::size_t count = in.count("settings");
        for (std::size_t i = 0; i < count; ++i) {
            const std::string name = in.text("name"), value = in.text("value");
            if (i < asked.size() && asked[i].first == name && asked[i].second == value) continue;
            throw usage_error("--out: " + folder_.string() + " holds a run of another configuration: " + name +
                              " was " + value + (i < asked.size() ? ", now it is " + asked[i].second : std::string()) +
                              "; give another --out, or --fresh to begin anew");
        }
    }

    std::filesystem::path folder_;
    bool synthetic_;
};

}  // namespace trainer
