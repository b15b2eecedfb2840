// Configuration files (TOML), read into plain structs.
//
// A program names each key it knows once, with the variable that takes its value; the variable keeps its
// default where the key is absent. finish() then gives the first thing that is wrong, with file, line and
// column: a value of the wrong kind or out of range, or a key that nobody asked for, with the nearest known
// one.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace starttls {

class Settings {
 public:
  // Fault::config where the file cannot be read or is no TOML.
  static Result<Settings> load(const std::filesystem::path& path);

  // No file: every variable keeps its default.
  static Settings none();

  Settings(Settings&&) noexcept;
  Settings& operator=(Settings&&) noexcept;
  Settings(const Settings&) = delete;
  Settings& operator=(const Settings&) = delete;
  ~Settings();

  // A key is "name" or "table.name".
  void text(const std::string& key, std::string& value);
  void path(const std::string& key, std::filesystem::path& value);
  void flag(const std::string& key, bool& value);
  void number(const std::string& key, std::uint64_t& value, std::uint64_t least, std::uint64_t most);
  // Given in seconds, whole or with a fraction.
  void seconds(const std::string& key, std::chrono::milliseconds& value, std::chrono::milliseconds least,
               std::chrono::milliseconds most);

  Result<void> finish();

 private:
  struct File;
  explicit Settings(std::unique_ptr<File> file);
  void complain(const std::string& key, std::string_view wanted);

  std::unique_ptr<File> file_;
  std::vector<std::string> known_;
  std::optional<Error> first_error_;
};

}  // namespace starttls
