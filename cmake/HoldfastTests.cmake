include(Catch)

# One program per folder, tests/FOLDER/*_test.cpp; every TEST_CASE is a test of its own.
function(holdfast_test_folder folder)
  cmake_parse_arguments(arg "" "TARGET" "LINK;EXCLUDE;SOURCES" ${ARGN})
  if(NOT arg_TARGET)
    set(arg_TARGET test_${folder})
  endif()
  if(NOT arg_SOURCES)
    file(GLOB arg_SOURCES CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*_test.cpp)
    foreach(pattern IN LISTS arg_EXCLUDE)
      list(FILTER arg_SOURCES EXCLUDE REGEX ${pattern})
    endforeach()
  endif()
  if(NOT arg_SOURCES OR (HOLDFAST_TEST_FOLDERS AND NOT folder IN_LIST HOLDFAST_TEST_FOLDERS))
    return()
  endif()
  add_executable(${arg_TARGET} ${arg_SOURCES})
  target_include_directories(${arg_TARGET} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  target_link_libraries(${arg_TARGET} PRIVATE test_main holdfast::holdfast ${arg_LINK} holdfast_warnings)
  target_compile_options(${arg_TARGET} PRIVATE -O1)  # tests are compiled more often than they run
  target_compile_definitions(${arg_TARGET} PRIVATE HOLDFAST_TEST_DIR="${CMAKE_CURRENT_SOURCE_DIR}")
  if(EXISTS ${PROJECT_SOURCE_DIR}/../shared)
    target_compile_definitions(${arg_TARGET} PRIVATE HOLDFAST_SHARED_DIR="${PROJECT_SOURCE_DIR}/../shared")
  endif()
  catch_discover_tests(${arg_TARGET} TEST_PREFIX "${folder}: "
    PROPERTIES SKIP_REGULAR_EXPRESSION "SKIPPED:" TIMEOUT 600)
endfunction()

# The same file must build without HOLDFAST_BREAK and fail with it, for the reason it names.
function(holdfast_compile_fail_test source)
  cmake_path(GET source STEM stem)
  foreach(compiler IN LISTS holdfast_compilers)
    cmake_path(GET compiler FILENAME name)
    add_test(NAME "compile_fail: ${stem} (${name})" COMMAND ${CMAKE_COMMAND} -DCOMPILER=${compiler} -DSOURCE=${source}
      "-DINCLUDE=${PROJECT_SOURCE_DIR}/include;${CMAKE_CURRENT_SOURCE_DIR};$<TARGET_PROPERTY:Eigen3::Eigen,INTERFACE_INCLUDE_DIRECTORIES>"
      -P ${PROJECT_SOURCE_DIR}/cmake/compile_fail.cmake)
  endforeach()
endfunction()

# A program's standard output, compared with the file beside its source.
function(holdfast_output_test target expected)
  add_test(NAME "examples: ${target}" COMMAND ${CMAKE_COMMAND} -DPROGRAM=$<TARGET_FILE:${target}> -DEXPECTED=${expected}
    -P ${PROJECT_SOURCE_DIR}/cmake/compare_output.cmake)
endfunction()
