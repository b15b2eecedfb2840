// What the maps for all mail servers say at their heads.
#pragma once

#include <string>

namespace starttls::listtool {

struct Source;

// Two comment lines, each beginning with '#' and under 1000 bytes (makemap(8) takes what is beyond 1023 bytes
// for the next line): what the list is called, of when it is and until when, whether its signature was
// checked, whether it has expired, and from where it was read.
std::string about(const Source& source);

}  // namespace starttls::listtool
