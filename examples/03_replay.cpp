// What to replay: three earlier tasks, one that is about to be learnt, and a budget. First the three steps by hand
// (how much an instruction tells, how much each task gets, which ones), then all of it in one.

#include <holdfast/replay/inscl.hpp>
#include <holdfast/transport/embedding.hpp>

#include <cstdio>
#include <string>
#include <vector>

namespace replay = holdfast::replay;

namespace {

/// A task with n examples of each instruction; in earnest, one text per training example.
replay::task_memory remember(const std::string& name, const std::vector<std::string>& instructions, std::size_t n) {
    std::vector<std::string> of_each_example;
    for (const std::string& text : instructions) of_each_example.insert(of_each_example.end(), n, text);
    auto memory = replay::task_memory::from(name, of_each_example);
    memory.embedding = holdfast::transport::hashing_embedder{}.embed(memory.instructions);  // or your model's own
    return memory;
}

}  // namespace

int main() {
    const std::uint64_t seed = 7;
    const std::vector<replay::task_memory> past{
        remember("reviews", {"Is this movie review positive or negative?", "Rate the review's sentiment."}, 40),
        remember("sums", {"Add the two numbers.", "Subtract the numbers and explain every step."}, 10),
        remember("names", {"List the names of persons in the news article."}, 60)};
    const auto current = remember("products", {"Is this product review positive or negative?"}, 80);

    // Step by step: distances may come from anywhere, tags from any tagger.
    const std::vector<double> distances{0.2, 0.9, 0.7};
    std::vector<std::size_t> sizes;
    std::vector<std::vector<std::vector<std::string>>> tags_of_each_instruction;
    for (const auto& task : past) {
        sizes.push_back(task.size());
        tags_of_each_instruction.emplace_back();
        for (const std::string& text : task.instructions)
            tags_of_each_instruction.back().push_back(replay::keyword_tagger{}.tags(text));
    }
    const std::size_t budget = 60;
    auto info = replay::insinfo(tags_of_each_instruction);
    auto quotas = replay::allocate(distances, budget, {.rule = replay::sainte_lague{}, .capacity = sizes});
    std::printf("by hand: %zu of %zu examples placed\n", budget - quotas.unplaced, budget);
    for (std::size_t j = 0; j < past.size(); ++j) {
        std::printf("  %-8s %2zu  instructions by information:", past[j].name.c_str(), quotas[j]);
        for (const auto i :
             replay::draw(replay::weighted_without_replacement{info[j]}, info[j].size(), holdfast::philox{seed, j}))
            std::printf(" %u (%.2f)", i, info[j][i]);
        std::printf("\n");
    }

    // Or all of it in one: distances between the instructions, shares by InsInfo, a reason for every example.
    replay::inscl policy{.budget_per_task = 20};
    auto plan = policy.plan(past, current, holdfast::philox{seed});
    std::printf("InsCL:\n");
    for (std::size_t j = 0; j < past.size(); ++j)
        std::printf("  %-8s %2zu  distance %.3f\n", past[j].name.c_str(), plan.quotas[j], plan.distance[j].value);
    std::printf("%s\n", plan.why(1, plan.examples[1].front()).c_str());
}
