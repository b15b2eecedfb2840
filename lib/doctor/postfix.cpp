#include "doctor/postfix.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <ranges>

#include "base/subprocess.h"
#include "base/text.h"
#include "base/try.h"
#include "doctor/host.h"

namespace starttls::doctor {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds time_limit{10};
constexpr std::string_view blanks = " \t\r";

constexpr std::array<const char*, 26> parameters_to_read{"mail_version",
                                                         "queue_directory",
                                                         "mail_owner",
                                                         "maillog_file",
                                                         "milter_default_action",
                                                         "milter_protocol",
                                                         "relayhost",
                                                         "smtp_dns_support_level",
                                                         "smtp_tls_CAfile",
                                                         "smtp_tls_CApath",
                                                         "smtp_tls_loglevel",
                                                         "smtp_tls_mandatory_protocols",
                                                         "smtp_tls_policy_maps",
                                                         "smtp_tls_security_level",
                                                         "smtp_tlsrpt_enable",
                                                         "smtp_tlsrpt_socket_name",
                                                         "smtpd_milters",
                                                         "smtpd_tls_cert_file",
                                                         "smtpd_tls_chain_files",
                                                         "smtpd_tls_key_file",
                                                         "smtpd_tls_security_level",
                                                         "smtpd_use_tls",
                                                         "smtpd_enforce_tls",
                                                         "smtpd_tls_eccert_file",
                                                         "smtpd_tls_eckey_file",
                                                         "tls_append_default_CA"};

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  for (const auto& each : std::views::split(text, '\n')) {
    if (const std::string_view line(each.begin(), each.end()); !line.empty()) lines.push_back(line);
  }
  return lines;
}

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  for (std::size_t start = line.find_first_not_of(blanks); start != std::string_view::npos;) {
    const std::size_t end = std::min(line.find_first_of(blanks, start), line.size());
    words.push_back(line.substr(start, end - start));
    start = line.find_first_not_of(blanks, end);
  }
  return words;
}

// For a shell.
std::string for_shell(std::string_view text) {
  std::string quoted_text = "'";
  for (const char c : text) {
    if (c == '\'') quoted_text += "'\\'";
    quoted_text += c;
  }
  return quoted_text + "'";
}

Result<std::string> postconf(const fs::path& config_directory, std::vector<std::string> arguments) {
  Command command{.argv = {"postconf"}, .time_limit = time_limit};
  if (!config_directory.empty()) command.argv.insert(command.argv.end(), {"-c", config_directory.string()});
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  const Finished done = TRY(run_program(command));
  if (!done.succeeded()) return fail(Fault::unavailable, "{}", failure_text("postconf", done));
  return done.out;
}

}  // namespace

bool PostfixService::is_submission() const {
  constexpr std::array names{"submission", "submissions", "smtps", "587", "465"};
  const std::string_view port = std::string_view(name).substr(name.rfind(':') + 1);
  return std::ranges::find(names, port) != names.end();
}

const std::string& Postfix::get(std::string_view parameter) const {
  static const std::string none;
  const auto found = parameters.find(parameter);
  return found != parameters.end() ? found->second : none;
}

const std::string& Postfix::get(const PostfixService& service, std::string_view parameter) const {
  const auto own = service.parameters.find(parameter);
  return own != service.parameters.end() ? own->second : get(parameter);
}

std::string Postfix::postconf() const {
  return config_directory.empty() ? "postconf" : "postconf -c " + config_directory.string();
}

std::string Postfix::reload() const {
  return config_directory.empty() ? "postfix reload" : "postfix -c " + config_directory.string() + " reload";
}

std::string Postfix::set(std::string_view parameter, std::string_view value) const {
  const std::string setting = fmt::format("{}={}", parameter, value);
  const bool is_plain = setting.find_first_of(" \t'\"{}$<>;&|*?()[]") == std::string::npos;
  return fmt::format("{} {} && {}", postconf(), is_plain ? setting : for_shell(setting), reload());
}

std::string Postfix::set(const PostfixService& service, std::string_view parameter,
                         std::string_view value) const {
  return fmt::format("{} -P {} && {}", postconf(),
                     for_shell(fmt::format("{}/{}={}", service.id(), parameter, value)), reload());
}

fs::path Postfix::path_for(const PostfixService& service, const fs::path& path) const {
  if (path.is_absolute() && !service.chroot) return path.lexically_normal();
  return (fs::path(get("queue_directory")) / path.relative_path()).lexically_normal();
}

