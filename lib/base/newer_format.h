// What an older version says about a file, or tables, of a newer one.
#pragma once

#include <expected>
#include <string_view>

#include "base/result.h"

namespace starttls {

// Fault::data: `name` (printable) has a format that only a newer version knows. `kind`: "a store of tlsrpt-milter";
// `found` and `known` are formats, "schema 4". Who says so must not have changed it.
std::unexpected<Error> made_by_newer_version(std::string_view name, std::string_view kind,
                                             std::string_view found, std::string_view known);

}  // namespace starttls
