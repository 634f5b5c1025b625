# Kernels for a GPU, and where they run. A file of kernels (*.cu) is compiled twice: by nvcc, where a toolkit is found, into
# the library; and by the C++ compiler, against the simulator, into the tests (CONTRIBUTING.md, "Kernels for a GPU").
#
#   partialfc_kernels(NAME [SOURCES a.cu …] [HOST b.cc …] [TEST])
#       NAME_sim: the object library for the simulator. For a GPU they go into libpartialfc, or with TEST into the test
#       programs alone that name them. HOST: code of the host that is of use with kernels only
#   partialfc_kernel_test(NAME SOURCES … KERNELS NAME … [LIBRARIES …] [BRIEFLY FILTER] [SIMULATED | TRAFFIC])
#       one body, two programs: NAME runs on the simulator, each test under the orders of several seeds, and links
#       LIBRARIES in place of the whole library. BRIEFLY: the tests that suffice under other orders than the first, and
#       under sanitizers. NAME_gpu runs on a GPU, or says that it was not run (not built for
#       SIMULATED: what only the simulator can do). TRAFFIC: simulated, with what kernels load and store counted
#       (simt/traffic.h). The targets simulator_tests and gpu_tests build all of one kind; their labels: simulator, gpu
#   partialfc_cuda_objects(TARGET a.cu …)
#       adds what nvcc makes of the files to a target of this folder

include(CudaArchitectures)
set(PARTIALFC_CUDA_ARCHITECTURES "" CACHE STRING
    "Compute capabilities to compile for, such as 80;90; code that newer devices translate themselves comes with the last \
[all from 7.0 on that the toolkit knows]")

if(PARTIALFC_SANITIZE)
  set(PARTIALFC_CUDA OFF)   # sanitizers are for the host's code
endif()
set(nvcc)
if(PARTIALFC_CUDA)
  find_package(CUDAToolkit 12 QUIET)
  if(CUDAToolkit_FOUND AND CUDAToolkit_NVCC_EXECUTABLE)
    set(nvcc ${CUDAToolkit_NVCC_EXECUTABLE})
    partialfc_cuda_architectures(architectures ${CUDAToolkit_VERSION} ${PARTIALFC_CUDA_ARCHITECTURES})
  endif()
endif()
partialfc_optional(CUDA "${nvcc}" "CUDA ${CUDAToolkit_VERSION}: ${nvcc}, for ${architectures}"
                   "CUDA 12 or 13 with nvcc" "GPUs cannot be used")

if(PARTIALFC_BUILD_TESTS)
  add_custom_target(gpu_tests)
  add_custom_target(simulator_tests)
  partialfc_find_library(boost_context boost/context/detail/fcontext.hpp boost_context OPTIONAL)
  if(TARGET found::boost_context)
    set(PARTIALFC_SIMULATOR ON)
  else()
    message(STATUS "Boost.Context: not found; kernels are not tested on the CPU")
  endif()
endif()

# FMT_USE_CONSTEXPR: fmt takes nvcc for a compiler without C++14.
set(PARTIALFC_NVCC_FLAGS -std=c++20 -O3 --expt-relaxed-constexpr -lineinfo -DFMT_USE_CONSTEXPR=1 -Werror all-warnings
                         -Xcompiler -Wall,-Wextra,-Wno-missing-field-initializers,-Wno-unused-parameter,-Werror,-fPIC)
foreach(architecture ${architectures})
  list(APPEND PARTIALFC_NVCC_FLAGS -gencode arch=compute_${architecture},code=sm_${architecture})
endforeach()
set(PARTIALFC_CUDA_COMPILED ${architectures})
list(POP_BACK architectures architecture)
list(APPEND PARTIALFC_NVCC_FLAGS -gencode arch=compute_${architecture},code=compute_${architecture})

function(partialfc_cuda_objects target)
  get_target_property(includes found::fmt INTERFACE_INCLUDE_DIRECTORIES)
  list(REMOVE_ITEM includes /usr/include)  # compilers look there by themselves, and in their own order
  list(TRANSFORM includes PREPEND -isystem=)
  foreach(source ${ARGN})
    cmake_path(ABSOLUTE_PATH source NORMALIZE)
    cmake_path(RELATIVE_PATH source BASE_DIRECTORY ${PROJECT_SOURCE_DIR} OUTPUT_VARIABLE name)
    set(object ${CMAKE_CURRENT_BINARY_DIR}/${target}.cuda/${name}.o)
    cmake_path(GET object PARENT_PATH folder)
    file(MAKE_DIRECTORY ${folder})
    add_custom_command(
      OUTPUT ${object}
      COMMAND ${CMAKE_CXX_COMPILER_LAUNCHER} ${CUDAToolkit_NVCC_EXECUTABLE} -ccbin ${CMAKE_CXX_COMPILER} ${PARTIALFC_NVCC_FLAGS}
              -I${PROJECT_SOURCE_DIR} ${includes} -MD -MF ${object}.d -c ${source} -o ${object}
      DEPENDS ${source}
      DEPFILE ${object}.d
      COMMENT "Building CUDA object ${name}.o"
      VERBATIM)
    target_sources(${target} PRIVATE ${object})
  endforeach()
endfunction()

