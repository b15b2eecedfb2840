#include "listtool/doctor_sendmail.h"

#include <fmt/format.h>

#include "doctor/host_checks.h"
#include "listtool/doctor_maps.h"
#include "listtool/map_file.h"

namespace starttls::listtool {
namespace {

using namespace doctor;

constexpr const char* make_sendmail = "\nmake -C /etc/mail && systemctl restart sendmail";

std::string sts_feature(const OutboundFacts& facts) {
  for (const OutputSettings& output : facts.configuration.outputs) {
    if (output.server->name == "sendmail")
      return fmt::format("FEATURE(`sts', `{} -T<TMPF> {}')dnl", output.type, map_name(output).string());
  }
  return "FEATURE(`sts')dnl";
}

Checks sts_checks(const OutboundFacts& facts, const Sendmail& sendmail) {
  constexpr std::string_view code = "policy-map";
  const std::string remedy = "in sendmail.mc: " + sts_feature(facts) + make_sendmail;
  if (!sendmail.sts_map) {
    return {fault(
        code, "Sendmail",
        {.seen = "sendmail.cf has no FEATURE(`sts')", .why = "No policy has any effect.", .remedy = remedy})};
  }
  const SendmailMap map = parse_sendmail_map(*sendmail.sts_map);
  Checks checks;
  if (map.type == "socket") {
    const auto address = config::parse_address(map.place);
    const auto socketmap = facts.socketmaps.find(map.place);
    if (!is_serve(facts, address ? std::optional(*address) : std::nullopt)) {
      checks.push_back(
          fault(code, "Sendmail",
                {.seen = fmt::format("FEATURE(`sts') asks {}, where serve does not listen", map.place),
                 .why = "Mail to every domain waits in the queue.",
                 .remedy = fmt::format("in listtool.toml, [serve]: listen = [\"{}\"]\n"
                                       "systemctl restart starttls-listtool-serve",
                                       map.place)}));
    } else {
      checks.push_back(ok(code, "Sendmail", map.place));
    }
    if (socketmap != facts.socketmaps.end()) checks.push_back(answer_check(socketmap->second, map.place));
  } else if (const OutputSettings* const output = find_output(facts, "sendmail", map.place);
             output != nullptr) {
    checks.push_back(ok(code, "Sendmail", *sendmail.sts_map));
    add(checks, output_checks(facts, *output));
  } else {
    checks.push_back(
        fault(code, "Sendmail",
              {.seen = fmt::format("FEATURE(`sts') has the map {}, which no [[output]] writes", map.place),
               .why = "Sendmail opens another file than the one that update writes.",
               .remedy = remedy}));
  }
  return checks;
}

}  // namespace

Checks sendmail_checks(const OutboundFacts& facts, const Sendmail& sendmail) {
  Checks checks = sts_checks(facts, sendmail);
  if (sendmail.sts_map && !sendmail.has_wildcard_rules) {
    checks.push_back(warning("sts-wildcard", "Sendmail",
                             {.seen = "sendmail.cf has not the rules of sts-wildcard.m4",
                              .why = "Sendmail refuses every server with a wildcard certificate.",
                              .remedy = "in sendmail.mc, after FEATURE(`sts'): "
                                        "include(`" STARTTLS_WILDCARD_M4 "')dnl" +
                                        std::string(make_sendmail)}));
  } else if (sendmail.sts_map) {
    checks.push_back(ok("sts-wildcard", "Sendmail", "accepts wildcard certificates"));
  }
  const std::string set_ca =
      fmt::format("in sendmail.mc: define(`confCACERT', `{}')dnl{}", ca_bundle, make_sendmail);
  if (facts.ca_file.path.empty()) {
    checks.push_back(
        fault("ca-file", "Sendmail",
              {.seen = "confCACERT is not set",
               .why = "No certificate is trusted, so mail to every domain with a policy waits in the queue.",
               .remedy = set_ca}));
  } else {
    checks.push_back(ca_file_check("Sendmail", facts.ca_file, facts.ca_certificates, set_ca));
  }
  return checks;
}

}  // namespace starttls::listtool
