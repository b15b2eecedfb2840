#include "postgres/url.h"

#include <libpq-fe.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>
#include <string_view>

namespace starttls::postgres {
namespace {

using Texts = std::map<std::string, std::string>;

// Whatever is wrong with a URL: its text may hold a password, and libpq's words quote it.
std::unexpected<Error> no_good_url(std::string_view what) {
  return fail(Fault::config, "the PostgreSQL URL (not shown, it may hold a password): {}", what);
}

std::string text_of(const Texts& parameters, const std::string& keyword) {
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

// A password with an unescaped '@' or '/' spills over into what libpq takes for host, port or database, and
// quotes in its messages.
Result<void> check(const Texts& parameters) {
  for (const char* keyword : {"host", "hostaddr", "dbname", "user"}) {
    if (text_of(parameters, keyword).find('@') == std::string::npos) continue;
    return no_good_url("has an '@' too many; in a name or password it is written as %40");
  }
  const std::string ports = text_of(parameters, "port");
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
  // A peer that vanished without a word is noticed also between statements.
  parameters.try_emplace("keepalives_idle", "30");
  parameters.try_emplace("keepalives_interval", "10");
  parameters.try_emplace("keepalives_count", "3");
  parameters.try_emplace("tcp_user_timeout", std::to_string(limits.statement.count()));
}

// libpq's rule: one for all hosts, or one for each.
std::string of_host(const std::vector<std::string>& list, std::size_t host) {
  return list.size() == 1 ? list.front() : list[host];
}

}  // namespace

bool is_url(std::string_view text) {
  return text.starts_with("postgresql://") || text.starts_with("postgres://");
}

Result<std::vector<Target>> targets_of(const std::string& url, const Limits& limits) {
  auto parameters = parse(url);
  if (!parameters) return std::unexpected(parameters.error());
  if (auto checked = check(*parameters); !checked) return std::unexpected(checked.error());
  const auto seconds = whole_number(text_of(*parameters, "connect_timeout"));
  const auto limit = seconds && *seconds > 0 ? std::chrono::seconds{*seconds} : limits.connect;
  add_defaults(*parameters, limits);

  const auto hosts = split(text_of(*parameters, "host"));
  const auto addresses = split(text_of(*parameters, "hostaddr"));
  const auto ports = split(text_of(*parameters, "port"));
  const std::size_t count = std::max({hosts.size(), addresses.size(), ports.size()});
  std::vector<Target> targets;
  for (const auto* list : {&hosts, &addresses, &ports}) {
    if (list->size() != 1 && list->size() != count)
      return no_good_url("names more hosts than ports, or fewer");
  }
  for (std::size_t i = 0; i < count; ++i) {
    Target target{.parameters = *parameters, .limit = limit};
    target.parameters["host"] = of_host(hosts, i);
    target.parameters["hostaddr"] = of_host(addresses, i);
    target.parameters["port"] = of_host(ports, i);
    targets.push_back(std::move(target));
  }
  return targets;
}

}  // namespace starttls::postgres
