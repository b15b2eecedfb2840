// What follows from the facts about a host, for every program: pure.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "doctor/check.h"
#include "doctor/host.h"
#include "doctor/mail_servers.h"
#include "doctor/systemd.h"

namespace starttls::doctor {

// "clock"
Check clock_check(const Result<bool>& is_synchronized);

// "disk-space" of the state directory.
Check disk_check(const std::filesystem::path& directory, const Result<DiskFacts>& disk);

// "state-directory": `owner` is the user who must be able to write to it (none: not checked, such as for root),
// `others_may_read` whether its content is for everybody. `create` is the command that makes the directory.
Check state_directory_check(const PathFacts& directory, const std::optional<UserFacts>& owner,
                            bool others_may_read, const std::string& create);

// "secrets": whether others may read a file with a secret, or write to a configuration file. `mode` is the one
// that it should have, for the remedy.
Check secret_check(const PathFacts& file, const std::string& mode);
Check configuration_rights_check(const PathFacts& file);

// What keeps a user from a path (first_refusal()), with the command that gives it to the user's group. `use` is what
// the user does at its end, such as "read it", and `mode` what that takes, such as "g+r".
struct Refusal {
  std::string seen;
  std::string remedy;
};
std::optional<Refusal> find_refusal(const UserFacts& user, const PathFacts& path, Want want,
                                    std::string_view use, std::string_view mode);

// "ca-file": whether the mail server, named `subject`, trusts any certificate. `set` is the command that sets the
// file to ca_bundle.
inline constexpr const char* ca_bundle = "/etc/ssl/certs/ca-certificates.crt";
Check ca_file_check(const std::string& subject, const PathFacts& file,
                    const Result<std::size_t>& certificates, const std::string& set);

// "resolver" and "dnssec": whether the mail server can trust what they say about DNSSEC. `needs_dnssec`: whether
// DANE is wanted.
Checks resolver_checks(std::span<const ResolverFacts> resolvers, bool needs_dnssec);

// "unit": whether it is there, enabled and active. `enable` is the command that brings it there.
struct WantedUnit {
  std::string_view code;
  std::string name;
  std::string why;              // what is missing without it
  std::string enable;           // the command
  bool must_be_enabled = true;  // not for a service that a socket starts
};
Check unit_check(const Result<Units>& units, const WantedUnit& wanted);

// "order": whether the daemon's unit starts before that of the mail server.
Checks order_checks(std::string_view code, const Result<Units>& units, const std::string& daemon,
                    const MailServers& servers);
// The units of mail servers, for read_units().
std::vector<std::string> mail_server_units();

}  // namespace starttls::doctor
