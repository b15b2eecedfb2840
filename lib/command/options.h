// What a command accepts: options, flags and arguments, each declared with the variable that gets its value.
//
//   void declare(Options& options, UpdateValues& values) {
//     options.arguments("LIST", values.lists, "Names of lists (default: all that are configured)");
//     options.flag("--force", values.force, "Install a list even if it shrank by more than max_shrink");
//     options.option("--splay", values.splay, "SECONDS", "Wait for a random time first").range(0U, 86'400U);
//   }
//
// A variable keeps the value it has, its default, where the command line does not set it. The variables must
// outlive the parsing. A mistake in the command line is an Error with Fault::usage and never changes what
// runs: nothing runs.
//
// The parser is CLI11, which only the .cpp files of this directory include.
#pragma once

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/result.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace starttls::command {

template <class T, class... Types>
concept OneOf = (std::same_as<T, Types> || ...);

// What an option or argument can hold. An optional is empty where the command line does not have the option.
template <class T>
concept OptionValue = OneOf<T, std::string, std::filesystem::path, std::optional<std::string>,
                            std::optional<std::filesystem::path>, std::uint64_t, unsigned, double>;
template <class T>
concept RepeatedValue = OneOf<T, std::string, std::filesystem::path>;
template <class T>
concept NumberValue = OneOf<T, std::uint64_t, unsigned, double>;

// Returns what is wrong with a value, as the end of "--option: ..."; "" if it is valid.
using Check = std::function<std::string(const std::string& value)>;

// Refuses the empty value, as of an unset variable in a script, which is not the same as no option.
std::string not_empty(const std::string& value);

// Refuses the empty value and "-": for a file that is neither standard input nor standard output.
std::string names_file(const std::string& value);

// A declared option, flag or argument, to be restricted further. A handle that can be copied, valid as long
// as the Options that made it.
class Option {
 public:
  Option required() const;
  // Refused if it is given twice; for options made by repeated() or parsed().
  Option once() const;
  // This one is refused without, or together with, the other one.
  Option needs(Option other) const;
  Option excludes(Option other) const;
  Option choices(const std::vector<std::string>& words) const;
  // Both bounds are allowed values.
  template <NumberValue T>
  Option range(T min, T max) const;
  Option check(Check check) const;

 private:
  friend class Options;
  explicit Option(CLI::Option& option) : option_(&option) {}

  CLI::Option* option_;
};

class Options {
 public:
  explicit Options(CLI::App& app) : app_(&app) {}

  // An option with a value, at most once. `names` is "--splay" or "-c,--config"; `type` is what --help calls
  // the value, such as "FILE".
  template <OptionValue T>
  Option option(const std::string& names, T& value, const std::string& type, const std::string& help);

  // An option that may be repeated, with one value each time, so that what follows is not taken for another
  // one.
  template <RepeatedValue T>
  Option repeated(const std::string& names, std::vector<T>& values, const std::string& type,
                  const std::string& help);

  // An option that may be repeated, whose value is more than a string: `take` parses and stores it, or
  // returns what is wrong.
  Option parsed(const std::string& names, std::function<Result<void>(const std::string& value)> take,
                const std::string& type, const std::string& help);

  Option flag(const std::string& names, bool& value, const std::string& help);

  // An argument, which has a place and no name on the command line; or all that follow.
  template <RepeatedValue T>
  Option argument(const std::string& name, T& value, const std::string& help);
  template <RepeatedValue T>
  Option arguments(const std::string& name, std::vector<T>& values, const std::string& help);

 private:
  CLI::App* app_;
};

}  // namespace starttls::command
