#pragma once
// --peer NAME: what that project reports for the same table, under its own names.

#include <holdfast/metrics/peer.hpp>

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "table.hpp"

namespace report_program {

struct peer {
    const char* name;
    std::function<std::vector<metrics::result>(const metrics::accuracy_matrix&, const references&)> report;
};

inline const std::vector<peer>& peers() {
    namespace p = metrics::peer;
    using matrix = metrics::accuracy_matrix;
    using beside = references;
    static const std::vector<peer> all = {
        {"aimmerging", [](const matrix& r, const beside&) { return p::aimmerging(r); }},
        {"avalanche", [](const matrix& r, const beside&) { return p::avalanche(r); }},
        {"citb", [](const matrix& r, const beside&) { return p::citb(r); }},
        {"clear", [](const matrix& r, const beside&) { return p::clear(r); }},
        {"continuum", [](const matrix& r, const beside&) { return p::continuum(r); }},
        {"easycl", [](const matrix& r, const beside&) { return p::easycl(r); }},
        {"facil", [](const matrix& r, const beside&) { return p::facil(r); }},
        {"gem", [](const matrix& r, const beside& b) { return p::gem(r, b.baseline); }},
        {"inscl", [](const matrix& r, const beside& b) { return p::inscl(r, b.single_task); }},
        {"mammoth", [](const matrix& r, const beside& b) { return p::mammoth(r, b.baseline); }},
        {"pycil", [](const matrix& r, const beside&) { return p::pycil(r); }},
        {"sapt", [](const matrix& r, const beside& b) { return p::sapt(r, b.single_task); }},
        {"seekr", [](const matrix& r, const beside&) { return p::seekr(r); }},
        {"trace", [](const matrix& r, const beside&) { return p::trace(r); }},
        {"treelora", [](const matrix& r, const beside&) { return p::treelora(r); }},
    };
    return all;
}

/// What the peer reports of each method; the mean over runs.
/// @throw invalid_argument if there is no such peer, or it needs what was not given
inline std::vector<metrics::result> ask_peer(const std::string& name, const method& m, const references& beside) {
    std::string names;
    for (const peer& p : peers()) {
        names += (names.empty() ? "" : ", ") + std::string(p.name);
        if (name != p.name) continue;
        std::vector<metrics::result> mean;
        for (const run& r : m.runs) {
            require(r.stream.has_value(), "report: --peer ", name, ": needs the scores of a stream of tasks");
            const auto one = p.report(r.stream->scores(), beside);
            if (mean.empty()) {
                mean = one;
                for (auto& x : mean) x.value = 0;
            }
            for (std::size_t k = 0; k < one.size(); ++k)
                mean[k].value += one[k].value / static_cast<double>(m.runs.size());
        }
        return mean;
    }
    refuse("report: --peer: there is no \"", name, "\"; there are ", names);
}

}  // namespace report_program
