// Configuration files (TOML), read into plain structs.
//
// A program names each key it knows once, with the variable that takes its value; the variable keeps its
// default where the key is absent. finish() then gives the first thing that is wrong, with file, line and
// column: a value of the wrong kind or out of range, or a key that nobody asked for, with the nearest known
// one.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/result.h"

namespace starttls::config {

// The text as a value in TOML, in quotes, with everything escaped that must be.
std::string toml_string(std::string_view text);

// Who may read a file.
struct FileRights {
  mode_t mode = 0;
  gid_t group = 0;
};

class Settings {
 public:
  // Fault::config where the file cannot be read, is of another kind or is no TOML.
  static Result<Settings> load(const std::filesystem::path& path, FileKind kind = FileKind::regular);

  // No file: every variable keeps its default.
  static Settings none();

  Settings(Settings&&) noexcept;
  Settings& operator=(Settings&&) noexcept;
  Settings(const Settings&) = delete;
  Settings& operator=(const Settings&) = delete;
  ~Settings();

  // A key is "name", "table.name" or, of the first [[list]], "list[0].name".
  void string(const std::string& key, std::string& value);
  // An array of texts, which may be empty. Where the variable has a default, the element "default" stands for
  // all of it, so that an array can add to it; else it is a text like any other.
  void strings(const std::string& key, std::vector<std::string>& value);
  // See absolute().
  void path(const std::string& key, std::filesystem::path& value);
  // The mode of a file, as a text in octal such as "0660".
  void mode(const std::string& key, mode_t& value);
  void flag(const std::string& key, bool& value);
  void number(const std::string& key, std::uint64_t& value, std::uint64_t least, std::uint64_t most);
  // An array of whole numbers, which may be empty; with "default" as for texts().
  void numbers(const std::string& key, std::vector<std::uint64_t>& value, std::uint64_t least,
               std::uint64_t most);
  // Given in seconds, whole or with a fraction.
  void seconds(const std::string& key, std::chrono::milliseconds& value, std::chrono::milliseconds least,
               std::chrono::milliseconds most);

  // How many tables [[key]] there are; what is in them is then asked for, table by table. 0 where the key is
  // absent or something else, which finish() tells.
  std::size_t tables(const std::string& key);

  // A table that is for others who read the file: finish() does not complain of it.
  void ignore(const std::string& table) { declare(table); }

  Result<void> finish();

  // Of a regular file; none where it was something else, or there was none.
  std::optional<FileRights> rights() const;
  // The file's, for messages.
  std::string name() const;

  // A path in the file: a relative one starts at the directory of the file. An empty one stays empty.
  std::filesystem::path absolute(const std::filesystem::path& path) const;

  // What is wrong with a value in the program's own eyes: "FILE:3:8: 'url' in [[list]] has no host". The
  // place is that of the key, or of the table that should have it.
  Error error_at(const std::string& key, std::string_view what) const;

 private:
  struct File;
  explicit Settings(std::unique_ptr<File> file);
  void declare(const std::string& key);
  void complain(const std::string& key, std::string_view wanted);

  std::unique_ptr<File> file_;
  std::vector<std::string> known_;  // the keys asked for, without indices: "list[].name"
  std::optional<Error> first_error_;
};

}  // namespace starttls::config
