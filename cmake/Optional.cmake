# What may be missing. Each is said in one line at configure time, with what becomes of the program; what then needs it
# throws, in words, when it is used (comm/without_mpi.cc, trainer/without_torch.cc, head/without_cuda.cc).
#
#   PARTIALFC_MPI, PARTIALFC_TORCH, PARTIALFC_CUDA (Kernels.cmake)
#       ON: it has to be here; OFF: it is not looked for; AUTO: it is taken where it is found
#   partialfc_optional(NAME FOUND WITH MISSING WITHOUT)
#       sets PARTIALFC_NAME_FOUND and says WITH, or that MISSING was not found and what the program is WITHOUT it
#   partialfc_leave_out(WHY a_test.cc … | WHY COUNT n)
#       counts tests that are not built for want of WHY
#   partialfc_say_what_is_left_out()

foreach(option MPI TORCH CUDA)
  set(PARTIALFC_${option} AUTO CACHE STRING "ON: has to be here; OFF: is left out; AUTO: is taken where it is found")
  set_property(CACHE PARTIALFC_${option} PROPERTY STRINGS AUTO ON OFF)
endforeach()

function(partialfc_optional name found with missing without)
  set(PARTIALFC_${name}_FOUND OFF)
  if(NOT PARTIALFC_${name})
    message(STATUS "${missing}: left out (PARTIALFC_${name}=${PARTIALFC_${name}}); ${without}")
  elseif(found)
    set(PARTIALFC_${name}_FOUND ON)
    message(STATUS "${with}")
  elseif(PARTIALFC_${name} STREQUAL AUTO)
    message(STATUS "${missing}: not found; ${without}")
  else()
    message(FATAL_ERROR "PARTIALFC_${name} is ${PARTIALFC_${name}}, and ${missing} was not found: install it, name its folder "
                        "in CMAKE_PREFIX_PATH, or say PARTIALFC_${name}=OFF, by which ${without}")
  endif()
  set(PARTIALFC_${name}_FOUND ${PARTIALFC_${name}_FOUND} PARENT_SCOPE)
endfunction()

function(partialfc_leave_out why)
  cmake_parse_arguments(ARG "" COUNT "" ${ARGN})
  get_property(count GLOBAL PROPERTY PARTIALFC_LEFT_OUT_${why})
  foreach(source ${ARG_UNPARSED_ARGUMENTS})
    file(STRINGS ${source} tests REGEX "^TEST(_F|_P)?\\(")
    list(LENGTH tests number)
    math(EXPR count "0${count} + ${number}")
  endforeach()
  math(EXPR count "0${count} + 0${ARG_COUNT}")
  set_property(GLOBAL PROPERTY PARTIALFC_LEFT_OUT_${why} ${count})
  set_property(GLOBAL APPEND PROPERTY PARTIALFC_LEFT_OUT ${why})
endfunction()

function(partialfc_say_what_is_left_out)
  get_property(reasons GLOBAL PROPERTY PARTIALFC_LEFT_OUT)
  list(REMOVE_DUPLICATES reasons)
  foreach(why ${reasons})
    get_property(count GLOBAL PROPERTY PARTIALFC_LEFT_OUT_${why})
    message(STATUS "Tests that are not built for want of ${why}: ${count}")
  endforeach()
endfunction()

if(PARTIALFC_MPI)
  find_package(MPI QUIET COMPONENTS C)
endif()
partialfc_optional(MPI "${MPI_C_FOUND}" "MPI ${MPI_C_VERSION}: ${MPIEXEC_EXECUTABLE}" "Open MPI"
  "the program runs as one rank: train in a world of one, launch refuses")

if(PARTIALFC_BUILD_TRAINER)
  if(PARTIALFC_TORCH)
    set(CMAKE_MESSAGE_LOG_LEVEL ERROR)   # Debian 13's warns that it lacks a part (kineto) of which nothing here makes use
    find_package(Torch QUIET)
    unset(CMAKE_MESSAGE_LOG_LEVEL)
  endif()
  partialfc_optional(TORCH "${TORCH_FOUND}" "libtorch ${Torch_VERSION}: ${Torch_DIR}" "libtorch"
    "train, verify, embed and plan --measure refuse; bench, pack, cache, check and plan are built")
endif()
