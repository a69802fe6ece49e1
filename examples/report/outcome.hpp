#pragma once
// All that the writers of report (json, tables, page) print.

#include <holdfast/metrics/result.hpp>

#include <optional>
#include <string>
#include <vector>

#include "compare.hpp"
#include "gate.hpp"

namespace report_program {

struct outcome {
    std::vector<method> methods;
    std::vector<measurement> measured;  // [methods]
    double confidence = 0.95;
    std::string peer;                                   // its name, or empty
    std::vector<std::vector<metrics::result>> by_peer;  // [methods]
    std::vector<difference> differences;
    std::optional<ranking> ranks;
    std::vector<verdict> gate;

    /// Identifiers that at least one method has, in the catalogue's order.
    [[nodiscard]] std::vector<std::string> ids() const {
        std::vector<std::string> all;
        for (const auto& m : measured)
            for (const auto& v : m.values)
                if (std::find(all.begin(), all.end(), v.id) == all.end()) all.push_back(v.id);
        return all;
    }
    [[nodiscard]] std::vector<std::string> tasks() const {
        const auto& stream = methods.front().runs.front().stream;
        return stream ? stream->scores().names() : std::vector<std::string>{};
    }
};

}  // namespace report_program
