#include "config/settings.h"

#include <fmt/ranges.h>

#include "base/try.h"
#include "support.h"

using namespace starttls;
using namespace starttls::config;
using namespace starttls::test;
using namespace std::chrono_literals;

namespace {

struct Example {
  std::string socket = "default";
  bool enabled = false;
  std::uint64_t count = 1;
  std::chrono::milliseconds interval = 1s;
  std::filesystem::path folder = "/default";
};

Result<Example> read_example(const std::string& content) {
  const TemporaryFolder folder;
  write(folder / "x.toml", content);
  auto settings = Settings::load(folder / "x.toml");
  if (!settings) return std::unexpected(settings.error());
  Example example;
  settings->string("milter.socket", example.socket);
  settings->flag("enabled", example.enabled);
  settings->number("count", example.count, 1, 10);
  settings->seconds("interval", example.interval, 10ms, 1h);
  settings->path("folder", example.folder);
  if (auto done = settings->finish(); !done) return std::unexpected(done.error());
  return example;
}

}  // namespace

TEST_CASE("settings replace defaults") {
  const Example e = good(read_example(
      "enabled = true\ncount = 10\ninterval = 0.05\nfolder = '/x'\n[milter]\nsocket = 'unix:/run/x'\n"));
  CHECK(e.enabled);
  CHECK(e.count == 10);
  CHECK(e.interval == 50ms);
  CHECK(e.folder == "/x");
  CHECK(e.socket == "unix:/run/x");
}

TEST_CASE("an absent key keeps its default") {
  const Example e = good(read_example("# nothing\n"));
  CHECK(e.socket == "default");
  CHECK(e.interval == 1s);
  CHECK(Settings::none().finish().has_value());
}

TEST_CASE("an unknown key is an error that names its place and the most similar known key") {
  const Error error = bad(read_example("count = 1\nintervall = 2\n"));
  CHECK(error.fault == Fault::config);
  CHECK(error.message.find("x.toml:2:1: unknown key 'intervall'; did you mean 'interval'?") !=
        std::string::npos);
  CHECK(bad(read_example("[milter]\nsokket = 'x'\n")).message.find("did you mean 'milter.socket'?") !=
        std::string::npos);
  CHECK(bad(read_example("\"milter.socket\" = 'x'\n")).fault == Fault::config);
  CHECK(bad(read_example("[other]\nx = 1\n")).message.ends_with("unknown key 'other'"));
}

TEST_CASE("a value of a wrong type or out of range is an error with its place") {
  CHECK(bad(read_example("count = 11\n"))
            .message.ends_with("x.toml:1:9: 'count' is 11; it must be a whole number from 1 to 10"));
  CHECK(bad(read_example("count = -1\n")).fault == Fault::config);
  CHECK(bad(read_example("count = 'three'\n")).fault == Fault::config);
  CHECK(bad(read_example("enabled = 1\n")).message.ends_with("'enabled' is 1; it must be true or false"));
  CHECK(bad(read_example("interval = 4000\n")).message.ends_with("a number of seconds from 0.01 to 3600"));
  CHECK(bad(read_example("folder = 7\n")).message.ends_with("'folder' is 7; it must be a text in quotes"));
  CHECK(bad(read_example("interval = nan\n")).fault == Fault::config);
}

TEST_CASE("an array replaces the default, or adds to it if it has the element \"default\"") {
  const auto read_arrays = [](const std::string& content) {
    const TemporaryFolder folder;
    write(folder / "x.toml", content);
    auto settings = good(Settings::load(folder / "x.toml"));
    std::vector<std::string> names{"a", "b"};
    std::vector<std::uint64_t> ports{465, 587};
    std::vector<std::string> others;
    settings.strings("names", names);
    settings.numbers("ports", ports, 1, 65535);
    settings.strings("others", others);
    const auto done = settings.finish();
    return done
               ? fmt::format("{} {} {}", fmt::join(names, ","), fmt::join(ports, ","), fmt::join(others, ","))
               : done.error().message.substr(done.error().message.find("x.toml"));
  };
  CHECK(read_arrays("") == "a,b 465,587 ");
  CHECK(read_arrays("names = ['c']\nports = [25]\n") == "c 25 ");
  CHECK(read_arrays("names = []\nports = []\n") == "  ");
  CHECK(read_arrays("names = ['default', 'c']\nports = ['default', 2525]\n") == "a,b,c 465,587,2525 ");
  CHECK(read_arrays("names = ['c', 'default']\nports = [2525, 'default', 26]\n") == "c,a,b 2525,465,587,26 ");
  CHECK(read_arrays("names = ['default']\nports = ['default']\n") == "a,b 465,587 ");
  // If the key has no default to add to, "default" is a text like any other.
  CHECK(read_arrays("others = ['default', 'x']\n") == "a,b 465,587 default,x");
  CHECK(read_arrays("names = ['default', 1]\n") ==
        "x.toml:1:21: 'names' is 1; it must be an array of nothing but texts");
  CHECK(read_arrays("ports = ['default', 0]\n") ==
        "x.toml:1:21: 'ports' is 0; it must be an array of nothing but whole numbers from 1 to 65535, or "
        "\"default\"");
  CHECK(read_arrays("ports = ['defaults']\n")
            .starts_with("x.toml:1:10: 'ports' is 'defaults'; it must be an array"));
}

