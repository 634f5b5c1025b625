# Fails if the library itself could print, exit or abort: cmake -DLIBRARY=libpartialfc.a -DNM=nm -P TestSymbols.cmake
execute_process(COMMAND ${NM} -C --undefined-only ${LIBRARY} OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL
       " U (abort|exit|_exit|_Exit|quick_exit|perror|v?f?printf|__v?f?printf_chk|f?puts|putchar|stdout|stderr|std::cout|std::cerr|std::clog|fmt::v[0-9]+::v?print[^\n]*)\n"
       forbidden "${symbols}")
if(forbidden)
  message(FATAL_ERROR "${LIBRARY} uses:\n${forbidden}")
endif()
string(LENGTH "${symbols}" length)
if(length LESS 1000)
  message(FATAL_ERROR "${NM} listed next to no symbols of ${LIBRARY}: this test saw nothing")
endif()
