// Many adapters in one batch, on the emulated GPU.
#include "segmented_cases.hpp"

#include "support/test.hpp"

using namespace lora_cases;

TEST_CASE("every row gets its own adapter, whatever the popularity, with mixed ranks and none") {
    const std::vector<int> ranks{8, 3, 16, 1, 7, 12};
    for (const int kind : {0, 1, 2, 3, 4})
        for (const int m : {1, 17, 40})
            CHECK(segmented_verdict<__nv_bfloat16>(
                      {.in = 72, .out = 140, .rank = 16, .ranks = ranks, .of_row = popularity(kind, m, 6)}) == "");
    CHECK(segmented_verdict<__nv_bfloat16>(
              {.in = 33, .out = 9, .rank = 256, .ranks = {256, 65}, .of_row = {1, 0, -1, 0}, .pad = 3}) == "");
    CHECK(segmented_verdict<float>({.in = 600, .out = 700, .rank = 8, .ranks = {8, 4}, .of_row = {0, 1, 1}}) == "");
    CHECK(segmented_verdict<__half>(
              {.in = 100, .out = 50, .rank = 8, .ranks = {8, 4}, .of_row = popularity(4, 30, 2)}) == "");
    CHECK(segmented_verdict<float>({.in = 20, .out = 30, .rank = 8, .ranks = {8}, .of_row = {0, 5, -7, 0}}) ==
          "");  // unknown: none
}

TEST_CASE("segments say the same as a number per row, empty ones and a count on the device included") {
    const std::vector<int> ranks{4, 8};
    CHECK(segmented_verdict<float>(
              {.ranks = ranks, .of_row = {0, 0, 1, 1, 1, -1}, .offsets = {0, 2, 5, 6}, .segment = {0, 1, -1}}) == "");
    CHECK(segmented_verdict<float>(
              {.ranks = ranks, .of_row = {0, 1, 1}, .offsets = {0, 1, 1, 1, 3}, .segment = {0, 0, 0, 1}}) == "");
    CHECK(segmented_verdict<float>(
              {.ranks = ranks, .of_row = {0, 0, -1, -1}, .offsets = {0, 2, 4}, .segment = {0, 1}, .device_count = 1}) ==
          "");
    CHECK(segmented_verdict<float>(
              {.ranks = ranks, .of_row = {-1, -1}, .offsets = {0, 2}, .segment = {1}, .device_count = 0}) == "");
    CHECK(segmented_verdict<float>({.ranks = ranks, .of_row = {-1, 1, 1, -1}, .offsets = {1, 3}, .segment = {1}}) ==
          "");
}

TEST_CASE("a batch of many adapters refuses with a sentence") {
    kernels::segmented_lora_args<float> f;
    f.tokens = 2, f.in = 8, f.out = 8;
    CHECK_THAT(kernels::explain(f), Contains("kernels::segmented_lora: either token_adapter or row_offsets"));
    CHECK(kernels::segmented_lora(f, nullptr) == cudaErrorInvalidValue);
    f.rank = 0;
    CHECK_THAT(kernels::explain(f), Contains("rank must be 1 to 256, it is 0"));
}
