// An installed list as a table on disk, so that a domain is looked up without reading the whole list.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "preload/list.h"
#include "table/cdb.h"

namespace starttls::listtool {

// The same facts as preload::Entry, with its own text.
struct IndexedEntry {
  preload::Mode mode = preload::Mode::none;
  std::string joined_mxs;
};

// A cdb: the key is the domain, the value is the first letter of the mode and the joined patterns.
class ListIndex {
 public:
  // Writes the index of a list as a new file. Fault::cannot_create.
  static Result<void> write(const preload::List& list, const std::filesystem::path& path, mode_t mode = 0644);

  // Errors as of table::Cdb.
  static Result<ListIndex> open(const std::filesystem::path& path);
  Result<std::optional<IndexedEntry>> find(std::string_view domain) const;

 private:
  ListIndex(std::filesystem::path path, table::Cdb table)
      : path_(std::move(path)), table_(std::move(table)) {}

  std::filesystem::path path_;
  table::Cdb table_;
};

}  // namespace starttls::listtool
