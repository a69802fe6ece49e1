// What a user meets when the machine, or a pointer, is not what the kernels need: a code from kernels/, an exception
// from adapters/, and each time a sentence that says what to do.
#include <holdfast/adapters/lora.cuh>
#include <holdfast/adapters/lora_hopper.cuh>
#include <holdfast/adapters/orthogonality.cuh>
#include <holdfast/adapters/segmented.cuh>

#include "support/test.hpp"

#include <cmath>
#include <vector>

namespace adapters = holdfast::adapters;
namespace kernels = holdfast::kernels;
using holdfast::device_matrix;

namespace {

/// A machine on which every launch ends with this error.
struct broken_machine {
    explicit broken_machine(cudaError_t error) { gpu_emulation::launch_error = error; }
    ~broken_machine() { gpu_emulation::launch_error = 0; }
};

struct small_layer {
    adapters::lora_plan plan = adapters::make_plan({.tokens = 4, .in = 8, .out = 6, .rank = 2, .type = adapters::fp32});
    adapters::device_lora<float> adapter{{.in = 8, .out = 6, .rank = 2}};
    device_matrix<float> x{4, 8}, w{6, 8}, y{4, 6};
    device_matrix<std::byte> workspace{1, plan.workspace_bytes};

    void forward() { adapters::forward(plan, x, w, adapter.view(), y, workspace, nullptr); }
    [[nodiscard]] kernels::lora_matmul_args<float> args() {
        kernels::lora_matmul_args<float> g;
        g.shape = {4, 8, 6, 2};
        g.x = x.data(), g.ldx = 8, g.w = w.data(), g.ldw = 8, g.a = adapter.a.data(), g.lda = 8;
        g.b = adapter.b.data(), g.ldb = 2, g.y = y.data(), g.ldy = 6;
        g.workspace = workspace.data(), g.workspace_bytes = workspace.size();
        return g;
    }
};

}  // namespace

TEST_CASE("a GPU that this program has no code for, an old driver, no GPU: a code and a sentence each") {
    struct {
        cudaError_t error;
        const char* words;
    } const cases[] = {
        {cudaErrorNoKernelImageForDevice, "no machine code for this GPU: compile with nvcc -arch=native"},
        {cudaErrorInvalidDeviceFunction, "capability, 8.0 at least"},
        {cudaErrorInsufficientDriver, "the driver is older than the CUDA runtime"},
        {cudaErrorUnsupportedPtxVersion, "update the driver, or build with an older toolkit"},
        {cudaErrorNoDevice, "there is no CUDA device on this machine"},
        {cudaErrorLaunchFailure, "unless it was compiled for sm_90a"},
        {cudaErrorIllegalAddress, "a pointer of the host's, or a buffer shorter than its shape says"},
    };
    small_layer layer;
    for (const auto& c : cases) {
        const broken_machine broken(c.error);
        CHECK(kernels::lora_matmul(layer.args(), nullptr) == c.error);
        CHECK_THAT(kernels::explain(c.error), Contains(c.words));
        try {
            layer.forward();
            FAIL("it did not throw");
        } catch (const holdfast::cuda_error& e) {
            CHECK(e.code == c.error);
            CHECK_THAT(e.what(), Contains("adapters::forward: ") && Contains(c.words));
            CHECK_THAT(e.what(), Contains("(CUDA error " + std::to_string(int(c.error)) + ")"));
        }
    }
    CHECK_NOTHROW(layer.forward());
}

