#include "listtool/map_comment.h"

#include "base/text.h"
#include "listtool/sources.h"

namespace starttls::listtool {

std::string about(const SourceFacts& source) {
  if (source.kind == SourceFacts::Kind::overrides) {
    return fmt::format("# Overrides from {}\n", printable(source.path, 900));
  }
  if (source.kind == SourceFacts::Kind::mta_sts) {
    return fmt::format("# MTA-STS policies from {}\n", printable(source.path, 900));
  }
  if (!is_installed(source)) {
    return fmt::format("# List {}:\n#   LEFT OUT: it is not installed\n#   from {}\n",
                       printable(source.name, 200), printable(source.path, 900));
  }
  const std::string signature =
      source.signed_by ? "signature checked, by " + *source.signed_by : "signature not checked";
  const std::string left_out =
      source.unusable ? "#   LEFT OUT: " + printable(source.unusable->message, 900) + "\n" : "";
  return fmt::format("# List {}: of {}, expires {}, {}\n{}#   from {}\n", printable(source.name, 200),
                     to_rfc3339(source.timestamp), to_rfc3339(source.expires), printable(signature, 200),
                     left_out, printable(source.path, 900));
}

}  // namespace starttls::listtool
