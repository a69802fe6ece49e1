#pragma once
// A route on the emulated GPU, watched: u, ds and everything else in the workspace is written by the kernel ahead or by
// other blocks, and a copy of it must have waited for that. u begins as NaN, so that an old one is not taken for it.

#include "hopper_cases.hpp"

namespace lora_cases {

template <class Route>
struct watched_route : Route {
    template <class Args>
    static cudaError_t compute(const Args& f) {
        namespace emulation = kernels::detail::emulation;
        const auto watch = [](const void* from, std::size_t bytes) {
            emulation::written_ahead_begin = static_cast<const unsigned char*>(from);
            emulation::written_ahead_end = emulation::written_ahead_begin + bytes;
        };
        watch(f.workspace, f.workspace_bytes);
        if constexpr (requires { f.y; })
            if (f.u != nullptr) {
                for (std::int64_t i = 0; i < f.shape.tokens; ++i)
                    (void)cudaMemset(f.u + i * f.ldu, 0xFF, 2 * std::size_t(f.shape.rank));
                watch(f.u, 2 * std::size_t(f.shape.tokens * f.ldu));
            }
        const cudaError_t error = Route::compute(f);
        watch(nullptr, 0);
        return error;
    }
};

}  // namespace lora_cases
