#include "base/newer_format.h"

#include "base/version.h"

namespace starttls {

std::unexpected<Error> made_by_newer_version(std::string_view name, std::string_view kind,
                                             std::string_view found, std::string_view known) {
  return fail(Fault::data,
              "{}: made by a newer version: {} with {}, and this version, {}, knows {}; it was not changed; "
              "install the newer version again, or restore a copy from before it was installed",
              name, kind, found, version(), known);
}

}  // namespace starttls
