// Tables in the format of LMDB: a B-tree in one file. Postfix reads them (lmdb_table(5)) as they are written
// here, with a NUL at the end of each key and value.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace starttls::table {

// Writes a whole table.
class LmdbWriter {
 public:
  // Writes to the empty file of that name, without a lock and without a lock file.
  explicit LmdbWriter(const std::filesystem::path& path);
  LmdbWriter(const LmdbWriter&) = delete;
  LmdbWriter& operator=(const LmdbWriter&) = delete;
  ~LmdbWriter();

  // Keys in ascending order of their bytes, at most 510 bytes long; this adds the NULs. finish() returns the
  // first error.
  void add(std::string_view key, std::string_view value);
  // Returns 0 or LMDB's code of the first error, which may be an errno value. The file is complete then, but
  // not synced.
  int finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The text of such a code.
std::string lmdb_text(int error);

}  // namespace starttls::table
