// The configuration of tlsrpt-milter, tlsrpt-collector and tlsrpt-report: one TOML file for all (tlsrpt.toml(5)).
//
// The members' initial values are the defaults. All paths are absolute: a relative one in the file starts at
// the directory of the file.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/domain.h"
#include "base/enum_words.h"
#include "base/file.h"
#include "base/ip_address.h"
#include "base/log.h"
#include "base/result.h"
#include "config/address.h"
#include "config/settings.h"

namespace starttls::config {

inline constexpr const char* default_tlsrpt_config = "/etc/starttls-toolkit/tlsrpt.toml";

// Loopback, private, link-local and unique-local addresses (RFC 1122, 1918, 3927, 4193, 4291).
std::vector<IpNetwork> default_local_networks();

// Which sessions are recorded: those from other mail servers, not those of our own users and hosts.
struct SessionFilter {
  std::vector<IpNetwork> local_networks = default_local_networks();  // clients there are not recorded
  // By the port and the name of the MTA's daemon ({daemon_port}, {daemon_name}); names in lower case. Where
  // `ports` or `daemons` is not empty, only sessions with one of these are recorded.
  std::vector<std::uint64_t> ports;
  std::vector<std::uint64_t> excluded_ports{465, 587};
  std::vector<std::string> daemons;
  // Sendmail's name, and a convention of Postfix users.
  std::vector<std::string> excluded_daemons{"msa", "originating"};
  bool authenticated = false;  // whether sessions with SMTP AUTH are recorded
  // Services in the mail server's log (session::LoggedFailure::service), in lower case. Failures of
  // log_services count even where the milter saw no session, and where there are any, no others do. Failures
  // of excluded_log_services never count.
  std::vector<std::string> log_services;
  std::vector<std::string> excluded_log_services;

  bool operator==(const SessionFilter&) const = default;
};

// How much of a client's address is written anywhere: all of it, the first 24 bits (48 with IPv6), or
// nothing.
enum class AddressDetail { full, prefix, none };
inline constexpr auto address_detail_words = enum_words<AddressDetail>(
    {{AddressDetail::full, "full"}, {AddressDetail::prefix, "prefix"}, {AddressDetail::none, "none"}});

// What happens to a sender who has always used TLS and now comes without it.
enum class OnDowngrade { observe, tempfail };
inline constexpr auto on_downgrade_words =
    enum_words<OnDowngrade>({{OnDowngrade::observe, "observe"}, {OnDowngrade::tempfail, "tempfail"}});

// What [milter] and [collector] have in common.
struct DaemonConfig {
  // What takes a restart.
  Address socket;
  mode_t socket_mode = 0660;
  std::string socket_owner;           // empty: the user who the daemon runs as
  std::string socket_group;           // empty: "postfix" where that group exists and root starts the daemon
  std::string user;                   // empty: default_user where it exists and root starts the daemon
  LogTarget log = LogTarget::syslog;  // in the foreground always standard_error
  std::filesystem::path pid_file;     // empty: none
  std::chrono::milliseconds sync_interval{1000};
  std::chrono::milliseconds fold_interval{5000};
  std::optional<Address> metrics;  // none: no metrics
  mode_t metrics_mode = 0660;      // of a unix socket
  // The mail server's log (mtalog/follower.h): "journal", "journal:/DIRECTORY", or the absolute path of a file; empty: no
  // log is read.
  std::string mta_log;

  // What the daemon reads again on SIGHUP.
  LogLevel log_level = LogLevel::info;
  std::uint64_t retention_days = 400;  // of the store

  bool operator==(const DaemonConfig&) const = default;
};

// Where Postfix, whose processes run in a chroot in its queue directory, can connect, too.
inline constexpr const char* default_milter_socket = "/var/spool/postfix/tlsrpt/milter.sock";
inline constexpr const char* default_collector_socket = "/var/spool/postfix/tlsrpt/collector.sock";

// [milter]
struct MilterConfig : DaemonConfig {
  MilterConfig() { socket.path = default_milter_socket; }

  // What the daemon reads again on SIGHUP.
  SessionFilter sessions;
  AddressDetail client_address = AddressDetail::full;
  OnDowngrade on_downgrade = OnDowngrade::observe;
  std::uint64_t downgrade_after = 10;        // sessions with TLS that make a sender known for it
  std::vector<DomainName> downgrade_exempt;  // sending domains that are never refused
  std::uint64_t max_idle_threads = 500;      // of libmilter, that are kept for the next connections

