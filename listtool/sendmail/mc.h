// What the administrator of a Sendmail puts into the .mc file, so that it follows a map of ours.
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

// The lines, in m4, for a map that `makemap hash PATH` made; text and hash need the same ones. Fault::usage
// where the path is relative, or has anything in it that means something to m4 or Sendmail (only letters,
// digits and "/._+-" mean nothing), or more than 400 bytes.
Result<std::string> mc_lines(const std::filesystem::path& path, MapType type);

// What the lines need beside them, which any configuration may have already: a sentence for people.
inline constexpr std::string_view needs_cas =
    "Both confCACERT and confCACERT_PATH must be set, or no certificate is trusted.";

// Each line behind "#   ", for the head of a map.
std::string commented(std::string_view lines);

}  // namespace starttls::listtool::sendmail
