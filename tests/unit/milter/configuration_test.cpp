#include "milter/configuration.h"

#include "support.h"

using namespace starttls;
using namespace starttls::milter;
using namespace starttls::test;
using namespace std::chrono_literals;

namespace {

Result<Configuration> configuration(const std::string& content) {
  const TemporaryFolder folder;
  write(folder / "tlsrpt.toml", content);
  return load_configuration(folder / "tlsrpt.toml");
}

}  // namespace

TEST_CASE("every key of the configuration is read") {
  const Configuration c = good(configuration(R"(
state_dir = "/s"
[milter]
socket = "inet:1@127.0.0.1"
socket_mode = "0666"
socket_group = "mail"
log = "stderr"
log_level = "debug"
pid_file = "/p"
sync_interval = 2
fold_interval = 0.5
[report]
organization = "O"
contact = "c@o.test"
)"));
  CHECK(c.state_dir == "/s");
  CHECK(c.socket == "inet:1@127.0.0.1");
  CHECK(c.socket_mode == 0666);
  CHECK(c.socket_group == "mail");
  CHECK(c.log == "stderr");
  CHECK(c.log_level == "debug");
  CHECK(c.pid_file == "/p");
  CHECK(c.sync_interval == 2s);
  CHECK(c.fold_interval == 500ms);
  CHECK(c.organization == "O");
  CHECK(c.contact == "c@o.test");
}

TEST_CASE("an empty configuration is the default one") {
  CHECK(good(configuration("")).state_dir == Configuration{}.state_dir);
}

TEST_CASE("mistakes in the configuration are told with their reason") {
  CHECK(bad(configuration("[milter]\nsocket_mode = \"rw\"\n")).message ==
        "'milter.socket_mode' is 'rw', not an octal mode such as \"0660\"");
  CHECK(bad(configuration("[milter]\nsocket_mode = \"1777\"\n")).fault == Fault::config);
  CHECK(bad(configuration("[milter]\nlog = \"paper\"\n")).fault == Fault::config);
  CHECK(bad(configuration("statedir = \"/s\"\n")).message.find("did you mean 'state_dir'?") !=
        std::string::npos);
  CHECK(bad(load_configuration("/nonexistent")).fault == Fault::config);
}
