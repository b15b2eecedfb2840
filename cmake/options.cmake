# What every target is compiled and linked with, and the two shapes of target that the project has.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(RapidJSON REQUIRED)

add_library(starttls_options INTERFACE)
target_compile_options(starttls_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor -Wold-style-cast
  -Wcast-align -Woverloaded-virtual -Wformat=2 -Wimplicit-fallthrough -Werror
  # Designated initializers leave the other members at their defaults, on purpose.
  -Wno-missing-field-initializers
  # g++ 12 sees overlapping copies in std::string's own operators (GCC bug 105651).
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
target_compile_definitions(starttls_options INTERFACE STARTTLS_VERSION="${PROJECT_VERSION}")
target_include_directories(starttls_options INTERFACE ${PROJECT_SOURCE_DIR}/lib)
target_link_libraries(starttls_options INTERFACE Threads::Threads fmt::fmt)

if(STARTTLS_SANITIZE)
  target_compile_options(starttls_options INTERFACE
    -fsanitize=${STARTTLS_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer
    # g++ 12 takes what it instruments itself for reads of uninitialized memory, in <regex> above all.
    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  target_link_options(starttls_options INTERFACE -fsanitize=${STARTTLS_SANITIZE})
elseif(CMAKE_BUILD_TYPE STREQUAL "Release" OR CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  target_compile_options(starttls_options INTERFACE
    -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -D_GLIBCXX_ASSERTIONS -fstack-protector-strong
    -fstack-clash-protection -fPIE)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|amd64")
    target_compile_options(starttls_options INTERFACE -fcf-protection)
  endif()
  target_link_options(starttls_options INTERFACE -pie -Wl,-z,relro,-z,now,-z,noexecstack)
endif()

# RapidJSON as a system library: its headers are not held to our warnings. Its stack adds to a null pointer before the
# first allocation, which is harmless but which the sanitizer tells.
add_library(starttls_rapidjson INTERFACE)
target_include_directories(starttls_rapidjson SYSTEM INTERFACE ${RAPIDJSON_INCLUDE_DIRS})
if(STARTTLS_SANITIZE MATCHES undefined)
  target_compile_options(starttls_rapidjson INTERFACE -fno-sanitize=pointer-overflow)
endif()

# A room of lib/: starttls_room(NAME SOURCES... LINK TARGETS...) makes the static library starttls_NAME.
function(starttls_room name)
  cmake_parse_arguments(ROOM "" "" "SOURCES;LINK" ${ARGN})
  add_library(starttls_${name} STATIC ${ROOM_SOURCES})
  target_link_libraries(starttls_${name} PUBLIC starttls_options ${ROOM_LINK})
endfunction()

# A program: starttls_program(NAME SOURCES... LINK TARGETS... TO DIRECTORY).
function(starttls_program name)
  cmake_parse_arguments(PROGRAM "" "TO" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${PROGRAM_SOURCES})
  target_link_libraries(${name} PRIVATE starttls_options ${PROGRAM_LINK})
  install(TARGETS ${name} DESTINATION ${PROGRAM_TO})
endfunction()
