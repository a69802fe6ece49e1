#pragma once
// The Hopper route by the cases of lora_cases.hpp, whose matrices must lie on TMA's borders: a width plus the pad is a
// multiple of 8. For lora_hopper_gpu.cu on a GPU and lora_hopper_emulated_test.cpp on the emulated one.

#include <holdfast/kernels/lora_hopper.cuh>

#include "lora_cases.hpp"

namespace lora_cases {

struct hopper_route : own_route {
    template <class Args>
    static cudaError_t compute(const Args& f) {
        if constexpr (requires { f.y; })
            return kernels::lora_matmul_hopper(f, nullptr);
        else
            return kernels::lora_matmul_backward(f, nullptr);
    }
};

template <class T>
std::string hopper_verdict(const lora_case& c) {
    return verdict<T, float, hopper_route>(c);
}

}  // namespace lora_cases
