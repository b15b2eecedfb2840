#include "listtool/configuration.h"

#include <fmt/ranges.h>
#include <fnmatch.h>

#include <algorithm>
#include <set>
#include <span>

#include "base/file.h"
#include "base/text.h"
#include "base/try.h"
#include "config/settings.h"
#include "http/url.h"
#include "listtool/configuration_text.h"
#include "listtool/map_file.h"

namespace starttls::listtool {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;

constexpr std::size_t max_name_length = 64;
constexpr std::string_view name_characters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
constexpr std::string_view https = "https://";

const std::vector<std::string> log_targets{"stderr", "syslog"};
const std::vector<std::string> log_levels{"debug", "info", "warning", "error"};

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

// "" if the URL has no file name.
std::string file_name(const ListSettings& list) {
  return list.url.empty() ? list.file.filename().string() : http::file_name(list.url);
}

Result<minisign::PublicKey> read_key_file(const fs::path& file) {
  const auto content = TRY(read_file(file, minisign::key_file_size_limit));
  auto key = minisign::parse_key_file(content);
  if (!key) return fail(Fault::config, "{}: {}", printable(file.string()), key.error().message);
  return key;
}

// Converts and checks the values, and keeps the first error.
class Checks {
 public:
  Checks(const config::Settings& settings, const fs::path& file) : settings_(settings), read_{file} {}

  void complete(const ConfigurationText& text, Configuration& configuration);
  const std::optional<Error>& first_error() const { return first_error_; }

 private:
  void require(bool holds, const std::string& key, std::string_view what);
  fs::path path(const std::string& key, const std::string& text);
  fs::path path_to_read(const std::string& key, const std::string& text);
  std::string program(const std::string& key, const std::string& text);
  void url(const std::string& key, std::string_view text);
  std::string word(const std::string& key, const std::string& text, const std::vector<std::string>& words);
  std::string name(const std::string& in, const std::string& text);
  std::vector<minisign::PublicKey> keys(const std::string& in, const ListText& text);
  void one_kind_of_key(const std::string& table, const ListText& text);
  ListSettings list(const std::string& table, const ListText& text);
  fs::path output_file(const std::string& key, const std::string& text);
  void place_of_its_own(const std::string& key, const OutputSettings& output);
  OutputSettings output(const std::string& table, const OutputText& text);
  std::optional<postfix::Version> postfix_version(const std::string& key, const std::string& text);
  std::optional<config::Address> address(const std::string& key, const std::string& text);
  void serve(const ServeText& text, ServeSettings& settings);