  bool operator==(const MilterConfig&) const = default;
};

// [collector]
struct CollectorConfig : DaemonConfig {
  CollectorConfig() {
    socket.path = default_collector_socket;
    fold_interval = std::chrono::seconds{30};
  }

  // What the daemon reads again on SIGHUP.
  std::uint64_t max_policies = 500'000;  // different ones that are counted on one day

  bool operator==(const CollectorConfig&) const = default;
};

// The user that root switches to where `user` is empty, if there is such a user.
inline constexpr const char* default_user = "starttls-toolkit";

// [report]
struct ReportConfig {
  std::string organization;          // organization-name of RFC 8460; empty: the host's name
  std::string contact;               // contact-info; empty: postmaster@ the host's name
  std::vector<DomainName> domains;   // our policy domains; empty: unknown
  std::string min_tls;               // a version below counts as failed in self reports; empty: none does
  std::vector<std::string> rua;      // where self reports go; empty: by the policy domain's TLSRPT record
  std::string mail{default_mailer};  // who takes report mails: a program, or "smtp://HOST:PORT"
  std::chrono::milliseconds send_window{0};  // within which a report is first sent, at random
  // Of our mail servers whose Authentication-Results count; lower case. Empty: reports are not authenticated.
  std::vector<std::string> trusted_authserv_ids;
  std::uint64_t max_store_size = 1024;                 // MiB that received reports may take
  std::uint64_t max_rejected_size = 256;               // MiB of what was rejected on standard input and kept
  Address receive{.host = "127.0.0.1", .port = 8464};  // of `receive`
  std::uint64_t max_posts = 600;                       // a minute, by all
  std::uint64_t max_posts_per_client = 60;             // a minute, by one client
  std::string policy_domain;  // of sessions without a recipient; empty: see self_report.h

  // What `starttls-listtool check --watch` found, for the page; empty: the page has no such section.
  std::filesystem::path check_state = "/var/lib/starttls-toolkit/lists/check/check.state";

  bool operator==(const ReportConfig&) const = default;
};

// [[reporter]]: the sending domains of an organization that sends TLS reports.
struct ReporterDomains {
  std::string name;  // organization-name, as the organization writes it
  std::vector<DomainName> domains;

  bool operator==(const ReporterDomains&) const = default;
};

// [[policy]]: the MTA-STS policy of one of our policy domains, in a file.
struct PolicyFile {
  std::string domain;
  std::filesystem::path file;

  bool operator==(const PolicyFile&) const = default;
};

// [[destination]]: where reports about outbound mail to a domain go, instead of what its TLSRPT record says.
struct ReportDestination {
  std::string domain;
  std::vector<std::string> rua;  // empty: no report is sent

  bool operator==(const ReportDestination&) const = default;
};

struct TlsrptConfig {
  std::filesystem::path state_dir = "/var/lib/starttls-toolkit/tlsrpt";
  std::string store;  // "postgresql://..."; empty: SQLite in the state directory
  MilterConfig milter;
  CollectorConfig collector;
  ReportConfig report;
  std::vector<ReporterDomains> reporters;
  std::vector<PolicyFile> policies;
  std::vector<ReportDestination> destinations;

  // The file, for messages; none where there is none.
  std::shared_ptr<const Settings> file;
  // "FILE:3:8: 'milter.user' WHAT", Fault::config.
  Error error_at(const std::string& key, std::string_view what) const;
};

// The given file or, where none is given, default_tlsrpt_config if it exists. Errors as of Settings::load().
Result<Settings> load_tlsrpt_settings(const std::optional<std::filesystem::path>& file, FileKind kind);

// Reads the given file or, where none is given, default_tlsrpt_config if it exists. `kind` is what the given
// file may be. Fault::config with FILE:LINE:COLUMN and the reason.
Result<TlsrptConfig> load_tlsrpt_config(const std::optional<std::filesystem::path>& file,
                                        FileKind kind = FileKind::any);

// The same of settings in which a program has more keys of its own, which `declare_more` reads.
Result<TlsrptConfig> read_tlsrpt_config(Settings& settings,
                                        const std::function<void(Settings&)>& declare_more);

}  // namespace starttls::config
