// Many adapters in one batch, on the emulated GPU.
#include "segmented_cases.hpp"

#include "../../benchmarks/lora_serving_rendering.cuh"
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

TEST_CASE("few rows take one launch, in clusters that are as many as the adapters in use can need") {
    auto& machine = gpu_emulation::machine::instance();
    const auto launches = [&](std::int64_t rows, bool two, bool keeps_u) {
        buffer<__nv_bfloat16> x(rows, 8, 0, 0), y(rows, 8, 0, 0), a(4, 8, 0, 0), b(8, 4, 0, 0);
        buffer<float> u(rows, 4, 0, 0);
        for (auto* of : {&x, &y}) of->write(std::vector<double>(std::size_t(8 * rows), 1.0));
        for (auto* of : {&a, &b}) of->write(std::vector<double>(32, 0.5));
        const kernels::adapter_entry<__nv_bfloat16> entry{a.data(), b.data(), 8, 4, 4, 1.0f};
        const std::vector<std::int32_t> ids(std::size_t(rows), 0);
        kernels::segmented_lora_args<__nv_bfloat16> f;
        f.tokens = rows, f.in = f.out = 8, f.rank = 4, f.adapters = &entry, f.adapter_count = 1;
        f.rows.token_adapter = ids.data(), f.x = x.data(), f.y = y.data(), f.ldx = f.ldy = 8, f.two_launches = two;
        if (keeps_u) f.u = u.data();
        buffer<float> space(1, std::int64_t(kernels::segmented_lora_workspace(f) / 4), 0, 0);
        f.workspace = space.data(), f.workspace_bytes = space.bytes();
        machine.launches = 0;
        CHECK(kernels::segmented_lora(f, nullptr) == cudaSuccess);
        for (const double value : y.read()) CHECK(value == 1.0 + 4 * 4.0 * 0.5);
        return machine.launches;
    };
    CHECK(launches(64, false, false) == 1);
    CHECK(launches(65, false, false) == 2);
    CHECK(launches(3, true, false) == 2);
    CHECK(launches(3, false, true) == 2);
    kernels::detail::emulation::clusters = false;  // code for compute capability 8.0
    CHECK(launches(3, false, false) == 2);
    kernels::detail::emulation::clusters = true;
    for (int m = 1; m <= 64; ++m)
        for (const int adapters : {1, 2, 8, 100})
            for (const int kind : {0, 1, 2, 4}) {
                std::vector<int> rows_of(std::size_t(adapters), 0);
                for (const int id : popularity(kind, m, adapters))
                    if (id >= 0) ++rows_of[std::size_t(id)];
                int needed = 0;
                for (const int rows : rows_of) needed += (rows + 15) / 16;
                CHECK(needed <= kernels::detail::clusters_for(m, adapters));
            }
}

TEST_CASE("one launch adds every adapter's part whatever the shapes, the borders and the number of its rows") {
    using bf16 = __nv_bfloat16;
    CHECK(segmented_verdict<bf16>(
              {.in = 1100, .out = 600, .rank = 16, .ranks = {16, 5}, .of_row = popularity(0, 64, 1)}) == "");
    CHECK(segmented_verdict<bf16>(
              {.in = 40, .out = 33, .rank = 72, .ranks = {72, 64, 17, 1}, .of_row = popularity(4, 50, 4)}) == "");
    CHECK(segmented_verdict<bf16>({.in = 1, .out = 1, .rank = 2, .ranks = {2, 1}, .of_row = {1, 0, 1}, .pad = 2}) ==
          "");
    CHECK(segmented_verdict<__half>(
              {.in = 264, .out = 264, .rank = 20, .ranks = {20, 16}, .of_row = popularity(2, 37, 2), .pad = 8}) == "");
    CHECK(segmented_verdict<bf16>({.in = 64,
                                   .out = 300,
                                   .rank = 8,
                                   .ranks = {8, 4},
                                   .of_row = {0, 0, -1, 1, 1, 1, 1},
                                   .offsets = {0, 2, 3, 7},
                                   .segment = {0, -1, 1}}) == "");
    CHECK(segmented_verdict<bf16>({.in = 64,
                                   .out = 40,
                                   .rank = 8,
                                   .ranks = {8, 4},
                                   .of_row = {0, 0, -1, -1},
                                   .offsets = {0, 2, 4},
                                   .segment = {0, 1},
                                   .device_count = 1}) == "");
    // fp32, exact to 5e-6, on borders and off them
    CHECK(segmented_verdict<float>(
              {.in = 1100, .out = 600, .rank = 16, .ranks = {16, 5}, .of_row = popularity(0, 64, 1)}) == "");
    CHECK(segmented_verdict<float>(
              {.in = 40, .out = 33, .rank = 72, .ranks = {72, 64, 17, 1}, .of_row = popularity(4, 50, 4)}) == "");
    CHECK(segmented_verdict<float>(
              {.in = 64, .out = 64, .rank = 16, .ranks = {16, 3}, .of_row = popularity(2, 20, 2), .pad = 3}) == "");
}

