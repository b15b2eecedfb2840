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
#include "listtool/sources.h"

namespace starttls::listtool {

struct Common;

// Whether it is a text that may go to standard output.
bool is_text(const OutputSettings& output);

// What the mail server's configuration calls the map: that of a cdb, lmdb, hash or btree is without the end
// of its file's name. output.file may be either.
std::filesystem::path map_name(const OutputSettings& output);

// The file that the mail server opens.
std::filesystem::path file_of(const OutputSettings& output);

struct MapDraft {
  AtomicFile file;
  std::size_t not_expressed = 0;  // enforced domains that this kind of map can say nothing about
};

// Fault::cannot_create where it cannot be written,
// Fault::unavailable where the program that makes it is missing.
Result<MapDraft> draft_map(const OutputSettings& output, std::span<const Source> sources,
                           const Programs& programs);

// A warning, where there are any.
void warn_not_expressed(const Common& common, std::string_view map, std::size_t domains);

// A text map as it is written; says how many domains it cannot express.
std::size_t write_text(const OutputSettings& output, std::span<const Source> sources, BufferedWriter& out);

}  // namespace starttls::listtool
