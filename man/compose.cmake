# Composes the manual pages: each line ".so parts/NAME.mdoc" of a page is replaced by the text of that part, which has
# what several pages say in the same words.
#
#   compose_manual_page(SOURCE OUTPUT)       SOURCE with its parts, written to OUTPUT; for CMakeLists.txt
#   cmake -P man/compose.cmake DIRECTORY     all pages, written to DIRECTORY; for "mandoc -T lint" without a build
#
# A page can also be read as it is: "cd man && mandoc PAGE" follows the ".so" lines by itself.

# The text of a file, in which the parts have taken the place of their lines, also within parts.
function(read_manual_text file directory result)
  file(READ ${file} text)
  while(text MATCHES "\n\\.so (parts/[a-z-]+\\.mdoc)\n")
    set(part ${CMAKE_MATCH_1})
    file(READ ${directory}/${part} replacement)
    string(REPLACE "\n.so ${part}\n" "\n${replacement}" text "${text}")
  endwhile()
  if(text MATCHES "\n\\.so ")
    message(FATAL_ERROR "${file}: a line '.so' that is not '.so parts/NAME.mdoc'")
  endif()
  set(${result} "${text}" PARENT_SCOPE)
endfunction()

function(compose_manual_page source output)
  cmake_path(GET source PARENT_PATH directory)
  read_manual_text(${source} ${directory} text)
  file(WRITE ${output} "${text}")
endfunction()

if(CMAKE_SCRIPT_MODE_FILE STREQUAL CMAKE_CURRENT_LIST_FILE)
  math(EXPR last "${CMAKE_ARGC} - 1")
  cmake_path(ABSOLUTE_PATH CMAKE_ARGV${last} OUTPUT_VARIABLE directory)
  file(GLOB pages ${CMAKE_CURRENT_LIST_DIR}/*.[158])
  foreach(page ${pages})
    cmake_path(GET page FILENAME name)
    compose_manual_page(${page} ${directory}/${name})
  endforeach()
endif()
