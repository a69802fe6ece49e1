// A task memory: which example carries which instruction, and memories whose parts do not fit.

#include "support/test.hpp"

#include <holdfast/replay/memory.hpp>

#include <string>
#include <vector>

namespace replay = holdfast::replay;

TEST_CASE("a memory knows the distinct instructions in the order of their first example") {
    const std::vector<std::string> texts{"b", "a", "b", "", "a", "b"};
    const auto memory = replay::task_memory::from("toy", texts);
    CHECK(memory.name == "toy");
    CHECK(memory.size() == 6);
    CHECK(memory.instructions == std::vector<std::string>{"b", "a", ""});
    CHECK(memory.instruction == std::vector<std::uint32_t>{0, 1, 0, 2, 1, 0});
    CHECK(memory.frequency() == std::vector<std::size_t>{3, 2, 1});
    CHECK(memory.examples_of_instruction() == std::vector<std::vector<std::uint32_t>>{{0, 2, 5}, {1, 4}, {3}});
    CHECK(memory.tags.empty());
    CHECK(memory.embedding.rows() == 0);
    CHECK(replay::task_memory::from("empty", {}).size() == 0);
}

TEST_CASE("a memory whose parts do not fit is refused by name") {
    auto memory = replay::task_memory::from("toy", std::vector<std::string>{"a", "b"});
    CHECK_NOTHROW(replay::check_memory("somebody", memory));
    auto wrong = memory;
    wrong.instruction[1] = 2;
    CHECK_REFUSES(replay::check_memory("somebody", wrong),
                  "somebody: example 1 of task 'toy' carries instruction 2, there are 2");
    wrong = memory;
    wrong.tags.resize(3);
    CHECK_REFUSES(replay::check_memory("somebody", wrong),
                  "somebody: task 'toy' has 2 distinct instructions and tags for 3");
    wrong = memory;
    wrong.embedding = holdfast::matrix<float>(1, 4);
    CHECK_REFUSES(replay::check_memory("somebody", wrong),
                  "somebody: task 'toy' has 2 distinct instructions and embeddings for 1");
    wrong = memory;
    wrong.score = {1};
    CHECK_REFUSES(replay::check_memory("somebody", wrong), "somebody: task 'toy' has 2 examples and scores for 1");
}
