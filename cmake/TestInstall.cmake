# Installs the library, builds examples/use_the_library against it from outside the tree, and runs it:
#   cmake -DBUILD=build/release -DSOURCE=. -DSCRATCH=folder -P TestInstall.cmake
file(REMOVE_RECURSE ${SCRATCH})
foreach(command
    "${CMAKE_COMMAND};--install;${BUILD};--prefix;${SCRATCH}/prefix"
    "${CMAKE_COMMAND};-S;${SOURCE}/examples/use_the_library;-B;${SCRATCH}/build;-G;Ninja;-DCMAKE_PREFIX_PATH=${SCRATCH}/prefix"
    "${CMAKE_COMMAND};--build;${SCRATCH}/build"
    "${SCRATCH}/build/use_the_library")
  execute_process(COMMAND ${command} COMMAND_ERROR_IS_FATAL ANY)
endforeach()
file(REMOVE_RECURSE ${SCRATCH})
