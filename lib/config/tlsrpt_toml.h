// The configuration of tlsrpt-milter and tlsrpt-report: one TOML file for both (tlsrpt.toml(5)).
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/domain.h"
#include "base/file.h"
#include "base/ip_address.h"
#include "base/result.h"
#include "config/address.h"
#include "config/settings.h"

namespace starttls::config {

inline constexpr const char* default_tlsrpt_config = "/etc/starttls-toolkit/tlsrpt.toml";

// Whom root becomes where the configuration names nobody, if there is such a user.
inline constexpr const char* default_user = "starttls-toolkit";

// Which sessions are recorded: those from other mail servers, not those of our own users and hosts.
struct SessionFilter {
  std::vector<IpNetwork> local_networks;  // clients there are not recorded
  // By the port and the name of the MTA's daemon ({daemon_port}, {daemon_name}); names in lower case. Where
  // `ports` or `daemons` is not empty, only sessions with one of these are recorded.
  std::vector<std::uint64_t> ports;
  std::vector<std::uint64_t> excluded_ports{465, 587};
  std::vector<std::string> daemons;
  std::vector<std::string> excluded_daemons{"msa",
                                            "originating"};  // Sendmail's name, and Postfix users' convention
  bool authenticated = false;                                // whether sessions with SMTP AUTH are recorded
  // Services in the mail server's log (session::LoggedFailure::service), in lower case: whose failures count
  // even where the milter saw no session (where there are any, no others do), and whose failures never do.
  std::vector<std::string> log_services;
  std::vector<std::string> excluded_log_services;
};

// How much of a client's address is written anywhere: all of it, the first 24 bits (48 with IPv6), or
// nothing.
enum class AddressDetail { full, prefix, none };

// What happens to a sender who has always used TLS and now comes without it.
enum class OnDowngrade { observe, tempfail };

// A [[reporter]]: the sending domains of an organization that sends TLS reports.
struct ReporterDomains {
  std::string name;  // organization-name, as it writes it
  std::vector<DomainName> domains;
};

struct TlsrptConfig {
  // Where it was read, for messages.
  std::shared_ptr<const Settings> file;
  // "FILE:3:8: 'milter.user' WHAT", Fault::config.
  Error wrong(const std::string& key, std::string_view what) const;

  // What is allowed and dangerous, in sentences for the log: a weak connection to the store, a password in a
  // file that others can read.
  std::vector<std::string> warnings;

  std::filesystem::path state_dir = "/var/lib/starttls-toolkit/tlsrpt";
  std::string store;  // "postgresql://..."; empty: SQLite in the state directory

  // [milter]: what takes a restart
  // Where Postfix, whose smtpd is locked up in its queue directory, can connect, too.
  config::Address socket{.path = "/var/spool/postfix/tlsrpt/milter.sock"};
  mode_t socket_mode = 0660;
  std::string socket_owner;        // empty: who the daemon runs as
  std::string socket_group;        // empty: "postfix" where that group exists and we are root
  std::string user;                // empty: "starttls-toolkit" where that user exists and we are root
  std::string log = "syslog";      // "syslog" or "stderr"; in the foreground always "stderr"
  std::filesystem::path pid_file;  // empty: none
  std::chrono::milliseconds sync_interval{1000};
  std::chrono::milliseconds fold_interval{5000};
  std::optional<config::Address> metrics;  // none: no metrics
  mode_t metrics_mode = 0660;              // of a unix socket
  std::string mta_log;  // "journal", or the absolute path of a file; empty: the log is not followed

  // [milter]: what HUP reads again
  std::string log_level = "info";  // "debug", "info", "warning", "error"
  SessionFilter selection;
  AddressDetail client_address = AddressDetail::full;
  OnDowngrade on_downgrade = OnDowngrade::observe;
  std::uint64_t downgrade_after = 10;        // sessions with TLS that make a sender known for it
  std::vector<DomainName> downgrade_exempt;  // sending domains that are never refused
  std::uint64_t retention_days = 400;        // of the store

  // [report]
  std::string organization;  // organization-name of RFC 8460; empty: the host's name
  std::string contact;       // contact-info; empty: postmaster@ the host's name
  std::vector<ReporterDomains> reporters;
  std::vector<DomainName> domains;  // our policy domains; empty: not told
  std::vector<std::pair<std::string, std::filesystem::path>> policy_files;  // [[policy]]: policy domain, its
                                                                            // MTA-STS policy
  std::string min_tls;           // a version below counts as failed in self reports; empty: none does
  std::vector<std::string> rua;  // where self reports go; empty: where the policy domain's TLSRPT record says
  std::string mail = "smtp://127.0.0.1:25";  // who takes report mails: a program, or "smtp://HOST:PORT"
  std::chrono::milliseconds send_window{0};  // within which a report is first sent, at random
  // Of our mail servers whose Authentication-Results count; lower case. Empty: reports are not authenticated.
  std::vector<std::string> trusted_authserv_ids;
  std::uint64_t max_store_size = 1024;    // MiB that received reports may hold
  std::uint64_t max_rejected_size = 256;  // MiB of what was rejected on standard input and set aside
  std::string policy_domain;  // of sessions that never came to a recipient; empty: see self_report.h
};

// The given file, or, where none is given, the one in /etc/starttls-toolkit if it exists.
Result<Settings> load_settings(const std::optional<std::filesystem::path>& file, FileKind kind);

// Loopback, private, link-local and unique-local addresses (RFC 1122, 1918, 3927, 4193, 4291).
std::vector<IpNetwork> default_local_networks();

// Reads the given file, or, where none is given, the one in /etc/starttls-toolkit if it exists. Fault::config
// says which line is wrong and why. `kind` is what the given file may be. All paths in it are absolute: a
// relative one starts at the directory of the file.
Result<TlsrptConfig> load_tlsrpt_config(const std::optional<std::filesystem::path>& file,
                                        FileKind kind = FileKind::any);

// The same of settings that others ask for something, too: they do that in `ask_others`, before what nobody
// has asked for is refused.
Result<TlsrptConfig> read_tlsrpt_config(Settings& settings, const std::function<void(Settings&)>& ask_others);

}  // namespace starttls::config
