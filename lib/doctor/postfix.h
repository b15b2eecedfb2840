// What Postfix says about its configuration (postconf(1)).
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/address.h"

namespace starttls::doctor {

// A line of master.cf (master(5)).
struct PostfixService {
  std::string name;  // "smtp", "127.0.0.1:10025"
  std::string type;  // "inet", "pass", "unix"
  bool chroot = false;
  std::string program;                                         // "smtpd"
  std::map<std::string, std::string, std::less<>> parameters;  // its own, of "-o name=value"

  // "smtp/inet", as postconf(1) writes it.
  std::string id() const { return name + "/" + type; }
  // An smtpd for our own users, by the names and ports of RFC 6409 and RFC 8314.
  bool is_submission() const;
};

struct Postfix {
  std::filesystem::path config_directory;  // "" if it is the default one
  std::map<std::string, std::string, std::less<>> parameters;
  std::vector<PostfixService> services;
  std::set<std::string, std::less<>> map_types;
  Result<bool> runs = false;

  // "" if it is not set, or was not asked for.
  const std::string& get(std::string_view parameter) const;
  // As the service has it.
  const std::string& get(const PostfixService& service, std::string_view parameter) const;
  std::string version() const { return get("mail_version"); }

  // The commands for remedies: "postconf -c DIR", "postfix -c DIR reload".
  std::string postconf() const;
  std::string reload() const;
  // "postconf 'NAME=VALUE' && postfix reload"
  std::string set(std::string_view parameter, std::string_view value) const;
  // The same in master.cf.
  std::string set(const PostfixService& service, std::string_view parameter, std::string_view value) const;

  // A path that a daemon opens after it entered its chroot, or its queue directory.
  std::filesystem::path path_for(const PostfixService& service, const std::filesystem::path& path) const;
};

// Of the output of `postconf`, and of `postconf -M` and `postconf -P`.
std::map<std::string, std::string, std::less<>> parse_parameters(std::string_view text);
std::vector<PostfixService> parse_services(std::string_view services, std::string_view parameters);

// The elements of a list of postconf(5), between commas and white space; "{ ... }" is one.
std::vector<std::string> split_list(std::string_view text);

// An element of smtpd_milters.
struct MilterUse {
  std::string address;         // "unix:tlsrpt/milter.sock"
  std::string default_action;  // its own; "": milter_default_action
};
MilterUse parse_milter_use(std::string_view element);

// The socket that the service finds there. Nothing if it is no address.
std::optional<config::Address> address_for(const Postfix& postfix, const PostfixService& service,
                                           std::string_view address);

// An element of smtp_tls_policy_maps: "socketmap:inet:127.0.0.1:8461:postfix".
struct MapUse {
  std::string type;  // "socketmap", of proxymap(8), too
  std::string name;  // the rest: "/etc/postfix/tls_policy"
};
MapUse parse_map_use(std::string_view element);
// "inet:127.0.0.1:8461" and "postfix".
struct SocketmapUse {
  std::string address;
  std::string map;
};
SocketmapUse parse_socketmap_use(std::string_view name);

// Whether there is a Postfix on this host: main.cf in the directory or, if it is "", in the default one, and
// postconf(1).
bool has_postfix(const std::filesystem::path& config_directory);

// Fault::unavailable if postconf(1) fails, such as with an invalid main.cf, with what it prints.
Result<Postfix> read_postfix(const std::filesystem::path& config_directory);

}  // namespace starttls::doctor
