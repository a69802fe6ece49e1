#pragma once
// The Hopper routes, forward and backward, by the cases of lora_cases.hpp, whose matrices must lie on TMA's borders: a
// width plus the pad is a multiple of 8. For lora_hopper_gpu.cu on a GPU and lora_hopper_emulated_test.cpp on the
// emulated one.

#include <holdfast/kernels/lora_hopper.cuh>
#include <holdfast/kernels/lora_hopper_backward.cuh>
#include <holdfast/kernels/lora_hopper_overlap.cuh>

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

/// The same with u and dA beside the products; one state for launches of all shapes, zero at the beginning.
struct overlapped_route : hopper_route {
    static std::uint32_t* state() {
        static std::uint32_t* const words = [] {
            std::uint32_t* p = nullptr;
            if (cudaMalloc(&p, state_bytes) != cudaSuccess || cudaMemset(p, 0, state_bytes) != cudaSuccess)
                std::abort();
            return p;
        }();
        return words;
    }
    template <class Args>
    static cudaError_t compute(const Args& f) {
        if constexpr (requires { f.y; }) {
            if (4 * kernels::lora_matmul_hopper_state(f.shape) > state_bytes) std::abort();
            return kernels::lora_matmul_hopper_overlapped(f, state(), nullptr);
        } else {
            return kernels::lora_matmul_backward_hopper_overlapped(f, nullptr);
        }
    }

  private:
    static constexpr std::size_t state_bytes = 4096;
};

template <class T, class G = float, class Route = hopper_route>
std::string hopper_verdict(const lora_case& c) {
    return verdict<T, G, Route>(c);
}

}  // namespace lora_cases
