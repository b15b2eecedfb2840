// A configuration file (TOML), read into plain structs.
//
//     Settings settings = TRY(Settings::load("/etc/x.toml"));
//     settings.string("report.contact", config.contact);
//     settings.number("milter.downgrade_after", config.downgrade_after, 1, 1'000'000);
//     settings.check(!config.contact.empty(), "report.contact", "is missing");
//     TRY(settings.finish());
//
// Each call declares a key and sets the variable where the file has the key; else the variable keeps its
// value, which is the default. finish() then returns the first error, with file, line and column: a value of
// the wrong kind or out of range, else a key that was not declared (with the nearest one that was), else a
// check() that failed.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/domain.h"
#include "base/enum_words.h"
#include "base/file.h"
#include "base/ip_address.h"
#include "base/log.h"
#include "base/result.h"
#include "config/address.h"

namespace starttls::config {

// The text as a TOML string, in quotes, with everything escaped that must be.
std::string toml_string(std::string_view text);

// Who may read a file.
struct FileRights {
  mode_t mode = 0;
  gid_t group = 0;
};

// The values of `log` and `log_level`.
inline constexpr auto log_target_words =
    enum_words<LogTarget>({{LogTarget::syslog, "syslog"}, {LogTarget::standard_error, "stderr"}});
inline constexpr auto log_level_words = enum_words<LogLevel>({{LogLevel::debug, "debug"},
                                                              {LogLevel::info, "info"},
                                                              {LogLevel::warning, "warning"},
                                                              {LogLevel::error, "error"}});

// The mail server of this host, as Settings::mailer() reads it.
inline constexpr const char* default_mailer = "smtp://127.0.0.1:25";

class Settings {
 public:
  // Fault::config where the file cannot be read, is of another kind or is not TOML.
  static Result<Settings> load(const std::filesystem::path& path, FileKind kind = FileKind::regular);

  // No file: every variable keeps its default.
  static Settings none();

  Settings(Settings&&) noexcept;
  Settings& operator=(Settings&&) noexcept;
  Settings(const Settings&) = delete;
  Settings& operator=(const Settings&) = delete;
  ~Settings();

  // A key is "name", "table.name" or, of the first [[list]], "list[0].name". In a check, the second element of
  // an array is "list[0].keys[1]".
  void string(const std::string& key, std::string& value);
  // An array of strings, which may be empty. If the variable has a default, the element "default" means all
  // of it, so that an array can add to it; else it is a string like any other.
  void strings(const std::string& key, std::vector<std::string>& value);
  // See parse_path().
  void path(const std::string& key, std::filesystem::path& value);
  // A program that is found in PATH, or a path as of path(). Not empty.
  void program(const std::string& key, std::string& value);
  // An array of a program, as of program(), and its arguments. An empty one means no command.
  void command(const std::string& key, std::vector<std::string>& value);
  // Who takes mail: a mail server, "smtp://HOST:PORT", or a program as of program() that is called as sendmail(8) is.
  void mailer(const std::string& key, std::string& value);
  // The mode of a file: an octal string such as "0660".
  void mode(const std::string& key, mode_t& value);
  void flag(const std::string& key, bool& value);
  template <std::unsigned_integral Number>
  void number(const std::string& key, Number& value, std::type_identity_t<Number> min,
              std::type_identity_t<Number> max) {
    if (const auto found = whole_number(key, min, max)) value = static_cast<Number>(*found);
  }
  // An array of whole numbers, which may be empty; with "default" as for strings().
  void numbers(const std::string& key, std::vector<std::uint64_t>& value, std::uint64_t min,
               std::uint64_t max);
  // In seconds, whole or with a fraction.
  void seconds(const std::string& key, std::chrono::milliseconds& value, std::chrono::milliseconds min,
               std::chrono::milliseconds max);
  // See parse_address().
  void address(const std::string& key, Address& value);
  // The same; "" means none.
  void address(const std::string& key, std::optional<Address>& value);
  // An array of them; with "default" as for strings().
  void addresses(const std::string& key, std::vector<Address>& value);
  void domain(const std::string& key, std::optional<DomainName>& value);
  void domains(const std::string& key, std::vector<DomainName>& value);
  // Networks such as "192.0.2.0/24"; with "default" as for strings().
  void networks(const std::string& key, std::vector<IpNetwork>& value);

