#include <algorithm>
#include <set>

#include "config/tlsrpt_toml.h"
#include "example_file.h"

using namespace starttls;
using namespace starttls::config;
using namespace starttls::test;

namespace {

const std::filesystem::path example = STARTTLS_SOURCE "/packaging/tlsrpt.toml";

// Keys that have no default, or one that depends on the host: the example shows one way to use them.
const std::set<std::string> without_default{"store",
                                            "milter.socket_group",
                                            "milter.user",
                                            "milter.pid_file",
                                            "milter.metrics",
                                            "milter.mta_log",
                                            "collector.mta_log",
                                            "milter.ports",
                                            "milter.daemons",
                                            "milter.mta_log_services",
                                            "milter.exclude_mta_log_services",
                                            "milter.downgrade_exempt",
                                            "collector.socket_group",
                                            "collector.user",
                                            "collector.pid_file",
                                            "collector.metrics",
                                            "report.organization",
                                            "report.contact",
                                            "report.domains",
                                            "report.trusted_authserv_ids",
                                            "report.rua",
                                            "report.send_window",
                                            "report.min_tls",
                                            "report.policy_domain",
                                            "reporter[].name",
                                            "reporter[].domains",
                                            "policy[].domain",
                                            "policy[].file",
                                            "destination[].domain",
                                            "destination[].rua"};

Result<TlsrptConfig> load(const std::string& content) {
  const TemporaryFolder folder;
  write(folder / "tlsrpt.toml", content);
  return load_tlsrpt_config(folder / "tlsrpt.toml");
}

bool is_default(const TlsrptConfig& config) {
  const TlsrptConfig defaults;
  return config.state_dir == defaults.state_dir && config.store == defaults.store &&
         config.milter == defaults.milter && config.collector == defaults.collector &&
         config.report == defaults.report && config.reporters.empty() && config.policies.empty();
}

}  // namespace

TEST_CASE("the example file has every key of the configuration, and no other") {
  std::vector<std::string> shown;
  for (const ExampleKey& key : keys_of_example(example)) shown.push_back(key.key());
  std::vector<std::string> declared;
  // One table of each kind, so that its keys are declared.
  const TlsrptConfig config =
      good(load("[[reporter]]\nname = 'a'\ndomains = ['a.test']\n"
                "[[policy]]\ndomain = 'a.test'\nfile = 'f'\n"
                "[[destination]]\ndomain = 'a.test'\n"));
  for (const std::string& key : config.file->keys()) {
    // "policy[]" is a table; [dns] and [mta-sts] belong to tlsrpt-report, with the keys of listtool.toml(5).
    if (!key.ends_with("[]") && key != "dns" && key != "mta-sts") declared.push_back(key);
  }
  std::ranges::sort(shown);
  std::ranges::sort(declared);
  CHECK(shown == declared);
}

TEST_CASE("the example file shows the default, or one way to use a key that has none") {
  for (const ExampleKey& key : keys_of_example(example)) {
    CAPTURE(key.key());
    CHECK(key.is_commented);
    if (key.table.ends_with("[]")) continue;
    CHECK(is_default(good(load(key.file()))) != without_default.contains(key.key()));
  }
}

TEST_CASE("the whole example file, without its '#', is a configuration") {
  std::string content;
  std::string table;
  for (const ExampleKey& key : keys_of_example(example)) {
    content += key.table == table ? key.text : key.file();
    table = key.table;
  }
  const TlsrptConfig config = good(load(content));
  CHECK(config.reporters.size() == 1);
  CHECK(config.policies.size() == 1);
  CHECK_FALSE(is_default(config));
}

TEST_CASE("the unchanged example file changes no setting") {
  CHECK(is_default(good(load_tlsrpt_config(example))));
}
