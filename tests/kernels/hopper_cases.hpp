#pragma once
// The Hopper routes, forward and backward, by the cases of lora_cases.hpp, whose matrices must lie on TMA's borders: a
// width plus the pad is a multiple of 8. For lora_hopper_gpu.cu on a GPU and lora_hopper_emulated_test.cpp on the
// emulated one.

#include <holdfast/kernels/lora_hopper.cuh>
#include <holdfast/kernels/lora_hopper_backward.cuh>

#include "lora_cases.hpp"

namespace lora_cases {

struct hopper_route : own_route {
    template <class Args>
    static std::size_t bytes(const Args& f) {
        if constexpr (requires { f.y; })
            return kernels::lora_matmul_workspace(f);
        else
            return kernels::lora_matmul_backward_hopper_workspace(f.shape);
    }
    template <class Args>
    static cudaError_t compute(const Args& f) {
        if constexpr (requires { f.y; })
            return kernels::lora_matmul_hopper(f, nullptr);
        else
            return kernels::lora_matmul_backward_hopper(f, nullptr);
    }
};

template <class T, class G = float, class Route = hopper_route>
std::string hopper_verdict(const lora_case& c) {
    return verdict<T, G, Route>(c);
}

}  // namespace lora_cases
