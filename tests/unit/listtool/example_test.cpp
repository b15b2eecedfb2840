#include <algorithm>
#include <set>

#include "example_file.h"
#include "listtool/configuration.h"

using namespace starttls;
using namespace starttls::listtool;
using namespace starttls::test;

namespace {

const std::filesystem::path example = STARTTLS_SOURCE "/packaging/listtool.toml";

// Keys that have no default, or one that depends on the host: the example shows one way to use them.
const std::set<std::string> without_default{
    "overrides",          "fetch.ca_file",         "dns.servers",
    "dns.stub_zones",     "mta-sts.ca_file",       "serve.listen",
    "serve.user",         "serve.group",           "serve.metrics",
    "serve.socket_group", "serve.postfix_version", "check.domains",
    "check.ehlo",         "publish.name",          "publish.url",
    "publish.author",     "publish.secret_keys",   "publish.mail_from",
    "publish.report_to"};

Result<Configuration> load(const std::string& content) {
  const TemporaryFolder folder;
  write(folder / "listtool.toml", content);
  return read_configuration(folder / "listtool.toml");
}

// The keys of a table that the example shows first; there, alternatives follow them.
std::string shown(const std::string& table, const std::set<std::string>& names) {
  std::string text;
  std::set<std::string> missing = names;
  for (const ExampleKey& key : keys_of_example(example)) {
    if (key.table == table && missing.erase(key.name) > 0) text += text.empty() ? key.file() : key.text;
  }
  CHECK(missing.empty());
  return text;
}

std::string shown_list() {
  return shown("list[]", {"name", "url", "keys"});
}
std::string shown_output() {
  return shown("output[]", {"mta", "file", "command"});
}

bool is_default(const FetchLimits& a) {
  const FetchLimits b;
  return a.timeout == b.timeout && a.connect_timeout == b.connect_timeout && a.max_size == b.max_size &&
         a.max_redirects == b.max_redirects && a.ca_file == b.ca_file;
}

bool is_default(const Programs& a) {
  const Programs b;
  return a.postmap == b.postmap && a.makemap == b.makemap && a.gpgv == b.gpgv && a.minisign == b.minisign;
}

bool is_default(const dns::Settings& a) {
  const dns::Settings b;
  return a.servers == b.servers && a.resolv_conf == b.resolv_conf && a.stub_zones.empty() &&
         a.dnssec == b.dnssec && a.trust_anchor == b.trust_anchor && a.timeout == b.timeout;
}

bool is_default(const http::FetcherSettings& a) {
  const http::FetcherSettings b;
  return a.ca_file == b.ca_file && a.port == b.port && a.private_addresses == b.private_addresses &&
         a.total == b.total && a.connect == b.connect && a.max_concurrent == b.max_concurrent &&
         a.max_per_address == b.max_per_address;
}

bool is_default(const ServeSettings& a) {
  const ServeSettings b;
  const bool is_socket_default = a.listen == b.listen && a.socket_mode == b.socket_mode &&
                                 a.socket_group == b.socket_group && a.user == b.user && a.group == b.group &&
                                 a.metrics == b.metrics;
  const bool is_answer_default = a.dane == b.dane && a.early_adopter == b.early_adopter &&
                                 a.hold_without_policy == b.hold_without_policy &&
                                 a.wait_for_dane == b.wait_for_dane && a.dane_max_stale == b.dane_max_stale &&
                                 a.postfix_version.has_value() == b.postfix_version.has_value() &&
                                 a.answer_timeout == b.answer_timeout;
  return is_socket_default && is_answer_default && a.idle_timeout == b.idle_timeout &&
         a.max_connections == b.max_connections && a.max_domains == b.max_domains &&
         a.max_lookups == b.max_lookups && a.log == b.log && a.log_level == b.log_level;
}

bool is_default(const PublishSettings& a) {
  const PublishSettings b;
  const bool are_rules_default =
      a.rules.watch_days == b.rules.watch_days && a.rules.grace_days == b.rules.grace_days &&
      a.rules.grace_failures == b.rules.grace_failures &&
      a.rules.doubting_reporters == b.rules.doubting_reporters && a.report_to == b.report_to &&
      a.receive == b.receive && a.limits.max_change == b.limits.max_change &&
      a.limits.max_unknown == b.limits.max_unknown;
  return are_rules_default && a.name == b.name && a.url == b.url && a.author == b.author &&
         a.directory == b.directory && a.secret_keys == b.secret_keys && a.expires_days == b.expires_days &&
         a.check_hours == b.check_hours && a.mail_from == b.mail_from && a.mail == b.mail &&
         a.keep_editions == b.keep_editions;
}

bool is_default(const Configuration& a) {
  const Configuration b;
  return a.state_dir == b.state_dir && a.overrides == b.overrides && mta_sts_cache(a) == mta_sts_cache(b) &&
         watch_state(a) == watch_state(b) && a.check.domains.empty() && a.check.days == b.check.days &&
         a.check.ehlo == b.check.ehlo && is_default(a.fetch) && is_default(a.programs) &&
         is_default(a.discovery.dns) && is_default(a.discovery.policy_hosts) && is_default(a.serve) &&
         is_default(a.publish) && a.lists.empty() && a.outputs.empty();
}

}  // namespace

