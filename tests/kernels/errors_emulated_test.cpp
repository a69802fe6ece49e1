// What a user meets when the machine, or a pointer, is not what the kernels need: a code from kernels/, an exception
// from adapters/, and each time a sentence that says what to do.
#include <holdfast/adapters/lora.cuh>

#include "support/test.hpp"

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
