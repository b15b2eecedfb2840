#include "command/options.h"

#include <initializer_list>

#include "command/command.h"
#include "support.h"

namespace starttls::command {
namespace {

namespace fs = std::filesystem;

// The exit status of parsing, or nothing if the program continues.
std::optional<int> parsed(std::initializer_list<const char*> arguments,
                          const std::function<void(Options& options)>& declare) {
  std::vector<const char*> argv{"tool"};
  argv.insert(argv.end(), arguments);
  return parse({.name = "tool", .description = "Does something.", .example = "tool"}, declare,
               static_cast<int>(argv.size()), argv.data());
}

TEST_CASE("options fill the variables they were declared with") {
  std::string text;
  fs::path path;
  std::optional<std::string> maybe_text;
  std::optional<fs::path> maybe_path;
  std::uint64_t large = 0;
  unsigned small = 0;
  double share = 0;
  bool force = false;
  const auto declare = [&](Options& options) {
    options.option("-t,--text", text, "TEXT", "A text");
    options.option("--path", path, "FILE", "A file");
    options.option("--maybe-text", maybe_text, "TEXT", "A text");
    options.option("--maybe-path", maybe_path, "FILE", "A file");
    options.option("--large", large, "NUMBER", "A number");
    options.option("--small", small, "NUMBER", "A number");
    options.option("--share", share, "PERCENT", "A share");
    options.flag("--force", force, "Force it");
  };
  CHECK_FALSE(parsed({"-t", "a b", "--path=/x", "--maybe-text", "", "--maybe-path", "y", "--large",
                      "18446744073709551615", "--small", "7", "--share", "0.5", "--force"},
                     declare));
  CHECK(text == "a b");
  CHECK(path == "/x");
  CHECK(maybe_text == "");
  CHECK(maybe_path == "y");
  CHECK(large == 18446744073709551615U);
  CHECK(small == 7);
  CHECK(share == 0.5);
  CHECK(force);
}

TEST_CASE("variables keep their defaults if the command line has no value") {
  std::string text = "default";
  std::optional<std::string> maybe;
  unsigned number = 3;
  const auto declare = [&](Options& options) {
    options.option("--text", text, "TEXT", "A text");
    options.option("--maybe", maybe, "TEXT", "A text");
    options.option("--number", number, "NUMBER", "A number");
  };
  CHECK_FALSE(parsed({}, declare));
  CHECK(text == "default");
  CHECK_FALSE(maybe);
  CHECK(number == 3);
}

TEST_CASE("a repeated option takes one value each time, and arguments take the rest") {
  std::vector<fs::path> lists;
  std::vector<std::string> domains;
  const auto declare = [&](Options& options) {
    options.repeated("--list", lists, "FILE", "A list");
    options.arguments("DOMAIN", domains, "Domains");
  };
  CHECK_FALSE(parsed({"--list", "a", "example.com", "--list", "b", "example.org"}, declare));
  CHECK(lists == std::vector<fs::path>{"a", "b"});
  CHECK(domains == std::vector<std::string>{"example.com", "example.org"});
}

TEST_CASE("brackets and a lone minus sign reach arguments unchanged") {
  std::vector<std::string> domains;
  const auto declare = [&](Options& options) { options.arguments("DOMAIN", domains, "Domains"); };
  CHECK_FALSE(parsed({"[mx.example.com]", "-", "[mx.example.com]:25"}, declare));
  CHECK(domains == std::vector<std::string>{"[mx.example.com]", "-", "[mx.example.com]:25"});
}

TEST_CASE("a parsed option passes each value on, and its error is a mistake in the command line") {
  std::vector<std::string> taken;
  const auto declare = [&](Options& options) {
    options.parsed(
        "--hop",
        [&](const std::string& value) -> Result<void> {
          if (value == "bad") return fail(Fault::usage, "'bad' is no next-hop");
          taken.push_back(value);
          return {};
        },
        "HOP", "A next-hop");
  };
  CHECK_FALSE(parsed({"--hop", "[a]", "--hop", "b"}, declare));
  CHECK(taken == std::vector<std::string>{"[a]", "b"});
  CHECK(parsed({"--hop", "bad"}, declare) == 64);
}

TEST_CASE("mistakes in the command line exit with 64") {
  std::string file;
  std::string one;
  unsigned number = 0;
  bool quiet = false;
  bool loud = false;
  bool signature = false;
  std::string word;
  const auto declare = [&](Options& options) {
    options.argument("FILE", file, "A file").required().check(names_file);
    const Option with = options.option("--one", one, "TEXT", "A text").check(not_empty);
    options.flag("--signature", signature, "Signed").needs(with);
    options.option("--number", number, "NUMBER", "A number").range(1U, 5U);
    options.option("--word", word, "WORD", "A word").choices({"a", "b"});
    const Option is_quiet = options.flag("--quiet", quiet, "Quiet");
    options.flag("--loud", loud, "Loud").excludes(is_quiet);
  };
  CHECK_FALSE(parsed({"f", "--one", "x", "--signature", "--number", "5", "--word", "b", "--loud"}, declare));
  CHECK(parsed({}, declare) == 64);
  CHECK(parsed({"-"}, declare) == 64);
  CHECK(parsed({"f", "g"}, declare) == 64);
  CHECK(parsed({"f", "--unknown"}, declare) == 64);
  CHECK(parsed({"f", "--one", ""}, declare) == 64);
  CHECK(parsed({"f", "--one", "x", "--one", "y"}, declare) == 64);
  CHECK(parsed({"f", "--signature"}, declare) == 64);
  CHECK(parsed({"f", "--number", "6"}, declare) == 64);
  CHECK(parsed({"f", "--number", "x"}, declare) == 64);
  CHECK(parsed({"f", "--word", "c"}, declare) == 64);
  CHECK(parsed({"f", "--quiet", "--loud"}, declare) == 64);
}

TEST_CASE("--help and --version exit with 0") {
  const auto declare = [](Options&) {};
  CHECK(parsed({"--help"}, declare) == 0);
  CHECK(parsed({"--version"}, declare) == 0);
}

}  // namespace
}  // namespace starttls::command