# Compiles .cu files of a target of this folder as C++ against the simulator.
function(partialfc_simulated_sources target)
  foreach(source ${ARGN})
    set_source_files_properties(${source} PROPERTIES LANGUAGE CXX COMPILE_OPTIONS "-x;c++;-fno-strict-aliasing;-Wno-unknown-pragmas")
  endforeach()
  target_compile_options(${target} PRIVATE ${PARTIALFC_WARNINGS})
  target_include_directories(${target} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(${target} PUBLIC partialfc_base)
endfunction()

function(partialfc_kernels name)
  cmake_parse_arguments(ARG "TEST" "" "SOURCES;HOST" ${ARGN})
  list(TRANSFORM ARG_SOURCES PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
  list(TRANSFORM ARG_HOST PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
  if(PARTIALFC_SIMULATOR)
    add_library(${name}_sim OBJECT ${ARG_SOURCES} ${ARG_HOST})
    partialfc_simulated_sources(${name}_sim ${ARG_SOURCES})
    if(NOT PARTIALFC_SANITIZE)
      add_library(${name}_traffic OBJECT EXCLUDE_FROM_ALL ${ARG_SOURCES} ${ARG_HOST})
      partialfc_simulated_sources(${name}_traffic ${ARG_SOURCES})
      target_compile_options(${name}_traffic PRIVATE -fsanitize=thread)
    endif()
  endif()
  if(ARG_TEST)
    set_property(GLOBAL PROPERTY PARTIALFC_TEST_KERNELS_${name} ${ARG_SOURCES})
  else()
    set_property(GLOBAL APPEND PROPERTY PARTIALFC_KERNELS ${ARG_SOURCES})
    set_property(GLOBAL APPEND PROPERTY PARTIALFC_KERNEL_HOSTS ${ARG_HOST})
  endif()
endfunction()

function(partialfc_kernel_test name)
  if(NOT PARTIALFC_BUILD_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "SIMULATED;TRAFFIC" "BRIEFLY" "SOURCES;KERNELS;LIBRARIES" ${ARGN})
  if(NOT ARG_LIBRARIES)
    set(ARG_LIBRARIES partialfc)
  endif()
  if(ARG_TRAFFIC AND PARTIALFC_SANITIZE)
    return()
  endif()
  # Orders of threads, blocks and streams: by number, backwards, at random (simt/control.h). Sanitizers take ten times as
  # long: one order is for them.
  set(seeds 0 1 2)
  if(PARTIALFC_SANITIZE OR ARG_SIMULATED OR ARG_TRAFFIC)
    set(seeds 0)  # of SIMULATED and TRAFFIC: they choose their own
  endif()
  # The body, compiled once for both.
  add_library(${name}_body OBJECT EXCLUDE_FROM_ALL ${ARG_SOURCES})
  target_compile_options(${name}_body PRIVATE ${PARTIALFC_WARNINGS} ${PARTIALFC_TEST_OPTIMIZATION} -fPIE)
  # No position-independent code, as programs have it, for their headers.
  set_target_properties(${name}_body PROPERTIES POSITION_INDEPENDENT_CODE OFF UNITY_BUILD OFF)
  target_link_libraries(${name}_body PRIVATE ${ARG_LIBRARIES} GTest::gmock)
  get_property(shared GLOBAL PROPERTY PARTIALFC_TEST_HEADERS)
  if(shared AND ARG_LIBRARIES STREQUAL partialfc)
    target_precompile_headers(${name}_body REUSE_FROM ${shared})
  endif()
  if(PARTIALFC_SIMULATOR)
    set(kernels ${ARG_KERNELS})
    if(ARG_TRAFFIC)
      list(TRANSFORM kernels APPEND _traffic)
      list(APPEND kernels partialfc_traffic)
    else()
      list(TRANSFORM kernels APPEND _sim)
    endif()
    add_executable(${name} $<TARGET_OBJECTS:${name}_body>)
    # Objects come before the library: its own runtime and kernels are not taken out of the archive.
    target_link_libraries(${name} PRIVATE ${kernels} partialfc_sim ${ARG_LIBRARIES} GTest::gmock GTest::gtest_main)
    add_dependencies(simulator_tests ${name})
    foreach(seed ${seeds})
      set(filter "*")
      if(ARG_BRIEFLY AND (PARTIALFC_SANITIZE OR NOT seed EQUAL 0))
        set(filter ${ARG_BRIEFLY})
      endif()
      add_test(NAME ${name}/seed${seed} COMMAND ${name} --gtest_filter=${filter}${PARTIALFC_NOT_SANITIZED})
      set_tests_properties(${name}/seed${seed} PROPERTIES LABELS simulator TIMEOUT 600
                           ENVIRONMENT PARTIALFC_SIMT_SEED=${seed})
    endforeach()
  endif()
  if(PARTIALFC_CUDA_FOUND AND NOT (ARG_SIMULATED OR ARG_TRAFFIC))
    add_executable(${name}_gpu $<TARGET_OBJECTS:${name}_body> ${PROJECT_SOURCE_DIR}/partialfc/device/test_device.cc)
    target_compile_options(${name}_gpu PRIVATE ${PARTIALFC_WARNINGS})
    target_link_libraries(${name}_gpu PRIVATE partialfc_device ${ARG_LIBRARIES} GTest::gmock GTest::gtest_main)
    foreach(kernels ${ARG_KERNELS})
      get_property(sources GLOBAL PROPERTY PARTIALFC_TEST_KERNELS_${kernels})
      partialfc_cuda_objects(${name}_gpu ${sources})
    endforeach()
    add_test(NAME ${name}_gpu COMMAND ${name}_gpu)
    add_dependencies(gpu_tests ${name}_gpu)
    set_tests_properties(${name}_gpu PROPERTIES LABELS gpu TIMEOUT 300 RUN_SERIAL ON
                         SKIP_REGULAR_EXPRESSION "not run: no GPU")
  endif()
endfunction()