std::map<std::string, std::string, std::less<>> parse_parameters(std::string_view text) {
  std::map<std::string, std::string, std::less<>> parameters;
  for (const std::string_view line : lines_of(text)) {
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    parameters.insert_or_assign(std::string(trim(line.substr(0, equals))),
                                std::string(trim(line.substr(equals + 1))));
  }
  return parameters;
}

std::vector<PostfixService> parse_services(std::string_view services, std::string_view parameters) {
  constexpr std::size_t chroot_column = 4;
  constexpr std::size_t program_column = 7;
  std::vector<PostfixService> parsed;
  for (const std::string_view line : lines_of(services)) {
    const auto words = words_of(line);
    if (words.size() <= program_column) continue;
    parsed.push_back({.name = std::string(words[0]),
                      .type = std::string(words[1]),
                      .chroot = words[chroot_column] == "y",
                      .program = std::string(words[program_column]),
                      .parameters = {}});
  }
  // "smtp/inet/smtpd_milters = "
  for (const auto& [name, value] : parse_parameters(parameters)) {
    const std::size_t slash = name.rfind('/');
    if (slash == std::string::npos) continue;
    const auto service = std::ranges::find(parsed, name.substr(0, slash), &PostfixService::id);
    if (service != parsed.end()) service->parameters.insert_or_assign(name.substr(slash + 1), value);
  }
  return parsed;
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> elements;
  std::string element;
  int depth = 0;
  for (const char c : text) {
    depth += c == '{' ? 1 : c == '}' ? -1 : 0;
    const bool separates = depth <= 0 && (c == ',' || blanks.contains(c) || c == '\n');
    if (!separates) element += c;
    if (separates && !element.empty()) elements.push_back(std::exchange(element, {}));
  }
  if (!element.empty()) elements.push_back(element);
  return elements;
}

MilterUse parse_milter_use(std::string_view element) {
  if (!element.starts_with('{')) return {.address = std::string(element), .default_action = {}};
  element.remove_prefix(1);
  if (element.ends_with('}')) element.remove_suffix(1);
  const std::vector<std::string> words = split_list(element);
  MilterUse use;
  for (const std::string& word : words) {
    constexpr std::string_view action = "default_action=";
    if (use.address.empty()) use.address = word;
    if (word.starts_with(action)) use.default_action = word.substr(action.size());
  }
  return use;
}

std::optional<config::Address> address_for(const Postfix& postfix, const PostfixService& service,
                                           std::string_view address) {
  constexpr std::string_view unix_prefix = "unix:";
  if (address.starts_with(unix_prefix)) {
    const fs::path path = postfix.path_for(service, address.substr(unix_prefix.size()));
    return config::Address{.path = path.string()};
  }
  auto parsed = config::parse_address(address);
  if (!parsed) return std::nullopt;
  return *parsed;
}

MapUse parse_map_use(std::string_view element) {
  constexpr std::string_view proxy = "proxy:";
  if (element.starts_with(proxy)) element.remove_prefix(proxy.size());
  const std::size_t colon = element.find(':');
  if (colon == std::string_view::npos) return {.type = {}, .name = std::string(element)};
  return {.type = std::string(element.substr(0, colon)), .name = std::string(element.substr(colon + 1))};
}

SocketmapUse parse_socketmap_use(std::string_view name) {
  const std::size_t colon = name.rfind(':');
  if (colon == std::string_view::npos) return {.address = std::string(name), .map = {}};
  return {.address = std::string(name.substr(0, colon)), .map = std::string(name.substr(colon + 1))};
}

bool has_postfix(const fs::path& config_directory) {
  if (!find_program("postconf")) return false;
  const char* const given = std::getenv("MAIL_CONFIG");  // NOLINT(concurrency-mt-unsafe)
  const fs::path directory = !config_directory.empty() ? config_directory
                             : given != nullptr        ? fs::path(given)
                                                       : fs::path("/etc/postfix");
  std::error_code error;
  return fs::exists(directory / "main.cf", error);
}

Result<Postfix> read_postfix(const fs::path& config_directory) {
  std::vector<std::string> names{"-x"};
  names.insert(names.end(), parameters_to_read.begin(), parameters_to_read.end());
  Postfix postfix;
  postfix.config_directory = config_directory;
  postfix.parameters = parse_parameters(TRY(postconf(config_directory, names)));
  postfix.services =
      parse_services(TRY(postconf(config_directory, {"-M"})), TRY(postconf(config_directory, {"-P", "-x"})));
  const std::string types = TRY(postconf(config_directory, {"-m"}));
  for (const std::string_view type : lines_of(types)) postfix.map_types.emplace(trim(type));
  postfix.runs = is_locked(fs::path(postfix.get("queue_directory")) / "pid" / "master.pid");
  return postfix;
}

}  // namespace starttls::doctor
