#include "report/doctor_postfix.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "doctor/mail_servers.h"

namespace starttls::report {
namespace {

using namespace doctor;

constexpr std::array<std::pair<const char*, const char*>, 2> certificate_parameters{
    {{"smtpd_tls_cert_file", "smtpd_tls_key_file"}, {"smtpd_tls_eccert_file", "smtpd_tls_eckey_file"}}};
constexpr int min_milter_protocol = 6;  // the first in which a milter chooses its macros

std::string on_service(const PostfixService& service) {
  return "Postfix, " + service.id();
}

std::vector<PostfixService> smtpd_services(const Postfix& postfix) {
  std::vector<PostfixService> services;
  for (const PostfixService& service : postfix.services) {
    const bool is_inbound = service.type == "inet" || service.type == "pass";
    if (is_inbound && service.program == "smtpd") services.push_back(service);
  }
  return services;
}

// How the service uses our milter; nothing if it does not.
std::optional<MilterUse> find_milter(const InboundFacts& facts, const Postfix& postfix,
                                     const PostfixService& service) {
  for (const std::string& element : split_list(postfix.get(service, "smtpd_milters"))) {
    MilterUse use = parse_milter_use(element);
    const auto address = address_for(postfix, service, use.address);
    if (address && *address == facts.configuration.milter.socket) return use;
  }
  return std::nullopt;
}

// How smtpd_milters must name our socket, from inside the queue directory if it is there.
std::string milter_name(const InboundFacts& facts, const Postfix& postfix) {
  const config::Address& socket = facts.configuration.milter.socket;
  if (!socket.is_unix())
    return fmt::format("inet:{}:{}", socket.host.empty() ? "127.0.0.1" : socket.host, socket.port);
  const std::string queue = postfix.get("queue_directory") + "/";
  return "unix:" + (socket.path.starts_with(queue) ? socket.path.substr(queue.size()) : socket.path);
}

// What smtpd_milters must be: what is there, without other names of our socket, and our own.
std::string milters_with_ours(const InboundFacts& facts, const Postfix& postfix,
                              const PostfixService& service) {
  std::string value;
  for (const std::string& element : split_list(postfix.get(service, "smtpd_milters"))) {
    if (element.contains("tlsrpt")) continue;
    value += element + ", ";
  }
  return value + milter_name(facts, postfix);
}

// A command that sets a parameter where the service has it.
std::string set_for(const Postfix& postfix, const PostfixService& service, const std::string& parameter,
                    const std::string& value) {
  return service.parameters.contains(parameter) ? postfix.set(service, parameter, value)
                                                : postfix.set(parameter, value);
}

// -- Postfix: the milter ------------------------------------------------------------------------------------

Check attached_check(const InboundFacts& facts, const Postfix& postfix, const PostfixService& service) {
  constexpr std::string_view code = "milter-attached";
  const std::string& milters = postfix.get(service, "smtpd_milters");
  if (find_milter(facts, postfix, service)) return ok(code, on_service(service), "uses the milter");
  const std::string where = service.parameters.contains("smtpd_milters") ? " in master.cf" : "";
  const std::string socket = config::to_string(facts.configuration.milter.socket);
  const std::string remedy =
      set_for(postfix, service, "smtpd_milters", milters_with_ours(facts, postfix, service));
  const config::Address& ours = facts.configuration.milter.socket;
  if (ours.is_unix() && service.chroot && !ours.path.starts_with(postfix.get("queue_directory") + "/")) {
    return fault(code, on_service(service),
                 {.seen = fmt::format("runs in a chroot, {}, where there is no {}",
                                      postfix.get("queue_directory"), ours.path),
                  .why = "The milter sees no session of this service.",
                  .remedy = fmt::format("in tlsrpt.toml, [milter]: socket = \"unix:{}/tlsrpt/milter.sock\"",
                                        postfix.get("queue_directory"))});
  }
  return fault(
      code, on_service(service),
      {.seen = milters.empty() ? fmt::format("smtpd_milters{} is empty", where)
                               : fmt::format("smtpd_milters{} is {}, without {}", where, milters, socket),
       .why = "The milter sees no session of this service.",
       .remedy = remedy});
}

// The sessions of our own users are not recorded. If they were, they would count as those of other servers.
Check submission_check(const InboundFacts& facts, const Postfix& postfix, const PostfixService& service) {
  constexpr std::string_view code = "milter-submission";
  if (!find_milter(facts, postfix, service)) return ok(code, on_service(service), "does not use the milter");
  const auto& filter = facts.configuration.milter.sessions;
  const auto excludes = [&](std::uint64_t port) {
    return std::ranges::find(filter.excluded_ports, port) != filter.excluded_ports.end() ||
           (!filter.ports.empty() && std::ranges::find(filter.ports, port) == filter.ports.end());
  };
  const bool is_implicit = service.name.ends_with("s") || service.name.ends_with("465");
  const std::uint64_t port = is_implicit ? 465 : 587;
  if (excludes(port))
    return ok(code, on_service(service), "uses the milter, which does not record these sessions");
  return warning(code, on_service(service),
                 {.seen = fmt::format("uses the milter, and exclude_ports has no {}", port),
                  .why = "Sessions of your own users are recorded as if they came from other mail servers.",
                  .remedy = postfix.set(service, "smtpd_milters", "")});
}

Check default_action_check(const Postfix& postfix, const PostfixService& service, const MilterUse& use) {
  constexpr std::string_view code = "milter-default-action";
  const std::string action =
      use.default_action.empty() ? postfix.get(service, "milter_default_action") : use.default_action;
  if (action == "accept") return ok(code, on_service(service), "accept");
  const std::string remedy = use.default_action.empty()
                                 ? set_for(postfix, service, "milter_default_action", "accept")
                                 : "write default_action=accept in smtpd_milters && " + postfix.reload();
  const bool loses_mail = action == "reject" || action == "quarantine" || action == "discard";
  const Trouble trouble{.seen = "milter_default_action is " + action,
                        .why = loses_mail ? "While the daemon is down, mail is refused or held."
                                          : "While the daemon is down, every sender has to try again later.",
                        .remedy = remedy};
  return loses_mail ? fault(code, on_service(service), trouble) : warning(code, on_service(service), trouble);
}

Checks protocol_check(const Postfix& postfix) {
  const std::string& protocol = postfix.get("milter_protocol");
  const auto version = leading_number(protocol);
  if (protocol.empty() || (version && *version >= min_milter_protocol)) return {};
  return {fault("milter-protocol", "Postfix",
                {.seen = "milter_protocol is " + protocol,
                 .why = "The milter cannot ask for what it needs to know about TLS.",
                 .remedy = postfix.set("milter_protocol", "6")})};
}

// -- Postfix: TLS --------------------------------------------------------------------------------------------

std::string smtpd_level(const Postfix& postfix, const PostfixService& service) {
  const std::string& level = postfix.get(service, "smtpd_tls_security_level");
  if (!level.empty()) return level;
  if (postfix.get(service, "smtpd_enforce_tls") == "yes") return "encrypt";
  return postfix.get(service, "smtpd_use_tls") == "yes" ? "may" : "none";
}

Check smtpd_level_check(const Postfix& postfix, const PostfixService& service) {
  constexpr std::string_view code = "smtpd-tls-level";
  const std::string level = smtpd_level(postfix, service);
  const std::string remedy = set_for(postfix, service, "smtpd_tls_security_level", "may");
  if (level == "may") return ok(code, on_service(service), level);
  if (level == "none") {
    return fault(code, on_service(service),
                 {.seen = "smtpd_tls_security_level is none",
                  .why = "Nobody can send mail to you over TLS.",
                  .remedy = remedy});
  }
  return warning(
      code, on_service(service),
      {.seen = "smtpd_tls_security_level is " + level,
       .why = "Mail of senders without TLS is refused (RFC 3207 section 4). tlsrpt-report advise shows who "
              "they are.",
       .remedy = remedy});
}

Checks smtpd_certificate_checks(const InboundFacts& facts, const Postfix& postfix) {
  const CertificateCommands commands{
      .set = postfix.set("smtpd_tls_chain_files", "/etc/ssl/private/KEY.pem, /etc/ssl/certs/CHAIN.pem"),
      .reload = postfix.reload()};
  if (smtpd_services(postfix).empty()) return {};
  if (!certificate_files(postfix).empty()) return certificate_checks(facts, "Postfix", commands);
  return {fault("smtpd-certificate", "Postfix",
                {.seen = "neither smtpd_tls_chain_files nor smtpd_tls_cert_file is set",
                 .why = "Without a certificate no sender can use TLS.",
                 .remedy = commands.set})};
}

// The key of a certificate is in the same file if nothing else is set. What master.cf has for the service is its
// own.
CertificateFiles pair_of(const Postfix& postfix, const PostfixService& service, const char* certificate,
                         const char* key) {
  const std::string& file = postfix.get(service, certificate);
  const std::string& key_file = postfix.get(service, key);
  const bool is_default = !service.parameters.contains(key) && postfix.get(key) == postfix.get(certificate);
  return {.chain_files = {}, .file = file, .key_file = is_default ? "" : key_file};
}

}  // namespace

std::vector<CertificateFiles> certificate_files(const Postfix& postfix) {
  std::vector<CertificateFiles> files;
  const auto add_once = [&](CertificateFiles more) {
    if (std::ranges::find(files, more) == files.end()) files.push_back(std::move(more));
  };
  for (const PostfixService& service : smtpd_services(postfix)) {
    const auto chain = split_list(postfix.get(service, "smtpd_tls_chain_files"));
    if (!chain.empty()) {
      add_once({.chain_files = {chain.begin(), chain.end()}, .file = {}, .key_file = {}});
      continue;
    }
    for (const auto& [certificate, key] : certificate_parameters) {
      const std::string& file = postfix.get(service, certificate);
      if (!file.empty() && file != "none") add_once(pair_of(postfix, service, certificate, key));
    }
  }
  return files;
}

Checks postfix_checks(const InboundFacts& facts, const Postfix& postfix) {
  Checks checks;
  const auto services = smtpd_services(postfix);
  for (const PostfixService& service : services) {
    if (service.is_submission()) {
      checks.push_back(submission_check(facts, postfix, service));
      continue;
    }
    checks.push_back(attached_check(facts, postfix, service));
    if (const auto use = find_milter(facts, postfix, service))
      checks.push_back(default_action_check(postfix, service, *use));
    checks.push_back(smtpd_level_check(postfix, service));
  }
  if (services.empty()) {
    checks.push_back(
        fault("milter-attached", "Postfix",
              {.seen = "master.cf has no smtpd",
               .why = "This Postfix receives no mail.",
               .remedy = "run it with --postfix-config DIR for the Postfix that receives mail"}));
  }
  add(checks, protocol_check(postfix));
  add(checks, smtpd_certificate_checks(facts, postfix));
  return checks;
}

}  // namespace starttls::report
