# holdfast::eigen, ::xtensor, ::math, ::json and ::cuda: the library and one dependency each. A component exists whether
# or not its dependency is here (the header that needs it says so); find_package only, nothing is ever downloaded.
set(holdfast_components)

function(holdfast_component name dependency)
  add_library(holdfast_${name} INTERFACE)
  add_library(holdfast::${name} ALIAS holdfast_${name})
  set_target_properties(holdfast_${name} PROPERTIES EXPORT_NAME ${name})
  target_link_libraries(holdfast_${name} INTERFACE holdfast)
  # The installed config file links the dependency when the component is asked for.
  if(TARGET ${dependency})
    target_link_libraries(holdfast_${name} INTERFACE $<BUILD_INTERFACE:${dependency}>)
  endif()
  set(holdfast_components ${holdfast_components} holdfast_${name} PARENT_SCOPE)
endfunction()

find_package(Eigen3 3.4 QUIET NO_MODULE)
find_package(xtensor 0.24 QUIET)
find_package(Boost 1.74 QUIET)
find_package(nlohmann_json 3.10 QUIET)
if(NOT HOLDFAST_CUDA STREQUAL "OFF")
  find_package(CUDAToolkit QUIET)
endif()

holdfast_component(eigen Eigen3::Eigen)
holdfast_component(xtensor xtensor)
holdfast_component(math Boost::headers)
holdfast_component(json nlohmann_json::nlohmann_json)
holdfast_component(cuda CUDA::cudart)

# C++20 for CUDA sources. CMake 3.25.1 does not know the dialect for nvcc, though nvcc does.
function(holdfast_cuda_20 target)
  if("cuda_std_20" IN_LIST CMAKE_CUDA_COMPILE_FEATURES)
    target_compile_features(${target} PRIVATE cuda_std_20)
  else()
    set_target_properties(${target} PROPERTIES CUDA_STANDARD_REQUIRED OFF)
    target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CUDA>:-std=c++20>)
  endif()
endfunction()
