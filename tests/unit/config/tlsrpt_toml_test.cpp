#include "config/tlsrpt_toml.h"

#include "support.h"

using namespace starttls;
using namespace starttls::config;
using namespace starttls::test;
using namespace std::chrono_literals;

namespace {

Result<TlsrptConfig> configuration(const std::string& content) {
  const TemporaryFolder folder;
  write(folder / "tlsrpt.toml", content);
  return load_tlsrpt_config(folder / "tlsrpt.toml");
}

}  // namespace

TEST_CASE("every key of the configuration is read") {
  const TlsrptConfig c = good(configuration(R"(
state_dir = "/s"
store = "postgresql://db/tls"
[milter]
socket_owner = "o"
user = "u"
metrics = "inet:127.0.0.1:9461"
mta_log = "/var/log/mail.log"
client_address = "prefix"
local_networks = ["192.0.2.0/24"]
ports = [25]
exclude_ports = []
daemons = ["MX"]
exclude_daemons = ["Other"]
record_authenticated = true
on_downgrade = "tempfail"
downgrade_after = 3
max_idle_threads = 0
downgrade_exempt = ["Sender.TEST"]
retention_days = 30
socket = "inet:1@127.0.0.1"
socket_mode = "0666"
socket_group = "mail"
log = "stderr"
log_level = "debug"
pid_file = "/p"
sync_interval = 2
fold_interval = 0.5
[collector]
mta_log = "journal:/j"
[report]
organization = "O"
contact = "c@o.test"
policy_domain = "O.Test"
trusted_authserv_ids = ["MX.O.Test", "2"]
receive = "unix:/r"
max_posts = 9
max_posts_per_client = 8
)"));
  CHECK(c.report.trusted_authserv_ids == std::vector<std::string>{"mx.o.test", "2"});
  CHECK(c.state_dir == "/s");
  CHECK(config::to_string(c.milter.socket) == "inet:1@127.0.0.1");
  CHECK(c.milter.socket == *config::parse_address("inet:127.0.0.1:1"));
  CHECK(c.milter.socket_mode == 0666);
  CHECK(c.milter.socket_group == "mail");
  CHECK(c.milter.log == LogTarget::standard_error);
  CHECK(c.milter.log_level == LogLevel::debug);
  CHECK(c.milter.pid_file == "/p");
  CHECK(c.milter.sync_interval == 2s);
  CHECK(c.milter.fold_interval == 500ms);
  CHECK(c.store == "postgresql://db/tls");
  CHECK(c.milter.socket_owner == "o");
  CHECK(c.milter.user == "u");
  CHECK(config::to_string(c.milter.metrics.value()) == "inet:127.0.0.1:9461");
  CHECK(c.milter.mta_log == "/var/log/mail.log");
  CHECK(c.collector.mta_log == "journal:/j");
  CHECK(c.milter.client_address == AddressDetail::prefix);
  REQUIRE(c.milter.sessions.local_networks.size() == 1);
  CHECK(c.milter.sessions.local_networks[0].text() == "192.0.2.0/24");
  CHECK(c.milter.sessions.ports == std::vector<std::uint64_t>{25});
  CHECK(c.milter.sessions.excluded_ports.empty());
  CHECK(c.milter.sessions.daemons == std::vector<std::string>{"mx"});
  CHECK(c.milter.sessions.excluded_daemons == std::vector<std::string>{"other"});
  CHECK(c.milter.sessions.authenticated);
  CHECK(c.milter.on_downgrade == OnDowngrade::tempfail);
  CHECK(c.milter.downgrade_after == 3);
  CHECK(c.milter.max_idle_threads == 0);
  REQUIRE(c.milter.downgrade_exempt.size() == 1);
  CHECK(c.milter.downgrade_exempt[0].str() == "sender.test");
  CHECK(c.milter.retention_days == 30);
  CHECK(c.report.organization == "O");
  CHECK(c.report.contact == "c@o.test");
  CHECK(c.report.policy_domain == "o.test");
  CHECK(c.report.receive.path == "/r");
  CHECK(c.report.max_posts == 9);
  CHECK(c.report.max_posts_per_client == 8);
}

TEST_CASE("an empty configuration is the default one") {
  const TlsrptConfig c = good(configuration(""));
  CHECK(c.state_dir == TlsrptConfig{}.state_dir);
  CHECK(c.milter.sessions.local_networks.size() == default_local_networks().size());
}

TEST_CASE("mistakes in the configuration are reported with their reason") {
  for (const char* text :
       {"local_networks = ['here']", "client_address = 'half'", "on_downgrade = 'bounce'",
        "downgrade_exempt = ['a b']", "mta_log = 'mail.log'", "metrics = '9461'", "socket = 'x'",
        "socket_mode = 'rw'", "metrics_mode = '1777'", "log = 'paper'", "log_level = 'loud'", "socket = ''",
        "ports = [0]", "downgrade_after = 0", "max_idle_threads = -1", "max_idle_threads = 10001"}) {
    CAPTURE(text);
    const Error error = bad(configuration("[milter]\n" + std::string(text)));
    CHECK(error.fault == Fault::config);
    CHECK(error.message.find("tlsrpt.toml:2:") != std::string::npos);
  }
  CHECK(bad(configuration("[collector]\nmta_log = 'mail.log'"))
            .message.find("'collector.mta_log' is 'mail.log'") != std::string::npos);
  const Error store = bad(configuration("store = 'mysql://user:secret@db'"));
  CHECK(store.message.find("postgresql://") != std::string::npos);
  CHECK(store.message.find("secret") == std::string::npos);
  CHECK(bad(configuration("statedir = \"/s\"\n")).message.find("did you mean 'state_dir'?") !=
        std::string::npos);
  CHECK(bad(load_tlsrpt_config("/nonexistent")).fault == Fault::config);
}

TEST_CASE("a default that excludes sessions can be added to") {
  const TlsrptConfig by_default = good(configuration(""));
  const TlsrptConfig more = good(configuration(R"(
[milter]
local_networks = ["default", "198.51.100.0/24"]
exclude_ports = ["default", 2525]
exclude_daemons = ["default", "Relay"]
)"));
  CHECK(more.milter.sessions.local_networks.size() == by_default.milter.sessions.local_networks.size() + 1);
  CHECK(more.milter.sessions.local_networks.back().text() == "198.51.100.0/24");
  CHECK(more.milter.sessions.excluded_ports == std::vector<std::uint64_t>{465, 587, 2525});
  CHECK(more.milter.sessions.excluded_daemons == std::vector<std::string>{"msa", "originating", "relay"});
  const TlsrptConfig only = good(configuration("[milter]\nlocal_networks = [\"198.51.100.0/24\"]\n"));
  CHECK(only.milter.sessions.local_networks.size() == 1);
  CHECK(bad(configuration("[milter]\nlocal_networks = [\"defaults\"]\n")).fault == Fault::config);
}

TEST_CASE("services of the log have the names of the log, or the names of their programs") {
  const TlsrptConfig c = good(configuration(R"(
[milter]
mta_log_services = ["postfix", "Postfix-MX2/smtpd"]
exclude_mta_log_services = ["postfix/submission/smtpd", "MSA"]
)"));
  CHECK(c.milter.sessions.log_services == std::vector<std::string>{"postfix", "postfix-mx2"});
  CHECK(c.milter.sessions.excluded_log_services == std::vector<std::string>{"postfix/submission", "msa"});
}
