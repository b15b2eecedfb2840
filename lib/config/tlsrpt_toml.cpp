#include "config/tlsrpt_toml.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "base/try.h"

namespace starttls::config {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr std::size_t max_shown = 100;  // characters of a value in a message

bool is_store_url(std::string_view text) {
  return text.starts_with("postgresql://") || text.starts_with("postgres://");
}

bool is_mta_log(std::string_view text) {
  return text == "journal" || text.starts_with("journal:/") || text.starts_with('/');
}

bool is_tls_version(std::string_view text) {
  constexpr std::array versions{"TLSv1.1", "TLSv1.2", "TLSv1.3"};
  return std::ranges::find(versions, text) != versions.end();
}

// A token of RFC 5322, which is what an authserv-id is without quotes (RFC 8601 section 2.5).
bool is_authserv_id(std::string_view text) {
  return !text.empty() && std::ranges::none_of(text, [](char one) {
    return one <= ' ' || one == '\x7F' || std::string_view("\"();=/").find(one) != std::string_view::npos;
  });
}

void make_lower(std::vector<std::string>& names) {
  for (std::string& name : names) name = to_lower(name);
}

// Removes the program: the log has the service without it.
void remove_program(std::vector<std::string>& services) {
  constexpr std::string_view program = "/smtpd";
  for (std::string& name : services) {
    if (name.ends_with(program)) name.resize(name.size() - program.size());
  }
}

void read_sessions(Settings& settings, SessionFilter& sessions) {
  settings.networks("milter.local_networks", sessions.local_networks);
  settings.numbers("milter.ports", sessions.ports, 1, 65535);
  settings.numbers("milter.exclude_ports", sessions.excluded_ports, 1, 65535);
  settings.strings("milter.daemons", sessions.daemons);
  settings.strings("milter.exclude_daemons", sessions.excluded_daemons);
  settings.flag("milter.record_authenticated", sessions.authenticated);
  settings.strings("milter.mta_log_services", sessions.log_services);
  settings.strings("milter.exclude_mta_log_services", sessions.excluded_log_services);
  make_lower(sessions.daemons);
  make_lower(sessions.excluded_daemons);
  make_lower(sessions.log_services);
  make_lower(sessions.excluded_log_services);
  remove_program(sessions.log_services);
  remove_program(sessions.excluded_log_services);
}

void read_daemon(Settings& settings, const std::string& table, DaemonConfig& daemon) {
  settings.address(table + ".socket", daemon.socket);
  settings.mode(table + ".socket_mode", daemon.socket_mode);
  settings.string(table + ".socket_owner", daemon.socket_owner);
  settings.string(table + ".socket_group", daemon.socket_group);
  settings.string(table + ".user", daemon.user);
  settings.word(table + ".log", daemon.log, log_target_words);
  settings.word(table + ".log_level", daemon.log_level, log_level_words);
  settings.path(table + ".pid_file", daemon.pid_file);
  settings.seconds(table + ".sync_interval", daemon.sync_interval, 10ms, 1min);
  settings.seconds(table + ".fold_interval", daemon.fold_interval, 10ms, 1h);
  settings.address(table + ".metrics", daemon.metrics);
  settings.mode(table + ".metrics_mode", daemon.metrics_mode);
  settings.string(table + ".mta_log", daemon.mta_log);
  settings.check(daemon.mta_log.empty() || is_mta_log(daemon.mta_log), table + ".mta_log",
                 fmt::format(R"(is '{}'; it must be "journal" or the absolute path of a file)",
                             printable(daemon.mta_log, max_shown)));
  settings.number(table + ".retention_days", daemon.retention_days, 2, 100'000);
}

void read_milter(Settings& settings, MilterConfig& milter) {
  read_daemon(settings, "milter", milter);
  read_sessions(settings, milter.sessions);
  settings.word("milter.client_address", milter.client_address, address_detail_words);
  settings.word("milter.on_downgrade", milter.on_downgrade, on_downgrade_words);
  settings.number("milter.downgrade_after", milter.downgrade_after, 1, 1'000'000);
  settings.domains("milter.downgrade_exempt", milter.downgrade_exempt);
  settings.number("milter.max_idle_threads", milter.max_idle_threads, 0, 10'000);
}

void read_collector(Settings& settings, CollectorConfig& collector) {
  read_daemon(settings, "collector", collector);
  settings.check(collector.socket.is_unix(), "collector.socket",
                 fmt::format("is '{}'; Postfix sends its results to unix sockets only",
                             printable(to_string(collector.socket), max_shown)));
  settings.number("collector.max_policies", collector.max_policies, 1, 100'000'000);
}

void read_authserv_ids(Settings& settings, std::vector<std::string>& ids) {
  settings.strings("report.trusted_authserv_ids", ids);
  for (std::size_t index = 0; index < ids.size(); ++index) {
    settings.check(is_authserv_id(ids[index]), fmt::format("report.trusted_authserv_ids[{}]", index),
                   fmt::format("has '{}', which is not an authserv-id of Authentication-Results",
                               printable(ids[index], max_shown)));
  }
  make_lower(ids);
}

void read_report(Settings& settings, ReportConfig& report) {
  settings.string("report.organization", report.organization);
  settings.string("report.contact", report.contact);
  settings.domains("report.domains", report.domains);
  std::optional<DomainName> policy_domain;
  settings.domain("report.policy_domain", policy_domain);
  if (policy_domain) report.policy_domain = policy_domain->str();
  read_authserv_ids(settings, report.trusted_authserv_ids);
  settings.string("report.min_tls", report.min_tls);
  settings.check(report.min_tls.empty() || is_tls_version(report.min_tls), "report.min_tls",
                 fmt::format(R"(is '{}'; it must be "TLSv1.1", "TLSv1.2" or "TLSv1.3")",
                             printable(report.min_tls, max_shown)));
  settings.strings("report.rua", report.rua);
  settings.mailer("report.mail", report.mail);
  settings.seconds("report.send_window", report.send_window, 0ms, 24h);
  settings.number("report.max_store_size", report.max_store_size, 1, 1'000'000);
  settings.number("report.max_rejected_size", report.max_rejected_size, 1, 1'000'000);
  settings.address("report.receive", report.receive);
  settings.number("report.max_posts", report.max_posts, 1, 1'000'000);
  settings.number("report.max_posts_per_client", report.max_posts_per_client, 1, 1'000'000);
  settings.path("report.check_state", report.check_state);
}

void read_reporters(Settings& settings, std::vector<ReporterDomains>& reporters) {
  reporters.resize(settings.tables("reporter"));
  for (std::size_t index = 0; index < reporters.size(); ++index) {
    ReporterDomains& reporter = reporters[index];
    const std::string table = fmt::format("reporter[{}]", index);
    settings.string(table + ".name", reporter.name);
    settings.domains(table + ".domains", reporter.domains);
    settings.check(!reporter.name.empty() && !reporter.domains.empty(), table,
                   "needs a 'name' and 'domains'");
  }
}

void read_policies(Settings& settings, std::vector<PolicyFile>& policies) {
  policies.resize(settings.tables("policy"));
  for (std::size_t index = 0; index < policies.size(); ++index) {
    const std::string table = fmt::format("policy[{}]", index);
    std::optional<DomainName> domain;
    settings.domain(table + ".domain", domain);
    settings.path(table + ".file", policies[index].file);
    settings.check(domain.has_value() && !policies[index].file.empty(), table,
                   "needs a 'domain' and a 'file'");
    if (domain) policies[index].domain = domain->str();
  }
}

void read_destinations(Settings& settings, std::vector<ReportDestination>& destinations) {
  destinations.resize(settings.tables("destination"));
  for (std::size_t index = 0; index < destinations.size(); ++index) {
    const std::string table = fmt::format("destination[{}]", index);
    std::optional<DomainName> domain;
    settings.domain(table + ".domain", domain);
    settings.strings(table + ".rua", destinations[index].rua);
    if (domain) destinations[index].domain = domain->str();
  }
}

void read_all(Settings& settings, TlsrptConfig& config) {
  settings.path("state_dir", config.state_dir);
  settings.check(!config.state_dir.empty(), "state_dir", "names no directory");
  settings.string("store", config.store);
  // The message does not show the value, which may hold a password.
  settings.check(config.store.empty() || is_store_url(config.store), "store",
                 R"(does not begin with "postgresql://")");
  read_milter(settings, config.milter);
  read_collector(settings, config.collector);
  read_report(settings, config.report);
  read_reporters(settings, config.reporters);
  read_policies(settings, config.policies);
  read_destinations(settings, config.destinations);
}

}  // namespace

std::vector<IpNetwork> default_local_networks() {
  std::vector<IpNetwork> networks;
  for (const char* text : {"127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16",
                           "::1/128", "fc00::/7", "fe80::/10"}) {
    networks.push_back(IpNetwork::parse(text).value());
  }
  return networks;
}

Error TlsrptConfig::error_at(const std::string& key, std::string_view what) const {
  return file ? file->error_at(key, what) : Error{Fault::config, fmt::format("'{}' {}", key, what)};
}

Result<Settings> load_tlsrpt_settings(const std::optional<fs::path>& file, FileKind kind) {
  if (file) return Settings::load(*file, kind);
  std::error_code ignored;
  if (fs::exists(default_tlsrpt_config, ignored)) return Settings::load(default_tlsrpt_config);
  return Settings::none();
}

Result<TlsrptConfig> read_tlsrpt_config(Settings& settings,
                                        const std::function<void(Settings&)>& declare_more) {
  TlsrptConfig config;
  read_all(settings, config);
  declare_more(settings);
  TRY(settings.finish());
  return config;
}

Result<TlsrptConfig> load_tlsrpt_config(const std::optional<fs::path>& file, FileKind kind) {
  Settings settings = TRY(load_tlsrpt_settings(file, kind));
  TlsrptConfig config = TRY(read_tlsrpt_config(settings, [](Settings& more) {
    // Only tlsrpt-report uses this table.
    more.ignore("dns");
    more.ignore("mta-sts");
  }));
  config.file = std::make_shared<const Settings>(std::move(settings));
  return config;
}

}  // namespace starttls::config