TEST_CASE("the example file has every key of the configuration, and no other") {
  std::set<std::string> keys;
  for (const ExampleKey& key : keys_of_example(example)) keys.insert(key.key());
  std::set<std::string> declared;
  // One table of each kind, so that its keys are declared.
  const Configuration config = good(load(shown_list() + shown_output()));
  for (const std::string& key : config.file->keys()) {
    if (!key.ends_with("[]")) declared.insert(key);
  }
  CHECK(keys == declared);
}

TEST_CASE("the example file shows the default, or one way to use a key that has none") {
  for (const ExampleKey& key : keys_of_example(example)) {
    CAPTURE(key.key());
    CHECK(key.is_commented);
    if (key.table.ends_with("[]")) continue;  // which have required keys
    // A group needs a user.
    const std::string more = key.key() == "serve.group" ? "user = 'starttls-toolkit'\n" : "";
    CHECK(is_default(good(load(key.file() + more))) != without_default.contains(key.key()));
  }
}

TEST_CASE("the defaults that the example file shows for lists and outputs are those of one without them") {
  const std::set<std::string> with_default{"list[].require_signed_file", "list[].max_shrink",
                                           "list[].allow_legacy", "list[].threshold", "list[].signatures"};
  for (const ExampleKey& key : keys_of_example(example)) {
    if (!with_default.contains(key.key())) continue;
    const std::string list =
        "[[list]]\nname = 'a'\nurl = 'https://a.test/l.json'\n"
        "keys = ['RWTF4yuwIAnmYbpPD5yPkSKKgETilaz2EDUjwK4iWzL18LYnsWSL6okf']\n";
    const ListSettings with = good(load(list + key.text)).lists.at(0);
    const ListSettings without = ListSettings();
    CHECK(with.require_signed_file == without.require_signed_file);
    CHECK(with.max_shrink == without.max_shrink);
    CHECK(with.allow_legacy == without.allow_legacy);
    CHECK(with.threshold == without.threshold);
    CHECK(with.signatures == without.signatures);
  }
}

TEST_CASE("the unchanged example file changes no setting") {
  CHECK(is_default(good(read_configuration(example))));
}

TEST_CASE("the list and the map that the example file shows are a configuration") {
  const Configuration config = good(load(shown_list() + shown_output()));
  REQUIRE(config.lists.size() == 1);
  CHECK(config.lists[0].url.starts_with("https://"));
  CHECK(config.lists[0].keys.size() == 1);
  REQUIRE(config.outputs.size() == 1);
  CHECK(config.outputs[0].server->name == "postfix");
  CHECK(config.outputs[0].file == "/etc/postfix/tls_policy");
}