  const config::Settings& settings_;
  std::set<fs::path> read_;
  std::set<fs::path> written_;
  std::set<std::string> names_;
  std::optional<Error> first_error_;
};

void Checks::require(bool holds, const std::string& key, std::string_view what) {
  if (!holds && !first_error_) first_error_ = settings_.error_at(key, what);
}

fs::path Checks::path(const std::string& key, const std::string& text) {
  require(text.find('\0') == text.npos, key, "has a NUL character in it");
  return settings_.absolute(text);
}

fs::path Checks::path_to_read(const std::string& key, const std::string& text) {
  auto absolute = path(key, text);
  if (!absolute.empty()) read_.insert(absolute);
  return absolute;
}

std::string Checks::program(const std::string& key, const std::string& text) {
  require(!text.empty(), key, "names no program");
  require(text.find('\0') == text.npos, key, "has a NUL character in it");
  return text.find('/') == text.npos ? text : path(key, text).string();
}

void Checks::url(const std::string& key, std::string_view text) {
  const auto fault = fault_of_url(text);
  require(fault.empty(), key, fault);
  const auto sound = http::is_https_url(text);
  require(sound.has_value(), key, sound ? "" : "is " + sound.error().message);
}

std::string Checks::word(const std::string& key, const std::string& text,
                         const std::vector<std::string>& words) {
  const auto meant = nearest(text, words);
  require(std::ranges::find(words, text) != words.end(), key,
          fmt::format("is '{}', none of {}{}", printable(text, 100), fmt::join(words, ", "),
                      meant.empty() ? "" : fmt::format("; did you mean '{}'?", meant)));
  return text;
}

std::string Checks::name(const std::string& in, const std::string& text) {
  const std::string key = in + "name";
  require(!text.empty(), key, "is missing: each list needs a name of its own");
  require(text.size() <= max_name_length, key, fmt::format("is longer than {} characters", max_name_length));
  require(text.find_first_not_of(name_characters) == text.npos, key,
          fmt::format("is '{}'; it may have letters, digits, '.', '_' and '-' in it, nothing else",
                      printable(text, 100)));
  require(!text.starts_with('.') && !text.starts_with('-'), key,
          fmt::format("is '{}'; it may not begin with '.' or '-'", printable(text, 100)));
  require(text != "override", key, "may not be 'override', which stands for your own overrides");
  require(names_.insert(text).second, key, fmt::format("is '{}', which another list has", printable(text)));
  return text;
}

std::vector<minisign::PublicKey> Checks::keys(const std::string& in, const ListText& text) {
  std::vector<minisign::PublicKey> keys;
  const auto take = [&](const std::string& key, const Result<minisign::PublicKey>& parsed) {
    if (parsed) return keys.push_back(*parsed);
    require(false, key, fmt::format("is wrong: {}", parsed.error().message));
  };
  for (std::size_t i = 0; i < text.keys.size(); ++i) {
    take(fmt::format("{}keys[{}]", in, i), minisign::parse_key(text.keys[i]));
  }
  for (std::size_t i = 0; i < text.key_files.size(); ++i) {
    const std::string key = fmt::format("{}key_files[{}]", in, i);
    require(!text.key_files[i].empty(), key, "names no file");
    const auto file = path_to_read(key, text.key_files[i]);
    if (first_error_) break;
    take(key, read_key_file(file));
  }
  return keys;
}

void Checks::one_kind_of_key(const std::string& table, const ListText& text) {
  const bool has_minisign = !text.keys.empty() || !text.key_files.empty();
  const bool has_openpgp = !text.openpgp_key_file.empty();
  require(has_minisign || has_openpgp, table,
          fmt::format("'{}' has no key: give it 'keys', 'key_files' or 'openpgp_key_file', because a list "
                      "must not be used unless its signature is checked",
                      printable(text.name)));
  require(!has_minisign || !has_openpgp, table + ".openpgp_key_file",
          "does not go together with minisign keys: give one kind of key");
  require(!text.allow_legacy || !has_openpgp, table + ".allow_legacy", "is for minisign keys only");
  require(text.signed_file.empty() || !has_openpgp, table + ".signed_file", "is for minisign keys only");
  require(!text.require_signed_file || !has_openpgp, table + ".require_signed_file",
          "is for minisign keys only");
}

ListSettings Checks::list(const std::string& table, const ListText& text) {
  const std::string in = table + ".";
  ListSettings list{.name = name(in, text.name),
                    .url = text.url,
                    .file = path_to_read(in + "file", text.file),
                    .signature = text.signature,
                    .openpgp_key_file = path_to_read(in + "openpgp_key_file", text.openpgp_key_file),
                    .allow_legacy = text.allow_legacy,
                    .signed_file = text.signed_file,
                    .require_signed_file = text.require_signed_file,
                    .max_shrink = static_cast<unsigned>(text.max_shrink)};
  require(!text.url.empty() || !text.file.empty(), table,
          fmt::format("'{}' has neither 'url' nor 'file'", printable(text.name)));
  require(text.url.empty() || text.file.empty(), in + "file", "does not go together with 'url'");
  if (!text.url.empty()) url(in + "url", text.url);
  require(text.url.empty() || !text.signature.empty() || http::signature_url(text.url, ".minisig"),
          in + "url", "names no file, so 'signature' must be given, too");
  if (is_url(text.signature)) {
    url(in + "signature", text.signature);
  } else {
    list.signature = path_to_read(in + "signature", text.signature).string();
  }
  require(!text.require_signed_file || !text.signed_file.empty() || !file_name(list).empty(),
          in + "require_signed_file", "needs 'signed_file', because 'url' names no file");
  one_kind_of_key(table, text);
  list.keys = keys(in, text);
  return list;
}

fs::path Checks::output_file(const std::string& key, const std::string& text) {
  require(!text.empty(), key, "is missing: where is the map to go?");
  auto file = path(key, text);
  require(file.has_filename(), key, fmt::format("is '{}', a directory", printable(text, 100)));
  return file;
}

// Maps of several types may have the same name: each type adds its own suffix.
void Checks::place_of_its_own(const std::string& key, const OutputSettings& output) {
  const fs::path file = map_file(output);
  require(!read_.contains(file), key, "is a file that is read, too, and would be overwritten");
  require(written_.insert(file).second, key, "is that of another output, too");
}

OutputSettings Checks::output(const std::string& table, const OutputText& text) {
  const std::string in = table + ".";
  const auto server_names = mail_server_names();
  require(!text.mta.empty(), in + "mta",
          fmt::format("is missing: \"{}\"?", fmt::join(server_names, "\" or \"")));
  const MailServer* const found = find_mail_server(word(in + "mta", text.mta, server_names));
  const MailServer& server = found != nullptr ? *found : *mail_servers().front();
  const auto types = map_type_names(server);
  OutputSettings output{.server = &server,
                        .file = output_file(in + "file", text.file),
                        .type = text.type.empty() ? types.front() : word(in + "type", text.type, types),
                        .early_adopter = text.early_adopter,
                        .command = text.command};
  place_of_its_own(in + "file", output);
  if (!text.postfix_version.empty()) {
    require(server.has_versions, in + "postfix_version", "is for Postfix only");
    output.postfix_version = postfix_version(in + "postfix_version", text.postfix_version);
  }
  require(server.has_next_hops || text.next_hops.empty(), in + "next_hops", "is for Postfix only");
  for (std::size_t i = 0; i < text.next_hops.size(); ++i) {
    auto next_hop = NextHop::parse(text.next_hops[i]);
    require(next_hop.has_value(), fmt::format("{}next_hops[{}]", in, i),
            next_hop ? "" : "is no next-hop: " + next_hop.error().message);
    if (next_hop) output.next_hops.push_back(std::move(*next_hop));
  }
  for (std::size_t i = 0; i < text.command.size(); ++i) {
    const std::string key = fmt::format("{}command[{}]", in, i);
    if (i == 0) output.command[0] = program(key, text.command[0]);
    require(text.command[i].find('\0') == std::string::npos, key, "has a NUL character in it");
  }
  return output;
}

std::optional<postfix::Version> Checks::postfix_version(const std::string& key, const std::string& text) {
  if (text.empty()) return std::nullopt;
  const auto version = postfix::parse_version(text);
  require(version.has_value(), key, version ? "" : "is wrong: " + version.error().message);
  return version ? std::optional(*version) : std::nullopt;
}

std::optional<config::Address> Checks::address(const std::string& key, const std::string& text) {
  auto address = config::parse_address(text);
  require(address.has_value(), key, address ? "" : address.error().message);
  return address ? std::optional(std::move(*address)) : std::nullopt;
}

void Checks::serve(const ServeText& text, ServeSettings& settings) {
  settings.listen.clear();
  for (std::size_t i = 0; i < text.listen.size(); ++i) {
    auto read = address(fmt::format("serve.listen[{}]", i), text.listen[i]);
    if (read) settings.listen.push_back(std::move(*read));
  }
  if (!text.metrics.empty()) settings.metrics = address("serve.metrics", text.metrics);
  require(
      !settings.metrics || std::ranges::find(settings.listen, *settings.metrics) == settings.listen.end(),
      "serve.metrics",
      fmt::format("is '{}', where 'serve.listen' has mail servers answered", printable(text.metrics, 100)));
  require(settings.group.empty() || !settings.user.empty(), "serve.group",
          fmt::format("is '{}', which needs 'user'", printable(settings.group, 100)));
  settings.postfix_version = postfix_version("serve.postfix_version", text.postfix_version);
  settings.max_connections = text.max_connections;
  settings.max_domains = text.max_domains;
  settings.max_lookups = text.max_lookups;
  (void)word("serve.log", settings.log, log_targets);
  (void)word("serve.log_level", settings.log_level, log_levels);
}

void Checks::complete(const ConfigurationText& text, Configuration& configuration) {
  require(!text.state_dir.empty(), "state_dir", "names no directory");
  configuration.state_dir = path("state_dir", text.state_dir);
  configuration.overrides = path_to_read("overrides", text.overrides);
  configuration.fetch.ca_file = path_to_read("fetch.ca_file", text.ca_file);
  configuration.fetch.size_limit = text.size_limit;
  configuration.fetch.redirects = static_cast<unsigned>(text.redirects);
  text.discovery.complete(
      [this](const std::string& key, std::string_view what) { require(false, key, what); },
      [this](const std::string& key, const std::string& file) { return path_to_read(key, file); },
      configuration.discovery);
  Programs& programs = configuration.programs;
  programs.postmap = program("programs.postmap", programs.postmap);
  programs.makemap = program("programs.makemap", programs.makemap);
  programs.gpgv = program("programs.gpgv", programs.gpgv);
  for (std::size_t i = 0; i < text.lists.size(); ++i) {
    configuration.lists.push_back(list(fmt::format("list[{}]", i), text.lists[i]));
  }
  // Last, because an output must not be one of the files that are read.
  for (std::size_t i = 0; i < text.outputs.size(); ++i) {
    configuration.outputs.push_back(output(fmt::format("output[{}]", i), text.outputs[i]));
  }
  serve(text.serve, configuration.serve);
}

}  // namespace

