#include "listtool/doctor_exim.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "doctor/host_checks.h"
#include "listtool/doctor_maps.h"
#include "listtool/map_file.h"

namespace starttls::listtool {
namespace {

using namespace doctor;

// What packaging/exim defines.
constexpr const char* policy_router = "starttls_policy";
constexpr const char* enforce_router = "starttls_enforce";
constexpr const char* no_host_router = "starttls_no_host";
constexpr const char* our_transport = "starttls_smtp";

constexpr const char* smart_host_transport = "remote_smtp_smarthost";
constexpr int min_minor_version = 96;  // of 4

// What our transport must have, lest mail goes to a host that is not authenticated.
constexpr std::array<std::pair<const char*, const char*>, 5> transport_options{
    {{"hosts_require_tls", "*"},
     {"hosts_try_dane", "*"},
     {"tls_verify_hosts", "*"},
     {"tls_verify_cert_hostnames", "*"},
     {"connection_max_messages", "1"}}};

EximPolicySource policy_source(const Exim& exim) {
  const EximDriver* const router = exim.find_router(policy_router);
  return router != nullptr ? parse_exim_policy_source(router->get("address_data")) : EximPolicySource{};
}

// -- What to do

struct Macro {
  std::string name;
  std::string value;
};

// As Exim names the place, which has no "unix:".
std::string exim_place(const config::Address& address) {
  if (address.is_unix()) return address.path;
  const bool is_ipv6 = address.host.contains(':');
  return fmt::format(fmt::runtime(is_ipv6 ? "inet:[{}]:{}" : "inet:{}:{}"),
                     address.host.empty() ? "127.0.0.1" : address.host, address.port);
}

// The macro that the configuration should have.
Macro wanted_source(const OutboundFacts& facts) {
  for (const OutputSettings& output : facts.configuration.outputs) {
    if (output.server->name == "exim")
      return {"STARTTLS_MAP", fmt::format("{}{{{}}}", output.type, map_file(output).string())};
  }
  const auto& listen = facts.configuration.serve.listen;
  return {"STARTTLS_SERVE", listen.empty() ? "inet:127.0.0.1:8461" : exim_place(listen.front())};
}

std::string set_source(const OutboundFacts& facts, const Exim& exim) {
  const Macro macro = wanted_source(facts);
  return exim.set_macro(macro.name, macro.value);
}

// A file in packaging/exim.
struct OurFile {
  const char* name;         // "router"
  const char* split_place;  // below /etc/exim4/conf.d
  const char* after;        // the line of exim4.conf.template, as a regular expression
  const char* own_place;    // in a configuration of the administrator
};
constexpr OurFile router_file{"router", "router/190_starttls-toolkit", "^### end router.150_",
                              "before the router that looks up MX hosts"};
constexpr OurFile transport_file{"transport", "transport/30_starttls-toolkit", "^begin transports",
                                 "among the transports"};

std::string include_command(const OurFile& file) {
  return fmt::format(".include {}/{}", STARTTLS_EXIM_DIRECTORY, file.name);
}

// As docs/exim.md does it; the next line begins after it.
std::string include_file(const Exim& exim, const OurFile& file) {
  const std::string include = include_command(file);
  if (!exim.debian) return fmt::format("in {}, {}: {}\n", exim.file.string(), file.own_place, include);
  if (exim.debian->is_split)
    return fmt::format("echo '{}' >/etc/exim4/conf.d/{}\n", include, file.split_place);
  return fmt::format("sed -i '/{}/a {}' /etc/exim4/exim4.conf.template\n", file.after, include);
}

// The same where another form of the file is included.
std::string replace_file(const Exim& exim, const OurFile& file) {
  if (exim.debian && exim.debian->is_split) return include_file(exim, file) + exim.apply();
  const std::string in = exim.debian ? "/etc/exim4/exim4.conf.template" : exim.file.string();
  return fmt::format("in {}, in place of each starttls_ {}: {}\n{}", in, file.name, include_command(file),
                     exim.apply());
}

// -- Where policies come from

Checks map_checks(const OutboundFacts& facts, const Exim& exim, const EximPolicySource& source) {
  constexpr std::string_view code = "policy-map";
  const std::string element = fmt::format("{}{{{}}}", source.type, source.place);
  Checks checks;
  if (exim.lookups.contains(source.type)) {
    checks.push_back(ok("map-type", "Exim", "supports " + source.type));
  } else {
    checks.push_back(fault("map-type", "Exim",
                           {.seen = fmt::format("does not support the lookup {}", source.type),
                            .why = "It cannot open the map: no mail to other domains goes out.",
                            .remedy = "apt install exim4-daemon-light"}));
  }
  const OutputSettings* const output = find_output(facts, "exim", source.place);
  if (output == nullptr || output->type != source.type || map_file(*output) != source.place) {
    checks.push_back(fault(code, "Exim",
                           {.seen = fmt::format("STARTTLS_MAP is {}, which no [[output]] writes", element),
                            .why = "Exim opens another file than the one that update writes.",
                            .remedy = set_source(facts, exim)}));
    return checks;
  }
  checks.push_back(ok(code, "Exim", "opens the map of update: " + element));
  add(checks, output_checks(facts, *output));
  return checks;
}

// Exim looks for a policy as root while it delivers, and as its own user while it receives mail.
Checks exim_access_checks(const OutboundFacts& facts, const SocketmapFacts& socketmap) {
  Checks checks = access_checks(facts, socketmap);
  for (Check& check : checks) {
    if (check.level == Level::ok) continue;
    check.level = Level::warning;
    check.why = "An ACL that verifies recipients of other domains gets no answer about them.";
  }
  return checks;
}

Checks serve_checks(const OutboundFacts& facts, const std::string& place) {
  constexpr std::string_view code = "policy-map";
  Checks checks;
  if (is_serve(facts, serve_address(place))) {
    checks.push_back(ok(code, "Exim", "asks serve at " + place));
  } else {
    checks.push_back(fault(code, "Exim",
                           {.seen = fmt::format("STARTTLS_SERVE is {}, where serve does not listen", place),
                            .why = "Mail to every other domain waits in the queue.",
                            .remedy = fmt::format("in listtool.toml, [serve]: listen = [\"{}\"]\n"
                                                  "systemctl restart starttls-listtool-serve",
                                                  place.starts_with('/') ? "unix:" + place : place)}));
  }
  const auto socketmap = facts.socketmaps.find(place);
  if (socketmap == facts.socketmaps.end()) return checks;
  checks.push_back(answer_check(socketmap->second, place));
  add(checks, exim_access_checks(facts, socketmap->second));
  return checks;
}

Checks source_checks(const OutboundFacts& facts, const Exim& exim) {
  constexpr std::string_view code = "policy-map";
  const EximPolicySource source = policy_source(exim);
  if (source.type.empty()) {
    return {cannot_tell(code, "Exim",
                        "the address_data of the router starttls_policy is neither a lookup nor ${readsocket",
                        "exim4 -bP router starttls_policy shows it.")};
  }
  if (source.type == "socket") return serve_checks(facts, source.place);
  return map_checks(facts, exim, source);
}

// -- Routers and the transport

// A router that sends mail to MX hosts and that mail to other domains reaches. Debian's for the domains that it
// relays for is none.
bool looks_up_others(const EximDriver& router) {
  const std::string_view domains = router.get("domains");
  const std::size_t relay = domains.find("+relay_to_domains");
  const bool is_for_relay = relay != std::string_view::npos && !domains.substr(0, relay).ends_with("! ") &&
                            !domains.substr(0, relay).ends_with('!');
  return router.get("driver") == "dnslookup" && router.name != enforce_router && !is_for_relay;
}

// What is wrong with their order; "" if it is right.
std::string wrong_order(const Exim& exim) {
  const auto place = [&](std::string_view name) {
    return std::ranges::find(exim.routers, name, &EximDriver::name);
  };
  const std::array ours{place(policy_router), place(enforce_router), place(no_host_router)};
  const auto other = std::ranges::find_if(exim.routers, looks_up_others);
  if (!std::ranges::is_sorted(ours))
    return fmt::format("their order is not {}, {}, {}", policy_router, enforce_router, no_host_router);
  if (other > ours.back()) return "";
  return fmt::format("the router {} stands before {}", other->name,
                     other < ours.front() ? policy_router : no_host_router);
}

Check routers_check(const Exim& exim) {
  constexpr std::string_view code = "exim-routers";
  Trouble trouble{.seen = {},
                  .why = "Mail to domains with a policy goes out as if there were none.",
                  .remedy = replace_file(exim, router_file)};
  for (const char* const name : {enforce_router, no_host_router}) {
    if (exim.find_router(name) != nullptr) continue;
    trouble.seen = fmt::format("there is {}, but no router {}", policy_router, name);
    return fault(code, "Exim", trouble);
  }
  if (exim.find_router(enforce_router)->get("transport") != our_transport) {
    trouble.seen = fmt::format("the router {} does not use the transport {}", enforce_router, our_transport);
    return fault(code, "Exim", trouble);
  }
  trouble.seen = wrong_order(exim);
  if (trouble.seen.empty()) return ok(code, "Exim", "looks for a policy before it looks up MX hosts");
  if (trouble.seen.contains("stands before"))
    trouble.remedy = fmt::format("put {} before it\n{}", include_command(router_file), exim.apply());
  return fault(code, "Exim", trouble);
}

Check transport_check(const Exim& exim) {
  constexpr std::string_view code = "exim-transport";
  const EximDriver* const transport = exim.find_transport(our_transport);
  Trouble trouble{.seen = fmt::format("there is no {}", our_transport),
                  .why = "Mail to domains with a policy can go out to hosts that are not authenticated.",
                  .remedy = replace_file(exim, transport_file)};
  if (transport == nullptr) return fault(code, "Exim", trouble);
  for (const auto& [option, wanted] : transport_options) {
    const std::string& value = transport->get(option);
    if (value == wanted) continue;
    trouble.seen = fmt::format("{} of the transport {} is {}, not {}", option, our_transport,
                               value.empty() ? "empty" : value, wanted);
    return fault(code, "Exim", trouble);
  }
  return ok(code, "Exim", "demands TLS and a certificate with the name of the host");
}

Checks list_checks(const Exim& exim) {
  Checks checks;
  for (const std::string& name : exim.missing_lists) {
    checks.push_back(
        fault("exim-domain-lists", "Exim",
              {.seen = fmt::format("has no domain list {}, which the routers need", name),
               .why = "All mail waits in the queue.",
               .remedy = fmt::format("in {}: domainlist {} =\n{}", exim.file.string(), name, exim.apply())}));
  }
  return checks;
}

// -- What Exim can do

Checks version_checks(const Exim& exim) {
  constexpr std::string_view major = "4.";
  if (!exim.version.starts_with(major)) return {};
  const auto minor = leading_number(std::string_view(exim.version).substr(major.size()));
  if (!minor || *minor >= min_minor_version) return {};
  return {warning("exim-version", "Exim",
                  {.seen = fmt::format("has version {}", exim.version),
                   .why = "The routers and the transport are made for 4.96 and later.",
                   .remedy = "upgrade to Debian 12 or later"})};
}

Checks dane_checks(const OutboundFacts& facts, const Exim& exim) {
  if (!needs_dane(facts, exim)) return {};
  Checks checks;
  if (!exim.supports.contains("DANE") || !exim.lookups.contains("dnsdb")) {
    checks.push_back(fault("dane-support", "Exim",
                           {.seen = "was built without DANE, or without the lookup dnsdb",
                            .why = "Mail to domains with DANE waits, or goes out unverified.",
                            .remedy = "apt install exim4-daemon-light; or in [serve]: dane = false"}));
  }
  if (facts.passes_on_ad) {
    checks.push_back(ok("trust-ad", "/etc/resolv.conf", "has options trust-ad"));
  } else {
    checks.push_back(
        fault("trust-ad", "/etc/resolv.conf",
              {.seen = "has no options trust-ad",
               .why = "Exim does not see that an answer was validated: mail to domains with DANE "
                      "waits.",
               .remedy = "echo 'options trust-ad' >>/etc/resolv.conf"}));
  }
  return checks;
}

Checks ca_checks(const OutboundFacts& facts, const Exim& exim) {
  const std::string trusted = trusted_certificates(exim);
  // Another mail server of this host may have taken the place of the only file.
  if (trusted.empty() || facts.ca_file.path != trusted) return {};
  if (facts.ca_file.is_directory()) return {ok("ca-file", "Exim", trusted)};
  return {ca_file_check("Exim", facts.ca_file, facts.ca_certificates,
                        exim.set_macro("STARTTLS_VERIFY_CERTIFICATES", ca_bundle))};
}

// Mail to domains without a policy: whether it goes out over TLS where the other side offers it.
Checks level_checks(const Exim& exim) {
  constexpr std::string_view code = "smtp-tls-level";
  for (const EximDriver& router : exim.routers) {
    if (!looks_up_others(router)) continue;
    const EximDriver* const transport = exim.find_transport(router.get("transport"));
    if (transport == nullptr) continue;
    const std::string& avoided = transport->get("hosts_avoid_tls");
    if (avoided.empty()) return {ok(code, "Exim", transport->name + " uses TLS where it is offered")};
    return {
        warning(code, "Exim",
                {.seen = fmt::format("hosts_avoid_tls of the transport {} is {}", transport->name, avoided),
                 .why = "Mail to domains without a policy goes out in plaintext.",
                 .remedy = fmt::format("remove hosts_avoid_tls (in Debian the macro "
                                       "REMOTE_SMTP_HOSTS_AVOID_TLS)\n{}",
                                       exim.apply())})};
  }
  return {};
}

// The files do nothing where all mail goes to a smart host: it is a choice of the operator, and it needs TLS.
Check smart_host_check(const Exim& exim) {
  constexpr std::string_view code = "relayhost";
  const EximDriver* const transport = exim.find_transport(smart_host_transport);
  if (transport == nullptr)
    return cannot_tell(code, "Exim", fmt::format("has no transport {}", smart_host_transport));
  if (transport->get("hosts_require_tls") == "*" && transport->get("tls_verify_hosts") == "*")
    return ok(code, "Exim", "demands TLS and a certificate of the smart host");
  return warning(
      code, "Exim",
      {.seen = "all mail goes to a smart host, without a demand for TLS",
       .why =
           "No policy is asked for, and mail goes out in plaintext if somebody hides that the host has TLS.",
       .remedy = exim.set_macro("REMOTE_SMTP_SMARTHOST_HOSTS_REQUIRE_TLS", "*")});
}

}  // namespace

std::string serve_place(const Exim& exim) {
  EximPolicySource source = policy_source(exim);
  return source.type == "socket" ? std::move(source.place) : "";
}

std::optional<config::Address> serve_address(const std::string& place) {
  const auto address = config::parse_address(place.starts_with('/') ? "unix:" + place : place);
  return address ? std::optional(*address) : std::nullopt;
}

std::string trusted_certificates(const Exim& exim) {
  const EximDriver* const transport = exim.find_transport(our_transport);
  if (transport == nullptr) return "";
  const std::string& certificates = transport->get("tls_verify_certificates");
  return certificates == "system" ? ca_bundle : certificates;
}

bool needs_dane(const OutboundFacts& facts, const Exim& exim) {
  return facts.configuration.serve.dane && is_serve(facts, serve_address(serve_place(exim)));
}

Checks exim_checks(const OutboundFacts& facts, const Exim& exim) {
  if (exim.has_smart_host()) return {smart_host_check(exim)};
  if (exim.is_local_only()) {
    return {warning("policy-map", "Exim",
                    {.seen = "delivers to users of this host only, as dc_eximconfig_configtype says",
                     .why = "No mail goes out.",
                     .remedy = "dpkg-reconfigure exim4-config"})};
  }
  if (exim.find_router(policy_router) == nullptr) {
    const bool has_transport = exim.find_transport(our_transport) != nullptr;
    const std::string transport = has_transport ? "" : include_file(exim, transport_file);
    return {fault("policy-map", "Exim",
                  {.seen = fmt::format("has no router {}", policy_router),
                   .why = "No policy has any effect.",
                   .remedy = include_file(exim, router_file) + transport + set_source(facts, exim)})};
  }
  Checks checks = source_checks(facts, exim);
  checks.push_back(routers_check(exim));
  checks.push_back(transport_check(exim));
  add(checks, list_checks(exim));
  add(checks, version_checks(exim));
  add(checks, dane_checks(facts, exim));
  add(checks, ca_checks(facts, exim));
  add(checks, level_checks(exim));
  return checks;
}

}  // namespace starttls::listtool
