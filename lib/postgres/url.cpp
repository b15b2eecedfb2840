#include "postgres/url.h"

#include <arpa/inet.h>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>

#include "base/file.h"
#include "base/text.h"
#include "base/try.h"

namespace starttls::postgres {
namespace {

using Texts = std::map<std::string, std::string>;

// Reports an error without the URL: its text may hold a password, and libpq's messages quote it.
std::unexpected<Error> no_good_url(std::string_view what) {
  return fail(Fault::config, "the PostgreSQL URL (not shown, it may hold a password): {}", what);
}

std::string find_text(const Texts& parameters, const std::string& keyword) {
  const auto found = parameters.find(keyword);
  return found == parameters.end() ? std::string() : found->second;
}

Result<Texts> parse(const std::string& url) {
  char* error = nullptr;
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(
      PQconninfoParse(url.c_str(), &error), &PQconninfoFree);
  PQfreemem(error);
  if (!is_url(url) || !options) {
    return no_good_url(
        R"(is not "postgresql://[USER[:PASSWORD]@]HOST[:PORT]/DATABASE[?PARAMETER=VALUE...]"; )"
        "special characters in a password are written as %XX");
  }
  Texts parameters;
  for (const auto* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->val != nullptr && *option->val != '\0') parameters[option->keyword] = option->val;
  }
  return parameters;
}

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> parts(1);
  for (const char c : list) {
    if (c == ',') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

std::optional<int> whole_number(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// If a password has an unescaped '@' or '/', libpq reads a part of it as host, port or database, and quotes
// that in its messages.
Result<void> check(const Texts& parameters) {
  for (const char* keyword : {"host", "hostaddr", "dbname", "user"}) {
    if (find_text(parameters, keyword).find('@') == std::string::npos) continue;
    return no_good_url("has an '@' too many; in a name or password it is written as %40");
  }
  const std::string ports = find_text(parameters, "port");
  for (const std::string& port : split(ports)) {
    const auto number = whole_number(port);
    if (port.empty() || (number && *number > 0 && *number <= 65535)) continue;
    return no_good_url("has a port that is no number from 1 to 65535; in a password '/' is written as %2F");
  }
  return {};
}

void add_defaults(Texts& parameters, const Limits& limits) {
  parameters["client_encoding"] = "UTF8";
  parameters.try_emplace("fallback_application_name", "starttls-toolkit");
  // Detects between statements, too, that the peer has vanished without closing the connection.
  parameters.try_emplace("keepalives_idle", "30");
  parameters.try_emplace("keepalives_interval", "10");
  parameters.try_emplace("keepalives_count", "3");
  parameters.try_emplace("tcp_user_timeout", std::to_string(limits.statement.count()));
}

// All parameters: from the URL, from the environment or from a service file, else libpq's defaults. libpq
// returns them only for a connection. So we start one that libpq rejects before it looks up any host.
Texts resolved(const Texts& parameters) {
  Texts asked = parameters;
  asked["target_session_attrs"] = "none that exists";
  std::vector<const char*> keywords;
  std::vector<const char*> values;
  for (const auto& [keyword, value] : asked) {
    keywords.push_back(keyword.c_str());
    values.push_back(value.c_str());
  }
  keywords.push_back(nullptr);
  values.push_back(nullptr);
  const std::unique_ptr<PGconn, decltype(&PQfinish)> rejected(
      PQconnectStartParams(keywords.data(), values.data(), 0), &PQfinish);
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(
      rejected ? PQconninfo(rejected.get()) : nullptr, &PQconninfoFree);
  Texts all = parameters;
  for (const auto* option = options.get(); option != nullptr && option->keyword != nullptr; ++option) {
    if (option->val != nullptr && *option->val != '\0') all.try_emplace(option->keyword, option->val);
  }
  return all;
}

bool is_loopback(const std::string& host) {
  in_addr ipv4{};
  in6_addr ipv6{};
  if (::inet_pton(AF_INET, host.c_str(), &ipv4) == 1) return ntohl(ipv4.s_addr) >> 24U == 127;
  if (::inet_pton(AF_INET6, host.c_str(), &ipv6) == 1) return IN6_IS_ADDR_LOOPBACK(&ipv6);
  return to_lower(host) == "localhost";
}

// Whether the server is on this machine, so that the connection crosses no network. libpq connects to
// hostaddr if it is set, whatever host is. Without both, and if host begins with '/' or '@', it uses a unix
// socket.
bool is_on_this_machine(const std::string& host, const std::string& address) {
  if (!address.empty()) return is_loopback(address);
  return host.empty() || host.starts_with('/') || host.starts_with('@') || is_loopback(host);
}

constexpr std::string_view usual_mode = "prefer";  // libpq's default, which counts as not chosen
constexpr std::string_view safe_mode = "verify-full";

bool is_chosen(const Texts& url, const Texts& all) {
  const char* const environment = std::getenv("PGSSLMODE");
  return url.contains("sslmode") || (environment != nullptr && *environment != '\0') ||
         find_text(all, "sslmode") != usual_mode;
}

// libpq's own file of trusted authorities.
bool has_own_authorities() {
  const char* const home = std::getenv("HOME");
  const passwd* const user = home != nullptr ? nullptr : ::getpwuid(::geteuid());
  const std::filesystem::path directory = home != nullptr ? home : user != nullptr ? user->pw_dir : "";
  std::error_code error;
  return !directory.empty() && std::filesystem::exists(directory / ".postgresql/root.crt", error);
}

constexpr const char* system_authorities = "/etc/ssl/certs/ca-certificates.crt";
constexpr int knows_system_authorities = 160000;  // PQlibVersion(): sslrootcert=system, for verify-full only

void secure(Texts& parameters, const Texts& all, bool chosen) {
  if (!chosen) parameters["sslmode"] = safe_mode;
  const std::string mode = chosen ? find_text(all, "sslmode") : std::string(safe_mode);
  if (!mode.starts_with("verify-") || all.contains("sslrootcert") || has_own_authorities()) return;
  const bool by_name = mode == safe_mode && PQlibVersion() >= knows_system_authorities;
  parameters["sslrootcert"] = by_name ? "system" : system_authorities;
}

// Returns "" if the connection is as safe as it should be.
std::string warning_about(const std::string& host, const std::string& mode) {
  const auto what = [&]() -> std::string_view {
    if (mode == "disable")
      return "is not encrypted: who can listen on the network reads the password and all data";
    if (mode == "allow" || mode == "prefer")
      return "need not be encrypted: who controls the network can read the password and all data";
    if (mode == "require") return "does not verify the server: who controls the network can pose as it";
    if (mode == "verify-ca")
      return "does not check the server's name: who has another certificate of its authority can pose as it";
    return "";
  }();
  if (what.empty()) return "";
  return fmt::format("the connection to {} {} (sslmode={}); set sslmode=verify-full", printable(host), what,
                     printable(mode));
}

// Refuses other files than regular ones: libpq would wait for a writer of a pipe.
Result<void> check_files(const Texts& all) {
  for (const char* keyword : {"sslrootcert", "sslcert", "sslkey", "sslcrl", "passfile"}) {
    const std::string file = find_text(all, keyword);
    if (const auto why = file.empty() ? std::string_view() : irregular_file_type(file); !why.empty())
      return no_good_url(fmt::format("{}: {}", keyword, why));
  }
  return {};
}

// libpq's rule: one for all hosts, or one for each.
std::string of_host(const std::vector<std::string>& list, std::size_t host) {
  return list.size() == 1 ? list.front() : list[host];
}

}  // namespace

bool is_url(std::string_view text) {
  return text.starts_with("postgresql://") || text.starts_with("postgres://");
}

Result<std::vector<Target>> connection_targets(const std::string& url, const Limits& limits) {
  auto parameters = TRY(parse(url));
  TRY(check(parameters));
  const auto seconds = whole_number(find_text(parameters, "connect_timeout"));
  const auto limit = seconds && *seconds > 0 ? std::chrono::seconds{*seconds} : limits.connect;
  const Texts all = resolved(parameters);
  TRY(check_files(all));
  const bool chosen = is_chosen(parameters, all);
  add_defaults(parameters, limits);

  const auto hosts = split(find_text(all, "host"));
  const auto addresses = split(find_text(all, "hostaddr"));
  const auto ports = split(find_text(all, "port"));
  const std::size_t count = std::max({hosts.size(), addresses.size(), ports.size()});
  std::vector<Target> targets;
  for (const auto* list : {&hosts, &addresses, &ports}) {
    if (list->size() != 1 && list->size() != count)
      return no_good_url("names more hosts than ports, or fewer");
  }
  for (std::size_t i = 0; i < count; ++i) {
    Target target{.parameters = parameters, .limit = limit};
    target.parameters["host"] = of_host(hosts, i);
    target.parameters["hostaddr"] = of_host(addresses, i);
    target.parameters["port"] = of_host(ports, i);
    if (!is_on_this_machine(of_host(hosts, i), of_host(addresses, i))) secure(target.parameters, all, chosen);
    targets.push_back(std::move(target));
  }
  return targets;
}

bool has_password(const std::string& url) {
  const auto parameters = parse(url);
  return parameters && (parameters->contains("password") || parameters->contains("sslpassword"));
}

std::vector<std::string> security_warnings(const std::string& url) {
  std::vector<std::string> warnings;
  const auto targets = connection_targets(url, Limits());
  const auto parameters = parse(url);
  if (!targets || !parameters) return warnings;
  const Texts all = resolved(*parameters);
  if (!is_chosen(*parameters, all)) return warnings;
  for (const Target& target : *targets) {
    const std::string host = find_text(target.parameters, "host");
    const std::string address = find_text(target.parameters, "hostaddr");
    if (is_on_this_machine(host, address)) continue;
    auto warning = warning_about(host.empty() ? address : host, find_text(all, "sslmode"));
    if (!warning.empty()) warnings.push_back(std::move(warning));
  }
  return warnings;
}

}  // namespace starttls::postgres
