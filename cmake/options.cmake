# Compiler and linker options of every target, and the two kinds of target that the project has.

# If ccache is installed, it reuses object files from any build directory. It is configured to accept precompiled
# headers, and to ignore the path of the checkout and the language of messages, which debhelper sets. It takes the headers
# of a source from the compiler (CCACHE_DEPEND) and reads a precompiled header of 90 MB only once (CCACHE_INODECACHE), so
# that the first build is hardly slower than one without ccache.
option(STARTTLS_CCACHE "Compile by way of ccache, if it is installed" OFF)
if(STARTTLS_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  find_program(STARTTLS_CCACHE_PROGRAM ccache)
  mark_as_advanced(STARTTLS_CCACHE_PROGRAM)
  if(STARTTLS_CCACHE_PROGRAM)
    set(launcher ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=locale,pch_defines,time_macros,include_file_ctime,include_file_mtime
      CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=true CCACHE_DEPEND=true CCACHE_INODECACHE=true
      ${STARTTLS_CCACHE_PROGRAM})
    set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
    set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
  endif()
endif()

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(RapidJSON REQUIRED)

add_library(starttls_options INTERFACE)
target_compile_options(starttls_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor -Wold-style-cast
  -Wcast-align -Woverloaded-virtual -Wformat=2 -Wimplicit-fallthrough -Werror
  # Designated initializers leave the other members at their defaults on purpose.
  -Wno-missing-field-initializers
  # g++ 12 warns of overlapping, endless and misplaced copies in std::string's own operators (GCC bugs 105651 and
  # 105329). In a precompiled header it does not even recognize them as system code.
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict> $<$<CXX_COMPILER_ID:GNU>:-Wno-stringop-overflow>
  $<$<CXX_COMPILER_ID:GNU>:-Wno-stringop-overread> $<$<CXX_COMPILER_ID:GNU>:-Wno-array-bounds>
  # libstdc++'s stable_sort uses a function that is marked as deprecated; clang warns of this, gcc does not.
  $<$<CXX_COMPILER_ID:Clang>:-Wno-deprecated-declarations>)
target_include_directories(starttls_options INTERFACE ${PROJECT_SOURCE_DIR}/lib)
target_link_libraries(starttls_options INTERFACE Threads::Threads fmt::fmt)

if(STARTTLS_SANITIZE)
  target_compile_options(starttls_options INTERFACE
    -fsanitize=${STARTTLS_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer
    # g++ 12 reports its own instrumentation as reads of uninitialized memory, mostly in <regex>.
    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  target_link_options(starttls_options INTERFACE -fsanitize=${STARTTLS_SANITIZE})
elseif(CMAKE_BUILD_TYPE STREQUAL "Release" OR CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  target_compile_options(starttls_options INTERFACE
    -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -D_GLIBCXX_ASSERTIONS -fstack-protector-strong
    -fstack-clash-protection -fPIE)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|amd64")
    target_compile_options(starttls_options INTERFACE -fcf-protection)
  endif()
  # A program loads only the libraries that it uses, not all that its components can use.
  target_link_options(starttls_options INTERFACE -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed)
endif()

if(STARTTLS_COVERAGE)
  target_compile_options(starttls_options INTERFACE -fprofile-instr-generate -fcoverage-mapping)
  target_link_options(starttls_options INTERFACE -fprofile-instr-generate)
endif()

# The headers that nearly every source includes, compiled once. Sources include all that they use: without STARTTLS_PCH
# everything compiles, too.
option(STARTTLS_PCH "Precompile the headers that nearly every source includes" ON)

# starttls_precompile(TARGET LIBRARY [header...]): TARGET precompiles the common headers and those given, with the
# options of LIBRARY, for targets that take them by starttls_use_precompiled().
function(starttls_precompile target library)
  if(STARTTLS_PCH)
    file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/precompiled.cpp CONTENT "")
    add_library(${target} STATIC ${CMAKE_CURRENT_BINARY_DIR}/precompiled.cpp)
    target_link_libraries(${target} PRIVATE ${library})
    target_precompile_headers(${target} PRIVATE
      <algorithm> <chrono> <expected> <filesystem> <functional> <map> <memory> <optional> <string> <string_view> <vector>
      <fmt/format.h> ${ARGN})
  endif()
endfunction()

# starttls_use_precompiled(TARGET FROM)
function(starttls_use_precompiled target from)
  if(STARTTLS_PCH)
    target_precompile_headers(${target} REUSE_FROM ${from})
  endif()
endfunction()

starttls_precompile(starttls_precompiled starttls_options)
if(STARTTLS_PCH)
  # ccache stores objects that use a precompiled header only with this option.
  target_compile_options(starttls_options INTERFACE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
endif()

# RapidJSON as a system library: our warnings do not apply to its headers. Its stack adds to a null pointer before the
# first allocation, which is harmless, but the sanitizer reports it.
add_library(starttls_rapidjson INTERFACE)
target_include_directories(starttls_rapidjson SYSTEM INTERFACE ${RAPIDJSON_INCLUDE_DIRS})
if(STARTTLS_SANITIZE MATCHES undefined)
  target_compile_options(starttls_rapidjson INTERFACE -fno-sanitize=pointer-overflow)
endif()

# A component: a directory whose name is that of its namespace and, with the prefix starttls_, of its static library.
#
#   starttls_component(NAME SOURCES file... LINK component... LIBRARIES target...)
#
# LINK has exactly the components whose headers it includes (tests/structure/check_includes.py); LIBRARIES the
# libraries that only this component uses.
function(starttls_component name)
  cmake_parse_arguments(COMPONENT "" "" "SOURCES;LINK;LIBRARIES" ${ARGN})
  add_library(starttls_${name} STATIC ${COMPONENT_SOURCES})
  list(TRANSFORM COMPONENT_LINK PREPEND starttls_)
  target_link_libraries(starttls_${name} PUBLIC starttls_options ${COMPONENT_LINK} PRIVATE ${COMPONENT_LIBRARIES})
  starttls_use_precompiled(starttls_${name} starttls_precompiled)
endfunction()

# A program: starttls_program(NAME SOURCES file... LINK component... LIBRARIES target... TO directory).
function(starttls_program name)
  cmake_parse_arguments(PROGRAM "" "TO" "SOURCES;LINK;LIBRARIES" ${ARGN})
  add_executable(${name} ${PROGRAM_SOURCES})
  list(TRANSFORM PROGRAM_LINK PREPEND starttls_)
  target_link_libraries(${name} PRIVATE starttls_options ${PROGRAM_LINK} ${PROGRAM_LIBRARIES})
  starttls_use_precompiled(${name} starttls_precompiled)
  install(TARGETS ${name} DESTINATION ${PROGRAM_TO})
endfunction()
