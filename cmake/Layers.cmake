# How this project's folders become targets: one call a folder.
#
#   partialfc_layer(NAME SOURCES … DEPENDS … [HOT])
#                                               a layer of the library: the object library partialfc_NAME, gathered into
#                                               libpartialfc by partialfc/CMakeLists.txt. HOT: its speed is that of a step, so
#                                               in a release each source is compiled by itself
#   partialfc_test(NAME SOURCES … LIBRARIES … HEADERS … [SHARDS n | EACH])
#                                               a GoogleTest program. Each n-th part of its tests is a ctest test [2]: to load
#                                               the program takes longer than most of them; with EACH every one is. HEADERS are
#                                               precompiled beside GoogleMock's: those that take long to parse. Sources are
#                                               compiled six at a time, as one
#   partialfc_never_prints(TARGET)              a ctest test that this static library can neither print, exit nor abort
#   partialfc_mpi_test(NAME RANKS n COMMAND PROGRAM ARGUMENT … [OUTPUT REGEX])
#                                               a ctest test (label mpi) that runs a program under mpirun, where there is MPI; it passes
#                                               if mpirun returns 0 or, with OUTPUT, if the output matches

include(CMakeParseArguments)

# Where what sources include, and instantiate of it, takes longer to compile than what they say: six are compiled as one, or as
# many as CMAKE_UNITY_BUILD_BATCH_SIZE says.
set(PARTIALFC_UNITY UNITY_BUILD ON)
if(NOT DEFINED CMAKE_UNITY_BUILD_BATCH_SIZE)
  list(APPEND PARTIALFC_UNITY UNITY_BUILD_BATCH_SIZE 6)
endif()

set(PARTIALFC_WARNINGS -Wall -Wextra -Wno-missing-field-initializers -Wno-unused-parameter)

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

if(PARTIALFC_SANITIZE)
  add_compile_options(-fsanitize=${PARTIALFC_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${PARTIALFC_SANITIZE})
endif()

function(partialfc_layer name)
  cmake_parse_arguments(ARG "HOT" "" "SOURCES;DEPENDS" ${ARGN})
  add_library(partialfc_${name} OBJECT ${ARG_SOURCES})
  if(NOT ARG_HOT)
    set_target_properties(partialfc_${name} PROPERTIES ${PARTIALFC_UNITY})
  endif()
  target_compile_options(partialfc_${name} PRIVATE ${PARTIALFC_WARNINGS})
  target_include_directories(partialfc_${name} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>
                                                      $<INSTALL_INTERFACE:include>)
  target_link_libraries(partialfc_${name} PUBLIC ${ARG_DEPENDS})
  set_property(GLOBAL APPEND PROPERTY PARTIALFC_LAYERS partialfc_${name})
endfunction()

# Sanitizers have nothing to say of what these compute for long: statistics of draws, forecasts against a simulation, sums of
# many steps, counts of launches and waits; other orders of the simulator than the first, and on it margins that differ from
# others in their numbers alone.
set(PARTIALFC_NOT_SANITIZED)
if(PARTIALFC_SANITIZE)
  list(APPEND PARTIALFC_NOT_SANITIZED
       *ClosedForm* *ActiveClassesAreThoseThatTheSampler* *MomentsTailsAndIndependence* *ManySmallStepsAreNotLost*
       *FollowsFloat32* *NumbersAreThoseOfRowsOnTheDevice/float32 *FramesForOneStepSuffice/float32
       *TheHostWaitsOnceAndNothingIsAllocated *TakeThreeLaunchesAndNoWait *WithSeed1* *WithSeed2* *RanksOfOneDeviceOn3*)
  foreach(margin arcface combined cosface_sampled detached large_scale no_momentum_no_decay)
    list(APPEND PARTIALFC_NOT_SANITIZED *EqualsTheReference/${margin}_tiles)
  endforeach()
  list(JOIN PARTIALFC_NOT_SANITIZED : PARTIALFC_NOT_SANITIZED)
  string(PREPEND PARTIALFC_NOT_SANITIZED -)
endif()

# Of tests: a fifth faster to compile than as the library is, and a quarter under sanitizers.
if(PARTIALFC_SANITIZE)
  set(PARTIALFC_TEST_OPTIMIZATION -O0)
else()
  set(PARTIALFC_TEST_OPTIMIZATION $<$<CONFIG:Release>:-O1>)
endif()

function(partialfc_test name)
  if(NOT PARTIALFC_BUILD_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "EACH" "SHARDS" "SOURCES;LIBRARIES;HEADERS" ${ARGN})
  if(NOT ARG_SOURCES)
    set(ARG_SOURCES ${name}.cc)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  set_target_properties(${name} PROPERTIES ${PARTIALFC_UNITY})
  target_compile_options(${name} PRIVATE ${PARTIALFC_WARNINGS} ${PARTIALFC_TEST_OPTIMIZATION})
  target_link_libraries(${name} PRIVATE partialfc ${ARG_LIBRARIES} GTest::gmock GTest::gtest_main)
  get_property(shared GLOBAL PROPERTY PARTIALFC_TEST_HEADERS)
  if(ARG_HEADERS)
    target_precompile_headers(${name} PRIVATE <gmock/gmock.h> ${ARG_HEADERS})
  elseif(shared)
    target_precompile_headers(${name} REUSE_FROM ${shared})
  else()
    target_precompile_headers(${name} PRIVATE <gmock/gmock.h>)
    set_property(GLOBAL PROPERTY PARTIALFC_TEST_HEADERS ${name})
  endif()
  if(ARG_EACH AND NOT PARTIALFC_SANITIZE)
    gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 300)
    return()
  endif()
  if(NOT ARG_SHARDS)
    set(ARG_SHARDS 2)
  endif()
  foreach(shard RANGE 1 ${ARG_SHARDS})
    math(EXPR index "${shard} - 1")
    add_test(NAME ${name}_${shard}_of_${ARG_SHARDS} COMMAND ${name} --gtest_filter=*${PARTIALFC_NOT_SANITIZED})
    set_tests_properties(${name}_${shard}_of_${ARG_SHARDS} PROPERTIES
      TIMEOUT 600 ENVIRONMENT "GTEST_TOTAL_SHARDS=${ARG_SHARDS};GTEST_SHARD_INDEX=${index}")
  endforeach()
