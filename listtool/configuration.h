// The configuration of starttls-listtool (listtool.toml(5)): which lists to fetch, which keys must have
// signed them, which maps to make of them, and which domains to watch.
//
// All paths in it are absolute and in normal form. A relative path in the file is relative to the file's
// directory.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/domain.h"
#include "base/file.h"
#include "base/log.h"
#include "base/result.h"
#include "config/address.h"
#include "config/settings.h"
#include "discovery/discovery_settings.h"
#include "discovery/policy_resolver.h"
#include "listing/edition.h"
#include "listing/entry.h"
#include "listtool/mail_server.h"
#include "minisign/key.h"

namespace starttls::listtool {

// [fetch]: the limits of one download.
struct FetchLimits {
  std::chrono::milliseconds timeout{60'000};          // for the whole download
  std::chrono::milliseconds connect_timeout{10'000};  // until TLS is established
  std::size_t max_size = std::size_t{256} << 20U;     // bytes; at most preload::list_size_limit
  unsigned max_redirects = 3;                         // followed at most, 0 to 10
  std::filesystem::path ca_file;                      // PEM; the system's where empty
};

// [programs]: external programs. A bare name is searched for in PATH; a name with a slash is a path.
struct Programs {
  std::string postmap = "postmap";
  std::string makemap = "makemap";
  std::string gpgv = "gpgv";
  std::string minisign = "minisign";
};

// [[list]]: has either a url or a file, and either minisign keys, or root keys, or an OpenPGP key file.
struct ListSettings {
  std::string name;            // 1 to 64 of [A-Za-z0-9._-], valid as a file name; unique among the lists
  std::string url;             // "https://..."
  std::filesystem::path file;  // a list that another program provides
  std::string signature;       // a URL (see is_url) or a path; empty: derived from that of the list
  std::vector<minisign::PublicKey> keys;  // `signatures` of them must have signed
  // Instead of keys: `threshold` of these have signed version 1 of keys.json, which names the keys. Each once.
  std::vector<minisign::PublicKey> root_keys;
  std::size_t threshold = 1;
  std::size_t signatures = 1;  // different keys that must have signed the list
  // The publisher's name of the list, which the trusted comment must have if it has one. "": any. With root keys it is
  // also the name in keys.json, and never empty.
  std::string list_name;
  std::filesystem::path openpgp_key_file;  // for gpgv; not read here
  bool allow_legacy = false;               // minisign signatures that are not prehashed
  // The name that minisign's trusted comment must have for the list, if it has one: a pattern of fnmatch(3).
  // Empty: the name in the list's URL or path, see signed_as().
  std::string signed_file;
  bool require_signed_file = false;  // the trusted comment must have a name
  // Percent: an edition with fewer than 100 - max_shrink percent of the installed one's domains is rejected.
  unsigned max_shrink = 25;
};

// [[output]]: a map that is made of all lists.
struct OutputSettings {
  const MailServer* server = mail_servers().front();
  std::filesystem::path file;  // of the map; the suffix of a compiled one may be missing, see map_file()
  std::string type;            // one of server->map_types
  bool early_adopter = false;  // treats testing as enforce
  std::optional<postfix::Version> postfix_version;
  std::vector<NextHop> next_hops;  // as in postfix::Rules
  // A program (see Programs) and its arguments, run without a shell after a change. Empty: none.
  std::vector<std::string> command;
};

// [serve]: the socketmap server.
struct ServeSettings {
  // Where it listens, in addition to the sockets from systemd.
  std::vector<config::Address> listen{{.path = "/run/starttls-toolkit/socketmap.sock"},
                                      {.host = "127.0.0.1", .port = 8461}};
  mode_t socket_mode = 0660;               // of unix sockets
  std::string socket_group;                // of unix sockets; empty: the group of the server
  std::string user;                        // the user that root switches to; empty: no change
  std::string group;                       // empty: the group of the user
  std::optional<config::Address> metrics;  // the address of the page for Prometheus
  bool dane = true;
  bool early_adopter = false;                                         // of lists, testing counts as enforce
  bool hold_without_policy = false;                                   // see serve::Rules
  bool wait_for_dane = false;                                         // see serve::Rules
  std::chrono::milliseconds dane_max_stale = std::chrono::hours(24);  // see discovery::PolicyResolverSettings
  std::optional<postfix::Version> postfix_version;
  std::chrono::milliseconds answer_timeout{20'000};
  std::chrono::milliseconds idle_timeout = std::chrono::minutes(10);
  std::size_t max_connections = 10'000;
  std::size_t max_domains = 100'000;          // in memory
  std::size_t max_lookups = 1'000;            // domains examined at the same time
  LogTarget log = LogTarget::standard_error;  // or syslog
  LogLevel log_level = LogLevel::info;
};

// [check]: how `check` examines, and which domains `check --watch` watches.
struct CheckSettings {
  std::vector<DomainName> domains;
  unsigned days = 7;            // `check` warns of what runs out within so many days
  std::string ehlo;             // "": the name of this host
  std::filesystem::path state;  // see watch_state()
};

// [publish]: the list that `publish` makes.
struct PublishSettings {
  std::string name;    // of the list, as ListSettings::name; "": nothing is published
  std::string url;     // where publish::Layout::visible is served; ends with a slash
  std::string author;  // for people
  std::filesystem::path directory = "/var/lib/starttls-toolkit/publish";
  // Of minisign, without a password: each signs the list.
  std::vector<std::filesystem::path> secret_keys;
  unsigned expires_days = 5;
  unsigned check_hours = 20;  // a domain is examined again so long after the last time; 0: in each run
  listing::Rules rules;
  listing::EditionLimits limits;
  std::string mail_from;                     // an address; "": owners get no mail
  std::string mail{config::default_mailer};  // who takes this mail: a program, or "smtp://HOST:PORT"
  // "mailto:..." and "https://...": where consumers send reports (RFC 8460).
  std::vector<std::string> report_to;
  config::Address receive{.host = "127.0.0.1", .port = 8463};  // of `publish receive`
  unsigned keep_editions = 30;
};

struct Configuration {
  // The file, for messages.
  std::shared_ptr<const config::Settings> file;
  // "FILE:3:8: 'serve.user' WHAT", Fault::config.
  Error error_at(const std::string& key, std::string_view what) const;

  std::filesystem::path state_dir = "/var/lib/starttls-toolkit/lists";
  std::filesystem::path overrides;  // starttls-overrides(5); empty: none
  // The embedded store of tlsrpt-collector, for `lookup`; empty: none.
  std::filesystem::path deliveries = "/var/lib/starttls-toolkit/tlsrpt/outbound.sqlite";
  FetchLimits fetch;
  discovery::DiscoverySettings discovery;
  Programs programs;
  std::vector<ListSettings> lists;  // later ones overlay earlier ones
  std::vector<OutputSettings> outputs;
  ServeSettings serve;
  CheckSettings check;
  PublishSettings publish;
};

// The cache of MTA-STS policies.
std::filesystem::path mta_sts_cache(const Configuration& configuration);

// What `check --watch` keeps. It has a directory of its own, to which a user without privileges can write.
std::filesystem::path watch_state(const Configuration& configuration);

// Whether a list may be signed under that file name.
bool signed_as(const ListSettings& list, const std::string& name);

// The URL or path of a list.
std::string origin(const ListSettings& list);
// The same without secrets, for output and for files that others can read: http::shown() of a URL.
std::string shown_origin(const std::string& place);

// How `serve`, and commands that show what it would answer, examine domains.
discovery::PolicyResolverSettings examiner_settings(const ServeSettings& settings, dane::Detail detail);

// A URL, not a path.
bool is_url(std::string_view text);

// Reads the file and the minisign key files in it. Fault::config with "FILE:line:column: ..." for the first
// error. `kind` is which kind of file the configuration file may be.
Result<Configuration> read_configuration(const std::filesystem::path& file,
                                         FileKind kind = FileKind::regular);

}  // namespace starttls::listtool
