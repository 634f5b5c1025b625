# libtorch: Debian's by its own package; PyTorch's own builds, such as pip's torch, by their headers and libraries. The package
# of such a CUDA build enables CUDA as a language, wants the toolkit of its very version, and compiles for devices that nvcc may
# not know any more: nothing of which a program needs that links it.
#
# Sets what libtorch's own package sets, TORCH_FOUND, TORCH_LIBRARIES, TORCH_INCLUDE_DIRS, Torch_VERSION and Torch_DIR (the folder
# of TorchConfig.cmake, which may also be given); TORCH_BRINGS_ITS_OWN, if OpenMP, oneDNN and BLAS are a part of it; and
# TORCH_HAS_CUDA, if its headers and libraries are those of a build with CUDA.

find_library(TORCH_CPU_LIBRARY torch_cpu HINTS ${Torch_DIR}/../../../lib NO_CACHE)
set(TORCH_BRINGS_ITS_OWN OFF)
set(TORCH_HAS_CUDA OFF)
if(TORCH_CPU_LIBRARY)
  cmake_path(GET TORCH_CPU_LIBRARY PARENT_PATH folder)
  cmake_path(GET folder PARENT_PATH prefix)
  file(REAL_PATH ${prefix} prefix)
endif()
if(NOT TORCH_CPU_LIBRARY OR NOT EXISTS ${prefix}/share/cmake/Torch)
  find_package(Torch QUIET CONFIG)
  return()
endif()

set(TORCH_FOUND ON)
set(TORCH_BRINGS_ITS_OWN ON)
set(Torch_DIR ${prefix}/share/cmake/Torch)
include(${Torch_DIR}/TorchConfigVersion.cmake)
set(Torch_VERSION ${PACKAGE_VERSION})

# Of its headers libtorch's alone: beside them lie {fmt}'s, oneDNN's and others', of other versions than what is linked here.
# c10/cuda includes CUDA's, which come with pip's libcudart.
set(headers ${PROJECT_BINARY_DIR}/libtorch/include)
file(MAKE_DIRECTORY ${headers})
foreach(folder ATen c10 torch)
  file(CREATE_LINK ${prefix}/include/${folder} ${headers}/${folder} SYMBOLIC)
endforeach()
file(GLOB runtime ${prefix}/../nvidia/*/include/cuda_runtime_api.h)
list(TRANSFORM runtime REPLACE "/cuda_runtime_api.h$" "")
set(TORCH_INCLUDE_DIRS ${headers} ${headers}/torch/csrc/api/include ${runtime})

# What runs on a GPU registers itself when its library is loaded, though nobody calls it.
set(TORCH_LIBRARIES -Wl,--push-state,--no-as-needed)
foreach(library torch torch_cpu torch_cuda c10 c10_cuda)
  if(EXISTS ${prefix}/lib/lib${library}.so)
    list(APPEND TORCH_LIBRARIES ${prefix}/lib/lib${library}.so)
    if(library STREQUAL c10_cuda)
      set(TORCH_HAS_CUDA ON)
    endif()
  endif()
endforeach()
list(APPEND TORCH_LIBRARIES -Wl,--pop-state)

# One OpenMP: loops of libtorch's headers, which are compiled here, run on the threads of its library.
file(GLOB gomp ${prefix}/lib/libgomp*.so*)
if(gomp)
  set(OpenMP_gomp_LIBRARY ${gomp} CACHE FILEPATH "libgomp that libtorch brings" FORCE)
endif()
