#include "listtool/map_head.h"

#include "base/text.h"
#include "listtool/sources.h"

namespace starttls::listtool {

std::string about(const Source& source) {
  const std::string signature = source.verified ? fmt::format("signature checked, by key {}",
                                                              minisign::to_text(source.verified->key_id))
                                                : "signature not checked";
  return fmt::format("# List {}: of {}, {} {}, {}\n#   from {}\n", printable(source.name, 200),
                     to_rfc3339(source.list.timestamp), source.expired ? "EXPIRED and left out:" : "expires",
                     to_rfc3339(source.list.expires), signature, printable(source.path, 900));
}

}  // namespace starttls::listtool
