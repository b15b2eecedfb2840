// Constant tables in the cdb format: written once, then looked up with two reads of the disk. Four gigabytes
// at most. TinyCDB; Postfix reads the same files (cdb_table(5)).
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace starttls::table {

// Writes a whole table. Keys and values are any bytes; no key may come twice.
class CdbWriter {
 public:
  // Writes to the descriptor of an empty file, which stays the caller's.
  explicit CdbWriter(int fd);
  CdbWriter(const CdbWriter&) = delete;
  CdbWriter& operator=(const CdbWriter&) = delete;
  ~CdbWriter();

  // finish() returns the first error.
  void add(std::string_view key, std::string_view value);
  // Returns 0 or the errno value of the first error; EOVERFLOW where the table is too large for its format.
  int finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

class Cdb {
 public:
  // Fault::io or Fault::permission where it cannot be read, Fault::data where it is no cdb.
  static Result<Cdb> open(const std::filesystem::path& path);
  Cdb(Cdb&&) noexcept;
  Cdb& operator=(Cdb&&) noexcept;
  ~Cdb();

  // Uses little memory, however many keys are looked up. Not thread-safe. Fault::data where the file is
  // damaged at that place.
  Result<std::optional<std::string>> find(std::string_view key) const;

 private:
  struct State;
  explicit Cdb(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace starttls::table
