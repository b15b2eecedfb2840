#include "config/tlsrpt_toml.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/text.h"
#include "base/user.h"
#include "config/settings.h"
#include "postgres/postgres.h"

namespace starttls::config {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

// One of a setting's words.
template <class Value>
Result<Value> word_of(const Settings& settings, const std::string& key, std::string_view text,
                      std::initializer_list<std::pair<std::string_view, Value>> words) {
  std::string known;
  for (const auto& [word, value] : words) {
    if (word == text) return value;
    known += fmt::format("{}\"{}\"", known.empty() ? "" : " or ", word);
  }
  return std::unexpected(
      settings.error_at(key, fmt::format("is '{}'; it must be {}", printable(text, 100), known)));
}

Result<std::vector<IpNetwork>> networks_of(const Settings& settings, const std::string& key,
                                           const std::vector<std::string>& texts) {
  std::vector<IpNetwork> networks;
  for (const std::string& text : texts) {
    const auto network = IpNetwork::parse(text);
    if (!network) return std::unexpected(settings.error_at(key, network.error().message));
    networks.push_back(*network);
  }
  return networks;
}

Result<std::vector<DomainName>> domains_of(const Settings& settings, const std::string& key,
                                           const std::vector<std::string>& texts) {
  std::vector<DomainName> domains;
  for (std::size_t index = 0; index < texts.size(); ++index) {
    const auto domain = DomainName::parse(texts[index]);
    if (!domain) {
      return std::unexpected(settings.error_at(fmt::format("{}[{}]", key, index),
                                               "has what is no domain: " + domain.error().message));
    }
    domains.push_back(*domain);
  }
  return domains;
}

// What is written as text and means something else.
struct PolicyTexts {
  std::string domain;
  std::filesystem::path file;
};
struct ReporterTexts {
  std::string name;
  std::vector<std::string> domains;
};
struct Texts {
  std::string socket = config::to_string(TlsrptConfig{}.socket);
  std::string metrics;
  std::string client_address = "full";
  std::string on_downgrade = "observe";
  std::vector<std::string> local_networks;
  std::vector<std::string> downgrade_exempt;
  std::vector<std::string> domains;
  std::string policy_domain;
  std::vector<ReporterTexts> reporters;
  std::vector<PolicyTexts> policies;
};

void read_selection(Settings& settings, SessionFilter& selection) {
  settings.numbers("milter.ports", selection.ports, 1, 65535);
  settings.numbers("milter.exclude_ports", selection.excluded_ports, 1, 65535);
  settings.strings("milter.daemons", selection.daemons);
  settings.strings("milter.exclude_daemons", selection.excluded_daemons);
  settings.flag("milter.record_authenticated", selection.authenticated);
  settings.strings("milter.mta_log_services", selection.log_services);
  settings.strings("milter.exclude_mta_log_services", selection.excluded_log_services);
  for (auto* names : {&selection.daemons, &selection.excluded_daemons, &selection.log_services,
                      &selection.excluded_log_services}) {
    for (std::string& name : *names) name = to_lower(name);
  }
  // As it stands in the log.
  for (auto* names : {&selection.log_services, &selection.excluded_log_services}) {
    constexpr std::string_view program = "/smtpd";
    for (std::string& name : *names) {
      if (name.ends_with(program)) name.resize(name.size() - program.size());
    }
  }
}

Texts read_all(Settings& settings, TlsrptConfig& c) {
  Texts texts;
  for (const IpNetwork& network : default_local_networks()) texts.local_networks.push_back(network.text());
  settings.path("state_dir", c.state_dir);
  settings.string("store", c.store);
  settings.string("milter.socket", texts.socket);
  settings.mode("milter.socket_mode", c.socket_mode);
  settings.string("milter.socket_owner", c.socket_owner);
  settings.string("milter.socket_group", c.socket_group);
  settings.string("milter.user", c.user);
  settings.string("milter.log", c.log);
  settings.string("milter.log_level", c.log_level);
  settings.path("milter.pid_file", c.pid_file);
  settings.seconds("milter.sync_interval", c.sync_interval, 10ms, 1min);
  settings.seconds("milter.fold_interval", c.fold_interval, 10ms, 1h);
  settings.string("milter.metrics", texts.metrics);
  settings.mode("milter.metrics_mode", c.metrics_mode);
  settings.string("milter.mta_log", c.mta_log);
  settings.strings("milter.local_networks", texts.local_networks);
  read_selection(settings, c.selection);
  settings.string("milter.client_address", texts.client_address);
  settings.string("milter.on_downgrade", texts.on_downgrade);
  settings.number("milter.downgrade_after", c.downgrade_after, 1, 1'000'000);
  settings.strings("milter.downgrade_exempt", texts.downgrade_exempt);
  settings.number("milter.retention_days", c.retention_days, 2, 100'000);
  settings.string("report.organization", c.organization);
  settings.string("report.contact", c.contact);
  settings.strings("report.domains", texts.domains);
  settings.string("report.policy_domain", texts.policy_domain);
  settings.strings("report.trusted_authserv_ids", c.trusted_authserv_ids);
  settings.string("report.min_tls", c.min_tls);
  settings.strings("report.rua", c.rua);
  settings.string("report.mail", c.mail);
  settings.seconds("report.send_window", c.send_window, 0ms, 24h);
  settings.number("report.max_store_size", c.max_store_size, 1, 1'000'000);
  settings.number("report.max_rejected_size", c.max_rejected_size, 1, 1'000'000);
  texts.policies.resize(settings.tables("policy"));
  for (std::size_t index = 0; index < texts.policies.size(); ++index) {
    settings.string(fmt::format("policy[{}].domain", index), texts.policies[index].domain);
    settings.path(fmt::format("policy[{}].file", index), texts.policies[index].file);
  }
  texts.reporters.resize(settings.tables("reporter"));
  for (std::size_t index = 0; index < texts.reporters.size(); ++index) {
    settings.string(fmt::format("reporter[{}].name", index), texts.reporters[index].name);
    settings.strings(fmt::format("reporter[{}].domains", index), texts.reporters[index].domains);
  }
  return texts;
}

Result<config::Address> address_of(const Settings& settings, const std::string& key,
                                   const std::string& text) {
  auto address = config::parse_address(text);
  if (!address) return std::unexpected(settings.error_at(key, address.error().message));
  return address;
}

Result<void> understand_service(const Settings& settings, const Texts& texts, TlsrptConfig& c) {
  if (c.state_dir.empty()) return std::unexpected(settings.error_at("state_dir", "names no directory"));
  const auto target = word_of<bool>(settings, "milter.log", c.log, {{"syslog", true}, {"stderr", false}});
  if (!target) return std::unexpected(target.error());
  const auto level = word_of<bool>(settings, "milter.log_level", c.log_level,
                                   {{"debug", true}, {"info", true}, {"warning", true}, {"error", true}});
  if (!level) return std::unexpected(level.error());
  auto socket = address_of(settings, "milter.socket", texts.socket);
  if (!socket) return std::unexpected(socket.error());
  c.socket = std::move(*socket);
  if (texts.metrics.empty()) return {};
  auto metrics = address_of(settings, "milter.metrics", texts.metrics);
  if (!metrics) return std::unexpected(metrics.error());
  c.metrics = std::move(*metrics);
  return {};
}

// Values that are well-formed, but not what they must be.
Result<void> understand(const Settings& settings, const Texts& texts, TlsrptConfig& c) {
  if (auto done = understand_service(settings, texts, c); !done) return done;
  auto networks = networks_of(settings, "milter.local_networks", texts.local_networks);
  if (!networks) return std::unexpected(networks.error());
  c.selection.local_networks = std::move(*networks);
  const auto keeping = word_of<AddressDetail>(
      settings, "milter.client_address", texts.client_address,
      {{"full", AddressDetail::full}, {"prefix", AddressDetail::prefix}, {"none", AddressDetail::none}});
  if (!keeping) return std::unexpected(keeping.error());
  c.client_address = *keeping;
  const auto action =
      word_of<OnDowngrade>(settings, "milter.on_downgrade", texts.on_downgrade,
                           {{"observe", OnDowngrade::observe}, {"tempfail", OnDowngrade::tempfail}});
  if (!action) return std::unexpected(action.error());
  c.on_downgrade = *action;
  auto exempt = domains_of(settings, "milter.downgrade_exempt", texts.downgrade_exempt);
  if (!exempt) return std::unexpected(exempt.error());
  c.downgrade_exempt = std::move(*exempt);
  for (std::size_t index = 0; index < texts.reporters.size(); ++index) {
    const ReporterTexts& reporter = texts.reporters[index];
    const std::string key = fmt::format("reporter[{}]", index);
    if (reporter.name.empty() || reporter.domains.empty())
      return std::unexpected(settings.error_at(key, "needs a 'name' and 'domains'"));
    auto sending = domains_of(settings, key + ".domains", reporter.domains);
    if (!sending) return std::unexpected(sending.error());
    c.reporters.push_back({.name = reporter.name, .domains = std::move(*sending)});
  }
  for (std::size_t index = 0; index < texts.policies.size(); ++index) {
    const std::string key = fmt::format("policy[{}]", index);
    const auto domain = DomainName::parse(texts.policies[index].domain);
    if (!domain)
      return std::unexpected(settings.error_at(key + ".domain", "is no domain: " + domain.error().message));
    if (texts.policies[index].file.empty()) return std::unexpected(settings.error_at(key, "needs a 'file'"));
    c.policy_files.emplace_back(domain->str(), texts.policies[index].file);
  }
  if (!c.min_tls.empty() && c.min_tls != "TLSv1.1" && c.min_tls != "TLSv1.2" && c.min_tls != "TLSv1.3") {
    return std::unexpected(settings.error_at(
        "report.min_tls",
        fmt::format(R"(is '{}'; it must be "TLSv1.1", "TLSv1.2" or "TLSv1.3")", printable(c.min_tls, 100))));
  }
  if (c.mail.empty() || c.mail.starts_with('-') ||
      (c.mail.contains("://") && !c.mail.starts_with("smtp://"))) {
    return std::unexpected(settings.error_at(
        "report.mail",
        fmt::format(R"(is '{}'; it must be "smtp://HOST:PORT" or a program such as "sendmail")",
                    printable(c.mail, 100))));
  }
  const bool is_path = c.mail.contains('/') && !c.mail.contains("://");
  if (is_path) c.mail = settings.absolute(c.mail).string();
  auto domains = domains_of(settings, "report.domains", texts.domains);
  if (!domains) return std::unexpected(domains.error());
  c.domains = std::move(*domains);
  if (!texts.policy_domain.empty()) {
    const auto domain = DomainName::parse(texts.policy_domain);
    if (!domain) {
      return std::unexpected(
          settings.error_at("report.policy_domain", "is no domain: " + domain.error().message));
    }
    c.policy_domain = domain->str();
  }
  for (std::string& id : c.trusted_authserv_ids) {
    const bool is_sound = !id.empty() && std::ranges::none_of(id, [](char one) {
      return one <= ' ' || one == '\x7F' || std::string_view("\"();=/").contains(one);
    });
    if (!is_sound) {
      return std::unexpected(
          settings.error_at("report.trusted_authserv_ids",
                            fmt::format("has '{}', which is no authserv-id of report::Authentication-Results",
                                        printable(id, 100))));
    }
    id = to_lower(id);
  }
  if (!c.mta_log.empty() && c.mta_log != "journal" && !c.mta_log.starts_with("journal:/") &&
      !c.mta_log.starts_with('/')) {
    return std::unexpected(settings.error_at(
        "milter.mta_log", fmt::format("is '{}'; it must be \"journal\" or the absolute path of a file",
                                      printable(c.mta_log, 100))));
  }
  if (!c.store.empty() && !c.store.starts_with("postgresql://") && !c.store.starts_with("postgres://")) {
    // What stands there may hold a password.
    return std::unexpected(settings.error_at("store", R"(does not begin with "postgresql://")"));
  }
  return {};
}

// Whether members of the group are who needs the file: the service's user, or who asks.
bool is_own_group(gid_t group, const TlsrptConfig& c) {
  if (group == 0 || group == ::getegid()) return true;
  std::vector<gid_t> ours(static_cast<std::size_t>(std::max(::getgroups(0, nullptr), 0)));
  if (::getgroups(static_cast<int>(ours.size()), ours.data()) >= 0 &&
      std::ranges::find(ours, group) != ours.end())
    return true;
  const auto service = find_user(c.user.empty() ? default_user : c.user, "");
  return service && service->gid == group;
}

void warn_of_open_password(const Settings& settings, TlsrptConfig& c) {
  const auto rights = settings.rights();
  if (!rights || !postgres::has_password(c.store)) return;
  std::string_view who;
  if ((rights->mode & S_IROTH) != 0) {
    who = "every user of this machine";
  } else if ((rights->mode & S_IRGRP) != 0 && !is_own_group(rights->group, c)) {
    who = "its group";
  }
  if (who.empty()) return;
  c.warnings.push_back(fmt::format(
      "{}: {} can read the database's password in it; set its mode to 0640, with the group of the service",
      settings.name(), who));
}

void add_warnings(const Settings& settings, TlsrptConfig& c) {
  if (c.store.empty()) return;
  for (std::string& warning : postgres::security_warnings(c.store))
    c.warnings.push_back(fmt::format("'store': {}", warning));
  warn_of_open_password(settings, c);
}

}  // namespace

Error TlsrptConfig::wrong(const std::string& key, std::string_view what) const {
  return file ? file->error_at(key, what) : Error{Fault::config, fmt::format("'{}' {}", key, what)};
}

Result<Settings> load_settings(const std::optional<fs::path>& file, FileKind kind) {
  if (file) return Settings::load(*file, kind);
  std::error_code ignored;
  if (fs::exists(default_tlsrpt_config, ignored)) return Settings::load(default_tlsrpt_config);
  return Settings::none();
}

std::vector<IpNetwork> default_local_networks() {
  std::vector<IpNetwork> networks;
  for (const char* text : {"127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16",
                           "::1/128", "fc00::/7", "fe80::/10"}) {
    networks.push_back(IpNetwork::parse(text).value());
  }
  return networks;
}

Result<TlsrptConfig> read_tlsrpt_config(Settings& settings,
                                        const std::function<void(Settings&)>& ask_others) {
  TlsrptConfig c;
  const Texts texts = read_all(settings, c);
  ask_others(settings);
  if (auto done = settings.finish(); !done) return std::unexpected(done.error());
  if (auto done = understand(settings, texts, c); !done) return std::unexpected(done.error());
  add_warnings(settings, c);
  return c;
}

Result<TlsrptConfig> load_tlsrpt_config(const std::optional<fs::path>& file, FileKind kind) {
  auto settings = load_settings(file, kind);
  if (!settings) return std::unexpected(settings.error());
  auto configuration = read_tlsrpt_config(*settings, [](Settings& others) {
    // Of tlsrpt-report alone.
    others.ignore("dns");
    others.ignore("mta-sts");
  });
  if (configuration) configuration->file = std::make_shared<const Settings>(std::move(*settings));
  return configuration;
}

}  // namespace starttls::config
