// The scorers against what the published packages said of the same texts (tests/reference/scorer_pairs.py).

#include <holdfast/scoring/catalogue.hpp>

#include <fstream>
#include <nlohmann/json.hpp>

#include "support/test.hpp"

namespace scoring = holdfast::scoring;

TEST_CASE("scores equal those of the published packages to 1e-9 on every recorded pair") {
    std::ifstream file(std::string(HOLDFAST_TEST_DIR) + "/reference/scorer_pairs.jsonl");
    std::string line;
    REQUIRE(std::getline(file, line));
    int pairs = 0;
    while (std::getline(file, line)) {
        const auto record = nlohmann::json::parse(line);
        const std::string prediction = record["prediction"];
        const std::vector<std::string> target{record["target"].get<std::string>()};
        INFO(line);
        CHECK(scoring::lower(prediction) == record["lower"].get<std::string>());
        CHECK(scoring::tokens_13a(prediction) == record["13a"].get<std::string>());
        CHECK(scoring::squad::normalise(prediction) == record["squad"].get<std::string>());
        for (const auto& [name, expected] : record["scores"].items()) {
            const scoring::any_scorer s = name == "trace::rouge_l (exclusive=False)"
                                              ? scoring::any_scorer(scoring::trace::rouge_l{.exclusive = false})
                                              : scoring::named(name);
            INFO(name);
            CHECK(s.score(prediction, target) == Approx(expected.get<double>()).margin(1e-9));
        }
        ++pairs;
    }
    CHECK(pairs == 200);
}
