#include "listtool/doctor_checks.h"

#include <fmt/format.h>

#include <algorithm>

#include "doctor/host_checks.h"
#include "listtool/context.h"
#include "listtool/doctor_exim.h"
#include "listtool/doctor_maps.h"
#include "listtool/doctor_postfix.h"
#include "listtool/doctor_sendmail.h"

namespace starttls::listtool {
namespace {

using namespace doctor;

constexpr std::chrono::hours min_remaining_validity{48};  // of a list, as `update` demands

Checks list_checks(const OutboundFacts& facts) {
  constexpr std::string_view code = "list";
  if (!facts.lists) return {cannot_tell(code, "lists", facts.lists.error().message)};
  Checks checks;
  for (const ListFacts& list : *facts.lists) {
    const std::string subject = "list " + list.name;
    const std::string remedy =
        "starttls-listtool update; if the publisher has no newer one, ask the publisher";
    if (!list.is_installed) {
      checks.push_back(fault(code, subject,
                             {.seen = "is not installed",
                              .why = "Its policies have no effect.",
                              .remedy = "starttls-listtool update"}));
    } else if (list.unusable) {
      checks.push_back(
          fault(code, subject,
                {.seen = list.unusable->message, .why = "Its policies have no effect.", .remedy = remedy}));
    } else if (list.expires - facts.now < min_remaining_validity) {
      checks.push_back(warning(code, subject,
                               {.seen = "expires at " + to_rfc3339(list.expires),
                                .why = "From then on its policies have no effect.",
                                .remedy = remedy}));
    } else {
      checks.push_back(ok(code, subject, "is valid until " + to_rfc3339(list.expires)));
    }
  }
  return checks;
}

// Whether a mail server asks serve, or is meant to.
bool uses_serve(const OutboundFacts& facts) {
  return !facts.socketmaps.empty() || facts.configuration.outputs.empty();
}

Checks unit_checks(const OutboundFacts& facts) {
  const auto& units = facts.units;
  Checks checks;
  if (uses_serve(facts)) {
    const std::string why = "Mail to every domain waits in the queue.";
    checks.push_back(
        unit_check(units, {.code = "serve-unit", .name = serve_socket, .why = why, .enable = enable_serve}));
    checks.push_back(
        unit_check(units, {.code = "serve-unit", .name = serve_service, .why = why, .enable = enable_serve}));
    add(checks, order_checks("serve-order", units, serve_service, facts.mail_servers));
  }
  for (const char* const name : other_policy_servers) {
    const Unit* const unit = units ? find_unit(*units, name) : nullptr;
    if (unit == nullptr || !unit->is_active()) continue;
    checks.push_back(
        warning("other-policy-server", name,
                {.seen = "is active",
                 .why = "Another policy server runs on this host, on port 8461 or 8642.",
                 .remedy = fmt::format("systemctl disable --now {}; see docs/migrating.md", name)}));
  }
  if (facts.configuration.lists.empty()) return checks;
  if (facts.has_cron_job) {
    checks.push_back(ok("update-timer", "lists", "cron updates them"));
  } else {
    Check check =
        unit_check(units, {.code = "update-timer",
                           .name = update_timer,
                           .why = "Nobody fetches new editions of the lists; the installed ones expire.",
                           .enable = "systemctl enable --now starttls-listtool-update.timer"});
    checks.push_back(std::move(check));
  }
  return checks;
}

Checks configuration_checks(const OutboundFacts& facts) {
  if (!facts.has_configuration) {
    return {fault("configuration", default_configuration,
                  {.seen = "does not exist",
                   .why = "The units of starttls-listtool do not start without it; it may be empty.",
                   .remedy = fmt::format("touch {}", default_configuration)})};
  }
  Checks checks{configuration_rights_check(facts.configuration_file)};
  const bool has_secret = std::ranges::any_of(facts.configuration.lists, [](const ListSettings& list) {
    return shown_origin(origin(list)) != origin(list);
  });
  if (has_secret) checks.push_back(secret_check(facts.configuration_file, "0640"));
  return checks;
}

}  // namespace

Checks outbound_checks(const OutboundFacts& facts) {
  Checks checks = configuration_checks(facts);
  add(checks, mail_server_checks(facts.mail_servers));
  bool needs_dnssec = false;
  if (const auto& postfix = facts.mail_servers.postfix; postfix && *postfix) {
    add(checks, postfix_checks(facts, **postfix));
    needs_dnssec = needs_dane(facts, **postfix);
  }
  if (const auto& sendmail = facts.mail_servers.sendmail; sendmail && *sendmail)
    add(checks, sendmail_checks(facts, **sendmail));
  if (const auto& exim = facts.mail_servers.exim; exim && *exim) {
    add(checks, exim_checks(facts, **exim));
    needs_dnssec = needs_dnssec || needs_dane(facts, **exim);
  }
  add(checks, resolver_checks(facts.resolvers, needs_dnssec));
  add(checks, unit_checks(facts));
  add(checks, list_checks(facts));
  const bool has_state = !facts.configuration.lists.empty() || facts.state_directory.exists();
  if (has_state) {
    checks.push_back(
        state_directory_check(facts.state_directory, std::nullopt, true, "starttls-listtool update"));
  }
  checks.push_back(disk_check(facts.state_directory.path, facts.disk));
  checks.push_back(clock_check(facts.clock_is_synchronized));
  return checks;
}

}  // namespace starttls::listtool