TEST_CASE("a file that is no TOML is an error with its place") {
  CHECK(bad(read_example("count = \n")).message.find("x.toml:1:") != std::string::npos);
  CHECK(bad(Settings::load("/nonexistent/x.toml")).fault == Fault::config);
}

namespace {

struct Member {
  std::string name = "default";
  std::string signature_url;
  std::vector<std::string> keys;
};

struct Club {
  std::vector<std::string> words{"default"};
  std::vector<std::uint64_t> ports{1};
  std::string socket;
  std::vector<Member> members;
};

Result<Club> read_club(const std::string& content) {
  const TemporaryFolder folder;
  write(folder / "x.toml", content);
  auto settings = Settings::load(folder / "x.toml");
  if (!settings) return std::unexpected(settings.error());
  Club club;
  settings->strings("words", club.words);
  settings->numbers("ports", club.ports, 1, 65535);
  settings->string("milter.socket", club.socket);
  club.members.resize(settings->tables("member"));
  for (std::size_t i = 0; i < club.members.size(); ++i) {
    const std::string table = fmt::format("member[{}].", i);
    settings->string(table + "name", club.members[i].name);
    settings->string(table + "signature_url", club.members[i].signature_url);
    settings->strings(table + "keys", club.members[i].keys);
  }
  if (auto done = settings->finish(); !done) return std::unexpected(done.error());
  return club;
}

// Without the directory's name.
std::string complaint(const std::string& content) {
  const std::string message = bad(read_club(content)).message;
  return message.substr(message.find("x.toml:"));
}

}  // namespace

TEST_CASE("an array of texts replaces its default, also an empty one") {
  CHECK(good(read_club("words = ['a', \"b c\"]\n")).words == std::vector<std::string>{"a", "b c"});
  CHECK(good(read_club("words = []\n")).words.empty());
  CHECK(good(read_club("")).words == std::vector<std::string>{"default"});
}

TEST_CASE("an array of numbers replaces its default, completely or not at all") {
  CHECK(good(read_club("ports = [25, 587]\n")).ports == std::vector<std::uint64_t>{25, 587});
  CHECK(good(read_club("ports = []\n")).ports.empty());
  CHECK(good(read_club("")).ports == std::vector<std::uint64_t>{1});
  CHECK(complaint("ports = 25\n") ==
        "x.toml:1:9: 'ports' is 25; it must be an array of whole numbers, such as [1, 2]");
  CHECK(complaint("ports = [25, 0]\n") ==
        "x.toml:1:14: 'ports' is 0; it must be an array of nothing but whole numbers from 1 to 65535, or "
        "\"default\"");
}

TEST_CASE("a value that is no array of texts is an error at its place") {
  CHECK(complaint("words = 'a'\n") ==
        R"(x.toml:1:9: 'words' is 'a'; it must be an array of texts, such as ["a", "b"])");
  CHECK(complaint("words = ['a',\n  7]\n") ==
        "x.toml:2:3: 'words' is 7; it must be an array of nothing but texts");
  CHECK(complaint("words = [['a']]\n").ends_with("an array of nothing but texts"));
  CHECK(complaint("[[words]]\na = 1\n").ends_with("an array of nothing but texts"));
  CHECK(complaint("[[member]]\nkeys = [1]\n") ==
        "x.toml:2:9: 'keys' in [[member]] is 1; it must be an array of nothing but texts");
}

