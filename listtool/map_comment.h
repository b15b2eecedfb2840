// The comments at the head of the maps for all mail servers.
#pragma once

#include <string>

namespace starttls::listtool {

struct SourceFacts;

// Comment lines. Each begins with '#' and is shorter than 1000 bytes (makemap(8) reads what is beyond 1023
// bytes as the next line). They contain the name of the list, its times, whether its signature was checked,
// why it was not used if so, and where it was read from. For overrides there is one line.
std::string about(const SourceFacts& source);

}  // namespace starttls::listtool
