# starttls_embed(FILE NAMESPACE FUNCTION HEADER OUTPUT): makes the source OUTPUT, in the build directory, out of a style
# sheet or script of the current directory. It defines FUNCTION() in starttls::NAMESPACE, which HEADER declares and which
# returns the file as a html::Asset.
set(STARTTLS_ASSET_TEMPLATE ${CMAKE_CURRENT_LIST_DIR}/asset.cpp.in)
function(starttls_embed file namespace function header output)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  file(READ ${file} text)
  file(SHA256 ${CMAKE_CURRENT_SOURCE_DIR}/${file} sha256)
  configure_file(${STARTTLS_ASSET_TEMPLATE} ${CMAKE_CURRENT_BINARY_DIR}/${output} @ONLY)
endfunction()