TEST_CASE("few rows take one launch in every type, if nobody keeps u; more rows, or old machines, two") {
    const auto launches = [](auto type, std::int64_t m, bool keep, bool clusters) {
        using T = decltype(type);
        const std::int64_t k = 8, n = 8, r = 2;
        buffer<T> x(m, k, 0, 0), y(m, n, 0, 0), a(r, k, 0, 0), b(n, r, 0, 0);
        buffer<float> u(m, r, 0, 0);
        for (auto* to : {&x, &y, &a, &b}) (void)cudaMemset(to->data(), 0, to->bytes());
        const std::vector<std::int32_t> ids(std::size_t(m), 0);
        const kernels::adapter_entry<T> entry{a.data(), b.data(), k, r, int(r), 1.0f};
        kernels::segmented_lora_args<T> f;
        f.tokens = m, f.in = k, f.out = n, f.rank = r, f.adapters = &entry, f.adapter_count = 1;
        f.rows.token_adapter = ids.data(), f.x = x.data(), f.ldx = k, f.y = y.data(), f.ldy = n;
        if (keep) f.u = u.data();
        buffer<float> space(1, std::int64_t(kernels::segmented_lora_workspace(f) / 4), 0, 0);
        f.workspace = space.data(), f.workspace_bytes = space.bytes();
        kernels::detail::emulation::clusters = clusters;
        const auto before = gpu_emulation::machine::instance().launches;
        CHECK(kernels::segmented_lora(f, nullptr) == cudaSuccess);
        kernels::detail::emulation::clusters = true;
        return gpu_emulation::machine::instance().launches - before;
    };
    for (const std::int64_t m : {1, 64}) {
        CHECK(launches(float{}, m, false, true) == 1);
        CHECK(launches(__nv_bfloat16{}, m, false, true) == 1);
        CHECK(launches(__half{}, m, false, true) == 1);
    }
    CHECK(launches(float{}, 65, false, true) == 2);
    CHECK(launches(float{}, 4, true, true) == 2);
    CHECK(launches(float{}, 4, false, false) == 2);
}