TEST_CASE("a pointer between two elements and a workspace that is too small are named with their numbers") {
    small_layer layer;
    auto g = layer.args();
    g.x = reinterpret_cast<const float*>(reinterpret_cast<const char*>(g.x) + 1);
    CHECK(kernels::lora_matmul(g, nullptr) == cudaErrorMisalignedAddress);
    CHECK(kernels::explain(g) == "kernels::lora_matmul: x must lie on a border of 4 bytes, it is off by 1");
    CHECK_THAT(kernels::explain(cudaErrorMisalignedAddress), Contains("see explain(args)"));

    g = layer.args();
    g.workspace_bytes = 100;
    CHECK(kernels::lora_matmul(g, nullptr) == cudaErrorInvalidValue);
    CHECK(kernels::explain(g) == "kernels::lora_matmul: the workspace must hold 256 bytes, it holds 100");
    g.workspace = nullptr;
    CHECK(kernels::explain(g) == "kernels::lora_matmul: the workspace must hold 256 bytes, it holds 0");

    holdfast::device_matrix_view<std::byte> small(layer.workspace.data(), 1, 100);
    CHECK_REFUSES(adapters::forward(layer.plan, layer.x, layer.w, layer.adapter.view(), layer.y, small, nullptr),
                  "adapters::forward: kernels::lora_matmul: the workspace must hold 256 bytes, it holds 100");
    CHECK_REFUSES(
        adapters::forward(layer.plan, layer.x, layer.w, layer.adapter.view(), layer.x, layer.workspace, nullptr),
        "adapters::forward: y must be [4, 6], it is [4, 8]");
}

TEST_CASE("a gradient without what forward saved, and a dropout that drops everything, are named") {
    small_layer layer;
    auto g = layer.args();
    g.dropout.threshold = 65536;
    CHECK(kernels::lora_matmul(g, nullptr) == cudaErrorInvalidValue);
    CHECK(kernels::explain(g) == "kernels::lora_matmul: the dropout threshold must be below 65536, it is 65536");
    kernels::lora_matmul_backward_args<float> h;
    h.shape = g.shape, h.dy = layer.y.data(), h.lddy = 6, h.b = g.b, h.ldb = 2;
    h.db = layer.y.data(), h.lddb = 2, h.workspace = layer.workspace.data(), h.workspace_bytes = layer.workspace.size();
    CHECK(kernels::lora_matmul_backward(h, nullptr) == cudaErrorInvalidValue);
    CHECK(kernels::explain(h) ==
          "kernels::lora_matmul_backward: u is a null pointer: the gradient of B needs what forward saved");
}

TEST_CASE("the doors of many adapters and of the overlap say the same of a machine that cannot") {
    small_layer layer;
    const adapters::lora_view<float> views[] = {layer.adapter.view()};
    const adapters::adapter_table<float> table(views, nullptr);
    device_matrix<std::int32_t> numbers(1, 4);
    (void)cudaMemset(numbers.data(), 0, 16);
    const auto rows = adapters::rows_by_number(numbers.view());
    device_matrix<std::byte> workspace(1, adapters::segmented_workspace(table, 4));
    const adapters::overlap_view<float> modules[] = {{{}, layer.adapter.a.view(), {}}};
    const adapters::overlap_table<float> overlaps(modules, nullptr);
    device_matrix<float> losses(1, 1);
    const broken_machine broken(cudaErrorNoKernelImageForDevice);
    CHECK_THROWS_WITH(adapters::add_adapters(table, rows, layer.x, layer.y, workspace, nullptr),
                      Contains("adapters::add_adapters: this program holds no machine code for this GPU"));
    CHECK_THROWS_WITH(adapters::overlap_penalty(overlaps, losses, nullptr),
                      Contains("adapters::overlap_penalty: this program holds no machine code for this GPU"));
    CHECK_THROWS_WITH(adapters::merge_into(layer.adapter.view(), layer.w, nullptr),
                      Contains("adapters::merge_into: this program holds no machine code for this GPU"));
}

