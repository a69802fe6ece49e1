// segmented_lora.cuh and segmented_gradients.cuh on a GPU, against fp64. Exits with 77 where there is no CUDA device.
#include "segmented_cases.hpp"

#include <cstdio>

using namespace lora_cases;

int main() {
    int devices = 0;
    if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
        std::printf("SKIPPED: no CUDA device here\n");
        return 77;
    }
    int failures = 0;
    const auto expect = [&](const std::string& wrong) {
        if (!wrong.empty()) ++failures, std::printf("FAILED: %s\n", wrong.c_str());
    };
    std::vector<int> ranks;
    for (int i = 0; i < 133; ++i) ranks.push_back(1 + i * 7 % 64);
    for (const int kind : {0, 1, 2, 3, 4})
        for (const int m : {1, 2, 15, 17, 64, 133, 500}) {
            expect(segmented_verdict<__nv_bfloat16>(
                {.in = 520, .out = 264, .rank = 64, .ranks = ranks, .of_row = popularity(kind, m, 133)}));
            expect(segmented_verdict<float>(
                {.in = 99, .out = 301, .rank = 64, .ranks = ranks, .of_row = popularity(kind, m, 133), .pad = 1}));
        }
    expect(segmented_verdict<__half>(
        {.in = 4096, .out = 2049, .rank = 256, .ranks = {256, 65, 3}, .of_row = popularity(4, 33, 3)}));
    const std::vector<int> two{4, 8};
    expect(segmented_verdict<float>(
        {.ranks = two, .of_row = {0, 1, 1}, .offsets = {0, 1, 1, 1, 3}, .segment = {0, 0, 0, 1}}));
    expect(segmented_verdict<float>(
        {.ranks = two, .of_row = {0, 0, -1, -1}, .offsets = {0, 2, 4}, .segment = {0, 1}, .device_count = 1}));
    std::printf("%d failed\n", failures);
    return failures == 0 ? 0 : 1;
}
