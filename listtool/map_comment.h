// What the maps for all mail servers say at their heads.
#pragma once

#include <string>

namespace starttls::listtool {

struct SourceFacts;

// Comment lines, each beginning with '#' and under 1000 bytes (makemap(8) takes what is beyond 1023 bytes
// for the next line): what the list is called, of when it is and until when, whether its signature was
// checked, why nothing was taken from it if so, and from where it was read. Of overrides one line.
std::string about(const SourceFacts& source);

}  // namespace starttls::listtool