TEST_CASE("an array of tables is read table by table, in order") {
  const Club club =
      good(read_club("[[member]]\nname = 'a'\nkeys = ['k', 'l']\n[[member]]\n[[member]]\nname = 'c'\n"));
  REQUIRE(club.members.size() == 3);
  CHECK(club.members[0].name == "a");
  CHECK(club.members[0].keys == std::vector<std::string>{"k", "l"});
  CHECK(club.members[1].name == "default");
  CHECK(club.members[2].name == "c");
  CHECK(good(read_club("member = [{ name = 'inline' }]\n")).members.at(0).name == "inline");
  CHECK(good(read_club("member = []\n")).members.empty());
  CHECK(good(read_club("")).members.empty());
}

TEST_CASE("an unknown key in an array of tables is found in each and named without an index") {
  CHECK(complaint("[[member]]\nname = 'a'\n[[member]]\nsignature_ulr = 'x'\n") ==
        "x.toml:4:1: unknown key 'signature_ulr' in [[member]]; did you mean 'signature_url'?");
  CHECK(complaint("[[member]]\nelephant = 1\n") == "x.toml:2:1: unknown key 'elephant' in [[member]]");
  CHECK(complaint("[[member]]\n'keys[0]' = 'x'\n").find("unknown key 'keys[0]' in [[member]]") !=
        std::string::npos);
  CHECK(complaint("'member[0]' = 'x'\n").find("unknown key 'member[0]'") != std::string::npos);
  CHECK(complaint("[[member]]\n[member.name]\nx = 1\n") ==
        "x.toml:2:1: 'name' in [[member]] is a table; it must be a text in quotes");
}

TEST_CASE("single brackets instead of double ones, or the reverse, are an error") {
  CHECK(complaint("[member]\nname = 'a'\n") ==
        "x.toml:1:1: 'member' is a table; it must be a table of which there can be several, written "
        "[[member]]");
  CHECK(complaint("member = [1]\n").ends_with("written [[member]]"));
  CHECK(complaint("member = [{ name = 'a' }, 1]\n").ends_with("written [[member]]"));
  CHECK(complaint("[[milter]]\nsocket = 'x'\n") ==
        "x.toml:1:3: 'milter' must be one table, written [milter]");
  CHECK(complaint("milter = 1\n").ends_with("'milter' must be one table, written [milter]"));
}

TEST_CASE("an unknown table is an error with the most similar known table") {
  CHECK(complaint("[[members]]\nname = 'a'\n") ==
        "x.toml:1:3: unknown table [[members]]; did you mean [[member]]?");
  CHECK(complaint("[[elephants]]\n") == "x.toml:1:3: unknown table [[elephants]]");
  CHECK(complaint("[miltr]\nsocket = 'a'\n") == "x.toml:1:2: unknown key 'miltr'; did you mean 'milter'?");
}

TEST_CASE("an error that the program finds has the place of the value, or of the table that lacks it") {
  const TemporaryFolder folder;
  write(folder / "x.toml", "[milter]\nsocket = 'x'\n\n[[member]]\nname = 'a'\nkeys = [\n  'k', 'l']\n");
  const auto settings = good(Settings::load(folder / "x.toml"));
  const auto place_and_text = [&](const char* key) {
    const std::string message = settings.error_at(key, "is wrong").message;
    return message.substr(message.find("x.toml"));
  };
  CHECK(place_and_text("milter.socket") == "x.toml:2:10: 'milter.socket' is wrong");
  CHECK(place_and_text("milter.other") == "x.toml:1:1: 'milter.other' is wrong");
  CHECK(place_and_text("member[0].name") == "x.toml:5:8: 'name' in [[member]] is wrong");
  CHECK(place_and_text("member[0].keys[1]") == "x.toml:7:8: 'keys' in [[member]] is wrong");
  CHECK(place_and_text("member[0].keys[2]") == "x.toml:6:8: 'keys' in [[member]] is wrong");
  CHECK(place_and_text("member[0]") == "x.toml:4:1: [[member]] is wrong");
  CHECK(place_and_text("elsewhere") == "x.toml:1:1: 'elsewhere' is wrong");
  CHECK(settings.error_at("elsewhere", "is wrong").fault == Fault::config);
}

TEST_CASE("a relative path starts at the directory of the file") {
  const TemporaryFolder folder;
  write(folder / "x.toml", "folder = 'a/../b'\n");
  auto settings = good(Settings::load(folder / "x.toml"));
  std::filesystem::path path = "/default";
  settings.path("folder", path);
  CHECK(path == folder.path() / "b");
  settings.path("absent", path);
  CHECK(path == folder.path() / "b");
  CHECK(settings.absolute("/x") == "/x");
  CHECK(settings.absolute("").empty());
  CHECK(Settings::none().absolute("x") == "x");
}

