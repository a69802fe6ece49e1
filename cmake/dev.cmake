# Flags of our own programs; nothing here reaches a user of the library.
add_library(holdfast_warnings INTERFACE)
target_compile_options(holdfast_warnings INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wpedantic;-Wconversion;-Wshadow;-Werror>
  # GCC 12 sees an overlap in `"x" + std::string` that is not there (GCC bug 105651)
  $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<CXX_COMPILER_ID:GNU>>:-Wno-restrict>
  # and, under -march=native, AVX-512 intrinsics of its own as uninitialised (GCC bug 105593)
  $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<CXX_COMPILER_ID:GNU>>:-Wno-maybe-uninitialized>
  # nvcc writes line directives that -Wpedantic refuses, and names of its own that shadow
  $<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Wall;-Xcompiler=-Wextra;-Xcompiler=-Werror;-Werror=all-warnings>)

# Benchmarks and programs are built for the machine they are built on. Programs at -O2 with -O3's vectoriser: as fast as
# -O3 where it matters (benchmarks/trainer_bench.cpp), and compiled in a third of the time.
include(CheckCXXCompilerFlag)
check_cxx_compiler_flag(-march=native holdfast_has_march_native)
option(HOLDFAST_NATIVE "Build benchmarks and programs for this machine's processor" ON)
add_library(holdfast_native INTERFACE)
if(HOLDFAST_NATIVE AND holdfast_has_march_native)
  target_compile_options(holdfast_native INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-march=native>
    # GCC 12's own AVX-512 intrinsics start from a register that is not set (GCC bug 105593)
    $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<CXX_COMPILER_ID:GNU>>:-Wno-uninitialized>)
endif()
add_library(holdfast_fast INTERFACE)
target_link_libraries(holdfast_fast INTERFACE holdfast_native)
target_compile_options(holdfast_fast INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-O2>
  $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<CXX_COMPILER_ID:GNU>>:-fvect-cost-model=dynamic>)

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug, Release, RelWithDebInfo or MinSizeRel" FORCE)
endif()
find_program(HOLDFAST_CCACHE ccache)
if(HOLDFAST_CCACHE AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${HOLDFAST_CCACHE})
endif()

# The toolkit's Thrust builds without a GPU, on OpenMP; where it is depends on the toolkit's age.
find_path(HOLDFAST_THRUST_INCLUDE thrust/version.h
  HINTS ${CUDAToolkit_INCLUDE_DIRS} ${CUDAToolkit_ROOT}/include /usr/local/cuda/include
  PATH_SUFFIXES cccl . DOC "Folder that holds thrust/version.h")

set(CMAKE_CXX_EXTENSIONS OFF)
