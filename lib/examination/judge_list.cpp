// Entries of installed lists and overrides, against what the domain really has.

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "examination/judges.h"

namespace starttls::examination {
namespace {

using mtasts::Mode;

std::string name_of(const ListFacts& list) {
  return list.list.empty() ? "the override" : fmt::format("the list '{}'", printable(list.list, 100));
}

void judge_mode(const ListFacts& list, const Subject& subject, Report& report) {
  if (list.mode == Mode::enforce)
    return report.ok(Code::list_entry, subject, fmt::format("{} enforces TLS", name_of(list)));
  const bool testing = list.mode == Mode::testing;
  report.add(Code::list_entry, Level::note, subject,
             {.seen = testing ? fmt::format("{} has the domain with mode testing", name_of(list))
                              : fmt::format("{} has the domain with mode none", name_of(list)),
              .why = testing ? "It demands nothing yet." : "It cancels what other lists say.",
              .remedy = {}});
}

void judge_hosts(const DomainFacts& facts, const ListFacts& list, Report& report) {
  for (const HostFacts& host : facts.hosts) {
    const auto name = DomainName::parse(host.name);
    if (!name) continue;
    if (covers(list, *name)) {
      report.ok(Code::list_mx, subject_of(host), fmt::format("{} covers it", name_of(list)));
      continue;
    }
    const bool enforced = list.mode == Mode::enforce;
    report.add(Code::list_mx, enforced ? Level::fault : Level::warning, subject_of(host),
               {.seen = fmt::format("no pattern of {} covers it", name_of(list)),
                .why = enforced ? "Senders that follow it do not deliver to this host."
                                : "Once it is enforced, senders that follow it do not deliver to this host.",
                .remedy = list.list.empty() ? "Correct the override."
                                            : "Ask the publisher of the list to correct it."});
  }
}

void judge_patterns(const DomainFacts& facts, const ListFacts& list, Report& report) {
  if (facts.hosts_left_out > 0 || facts.only_host) return;
  for (const mtasts::MxPattern& pattern : list.mx) {
    const bool is_used = std::ranges::any_of(facts.hosts, [&](const HostFacts& host) {
      const auto name = DomainName::parse(host.name);
      return name && pattern.matches(*name);
    });
    if (is_used) continue;
    report.add(Code::list_pattern, Level::note, subject_of(facts),
               {.seen = fmt::format("the pattern {} of {} covers no MX host", pattern.str(), name_of(list)),
                .why = "It allows a host that receives no mail now.",
                .remedy = {}});
  }
}

std::set<std::string> names(const std::vector<mtasts::MxPattern>& patterns) {
  std::set<std::string> all;
  for (const mtasts::MxPattern& pattern : patterns) all.insert(pattern.str());
  return all;
}

void judge_agreement(const Reading& reading, const ListFacts& list, Report& report) {
  const mtasts::Policy* const policy = mta_sts_policy(reading);
  if (policy == nullptr || policy->mode == Mode::none) return;
  const Subject subject = subject_of(reading.facts);
  if (policy->mode == list.mode && names(policy->mx) == names(list.mx)) {
    return report.ok(Code::list_mta_sts, subject,
                     fmt::format("{} says what the MTA-STS policy says", name_of(list)));
  }
  report.add(Code::list_mta_sts, Level::note, subject,
             {.seen = fmt::format("{} and the MTA-STS policy differ", name_of(list)),
              .why = list.list.empty() ? "The override takes precedence here."
                                       : "Senders that follow both use the MTA-STS policy.",
              .remedy = {}});
}

void judge_list(const Reading& reading, const ListFacts& list, Report& report) {
  const DomainFacts& facts = reading.facts;
  const Subject subject = subject_of(facts);
  if (!applies(list, facts.now)) {
    report.add(Code::list_expired, Level::warning, subject,
               {.seen = fmt::format("{} expired on {}", name_of(list), shown_day(*list.expires)),
                .why = "Its entry for the domain has no effect.",
                .remedy = "Run 'starttls-listtool update'."});
    return;
  }
  judge_mode(list, subject, report);
  if (list.mode == Mode::none) return;
  judge_agreement(reading, list, report);
  if (facts.mx.status == dns::Status::failed) return;
  judge_hosts(facts, list, report);
  judge_patterns(facts, list, report);
}

}  // namespace

void judge_lists(const Reading& reading, Report& report) {
  for (const ListFacts& list : reading.facts.lists) judge_list(reading, list, report);
}

}  // namespace starttls::examination