  // A text that `parse` converts, a Result<Value>(const std::string&). Its error follows the key's name: "is
  // not ...". "" means none.
  template <class Value, class Parse>
  void parsed(const std::string& key, std::optional<Value>& value, const Parse& parse) {
    const auto written = text(key);
    if (!written) return;
    value.reset();
    if (written->empty()) return;
    if (Result<Value> result = parse(*written)) {
      value = std::move(*result);
    } else {
      check_failed(key, result.error().message);
    }
  }

  // An array of such texts; with "default" as for strings().
  template <class Value, class Parse>
  void array(const std::string& key, std::vector<Value>& value, const Parse& parse) {
    const auto written = texts(key);
    if (!written) return;
    std::vector<Value> found;
    for (std::size_t index = 0; index < written->size(); ++index) {
      const std::string& element = (*written)[index];
      if (element == default_element && !value.empty()) {
        found.insert(found.end(), value.begin(), value.end());
      } else if (Result<Value> result = parse(element)) {
        found.push_back(std::move(*result));
      } else {
        check_failed(element_key(key, index), result.error().message);
      }
    }
    value = std::move(found);
  }

  // One of the words.
  template <class Enum, std::size_t size>
  void word(const std::string& key, Enum& value, const EnumWords<Enum, size>& words) {
    std::vector<std::string> known;
    known.reserve(size);
    for (const auto& [each, word] : words.words) known.emplace_back(word);
    std::string text(words.word(value));
    word(key, text, known);
    value = words.find(text).value_or(value);
  }
  void word(const std::string& key, std::string& value, const std::vector<std::string>& words);

  // How many tables [[key]] there are; what is in them is then read table by table. 0 where the key is absent
  // or of another kind, which is an error for finish().
  std::size_t tables(const std::string& key);

  // A table that another program reads: finish() accepts whatever is in it.
  void ignore(const std::string& table) { declare(table); }

  // An error unless it holds: "FILE:3:8: 'url' in [[list]] WHAT", as of error_at().
  void check(bool holds, const std::string& key, std::string_view what) {
    if (!holds) check_failed(key, std::string(what));
  }

  Result<void> finish();

  // The keys that were declared, without indices, in their order: "milter.socket", "list[].name".
  const std::vector<std::string>& keys() const { return keys_; }

  // Of a regular file; none where it was something else, or there was none.
  std::optional<FileRights> rights() const;
  // The file's, for messages.
  std::string name() const;

  // A path in the file: a relative one starts at the directory of the file. An empty one stays empty.
  std::filesystem::path absolute(const std::filesystem::path& path) const;
  // The same, for array(). Fault::config where it has a NUL character in it.
  Result<std::filesystem::path> parse_path(const std::string& text) const;

  // An error in a value that finish() accepts: "FILE:3:8: 'url' in [[list]] has no host", Fault::config. The
  // position is that of the key, or of the table that should have it.
  Error error_at(const std::string& key, std::string_view what) const;

 private:
  struct File;
  explicit Settings(std::unique_ptr<File> file);
  static constexpr std::string_view default_element = "default";  // means the built-in elements of an array
  static std::string element_key(const std::string& key, std::size_t index);

  void declare(const std::string& key);
  void wrong_kind(const std::string& key, std::string_view wanted);
  void check_failed(const std::string& key, const std::string& what);
  // These declare the key. Nothing where it is absent or, which is an error for finish(), of another kind.
  std::optional<std::string> text(const std::string& key);
  std::optional<std::vector<std::string>> texts(const std::string& key);
  std::optional<std::uint64_t> whole_number(const std::string& key, std::uint64_t min, std::uint64_t max);
  // As of program().
  Result<std::string> parse_program(const std::string& text) const;

  std::unique_ptr<File> file_;
  std::vector<std::string> keys_;
  std::optional<Error> first_error_;         // in the kind of a value
  std::optional<Error> first_failed_check_;  // in what a value means
};

// The result; where it is an error, the error of that key: "FILE:3:8: 'milter.user' is wrong: there is no
// user 'x'".
template <class Config, class T>
Result<T> at_key(const Config& config, const std::string& key, Result<T> result) {
  if (!result) return std::unexpected(config.error_at(key, "is wrong: " + result.error().message));
  return result;
}

}  // namespace starttls::config