TEST_CASE("a mode is a text in octal") {
  const auto mode_in = [](const std::string& content) -> Result<mode_t> {
    const TemporaryFolder folder;
    write(folder / "x.toml", content);
    auto settings = good(Settings::load(folder / "x.toml"));
    mode_t mode = 0640;
    settings.mode("mode", mode);
    if (auto done = settings.finish(); !done) return std::unexpected(done.error());
    return mode;
  };
  CHECK(good(mode_in("")) == 0640);
  CHECK(good(mode_in("mode = '0600'")) == 0600);
  for (const char* wrong :
       {"mode = 'rw'", "mode = '0999'", "mode = '1777'", "mode = ''", "mode = 600", "mode = '0x1'"}) {
    CAPTURE(wrong);
    CHECK_THAT(bad(mode_in(wrong)).message, Catch::Matchers::ContainsSubstring("x.toml:1:8: 'mode' is "));
  }
}

namespace {

enum class Colour { red, green };
constexpr auto colours = enum_words<Colour>({{Colour::red, "red"}, {Colour::green, "green"}});

struct Checked {
  Colour colour = Colour::red;
  Address socket{.path = "/run/default"};
  std::optional<Address> page;
  std::optional<DomainName> domain;
  std::vector<DomainName> domains;
  std::vector<IpNetwork> networks{good(IpNetwork::parse("10.0.0.0/8"))};
  std::string program = "sendmail";
  std::vector<std::string> command{"true"};
  std::string animal = "cat";
  std::uint16_t port = 25;
  std::vector<Address> sockets{{.path = "/run/default"}};
  std::optional<int> even = 2;
};

Result<int> parse_even(const std::string& text) {
  const int number = std::stoi(text);
  if (number % 2 == 0) return number;
  return fail(Fault::config, "is '{}', not an even number", text);
}

Result<Checked> read_checked(const std::string& content) {
  const TemporaryFolder folder;
  write(folder / "x.toml", content);
  auto settings = good(Settings::load(folder / "x.toml"));
  Checked checked;
  settings.word("colour", checked.colour, colours);
  settings.address("socket", checked.socket);
  settings.address("page", checked.page);
  settings.domain("domain", checked.domain);
  settings.domains("domains", checked.domains);
  settings.networks("networks", checked.networks);
  settings.program("program", checked.program);
  settings.command("command", checked.command);
  settings.word("animal", checked.animal, {"cat", "dog"});
  settings.number("port", checked.port, 1, 65535);
  settings.addresses("sockets", checked.sockets);
  settings.parsed("even", checked.even, parse_even);
  settings.check(!checked.page || checked.page != checked.socket, "page", "is the same as 'socket'");
  if (auto done = settings.finish(); !done) return std::unexpected(done.error());
  return checked;
}

std::string refusal(const std::string& content) {
  const std::string message = bad(read_checked(content)).message;
  return message.substr(message.find("x.toml:"));
}

}  // namespace

TEST_CASE("a value with a meaning is converted to that meaning") {
  const Checked checked = good(read_checked(
      "colour = 'green'\nsocket = '127.0.0.1:25'\npage = 'unix:/p'\ndomain = 'A.Test'\ndomains = ['b.test']\n"
      "networks = ['default', '192.0.2.0/24']\nprogram = '/bin/true'\n"
      "command = ['/bin/x/../true', '/x/../y', '']\nanimal = 'dog'\nport = 65535\n"
      "sockets = ['127.0.0.1:1', 'default']\neven = '4'\n"));
  CHECK(checked.colour == Colour::green);
  CHECK(checked.socket.port == 25);
  CHECK(checked.page->path == "/p");
  CHECK(checked.domain->str() == "a.test");
  CHECK(checked.domains.at(0).str() == "b.test");
  CHECK(checked.networks.size() == 2);
  CHECK(checked.program == "/bin/true");
  CHECK(checked.command == std::vector<std::string>{"/bin/true", "/x/../y", ""});
  CHECK(checked.animal == "dog");
  CHECK(checked.port == 65535);
  REQUIRE(checked.sockets.size() == 2);
  CHECK(checked.sockets[0].port == 1);
  CHECK(checked.sockets[1].path == "/run/default");
  CHECK(checked.even == 4);
}

