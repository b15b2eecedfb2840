#include "listtool/doctor_postfix.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/next_hop.h"
#include "doctor/host_checks.h"
#include "listtool/doctor_maps.h"
#include "listtool/map_file.h"

namespace starttls::listtool {
namespace {

using namespace doctor;

bool is_serve(const OutboundFacts& facts, const Postfix& postfix, const MapUse& use) {
  return use.type == "socketmap" && is_serve(facts, address_for(postfix, main_smtp_service(postfix),
                                                                parse_socketmap_use(use.name).address));
}

std::string map_in_main_cf(const OutputSettings& output) {
  return output.type + ":" + map_name(output).string();
}

// What smtp_tls_policy_maps should be.
std::string wanted_map(const OutboundFacts& facts) {
  for (const OutputSettings& output : facts.configuration.outputs) {
    if (output.server->name == "postfix") return map_in_main_cf(output);
  }
  for (const config::Address& address : facts.configuration.serve.listen) {
    if (!address.is_unix()) {
      return fmt::format("socketmap:inet:{}:{}:postfix", address.host.empty() ? "127.0.0.1" : address.host,
                         address.port);
    }
  }
  return "socketmap:inet:127.0.0.1:8461:postfix";
}

// -- Maps

Check type_check(const Postfix& postfix, const std::string& type) {
  constexpr std::string_view code = "map-type";
  if (postfix.map_types.contains(type)) return ok(code, "Postfix", "supports " + type);
  return fault(code, "Postfix",
               {.seen = fmt::format("does not support {} maps", type),
                .why = "It cannot open the map: no mail goes out.",
                .remedy = fmt::format("apt install postfix-{}", type)});
}

Checks file_map_checks(const OutboundFacts& facts, const Postfix& postfix, const std::string& element,
                       const OutputSettings& output) {
  Checks checks{type_check(postfix, output.type)};
  if (element == map_in_main_cf(output)) {
    checks.push_back(ok("policy-map", "Postfix", "opens the map of update: " + element));
  } else {
    checks.push_back(fault("policy-map", "Postfix",
                           {.seen = fmt::format("smtp_tls_policy_maps has {}, and update writes {}", element,
                                                map_in_main_cf(output)),
                            .why = "Postfix opens another file than the one that update writes.",
                            .remedy = postfix.set("smtp_tls_policy_maps", map_in_main_cf(output))}));
  }
  add(checks, output_checks(facts, output));
  return checks;
}
// -- serve

Check map_name_check(const Postfix& postfix, const std::string& map) {
  constexpr std::string_view code = "serve-map-name";
  const auto& dialect = socketmap_dialect(Dialect::postfix_tlsrpt);
  const auto version = postfix::parse_version(postfix.version());
  if (map != dialect.map) return ok(code, "Postfix", "asks the map " + map);
  if (!version) return cannot_tell(code, "Postfix", version.error().message);
  if (*version >= postfix::first_with_tlsrpt) return ok(code, "Postfix", "asks the map " + map);
  return fault(
      code, "Postfix",
      {.seen = fmt::format("version {} asks the map {}, which is for 3.10 and later", postfix.version(), map),
       .why = "It does not understand the answers: mail to every domain with a policy waits in the queue.",
       .remedy = postfix.set("smtp_tls_policy_maps", "socketmap:inet:127.0.0.1:8461:postfix")});
}

Checks serve_map_checks(const OutboundFacts& facts, const Postfix& postfix, const std::string& element,
                        const MapUse& use) {
  Checks checks{ok("policy-map", "Postfix", "asks serve: " + element)};
  const auto socketmap = facts.socketmaps.find(element);
  if (socketmap != facts.socketmaps.end()) {
    checks.push_back(answer_check(socketmap->second, element));
    add(checks, access_checks(facts, socketmap->second));
  }
  checks.push_back(map_name_check(postfix, parse_socketmap_use(use.name).map));
  return checks;
}

Checks policy_map_checks(const OutboundFacts& facts, const Postfix& postfix) {
  const std::string& maps = postfix.get("smtp_tls_policy_maps");
  const std::string remedy = postfix.set("smtp_tls_policy_maps", wanted_map(facts));
  Checks checks;
  bool has_ours = false;
  for (const std::string& element : split_list(maps)) {
    const MapUse use = parse_map_use(element);
    if (is_serve(facts, postfix, use)) {
      has_ours = true;
      add(checks, serve_map_checks(facts, postfix, element, use));
    } else if (const OutputSettings* const output = find_output(facts, "postfix", use.name);
               output != nullptr) {
      has_ours = true;
      add(checks, file_map_checks(facts, postfix, element, *output));
    }
  }
  if (!has_ours) {
    checks.push_back(fault(
        "policy-map", "Postfix",
        {.seen = maps.empty() ? "smtp_tls_policy_maps is empty"
                              : fmt::format("smtp_tls_policy_maps is {}: neither a map of an [[output]] "
                                            "nor where serve listens",
                                            maps),
         .why = "No policy has any effect.",
         .remedy = remedy}));
  }
  return checks;
}

// Attributes that an older Postfix does not know make a policy invalid, and mail waits.
Checks version_checks(const OutboundFacts& facts, const Postfix& postfix) {
  const auto version = postfix::parse_version(postfix.version());
  if (!version) return {};
  Checks checks;
  const auto check = [&](const std::string& subject, std::optional<postfix::Version> configured) {
    if (!configured || *configured <= *version) return;
    checks.push_back(fault(
        "postfix-version", subject,
        {.seen = fmt::format("postfix_version is {}.{}, and Postfix has {}", configured->major,
                             configured->minor, postfix.version()),
         .why = "It does not understand the policies: mail to every domain with one waits in the queue.",
         .remedy =
             fmt::format("in listtool.toml: postfix_version = \"{}.{}\"", version->major, version->minor)}));
  };
  for (const OutputSettings& output : facts.configuration.outputs) {
    if (output.server->has_versions) check(map_file(output).string(), output.postfix_version);
  }
  check("serve", facts.configuration.serve.postfix_version);
  return checks;
}
// -- TLS

Check level_check(const OutboundFacts& facts, const Postfix& postfix) {
  constexpr std::string_view code = "smtp-tls-level";
  const std::string& level = postfix.get("smtp_tls_security_level");
  const bool wants_dane = needs_dane(facts, postfix);
  const std::string remedy = postfix.set("smtp_tls_security_level", wants_dane ? "dane" : "may");
  if (level.empty() || level == "none") {
    return warning(code, "Postfix",
                   {.seen = "smtp_tls_security_level is " + (level.empty() ? "empty" : level),
                    .why = "Mail to every domain without a policy goes out in plaintext.",
                    .remedy = remedy});
  }
  if (level == "may" && wants_dane) {
    return warning(
        code, "Postfix",
        {.seen = "smtp_tls_security_level is may",
         .why = "serve finds domains with DANE; where it cannot tell, Postfix should look itself. Without a "
                "resolver for that, set dane = false in [serve].",
         .remedy = remedy});
  }
  return ok(code, "Postfix", level);
}

Checks dns_support_checks(const OutboundFacts& facts, const Postfix& postfix) {
  constexpr std::string_view code = "dns-support-level";
  if (!needs_dane(facts, postfix)) return {};
  const std::string& level = postfix.get("smtp_dns_support_level");
  if (level == "dnssec") return {ok(code, "Postfix", level)};
  return {fault(code, "Postfix",
                {.seen = "smtp_dns_support_level is " + (level.empty() ? "empty" : level),
                 .why = "Postfix cannot do DANE: mail to domains with DANE waits, or goes out unverified.",
                 .remedy = postfix.set("smtp_dns_support_level", "dnssec")})};
}

// The versions before 1.2, in both forms of postconf(5).
bool allows_old_tls(std::string_view protocols) {
  if (protocols.contains(">=")) return !protocols.contains(">=TLSv1.2") && !protocols.contains(">=TLSv1.3");
  const auto elements = split_list(protocols);
  const auto has = [&](std::string_view element) {
    return std::ranges::find(elements, element) != elements.end();
  };
  const bool lists_allowed =
      std::ranges::any_of(elements, [](const std::string& each) { return !each.starts_with('!'); });
  if (lists_allowed) return has("TLSv1") || has("TLSv1.1");
  return !(has("!TLSv1") && has("!TLSv1.1"));
}

Check protocols_check(const Postfix& postfix) {
  constexpr std::string_view code = "tls-protocols";
  const std::string& protocols = postfix.get("smtp_tls_mandatory_protocols");
  if (!allows_old_tls(protocols)) return ok(code, "Postfix", protocols);
  return warning(
      code, "Postfix",
      {.seen = fmt::format("smtp_tls_mandatory_protocols is \"{}\", which allows versions before TLS 1.2",
                           protocols),
       .why = "A policy promises TLS 1.2 or later (RFC 8461 section 4.1).",
       .remedy = postfix.set("smtp_tls_mandatory_protocols", ">=TLSv1.2")});
}

Check postfix_ca_check(const OutboundFacts& facts, const Postfix& postfix) {
  const std::string set = postfix.set("smtp_tls_CAfile", ca_bundle);
  if (!facts.ca_file.path.empty()) return ca_file_check("Postfix", facts.ca_file, facts.ca_certificates, set);
  if (const std::string& path = postfix.get("smtp_tls_CApath"); !path.empty())
    return ok("ca-file", "Postfix", "smtp_tls_CApath is " + path);
  if (postfix.get("tls_append_default_CA") == "yes")
    return ok("ca-file", "Postfix", "trusts the system's certificates");
  return fault("ca-file", "Postfix",
               {.seen = "neither smtp_tls_CAfile nor smtp_tls_CApath is set",
                .why = "No certificate is trusted, so mail to every domain with a policy waits in the queue.",
                .remedy = set});
}

Checks override_checks(const Postfix& postfix) {
  Checks checks;
  for (const PostfixService& service : smtp_services(postfix)) {
    for (const char* const name : {"smtp_tls_policy_maps", "smtp_tls_security_level", "smtp_tls_CAfile",
                                   "smtp_dns_support_level", "smtp_tls_mandatory_protocols"}) {
      const auto own = service.parameters.find(name);
      if (own == service.parameters.end() || own->second == postfix.get(name)) continue;
      checks.push_back(warning("master-cf", "Postfix, " + service.id(),
                               {.seen = fmt::format(R"({} is "{}" in master.cf, and "{}" in main.cf)", name,
                                                    own->second, postfix.get(name)),
                                .why = "Mail that goes out by this service has other rules.",
                                .remedy = fmt::format("{} -PX {}/{} && {}", postfix.postconf(), service.id(),
                                                      name, postfix.reload())}));
    }
  }
  return checks;
}

// With a relay host the policies of recipient domains are never asked for.
Checks relay_checks(const OutboundFacts& facts, const Postfix& postfix) {
  const std::string& relay = postfix.get("relayhost");
  if (relay.empty()) return {};
  const auto next_hop = NextHop::parse(relay);
  const auto maps = split_list(postfix.get("smtp_tls_policy_maps"));
  const bool is_asked = std::ranges::any_of(maps, [&](const std::string& element) {
    const MapUse use = parse_map_use(element);
    if (is_serve(facts, postfix, use)) return true;
    const OutputSettings* const output = find_output(facts, "postfix", use.name);
    return output != nullptr && next_hop &&
           std::ranges::find(output->next_hops, *next_hop) != output->next_hops.end();
  });
  if (is_asked) return {ok("relayhost", "Postfix", relay + " has the policy of its own name")};
  return {warning(
      "relayhost", "Postfix",
      {.seen = fmt::format("all mail goes to {}, which no map names", relay),
       .why = "Postfix asks for the policy of the relay host, never for that of the recipient's domain.",
       .remedy = fmt::format("in its [[output]]: next_hops = [\"{}\"]\nstarttls-listtool update", relay)})};
}

}  // namespace

std::vector<PostfixService> smtp_services(const Postfix& postfix) {
  std::vector<PostfixService> services;
  std::ranges::copy_if(postfix.services, std::back_inserter(services), [](const PostfixService& service) {
    return service.type == "unix" && service.program == "smtp";
  });
  return services;
}

PostfixService main_smtp_service(const Postfix& postfix) {
  const auto services = smtp_services(postfix);
  const auto main = std::ranges::find(services, "smtp", &PostfixService::name);
  if (main != services.end()) return *main;
  return services.empty()
             ? PostfixService{.name = "smtp", .type = "unix", .program = "smtp", .parameters = {}}
             : services.front();
}

bool needs_dane(const OutboundFacts& facts, const Postfix& postfix) {
  const auto maps = split_list(postfix.get("smtp_tls_policy_maps"));
  const bool serves_dane =
      facts.configuration.serve.dane && std::ranges::any_of(maps, [&](const std::string& element) {
        return is_serve(facts, postfix, parse_map_use(element));
      });
  return serves_dane || postfix.get("smtp_tls_security_level").starts_with("dane");
}
Checks postfix_checks(const OutboundFacts& facts, const Postfix& postfix) {
  Checks checks = policy_map_checks(facts, postfix);
  add(checks, version_checks(facts, postfix));
  checks.push_back(level_check(facts, postfix));
  add(checks, dns_support_checks(facts, postfix));
  checks.push_back(protocols_check(postfix));
  checks.push_back(postfix_ca_check(facts, postfix));
  add(checks, override_checks(postfix));
  add(checks, relay_checks(facts, postfix));
  return checks;
}

}  // namespace starttls::listtool
