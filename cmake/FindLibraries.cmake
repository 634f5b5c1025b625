# The libraries that partialfc uses, by their header and their library: whether the system has them or a folder of
# scripts/bundle, which CMAKE_PREFIX_PATH names, no pkg-config and no file of the library's own is asked. It is installed
# too, for those who use partialfc.
#
#   partialfc_find_library(NAME HEADER [LIBRARY] [OPTIONAL])
#       target found::NAME: the header's folder and the library; OPTIONAL: which there is only if both were found

# PyTorch's libtorch has headers of {fmt}, oneDNN and others in one folder with its own.
foreach(prefix ${CMAKE_PREFIX_PATH})
  if(EXISTS ${prefix}/lib/libtorch_cpu.so)
    list(APPEND CMAKE_IGNORE_PATH ${prefix}/include)
  endif()
endforeach()

function(partialfc_find_library name header)
  cmake_parse_arguments(ARG OPTIONAL "" "" ${ARGN})
  set(library ${ARG_UNPARSED_ARGUMENTS})
  if(TARGET found::${name})
    return()
  endif()
  find_path(PARTIALFC_${name}_HEADERS ${header} PATH_SUFFIXES openblas)
  mark_as_advanced(PARTIALFC_${name}_HEADERS)
  if(library)
    find_library(PARTIALFC_${name}_LIBRARY ${library})
    mark_as_advanced(PARTIALFC_${name}_LIBRARY)
  endif()
  if(NOT PARTIALFC_${name}_HEADERS OR (library AND NOT PARTIALFC_${name}_LIBRARY))
    if(ARG_OPTIONAL)
      return()
    endif()
    message(FATAL_ERROR "${name}: <${header}>, or its library, was not found: install it (scripts/packages.txt), or name "
                        "in CMAKE_PREFIX_PATH a folder that scripts/bundle made")
  endif()
  add_library(found::${name} INTERFACE IMPORTED GLOBAL)
  target_include_directories(found::${name} INTERFACE ${PARTIALFC_${name}_HEADERS})
  if(library)
    target_link_libraries(found::${name} INTERFACE ${PARTIALFC_${name}_LIBRARY})
  endif()
endfunction()

# What the installed library needs; the rest is looked for where it is used.
partialfc_find_library(fmt fmt/format.h fmt)
partialfc_find_library(highway hwy/highway.h hwy)
partialfc_find_library(json nlohmann/json.hpp)
partialfc_find_library(xxhash xxhash.h xxhash)
