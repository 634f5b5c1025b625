# How this project's folders become targets: one call a folder.
#
#   partialfc_layer(NAME SOURCES … DEPENDS …)   a layer of the library: the object library partialfc_NAME,
#                                               gathered into libpartialfc by partialfc/CMakeLists.txt
#   partialfc_test(NAME SOURCES … LIBRARIES …)  a GoogleTest program; each of its tests is a ctest test

include(CMakeParseArguments)

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
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  add_library(partialfc_${name} OBJECT ${ARG_SOURCES})
  target_compile_options(partialfc_${name} PRIVATE ${PARTIALFC_WARNINGS})
  target_include_directories(partialfc_${name} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>
                                                      $<INSTALL_INTERFACE:include>)
  target_link_libraries(partialfc_${name} PUBLIC ${ARG_DEPENDS})
  set_property(GLOBAL APPEND PROPERTY PARTIALFC_LAYERS partialfc_${name})
endfunction()

function(partialfc_test name)
  if(NOT PARTIALFC_BUILD_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBRARIES" ${ARGN})
  if(NOT ARG_SOURCES)
    set(ARG_SOURCES ${name}.cc)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_compile_options(${name} PRIVATE ${PARTIALFC_WARNINGS})
  target_link_libraries(${name} PRIVATE partialfc ${ARG_LIBRARIES} GTest::gtest GTest::gtest_main)
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 300)
endfunction()