TEST_CASE("the Hopper doors give what lora.cuh's give, and name what they cannot use") {
    using T = __nv_bfloat16;
    const std::size_t m = 30, k = 40, n = 24, r = 8;
    holdfast::philox g{4};
    const auto fill = [&](device_matrix<T>& to) {
        holdfast::matrix<T> host(to.rows(), to.cols());
        for (T& v : host.values()) v = __float2bfloat16_rn(float(2 * holdfast::uniform(g) - 1));
        to.upload(std::as_const(host).view(), nullptr);
    };
    device_matrix<T> x(m, k), w(n, k), dy(m, n), y[2] = {{m, n}, {m, n}}, dx[2] = {{m, k}, {m, k}};
    device_matrix<float> da[2] = {{r, k}, {r, k}}, db[2] = {{n, r}, {n, r}};
    adapters::device_lora<T> adapter({.in = k, .out = n, .rank = r, .dropout = 0.3});
    for (auto* of : {&x, &w, &dy, &adapter.a, &adapter.b}) fill(*of);
    const auto plan = adapters::make_hopper_plan({.tokens = m, .in = k, .out = n, .rank = r});
    device_matrix<std::byte> workspace(1, plan.workspace_bytes);
    adapters::device_lora_saved<T> saved[2] = {adapters::device_lora_saved<T>(plan),
                                               adapters::device_lora_saved<T>(plan)};
    holdfast::philox seed{3}, same{3};
    adapters::forward(plan, x, w, adapter.view(), y[0], saved[0], seed, workspace, nullptr);
    adapters::forward_on_hopper(plan, x, w, adapter.view(), y[1], saved[1], same, workspace, nullptr);
    using gradients = adapters::lora_gradients_view<T, float>;
    adapters::backward(plan, dy, x, w, adapter.view(), saved[0], gradients{dx[0].view(), da[0].view(), db[0].view()},
                       workspace, nullptr);
    adapters::backward_on_hopper(plan, dy, x, w, adapter.view(), saved[1],
                                 gradients{dx[1].view(), da[1].view(), db[1].view()}, workspace, nullptr);
    device_matrix<T> y2(m, n), dx2(m, k);  // and beside each other
    device_matrix<float> da2(r, k), db2(n, r);
    adapters::device_lora_saved<T> saved2(plan);
    adapters::hopper_state state(m, nullptr);
    holdfast::philox again{3};
    adapters::forward_overlapped_on_hopper(plan, x, w, adapter.view(), y2, saved2, again, state, workspace, nullptr);
    adapters::backward_overlapped_on_hopper(plan, dy, x, w, adapter.view(), saved2,
                                            gradients{dx2.view(), da2.view(), db2.view()}, workspace, nullptr);
    const auto apart = [](const auto& one, const auto& other) {  // in the Frobenius norm, relative
        double difference = 0, norm = 0;
        for (std::size_t i = 0; i < one.size(); ++i) {
            const double a = double(kernels::detail::to_float(one.data()[i])),
                         b = double(kernels::detail::to_float(other.data()[i]));
            difference += (a - b) * (a - b), norm += b * b;
        }
        return std::sqrt(difference / norm);
    };
    CHECK(apart(y[1], y[0]) < 4e-3);
    CHECK(apart(dx[1], dx[0]) < 4e-3);
    CHECK(apart(da[1], da[0]) < 4e-3);
    CHECK(apart(db[1], db[0]) < 4e-3);
    CHECK((apart(y2, y[0]) < 4e-3 && apart(dx2, dx[0]) < 4e-3 && apart(da2, da[0]) < 4e-3 && apart(db2, db[0]) < 4e-3));
    adapters::hopper_state small(0, nullptr);
    CHECK_REFUSES(adapters::forward_overlapped_on_hopper(plan, x, w, adapter.view(), y2, saved2, again, small,
                                                         workspace, nullptr),
                  "adapters::forward_overlapped_on_hopper: state was made for fewer rows than 30");

    CHECK_REFUSES(adapters::make_hopper_plan({.tokens = m, .in = k, .out = n, .rank = r, .type = adapters::fp32}),
                  "adapters::make_hopper_plan: the Hopper kernels multiply bf16 and fp16, not fp32");
    const holdfast::device_matrix_view<const T> off(x.data() + 1, m - 1, k);
    const holdfast::device_matrix_view<T> lower(y[0].data(), m - 1, n);
    CHECK_REFUSES(adapters::forward_on_hopper(plan, off, w, adapter.view(), lower, saved[1], same, workspace, nullptr),
                  "adapters::forward_on_hopper: kernels::lora_matmul_hopper: x must lie on a border of 16 bytes");
    kernels::detail::emulation::compute_capability = 8;
    CHECK_THROWS_WITH(adapters::backward_on_hopper(plan, dy, x, w, adapter.view(), saved[0], gradients{dx[0].view()},
                                                   workspace, nullptr),
                      Contains("adapters::backward_on_hopper: these kernels run on compute capability 9.0 alone"));
    kernels::detail::emulation::compute_capability = 9;
}
