// Whether this host enforces TLS policies rightly: facts in, checks out. The words of the checks are in
// starttls-listtool-doctor(1).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "doctor/check.h"
#include "doctor/host.h"
#include "doctor/mail_servers.h"
#include "doctor/systemd.h"
#include "listtool/configuration.h"

namespace starttls::listtool {

// A map in the order of Configuration::outputs.
struct OutputFacts {
  doctor::PathFacts file;
  bool is_current = false;  // OutputRecords::is_current()
};

struct ListFacts {
  std::string name;
  bool is_installed = false;
  std::optional<Error> unusable;  // InstalledList
  Time expires;                   // if it is installed
};

// A place where a mail server asks for policies over a socketmap.
struct SocketmapFacts {
  Result<std::string> reply;  // to a request that needs no DNS
  doctor::PathFacts socket;   // "" if it is TCP
};

struct OutboundFacts {
  Configuration configuration;
  bool has_configuration = true;  // false: there is no file, all settings are the defaults
  Time now;
  doctor::MailServers mail_servers;
  Result<doctor::Units> units;
  doctor::PathFacts configuration_file;
  std::vector<OutputFacts> outputs;
  Result<std::vector<ListFacts>> lists;
  // By what smtp_tls_policy_maps, FEATURE(`sts') or STARTTLS_SERVE has.
  std::map<std::string, SocketmapFacts> socketmaps;
  std::optional<doctor::UserFacts> mail_owner;  // of Postfix or Exim
  std::vector<doctor::ResolverFacts> resolvers;
  bool passes_on_ad = false;  // doctor::passes_on_ad()
  doctor::PathFacts ca_file;  // of the mail server; "": none is set
  Result<std::size_t> ca_certificates;
  doctor::PathFacts state_directory;
  Result<doctor::DiskFacts> disk;
  Result<bool> clock_is_synchronized;
  bool has_cron_job = false;  // packaging/cron
};

doctor::Checks outbound_checks(const OutboundFacts& facts);

inline constexpr const char* serve_service = "starttls-listtool-serve.service";
inline constexpr const char* serve_socket = "starttls-listtool-serve.socket";
inline constexpr const char* update_timer = "starttls-listtool-update.timer";
// Policy servers of others, which use the same port.
inline constexpr const char* other_policy_servers[]{"postfix-mta-sts-resolver.service",
                                                    "postfix-tlspol.service"};

}  // namespace starttls::listtool
