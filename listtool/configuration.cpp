#include "listtool/configuration.h"

#include <fmt/ranges.h>
#include <fnmatch.h>

#include <algorithm>
#include <set>
#include <span>

#include "base/domain.h"
#include "base/file.h"
#include "base/text.h"
#include "base/try.h"
#include "config/settings.h"
#include "http/url.h"
#include "keyring/keyring.h"
#include "keyring/list_name.h"
#include "listtool/context.h"
#include "listtool/map_file.h"
#include "preload/reader.h"
#include "tlsrpt/record.h"

namespace starttls::listtool {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr std::string_view https = "https://";
constexpr unsigned max_check_days = 3'650;
constexpr std::size_t max_shown = 100;  // characters of a value in a message

// What is wrong with the URL of a list or a signature, or "".
std::string_view fault_of_url(std::string_view url) {
  const auto disturbs = [](unsigned char c) { return c <= ' ' || c == 0x7F; };
  if (!url.starts_with(https)) return "must begin with https://";
  if (std::ranges::any_of(url, disturbs)) return "has a blank or a control character in it";
  const auto authority = url.substr(https.size(), url.find_first_of("/?#", https.size()) - https.size());
  if (authority.find('@') != authority.npos) return "has a user name in it, which is not supported";
  if (authority.substr(0, authority.find(':')).empty()) return "has no host";
  return "";
}

// One that can stand on a command line and in a header.
bool is_mail_address(const std::string& text) {
  return tlsrpt::parse_destination("mailto:" + text).has_value();
}

bool is_each_once(std::span<const minisign::PublicKey> keys) {
  std::set<decltype(minisign::PublicKey::key)> different;
  for (const minisign::PublicKey& key : keys) different.insert(key.key);
  return different.size() == keys.size();
}

// "" if the URL has no file name.
std::string file_name(const ListSettings& list) {
  return list.url.empty() ? list.file.filename().string() : http::file_name(list.url);
}

Result<minisign::PublicKey> read_key_file(const fs::path& file) {
  const auto content = TRY(read_file(file, minisign::key_file_size_limit));
  return with_context(minisign::parse_key_file(content), "{}", printable(file.string()));
}

Result<minisign::PublicKey> parse_key(const std::string& text) {
  return with_context(minisign::parse_key(text), "is wrong");
}

Result<postfix::Version> parse_version(const std::string& text) {
  return with_context(postfix::parse_version(text), "is wrong");
}

Result<NextHop> parse_next_hop(const std::string& text) {
  return with_context(NextHop::parse(text), "is no next-hop");
}

// Reads the settings of the file, table by table. An invalid one is an error of Settings::finish().
class Reader {
 public:
  // The file is the one that the settings are from.
  Reader(config::Settings& settings, const fs::path& file)
      : settings_(settings), read_{settings.absolute(file.filename())} {}

  void read(Configuration& configuration);

 private:
  void check(bool holds, const std::string& key, std::string_view what) { settings_.check(holds, key, what); }
  void path_to_read(const std::string& key, fs::path& file);
  void check_url(const std::string& key, std::string_view url);
  void read_fetch(FetchLimits& fetch);
  void read_programs(Programs& programs);
  void read_name(const std::string& key, std::string& name);
  void read_signature(const std::string& key, std::string& signature);
  void read_keys(const std::string& in, std::vector<minisign::PublicKey>& keys);
  void read_signers(const std::string& in, ListSettings& list);
  void check_signers(const std::string& in, const ListSettings& list);
  void check_origin(const std::string& table, const ListSettings& list);
  void check_keys(const std::string& table, const ListSettings& list, bool has_minisign);
  void read_list(const std::string& table, ListSettings& list);
  void read_file_of_map(const std::string& key, fs::path& file);
  void check_overwrites(const std::string& key, const OutputSettings& output);
  void read_server(const std::string& in, OutputSettings& output);
  void read_output(const std::string& table, OutputSettings& output);
  void read_serve(ServeSettings& serve);
  void read_serve_limits(ServeSettings& serve);
  void read_check(CheckSettings& check);
  void check_list_name(const std::string& key, const std::string& name);
  void read_publish(PublishSettings& publish);
  void read_publish_limits(PublishSettings& publish);

