// The configuration of starttls-listtool (listtool.toml(5)): which lists to fetch, who must have signed them,
// and what to make of them.
//
// All paths in it are absolute and in normal form: a relative one in the file starts at the file's directory.
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

#include "base/file.h"
#include "base/result.h"
#include "config/address.h"
#include "config/settings.h"
#include "discovery/discovery_settings.h"
#include "discovery/policy_resolver.h"
#include "listtool/mail_server.h"
#include "minisign/key.h"

namespace starttls::listtool {

// [fetch]: what one download may take.
struct FetchLimits {
  std::chrono::milliseconds timeout{60'000};          // from first to last
  std::chrono::milliseconds connect_timeout{10'000};  // until TLS stands
  std::size_t size_limit = std::size_t{256} << 20U;   // bytes; at most preload::list_size_limit
  unsigned redirects = 3;                             // followed at most, 0 to 10
  std::filesystem::path ca_file;                      // PEM; the system's where empty
};

// [programs]: those of others that are run. A bare name is looked for in PATH; what has a slash is a path.
struct Programs {
  std::string postmap = "postmap";
  std::string makemap = "makemap";
  std::string gpgv = "gpgv";
};

// [[list]]: has either a url or a file, and either minisign keys or an OpenPGP key file.
struct ListSettings {
  std::string name;            // 1 to 64 of [A-Za-z0-9._-], fit for a file's name; no other list has it
  std::string url;             // "https://..."
  std::filesystem::path file;  // a list that something else brings
  std::string signature;       // a URL (see is_url) or a path; empty: to be derived from that of the list
  std::vector<minisign::PublicKey> keys;   // one of them must have signed
  std::filesystem::path openpgp_key_file;  // for gpgv; not read here
  bool allow_legacy = false;               // minisign signatures that are not prehashed
  // The name that minisign's trusted comment must give the list where it gives one: a pattern of fnmatch(3);
  // empty: the name in its URL or path, see signed_as().
  std::string signed_file;
  bool require_signed_file = false;  // it must give one
  // Percent: an edition with fewer than 100 - max_shrink of the installed one's domains is refused.
  unsigned max_shrink = 25;
};

// [[output]]: a map to be made of all lists.
struct OutputSettings {
  const MailServer* server = mail_servers().front();
  std::filesystem::path file;  // of the map; a compiled one may be named without its ending, see map_file()
  std::string type;            // one of server->map_types
  bool early_adopter = false;  // testing counts as enforce
  std::optional<postfix::Version> postfix_version;
  std::vector<NextHop> next_hops;  // as in postfix::Rules
  // A program (see Programs) and its arguments, to be run without a shell after a change; none where empty.
  std::vector<std::string> command;
};

// [serve]: the socketmap server.
struct ServeSettings {
  // Where it listens, beside the sockets that systemd hands over.
  std::vector<config::Address> listen{{.path = "/run/starttls-toolkit/socketmap.sock"},
                                      {.host = "127.0.0.1", .port = 8461}};
  mode_t socket_mode = 0660;               // of unix sockets
  std::string socket_group;                // of unix sockets; that of the server where empty
  std::string user;                        // what root becomes; empty: it stays what it is
  std::string group;                       // that of the user where empty
  std::optional<config::Address> metrics;  // where the page for Prometheus is; none where not given
  bool dane = true;
  bool early_adopter = false;                                    // of lists, testing counts as enforce
  bool hold_without_policy = false;                              // see serve::Rules
  bool wait_for_dane = false;                                    // see serve::Rules
  std::chrono::milliseconds dane_kept = std::chrono::hours(24);  // see discovery::PolicyResolverSettings
  std::optional<postfix::Version> postfix_version;
  std::chrono::milliseconds answer_timeout{20'000};
  std::chrono::milliseconds idle_timeout = std::chrono::minutes(10);
  std::size_t max_connections = 10'000;
  std::size_t max_domains = 100'000;  // in memory
  std::size_t max_lookups = 1'000;    // domains that are being examined
  std::string log = "stderr";         // or "syslog"
  std::string log_level = "info";     // "debug", "info", "warning", "error"
};

struct Configuration {
  // Where it was read, for messages.
  std::shared_ptr<const config::Settings> file;
  // "FILE:3:8: 'serve.user' WHAT", Fault::config.
  Error error_at(const std::string& key, std::string_view what) const;

  std::filesystem::path state_dir = "/var/lib/starttls-toolkit/lists";
  std::filesystem::path overrides;  // starttls-overrides(5); none where empty
  FetchLimits fetch;
  discovery::DiscoverySettings discovery;
  Programs programs;
  std::vector<ListSettings> lists;  // later ones overlay earlier ones
  std::vector<OutputSettings> outputs;
  ServeSettings serve;
};

// The cache of MTA-STS policies.
std::filesystem::path mta_sts_cache(const Configuration& configuration);

// Whether a list may be signed under that name of a file.
bool signed_as(const ListSettings& list, const std::string& name);

// Where a list is from: its URL, or its path.
std::string origin(const ListSettings& list);
// The same as it may be shown to people, and written where others can read it: http::shown() of a URL.
std::string shown_origin(const std::string& place);

// How `serve`, and what shows what it would answer, examines domains.
discovery::PolicyResolverSettings examiner_settings(const ServeSettings& settings, dane::Detail detail);

// A URL, as against a path.
bool is_url(std::string_view text);

// Reads the file and the minisign key files that it names. Fault::config with "FILE:line:column: ..." for the
// first thing that is wrong. `kind` is what the configuration file itself may be.
Result<Configuration> read_configuration(const std::filesystem::path& file,
                                         FileKind kind = FileKind::regular);

}  // namespace starttls::listtool
