// What Exim says about its configuration (exim(8), options -bV and -bP).
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace starttls::doctor {

// A router or a transport. Options that are only on or off ("no_more") are not in it.
struct EximDriver {
  std::string name;
  std::map<std::string, std::string, std::less<>> options;

  // "" if it is not set.
  const std::string& get(std::string_view option) const;
};

// Where Debian's update-exim4.conf(8) makes the configuration from.
struct DebianExim {
  bool is_split = false;  // conf.d, else exim4.conf.template
  std::string kind;       // dc_eximconfig_configtype: "internet", "smarthost", "satellite", "local", "none"
  std::filesystem::path newest;  // the file of the configuration that was changed last
  Time modified;                 // of `newest`
};

struct Exim {
  std::filesystem::path given_file;  // of option -C; "": the default one
  std::filesystem::path file;        // that Exim reads
  Time modified;
  std::string version;                          // "4.96"
  std::set<std::string, std::less<>> supports;  // "GnuTLS", "DANE", "Event"
  std::set<std::string, std::less<>> lookups;   // "cdb", "lsearch", "dnsdb"
  std::vector<EximDriver> routers;              // in their order
  std::vector<EximDriver> transports;
  std::map<std::string, std::string, std::less<>> options;  // of the main part that were asked for
  std::vector<std::string> missing_lists;  // of the domain lists of routers and ACLs that our routers need
  std::optional<DebianExim> debian;        // none: the file is the administrator's own
  Result<bool> runs = false;

  // "" if it is not set.
  const std::string& option(std::string_view name) const;
  // nullptr: there is none.
  const EximDriver* find_router(std::string_view name) const;
  const EximDriver* find_transport(std::string_view name) const;
  // Whether all mail to other hosts goes to a smart host, or none goes out: the conditions in packaging/exim.
  bool has_smart_host() const;
  bool is_local_only() const;

  // For remedies: "exim4", with its file if that was given.
  std::string command() const;
  // The command that lets Exim read what was changed.
  std::string apply() const;
  // "in FILE: NAME = VALUE"; in an own configuration an option of the main part takes the same form.
  std::string macro(std::string_view name, std::string_view value) const;
  // The same, and apply().
  std::string set_macro(std::string_view name, std::string_view value) const;
};

// Of the output of `exim4 -bV`.
void parse_exim_version(Exim& exim, std::string_view text);
// Of the output of `exim4 -bP routers` and `-bP transports`.
std::vector<EximDriver> parse_exim_drivers(std::string_view text);
// "NAME = VALUE" of each line.
std::map<std::string, std::string, std::less<>> parse_exim_options(std::string_view text);

// How the router starttls_policy finds the policy of a domain, by its address_data (packaging/exim/router).
struct EximPolicySource {
  std::string type;   // "cdb", "lsearch"; "socket"; "" if it is neither a lookup nor a ${readsocket
  std::string place;  // "/etc/exim4/tls_policy.cdb"; "inet:127.0.0.1:8461", or the path of a unix socket
};
EximPolicySource parse_exim_policy_source(std::string_view address_data);

// "exim4" as in Debian, or "exim"; "" if there is none.
std::string find_exim();

// `file`: for option -C, "" for the default one. Fault::unavailable if Exim cannot read its configuration, with
// what it prints.
Result<Exim> read_exim(const std::filesystem::path& file);

}  // namespace starttls::doctor