TEST_CASE("a value with a meaning keeps its default if the key is absent") {
  const Checked checked = good(read_checked(""));
  CHECK(checked.colour == Colour::red);
  CHECK(checked.socket.path == "/run/default");
  CHECK_FALSE(checked.page);
  CHECK_FALSE(checked.domain);
  CHECK(checked.networks.size() == 1);
  CHECK(checked.program == "sendmail");
  CHECK(checked.command == std::vector<std::string>{"true"});
  CHECK(checked.animal == "cat");
  CHECK(checked.port == 25);
  CHECK(checked.sockets.size() == 1);
  CHECK(checked.even == 2);
  const Checked none = good(read_checked("page = ''\ndomain = ''\ncommand = []\nsockets = []\neven = ''\n"));
  CHECK_FALSE(none.page);
  CHECK_FALSE(none.domain);
  CHECK(none.command.empty());
  CHECK(none.sockets.empty());
  CHECK_FALSE(none.even);
}

TEST_CASE("a mailer is a mail server or a program") {
  const auto read = [](const std::string& content) -> Result<std::string> {
    const TemporaryFolder folder;
    write(folder / "x.toml", content);
    Settings settings = good(Settings::load(folder / "x.toml"));
    std::string mailer = default_mailer;
    settings.mailer("mail", mailer);
    TRY(settings.finish());
    return mailer;
  };
  CHECK(good(read("")) == "smtp://127.0.0.1:25");
  CHECK(good(read("mail = 'smtp://mx.example.org:587'\n")) == "smtp://mx.example.org:587");
  CHECK(good(read("mail = 'sendmail'\n")) == "sendmail");
  CHECK(good(read("mail = '/usr/sbin/sendmail'\n")) == "/usr/sbin/sendmail");
  CHECK(good(read("mail = './sendmail'\n")).starts_with('/'));
  for (const char* wrong : {"mail = ''", "mail = '-t'", "mail = 'smtps://mx.example.org'", "mail = 25"}) {
    CAPTURE(wrong);
    CHECK(bad(read(wrong + std::string("\n"))).fault == Fault::config);
  }
}

TEST_CASE("a value without a meaning is an error with its place and the most similar word") {
  CHECK(refusal("colour = 'gren'\n") ==
        R"(x.toml:1:10: 'colour' is 'gren'; it must be "red" or "green"; did you mean "green"?)");
  CHECK(refusal("socket = 'x'\n").starts_with("x.toml:1:10: 'socket' is 'x'"));
  CHECK(refusal("socket = ''\n").starts_with("x.toml:1:10: 'socket' is ''"));
  CHECK(refusal("page = 'inet:inet:127.0.0.1:9461'\n")
            .starts_with("x.toml:1:8: 'page' is 'inet:inet:127.0.0.1:9461'"));
  CHECK(refusal("domain = 'a b'\n").starts_with("x.toml:1:10: 'domain' is not a domain: "));
  CHECK(refusal("domains = ['a.test',\n  'a b']\n")
            .starts_with("x.toml:2:3: 'domains' has an element that is"));
  CHECK(refusal("networks = ['default',\n  'here']\n").starts_with("x.toml:2:3: 'networks' is 'here'"));
  CHECK(refusal("program = ''\n") == "x.toml:1:11: 'program' names no program");
  CHECK(refusal("program = \"/a\\u0000\"\n").ends_with("which has a NUL character in it"));
  CHECK(refusal("program = \"a\\u0000\"\n").ends_with("which has a NUL character in it"));
  CHECK(refusal("command = ['', 'x']\n") == "x.toml:1:12: 'command' names no program");
  CHECK(refusal("command = ['a', \"b\\u0000\"]\n") == "x.toml:1:17: 'command' has a NUL character in it");
  CHECK(refusal("animal = 'horse'\n") == R"(x.toml:1:10: 'animal' is 'horse'; it must be "cat" or "dog")");
  CHECK(refusal("port = 65536\n") ==
        "x.toml:1:8: 'port' is 65536; it must be a whole number from 1 to 65535");
  CHECK(refusal("sockets = ['default',\n  'x']\n").starts_with("x.toml:2:3: 'sockets' is 'x', which has no"));
  CHECK(refusal("even = '5'\n") == "x.toml:1:8: 'even' is '5', not an even number");
  CHECK(refusal("page = 'unix:/run/default'\n") == "x.toml:1:8: 'page' is the same as 'socket'");
}

TEST_CASE("a misspelt key is reported before the key that is missing for that reason") {
  CHECK(refusal("colour = 'blue'\ndomian = 'a.test'\n") ==
        "x.toml:2:1: unknown key 'domian'; did you mean 'domain'?");
  CHECK(refusal("colour = 'blue'\ndomain = 7\n").starts_with("x.toml:2:10: 'domain' is 7"));
}
