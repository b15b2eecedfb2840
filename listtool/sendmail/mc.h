// The lines that a Sendmail administrator adds to the .mc file, so that Sendmail uses a map of ours.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace starttls::listtool::sendmail {

enum class MapType {
  text,    // for FEATURE(`sts'), as input of makemap(8)
  hash,    // the same, made into a map
  access,  // lines for the access map, for a Sendmail without FEATURE(`sts')
};

// The lines, in m4, for a map that `makemap hash PATH` made. They are the same for text and hash.
// Fault::usage if the path is relative, has more than 400 bytes, or contains characters that are special in
// m4 or Sendmail (only letters, digits and "/._+-" are not).
Result<std::string> mc_lines(const std::filesystem::path& path, MapType type);

// What the configuration needs in addition to the lines, and may already contain: a sentence for output.
inline constexpr std::string_view needs_cas =
    "Both confCACERT and confCACERT_PATH must be set, or no certificate is trusted.";

// Puts "#   " before each line, for the head of a map.
std::string commented(std::string_view lines);

}  // namespace starttls::listtool::sendmail
