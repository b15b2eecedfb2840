// Makes maps of lists, in the formats that mail servers read. A map is written next to its final path and
// renamed when it is complete.
//
//   lists -> overlay -> one line or record for each domain -> draft [-> postmap | makemap] -> published
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
  std::size_t not_expressed = 0;  // enforced domains that this kind of map cannot express
};

// Fault::cannot_create if it cannot be written, Fault::unavailable if the program that makes it is missing.
Result<MapDraft> draft_map(const OutputSettings& output, std::span<const Source> sources,
                           const Programs& programs);

// Prints a warning if there are any; `map` is the name to print.
void warn_not_expressed(const Context& context, const MailServer& server, std::string_view map,
                        std::size_t domains);

}  // namespace starttls::listtool
