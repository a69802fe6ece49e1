#include <holdfast/holdfast.hpp>

#include <holdfast/adapters/lora.hpp>

#include <cstring>

int main(int count, char** words) {
    holdfast::adapters::lora<float> adapter({.in = 4, .out = 4, .rank = 2});
    const bool same_version = count == 2 && std::strcmp(words[1], HOLDFAST_VERSION) == 0;
    return same_version && adapter.a().rows() == 2 ? 0 : 1;
}