fs::path mta_sts_cache(const Configuration& configuration) {
  const fs::path& configured = configuration.discovery.cache;
  return configured.empty() ? configuration.state_dir / "mta-sts" / "cache.sqlite" : configured;
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
          .dane_kept = std::chrono::duration_cast<std::chrono::seconds>(settings.dane_kept)};
}

bool is_url(std::string_view text) {
  return text.find("://") != text.npos;
}

Error Configuration::error_at(const std::string& key, std::string_view what) const {
  return file ? file->error_at(key, what) : Error{Fault::config, fmt::format("'{}' {}", key, what)};
}

Result<Configuration> read_configuration(const fs::path& file, FileKind kind) {
  auto settings = TRY(config::Settings::load(file, kind));
  std::error_code error;
  const fs::path absolute = fs::absolute(file, error).lexically_normal();
  if (error) return fail(Fault::config, "{}: {}", printable(file.string()), error.message());
  Configuration configuration;
  const ConfigurationText text = read_text(settings, configuration);
  TRY(settings.finish());
  Checks checks(settings, absolute);
  checks.complete(text, configuration);
  if (checks.first_error()) return std::unexpected(*checks.first_error());
  configuration.file = std::make_shared<const config::Settings>(std::move(settings));
  return configuration;
}

}  // namespace starttls::listtool
