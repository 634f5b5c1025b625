# Compute capabilities that are compiled for by default, and those that are refused by name: cmake -P TestArchitectures.cmake
function(expect version asked wanted)
  execute_process(COMMAND ${CMAKE_COMMAND} -DVERSION=${version} "-DASKED=${asked}"
                          -P ${CMAKE_CURRENT_LIST_DIR}/CudaArchitectures.cmake ERROR_VARIABLE said)
  string(REGEX REPLACE "[ \n]+" " " said "${said}")   # messages are wrapped
  if(NOT said MATCHES "${wanted}")
    message(SEND_ERROR "of CUDA ${version} for '${asked}': ${said}")
  endif()
endfunction()

expect(12.4.131 "" "^70;75;80;86;89;90 $")
expect(12.8.61 "" "^70;75;80;86;89;90;100;120 $")
expect(13.0.88 "" "^75;80;86;89;90;100;120 $")
expect(12.4.131 "70;80" "^70;80 $")
expect(13.0.88 "70;80" "70: V100 .sm_70. needs CUDA 12, and this toolkit is 13.0.88: leave it out, or name")
expect(12.4.131 "60;80" "60: the kernels need compute capability 7.0 .V100. or later: leave it out")
expect(13.0.88 "90a" "90a: compute capabilities as numbers")