endfunction()

function(partialfc_never_prints target)
  if(PARTIALFC_BUILD_TESTS AND NOT PARTIALFC_SANITIZE)
    add_test(NAME ${target}_never_prints_or_exits
             COMMAND ${CMAKE_COMMAND} -DNM=${CMAKE_NM} -DLIBRARY=$<TARGET_FILE:${target}>
                     -P ${PROJECT_SOURCE_DIR}/cmake/TestSymbols.cmake)
  endif()
endfunction()

# No binding: mpirun would else pin all threads of a rank to one core.
set(PARTIALFC_MPIRUN_FLAGS --oversubscribe --bind-to none)

# Left out of sanitizer builds: Open MPI itself leaks and races.
function(partialfc_mpi_test name)
  if(NOT PARTIALFC_BUILD_TESTS OR PARTIALFC_SANITIZE)
    return()
  endif()
  if(NOT PARTIALFC_MPI_FOUND)
    partialfc_leave_out(MPI COUNT 1)
    return()
  endif()
  cmake_parse_arguments(ARG "" "RANKS;OUTPUT" "COMMAND" ${ARGN})
  list(POP_FRONT ARG_COMMAND program)
  add_test(NAME ${name} COMMAND ${MPIEXEC_EXECUTABLE} ${PARTIALFC_MPIRUN_FLAGS} -np ${ARG_RANKS}
                                $<TARGET_FILE:${program}> ${ARG_COMMAND})
  # mpirun refuses to run as root, as in a container, unless these two say so.
  set_tests_properties(${name} PROPERTIES
    LABELS mpi TIMEOUT 120 PROCESSORS ${ARG_RANKS}
    ENVIRONMENT "OMPI_ALLOW_RUN_AS_ROOT=1;OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1")
  if(ARG_OUTPUT)
    set_tests_properties(${name} PROPERTIES PASS_REGULAR_EXPRESSION "${ARG_OUTPUT}")
  endif()
endfunction()