TEST_CASE("what is not a number stays in its row in one launch, and a row's bits do not depend on the others") {
    using T = __nv_bfloat16;
    const std::int64_t m = 20, k = 96, n = 64, r = 16;
    holdfast::philox g{41};
    auto vx = random_values<T>(m * k, g);
    buffer<T> x(m, k, 0, 0), a(2 * r, k, 0, 0), b(2 * n, r, 0, 0), y(m, n, 0, 0);
    a.write(random_values<T>(2 * r * k, g)), b.write(random_values<T>(2 * n * r, g));
    const auto vy = random_values<T>(m * n, g);
    const kernels::adapter_entry<T> table[] = {{a.data(), b.data(), k, r, int(r), 1.0f},
                                               {a.data() + r * k, b.data() + n * r, k, r, int(r), 0.5f}};
    std::vector<std::int32_t> ids(std::size_t(m), 0);
    kernels::segmented_lora_args<T> f;
    f.tokens = m, f.in = k, f.out = n, f.rank = r, f.adapters = table, f.adapter_count = 2;
    f.rows.token_adapter = ids.data(), f.x = x.data(), f.ldx = k, f.y = y.data(), f.ldy = n;
    buffer<float> space(1, std::int64_t(kernels::segmented_lora_workspace(f) / 4), 0, 0);
    f.workspace = space.data(), f.workspace_bytes = space.bytes();
    const auto result = [&] {
        x.write(vx), y.write(vy);
        CHECK(kernels::segmented_lora(f, nullptr) == cudaSuccess);
        return y.read();
    };
    const auto alone = result();
    for (std::size_t i = 0; i < ids.size(); i += 2) ids[i] = 1;  // every other row another adapter
    const auto mixed = result();
    for (std::int64_t i = 0; i < m * n; ++i)
        if (i / n % 2 == 1 && alone[std::size_t(i)] != mixed[std::size_t(i)])
            FAIL("row " << i / n << " depends on the adapters of others");
    vx[std::size_t(7 * k + 3)] = NAN;
    const auto broken = result();
    for (std::int64_t i = 0; i < m * n; ++i)
        if (std::isnan(broken[std::size_t(i)]) != (i / n == 7)) FAIL("row " << i / n);
}

TEST_CASE("the rendering of vLLM's two launches, which the benchmark times beside ours, adds the same") {
    using T = __nv_bfloat16;
    const int m = 21, k = 512, n = 256, r = 16, adapters = 3;
    holdfast::philox g{31};
    const auto vx = random_values<T>(m * k, g), va = random_values<T>(adapters * r * k, g),
               vb = random_values<T>(adapters * n * r, g), vy = random_values<T>(m * n, g);
    buffer<T> x(m, k, 0, 0), a(adapters * r, k, 0, 0), b(adapters * n, r, 0, 0), y(m, n, 0, 0);
    buffer<float> u(m, r, 0, 0);
    x.write(vx), a.write(va), b.write(vb), y.write(vy);
    std::vector<std::int32_t> rows, first{0};
    for (const int adapter : {0, 1, 2}) {  // 18 rows of the first, 1 of the second, 2 of the third
        for (int i = 0; i < m; ++i)
            if ((i == 4 ? 1 : i == 0 || i == 20 ? 2 : 0) == adapter) rows.push_back(i);
        first.push_back(std::int32_t(rows.size()));
    }
    const lora_benchmarks::rendering p{
        x.data(), a.data(), b.data(), y.data(), u.data(), k, n, r, {rows.data(), first.data()}};
    CHECK(lora_benchmarks::run_rendering(p, m, adapters, nullptr) == cudaSuccess);
    const auto out = y.read();
    relative_error e;
    for (std::int64_t i = 0; i < m; ++i) {
        const std::int64_t adapter = i == 4 ? 1 : i == 0 || i == 20 ? 2 : 0;
        std::vector<double> ui(static_cast<std::size_t>(r));
        for (std::int64_t q = 0; q < r; ++q)
            for (std::int64_t j = 0; j < k; ++j)
                ui[std::size_t(q)] += vx[std::size_t(i * k + j)] * va[std::size_t((adapter * r + q) * k + j)];
        for (std::int64_t j = 0; j < n; ++j) {
            double sum = vy[std::size_t(i * n + j)];
            for (std::int64_t q = 0; q < r; ++q) sum += ui[std::size_t(q)] * vb[std::size_t((adapter * n + j) * r + q)];
            e.add(out[std::size_t(i * n + j)], sum);
        }
    }
    CHECK(e.value() < 4e-3);
}

TEST_CASE("a batch of many adapters refuses with a sentence") {
    kernels::segmented_lora_args<float> f;
    f.tokens = 2, f.in = 8, f.out = 8;
    CHECK_THAT(kernels::explain(f), Contains("kernels::segmented_lora: either token_adapter or row_offsets"));
    CHECK(kernels::segmented_lora(f, nullptr) == cudaErrorInvalidValue);
    f.rank = 0;
    CHECK_THAT(kernels::explain(f), Contains("rank must be 1 to 256, it is 0"));
}