  config::Settings& settings_;
  std::set<fs::path> read_;
  std::set<fs::path> written_;
  std::set<std::string> names_;
};

void Reader::path_to_read(const std::string& key, fs::path& file) {
  settings_.path(key, file);
  if (!file.empty()) read_.insert(file);
}

void Reader::check_url(const std::string& key, std::string_view url) {
  const auto fault = fault_of_url(url);
  check(fault.empty(), key, fault);
  const auto sound = http::is_https_url(url);
  check(sound.has_value(), key, sound ? "" : "is " + sound.error().message);
}

void Reader::read_fetch(FetchLimits& fetch) {
  settings_.seconds("fetch.timeout", fetch.timeout, 100ms, 1h);
  settings_.seconds("fetch.connect_timeout", fetch.connect_timeout, 100ms, 10min);
  settings_.number("fetch.max_size", fetch.max_size, 1, preload::list_size_limit);
  settings_.number("fetch.max_redirects", fetch.max_redirects, 0, 10);
  path_to_read("fetch.ca_file", fetch.ca_file);
}

void Reader::read_programs(Programs& programs) {
  settings_.program("programs.postmap", programs.postmap);
  settings_.program("programs.makemap", programs.makemap);
  settings_.program("programs.gpgv", programs.gpgv);
  settings_.program("programs.minisign", programs.minisign);
}

void Reader::read_name(const std::string& key, std::string& name) {
  settings_.string(key, name);
  check(!name.empty(), key, "is missing: each list needs a name of its own");
  check_list_name(key, name);
  check(name != "override", key, "may not be 'override', which stands for your own overrides");
  check(names_.insert(name).second, key, fmt::format("is '{}', which another list has", printable(name)));
}

void Reader::check_list_name(const std::string& key, const std::string& name) {
  const auto named = keyring::check_list_name(name);
  check(name.empty() || named.has_value(), key, named ? "" : named.error().message);
}

// A URL or a path.
void Reader::read_signature(const std::string& key, std::string& signature) {
  settings_.string(key, signature);
  if (is_url(signature)) return check_url(key, signature);
  fs::path file;
  path_to_read(key, file);
  signature = file.string();
}

void Reader::read_keys(const std::string& in, std::vector<minisign::PublicKey>& keys) {
  settings_.array(in + "keys", keys, parse_key);
  std::vector<minisign::PublicKey> of_files;
  settings_.array(in + "key_files", of_files, [this](const std::string& text) -> Result<minisign::PublicKey> {
    if (text.empty()) return fail(Fault::config, "names no file");
    const fs::path file = TRY(settings_.parse_path(text));
    read_.insert(file);
    return with_context(read_key_file(file), "is wrong");
  });
  keys.insert(keys.end(), of_files.begin(), of_files.end());
}

void Reader::read_signers(const std::string& in, ListSettings& list) {
  read_keys(in, list.keys);
  settings_.array(in + "root_keys", list.root_keys, parse_key);
  settings_.number(in + "threshold", list.threshold, 1, keyring::max_keys);
  settings_.number(in + "signatures", list.signatures, 1, keyring::max_keys);
  settings_.string(in + "list_name", list.list_name);
  const auto named = keyring::check_list_name(list.list_name);
  check(list.list_name.empty() || named, in + "list_name", named ? "" : named.error().message);
  check_signers(in, list);
  if (!list.root_keys.empty() && list.list_name.empty()) list.list_name = list.name;
}

// As many keys as must sign, each once.
void Reader::check_signers(const std::string& in, const ListSettings& list) {
  const bool has_roots = !list.root_keys.empty();
  constexpr std::string_view not_with_roots = "does not go together with 'root_keys'";
  check(!has_roots || list.keys.empty(), in + "root_keys", "does not go together with 'keys' or 'key_files'");
  check(!has_roots || list.signature.empty(), in + "signature", not_with_roots);
  check(!has_roots || !list.allow_legacy, in + "allow_legacy", not_with_roots);
  check(list.threshold == 1 || has_roots, in + "threshold", "is for 'root_keys' only");
  check(!has_roots || list.threshold <= list.root_keys.size(), in + "threshold",
        fmt::format("is {}, but there are only {} root keys", list.threshold, list.root_keys.size()));
  if (list.signatures > 1) {
    constexpr std::string_view with_one = "is only for lists that one key signs";
    check(list.signature.empty(), in + "signature", with_one);
    check(!list.allow_legacy, in + "allow_legacy", with_one);
    check(has_roots || list.signatures <= list.keys.size(), in + "signatures",
          fmt::format("is {}, but there are only {} keys", list.signatures, list.keys.size()));
    check(is_each_once(list.keys), in + "keys", "has a key twice");
  }
  check(is_each_once(list.root_keys), in + "root_keys", "has a key twice");
}

void Reader::check_origin(const std::string& table, const ListSettings& list) {
  check(!list.url.empty() || !list.file.empty(), table,
        fmt::format("'{}' has neither 'url' nor 'file'", printable(list.name)));
  check(list.url.empty() || list.file.empty(), table + ".file", "does not go together with 'url'");
  if (list.url.empty()) return;
  check_url(table + ".url", list.url);
  check(!list.signature.empty() || http::signature_url(list.url, ".minisig"), table + ".url",
        "names no file, so 'signature' must be given, too");
}

// One kind of key, and no setting of the other kind.
void Reader::check_keys(const std::string& table, const ListSettings& list, bool has_minisign) {
  const bool has_openpgp = !list.openpgp_key_file.empty();
  check(has_minisign || has_openpgp, table,
        fmt::format(
            "'{}' has no key: give it 'keys', 'key_files', 'root_keys' or 'openpgp_key_file', because a "
            "list must not be used unless its signature is checked",
            printable(list.name)));
  check(!has_minisign || !has_openpgp, table + ".openpgp_key_file",
        "does not go together with minisign keys: give one kind of key");
  constexpr std::string_view for_minisign = "is for minisign keys only";
  check(!list.allow_legacy || !has_openpgp, table + ".allow_legacy", for_minisign);
  check(list.signed_file.empty() || !has_openpgp, table + ".signed_file", for_minisign);
  check(!list.require_signed_file || !has_openpgp, table + ".require_signed_file", for_minisign);
  check(list.signatures == 1 || !has_openpgp, table + ".signatures", for_minisign);
  check(list.list_name.empty() || !has_openpgp, table + ".list_name", for_minisign);
}

void Reader::read_list(const std::string& table, ListSettings& list) {
  const std::string in = table + ".";
  read_name(in + "name", list.name);
  settings_.string(in + "url", list.url);
  path_to_read(in + "file", list.file);
  read_signature(in + "signature", list.signature);
  check_origin(table, list);
  path_to_read(in + "openpgp_key_file", list.openpgp_key_file);
  settings_.flag(in + "allow_legacy", list.allow_legacy);
  settings_.string(in + "signed_file", list.signed_file);
  settings_.flag(in + "require_signed_file", list.require_signed_file);
  check(!list.require_signed_file || !list.signed_file.empty() || !file_name(list).empty(),
        in + "require_signed_file", "needs 'signed_file', because 'url' names no file");
  settings_.number(in + "max_shrink", list.max_shrink, 0, 100);
  read_signers(in, list);
  check_keys(table, list, !list.keys.empty() || !list.root_keys.empty());
}

void Reader::read_file_of_map(const std::string& key, fs::path& file) {
  settings_.path(key, file);
  check(!file.empty(), key, "is missing: where is the map to go?");
  check(file.has_filename(), key, fmt::format("is '{}', a directory", printable(file.string(), max_shown)));
}

// Maps of several types may have the same name: each type adds its own suffix.
void Reader::check_overwrites(const std::string& key, const OutputSettings& output) {
  const fs::path file = map_file(output);
  check(!read_.contains(file), key, "is a file that is read, too, and would be overwritten");
  check(written_.insert(file).second, key, "is that of another output, too");
}

void Reader::read_server(const std::string& in, OutputSettings& output) {
  const auto known = mail_server_names();
  std::string name;
  settings_.string(in + "mta", name);
  check(!name.empty(), in + "mta", fmt::format("is missing: \"{}\"?", fmt::join(known, "\" or \"")));
  settings_.word(in + "mta", name, known);
  if (const MailServer* const found = find_mail_server(name)) output.server = found;
}

void Reader::read_output(const std::string& table, OutputSettings& output) {
  const std::string in = table + ".";
  read_server(in, output);
  const auto types = map_type_names(*output.server);
  output.type = types.front();
  read_file_of_map(in + "file", output.file);
  settings_.word(in + "type", output.type, types);
  check_overwrites(in + "file", output);
  settings_.flag(in + "early_adopter", output.early_adopter);
  settings_.parsed(in + "postfix_version", output.postfix_version, parse_version);
  check(output.server->has_versions || !output.postfix_version, in + "postfix_version",
        "is for Postfix only");
  settings_.array(in + "next_hops", output.next_hops, parse_next_hop);
  check(output.server->has_next_hops || output.next_hops.empty(), in + "next_hops", "is for Postfix only");
  settings_.command(in + "command", output.command);
}

void Reader::read_serve(ServeSettings& serve) {
  settings_.addresses("serve.listen", serve.listen);
  settings_.mode("serve.socket_mode", serve.socket_mode);
  settings_.string("serve.socket_group", serve.socket_group);
  settings_.address("serve.metrics", serve.metrics);
  check(!serve.metrics || std::ranges::find(serve.listen, *serve.metrics) == serve.listen.end(),
        "serve.metrics",
        fmt::format("is '{}', where 'serve.listen' has mail servers answered",
                    serve.metrics ? printable(config::to_string(*serve.metrics), max_shown) : ""));
  settings_.string("serve.user", serve.user);
  settings_.string("serve.group", serve.group);
  check(serve.group.empty() || !serve.user.empty(), "serve.group",
        fmt::format("is '{}', which needs 'user'", printable(serve.group, max_shown)));
  settings_.flag("serve.dane", serve.dane);
  settings_.flag("serve.early_adopter", serve.early_adopter);
  settings_.flag("serve.hold_without_policy", serve.hold_without_policy);
  settings_.flag("serve.wait_for_dane", serve.wait_for_dane);
  settings_.parsed("serve.postfix_version", serve.postfix_version, parse_version);
  read_serve_limits(serve);
  settings_.word("serve.log", serve.log, config::log_target_words);
  settings_.word("serve.log_level", serve.log_level, config::log_level_words);
}

void Reader::read_serve_limits(ServeSettings& serve) {
  settings_.seconds("serve.dane_max_stale", serve.dane_max_stale, 0s, 30 * 24h);
  settings_.seconds("serve.answer_timeout", serve.answer_timeout, 100ms, 90s);
  settings_.seconds("serve.idle_timeout", serve.idle_timeout, 1s, 24h);
  settings_.number("serve.max_connections", serve.max_connections, 1, 1'000'000);
  settings_.number("serve.max_domains", serve.max_domains, 1, 10'000'000);
  settings_.number("serve.max_lookups", serve.max_lookups, 1, 100'000);
}

void Reader::read_check(CheckSettings& check) {
  settings_.domains("check.domains", check.domains);
  settings_.number("check.days", check.days, 0, max_check_days);
  std::optional<DomainName> ehlo;
  settings_.domain("check.ehlo", ehlo);
  if (ehlo) check.ehlo = ehlo->str();
  settings_.path("check.state", check.state);
}

void Reader::read_publish(PublishSettings& publish) {
  settings_.string("publish.name", publish.name);
  check_list_name("publish.name", publish.name);
  settings_.string("publish.url", publish.url);
  if (!publish.url.empty()) check_url("publish.url", publish.url);
  check(publish.url.empty() || publish.url.ends_with('/'), "publish.url", "must end with '/'");
  settings_.string("publish.author", publish.author);
  settings_.path("publish.directory", publish.directory);
  check(!publish.directory.empty(), "publish.directory", "names no directory");
  settings_.array("publish.secret_keys", publish.secret_keys,
                  [this](const std::string& text) -> Result<fs::path> {
                    if (text.empty()) return fail(Fault::config, "names no file");
                    return settings_.parse_path(text);
                  });
  settings_.string("publish.mail_from", publish.mail_from);
  check(publish.mail_from.empty() || is_mail_address(publish.mail_from), "publish.mail_from",
        fmt::format("is '{}', which is no mail address", printable(publish.mail_from, max_shown)));
  settings_.mailer("publish.mail", publish.mail);
  settings_.array("publish.report_to", publish.report_to, [](const std::string& text) -> Result<std::string> {
    if (text.starts_with("mailto:") || text.starts_with("https://")) return text;
    return fail(Fault::config, "is '{}', which begins neither with 'mailto:' nor with 'https://'",
                printable(text, max_shown));
  });
  std::optional<config::Address> receive;
  settings_.address("publish.receive", receive);
  if (receive) publish.receive = std::move(*receive);
  read_publish_limits(publish);
}

void Reader::read_publish_limits(PublishSettings& publish) {
  listing::Rules& rules = publish.rules;
  constexpr unsigned max_rule_days = 1'000;
  settings_.number("publish.expires_days", publish.expires_days, 2, 30);
  settings_.number("publish.check_hours", publish.check_hours, 0, 24 * 7);
  settings_.number("publish.watch_days", rules.watch_days, 0, max_rule_days);
  settings_.number("publish.grace_days", rules.grace_days, 0, max_rule_days);
  settings_.number("publish.grace_checks", rules.grace_failures, 1, max_rule_days);
  settings_.number("publish.doubting_reporters", rules.doubting_reporters, 0, max_rule_days);
  settings_.number("publish.max_change", publish.limits.max_change, 0, 100);
  settings_.number("publish.max_unknown", publish.limits.max_unknown, 0, 100);
  settings_.number("publish.keep_editions", publish.keep_editions, 2, max_rule_days);
}

void Reader::read(Configuration& configuration) {
  settings_.path("state_dir", configuration.state_dir);
  check(!configuration.state_dir.empty(), "state_dir", "names no directory");
  path_to_read("overrides", configuration.overrides);
  settings_.path("deliveries", configuration.deliveries);
  read_fetch(configuration.fetch);
  discovery::read_settings(
      settings_, [this](const std::string& key, fs::path& file) { path_to_read(key, file); },
      configuration.discovery);
  read_programs(configuration.programs);
  configuration.lists.resize(settings_.tables("list"));
  for (std::size_t i = 0; i < configuration.lists.size(); ++i) {
    read_list(fmt::format("list[{}]", i), configuration.lists[i]);
  }
  // Last, because an output must not be one of the files that are read.
  configuration.outputs.resize(settings_.tables("output"));
  for (std::size_t i = 0; i < configuration.outputs.size(); ++i) {
    read_output(fmt::format("output[{}]", i), configuration.outputs[i]);
  }
  read_serve(configuration.serve);
  read_check(configuration.check);
  read_publish(configuration.publish);
}

}  // namespace

fs::path mta_sts_cache(const Configuration& configuration) {
  const fs::path& configured = configuration.discovery.cache;
  return configured.empty() ? configuration.state_dir / "mta-sts" / "cache.sqlite" : configured;
}

fs::path watch_state(const Configuration& configuration) {
  const fs::path& configured = configuration.check.state;
  return configured.empty() ? configuration.state_dir / "check" / "check.state" : configured;
}

bool signed_as(const ListSettings& list, const std::string& name) {
  if (!list.signed_file.empty()) return ::fnmatch(list.signed_file.c_str(), name.c_str(), 0) == 0;
  const std::string expected = file_name(list);
  return expected.empty() || expected == name;
}

std::string origin(const ListSettings& list) {
  return list.url.empty() ? list.file.string() : list.url;
}

std::string shown_origin(const std::string& place) {
  return is_url(place) ? http::shown(place) : place;
}

discovery::PolicyResolverSettings examiner_settings(const ServeSettings& settings, dane::Detail detail) {
  return {.dane = settings.dane,
          .dane_detail = detail,
          .dane_max_stale = std::chrono::duration_cast<std::chrono::seconds>(settings.dane_max_stale)};
}

bool is_url(std::string_view text) {
  return text.find("://") != text.npos;
}

Error Configuration::error_at(const std::string& key, std::string_view what) const {
  if (file) return file->error_at(key, what);
  return {Fault::config, fmt::format("'{}' {} (there is no {})", key, what, default_configuration)};
}

Result<Configuration> read_configuration(const fs::path& file, FileKind kind) {
  auto settings = TRY(config::Settings::load(file, kind));
  Configuration configuration;
  Reader(settings, file).read(configuration);
  TRY(settings.finish());
  configuration.file = std::make_shared<const config::Settings>(std::move(settings));
  return configuration;
}

}  // namespace starttls::listtool
