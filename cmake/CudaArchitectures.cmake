# partialfc_cuda_architectures(OUT TOOLKIT_VERSION [ARCHITECTURE …]): the compute capabilities to compile for: those that are asked
# for, or all from 7.0 (V100) on that the toolkit knows. What it does not know any more is refused by name.
# Run as a script it prints them: cmake -DVERSION=13.0 -DASKED="70;80" -P cmake/CudaArchitectures.cmake
function(partialfc_cuda_architectures out version)
  set(architectures ${ARGN})
  if(NOT architectures)
    set(architectures 75 80 86 89 90)
    if(version VERSION_LESS 13)
      list(PREPEND architectures 70)
    endif()
    if(version VERSION_GREATER_EQUAL 12.8)
      list(APPEND architectures 100 120)
    endif()
  endif()
  foreach(architecture ${architectures})
    if(NOT architecture MATCHES "^[0-9]+$")
      message(FATAL_ERROR "PARTIALFC_CUDA_ARCHITECTURES: ${architecture}: compute capabilities as numbers, such as 80;90")
    elseif(architecture LESS 70)
      message(FATAL_ERROR "PARTIALFC_CUDA_ARCHITECTURES: ${architecture}: the kernels need compute capability 7.0 (V100) or "
                          "later: leave it out")
    elseif(architecture LESS 75 AND version VERSION_GREATER_EQUAL 13)
      message(FATAL_ERROR "PARTIALFC_CUDA_ARCHITECTURES: ${architecture}: V100 (sm_70) needs CUDA 12, and this toolkit is "
                          "${version}: leave it out, or name the folder of a CUDA 12 toolkit in CUDAToolkit_ROOT")
    endif()
  endforeach()
  set(${out} ${architectures} PARENT_SCOPE)
endfunction()

if(CMAKE_SCRIPT_MODE_FILE)
  partialfc_cuda_architectures(architectures ${VERSION} ${ASKED})
  message("${architectures}")
endif()
