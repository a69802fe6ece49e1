#pragma once
// The version, the language check, and the only public macros of holdfast: HOLDFAST_VERSION*, HOLDFAST_HD.
// Builds on nothing. A GPU's needs are in cuda.cuh.

#define HOLDFAST_VERSION_MAJOR 0
#define HOLDFAST_VERSION_MINOR 1
#define HOLDFAST_VERSION_PATCH 0
#define HOLDFAST_VERSION "0.1.0"

#if defined(_MSVC_LANG)
#define HOLDFAST_LANGUAGE _MSVC_LANG
#else
#define HOLDFAST_LANGUAGE __cplusplus
#endif
#if HOLDFAST_LANGUAGE < 202002L
#error "holdfast needs C++20: pass -std=c++20 (to nvcc too), or link the CMake target holdfast::holdfast"
#endif
#undef HOLDFAST_LANGUAGE

/// Marks a function that host and device code may call; nothing where there is no nvcc.
#if defined(__CUDACC__)
#define HOLDFAST_HD __host__ __device__
#else
#define HOLDFAST_HD
#endif
