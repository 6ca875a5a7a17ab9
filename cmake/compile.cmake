# How this project is compiled, whatever the project around it does. Its own targets link loadgen_flags.
option(LOADGEN_WERROR "Treat warnings as errors" OFF)
set(LOADGEN_SANITIZE "" CACHE STRING "Sanitizers to build with, as for -fsanitize")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release)
endif()

if(NOT TARGET loadgen_flags)
  add_library(loadgen_flags INTERFACE)
  # GCC's -Wrestrict reports string concatenation that is fine.
  target_compile_options(loadgen_flags INTERFACE -Wall -Wextra -Wshadow -Wconversion
                         $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
                         $<$<BOOL:${LOADGEN_WERROR}>:-Werror> ${MLPERF_LOADGEN_CXX_FLAGS})
  if(LOADGEN_SANITIZE)
    target_compile_options(loadgen_flags INTERFACE -fsanitize=${LOADGEN_SANITIZE}
                           -fno-omit-frame-pointer -fno-sanitize-recover=all)
    target_link_options(loadgen_flags INTERFACE -fsanitize=${LOADGEN_SANITIZE})
  endif()
endif()
