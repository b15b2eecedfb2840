// The cache's file: opens and creates it, and renames a damaged one.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>

#include "base/clock.h"
#include "base/file_stamp.h"
#include "base/result.h"
#include "mtastsdb/cache_table.h"

namespace starttls::mtastsdb {

struct OpenedTable {
  CacheTable table;
  std::optional<Error> warning;
};

// The reason why a file cannot be used.
struct Refusal {
  Error error;
  bool damaged = false;  // it is ours, or of no known kind, and unusable
};

// Creates the file where there is none.
std::expected<CacheTable, Refusal> open_table(const std::filesystem::path& file);

// Never writes; the file must be there.
Result<CacheTable> open_table_to_read(const std::filesystem::path& file);

// As Cache::open_or_fall_back().
OpenedTable open_table_or_fall_back(const std::filesystem::path& file, Time now, std::size_t max);

// Replaces the damaged file by a new one, unless another process has done so; as Cache::open_or_fall_back().
OpenedTable replace_damaged(const std::filesystem::path& file, const FileId& damaged, const Error& why,
                            Time now, std::size_t max);

}  // namespace starttls::mtastsdb
