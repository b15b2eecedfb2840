// Maps for mail servers, made of lists: in the forms that the servers read, beside their place until they are
// complete.
//
//   lists -> overlay -> a line or a record a domain -> draft [-> postmap | makemap] -> published
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>

#include "base/atomic_file.h"
#include "base/result.h"
#include "listtool/configuration.h"
#include "listtool/map_file.h"
#include "listtool/sources.h"

namespace starttls::listtool {

struct Context;

struct MapDraft {
  AtomicFile file;
  std::size_t not_expressed = 0;  // enforced domains that this kind of map can say nothing about
};

// Fault::cannot_create where it cannot be written,
// Fault::unavailable where the program that makes it is missing.
Result<MapDraft> draft_map(const OutputSettings& output, std::span<const Source> sources,
                           const Programs& programs);

// A warning, if there are any; `map` is the name to print.
void warn_not_expressed(const Context& context, const MailServer& server, std::string_view map,
                        std::size_t domains);

}  // namespace starttls::listtool
