# Installs the library, builds examples/use_the_library against it from outside the tree, with every header that is installed,
# and runs it:
#   cmake -DBUILD=build/release -DSOURCE=. -DSCRATCH=folder -DGENERATOR=Ninja -DPREFIX_PATH=bundle -P TestInstall.cmake
function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

file(REMOVE_RECURSE ${SCRATCH})
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${SCRATCH}/prefix)
file(GLOB_RECURSE headers RELATIVE ${SCRATCH}/prefix/include ${SCRATCH}/prefix/include/*.h)
list(TRANSFORM headers PREPEND "-include ")
list(JOIN headers " " headers)
list(PREPEND PREFIX_PATH ${SCRATCH}/prefix)
list(JOIN PREFIX_PATH ":" PREFIX_PATH)
set(ENV{CMAKE_PREFIX_PATH} ${PREFIX_PATH})
run(${CMAKE_COMMAND} -S ${SOURCE}/examples/use_the_library -B ${SCRATCH}/build -G ${GENERATOR}
    -DCMAKE_BUILD_TYPE=Release "-DCMAKE_CXX_FLAGS_RELEASE=-O2 ${headers}")
run(${CMAKE_COMMAND} --build ${SCRATCH}/build)
run(${SCRATCH}/build/use_the_library)

# It runs on a GPU, or says in words why it cannot.
execute_process(COMMAND ${SCRATCH}/build/on_a_gpu OUTPUT_VARIABLE said RESULT_VARIABLE result)
message("${said}")
if(NOT (result EQUAL 0 AND said MATCHES "step 200  loss") AND NOT (result EQUAL 2 AND said MATCHES "^no GPU can be used: "))
  message(FATAL_ERROR "on_a_gpu ended with ${result}")
endif()
file(REMOVE_RECURSE ${SCRATCH})
