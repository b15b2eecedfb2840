#include "base/settings.h"

#include "support.h"

using namespace starttls;
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
  settings->text("milter.socket", example.socket);
  settings->flag("enabled", example.enabled);
  settings->number("count", example.count, 1, 10);
  settings->seconds("interval", example.interval, 10ms, 1h);
  settings->path("folder", example.folder);
  if (auto done = settings->finish(); !done) return std::unexpected(done.error());
  return example;
}

}  // namespace

TEST_CASE("settings take the place of defaults") {
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

TEST_CASE("an unknown key is an error that names its place and the nearest known one") {
  const Error error = bad(read_example("count = 1\nintervall = 2\n"));
  CHECK(error.fault == Fault::config);
  CHECK(error.message.find("x.toml:2:1: unknown key 'intervall'; did you mean 'interval'?") !=
        std::string::npos);
  CHECK(bad(read_example("[milter]\nsokket = 'x'\n")).message.find("did you mean 'milter.socket'?") !=
        std::string::npos);
  CHECK(bad(read_example("\"milter.socket\" = 'x'\n")).fault == Fault::config);
  CHECK(bad(read_example("[other]\nx = 1\n")).message.ends_with("unknown key 'other'"));
}

TEST_CASE("a wrong kind of value or one out of range is an error with its place") {
  CHECK(bad(read_example("count = 11\n"))
            .message.ends_with("x.toml:1:9: 'count' must be a whole number from 1 to 10"));
  CHECK(bad(read_example("count = -1\n")).fault == Fault::config);
  CHECK(bad(read_example("count = 'three'\n")).fault == Fault::config);
  CHECK(bad(read_example("enabled = 1\n")).message.ends_with("'enabled' must be true or false"));
  CHECK(bad(read_example("interval = 4000\n")).message.ends_with("a number of seconds from 0.01 to 3600"));
  CHECK(bad(read_example("folder = 7\n")).message.ends_with("'folder' must be a text in quotes"));
  CHECK(bad(read_example("interval = nan\n")).fault == Fault::config);
}

TEST_CASE("what is no TOML is an error with its place") {
  CHECK(bad(read_example("count = \n")).message.find("x.toml:1:") != std::string::npos);
  CHECK(bad(Settings::load("/nonexistent/x.toml")).fault == Fault::config);
}
