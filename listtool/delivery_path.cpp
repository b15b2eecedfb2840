#include "listtool/delivery_path.h"

#include <fmt/ranges.h>

#include <string_view>

#include "base/text.h"
#include "mtasts/policy.h"
#include "mtasts/record.h"

namespace starttls::listtool {
namespace {

using examination::AddressFacts;
using examination::HostFacts;

constexpr std::size_t max_group = 100;  // bytes of a name that is shown

class Path {
 public:
  void lookup(std::string_view name, std::string words) {
    add(DeliveryStep::Kind::lookup, name, std::move(words));
  }
  void address(std::string_view name) { add(DeliveryStep::Kind::address, name, {}); }
  void dialogue(std::string_view name, std::string words) {
    add(DeliveryStep::Kind::dialogue, name, std::move(words));
  }
  std::vector<DeliveryStep> take() && { return std::move(steps_); }

 private:
  void add(DeliveryStep::Kind kind, std::string_view name, std::string words) {
    steps_.push_back({.kind = kind, .name = std::string(name), .words = std::move(words)});
  }
  std::vector<DeliveryStep> steps_;
};

void add_probe(Path& path, const smtp::ProbeFacts& probe) {
  if (probe.greeting) {
    path.dialogue("greeting",
                  fmt::format("{} ({} ms)", probe.greeting->first_line(), probe.greeting_time.count()));
  }
  if (probe.ehlo) path.dialogue("EHLO", fmt::format("{}", fmt::join(probe.extensions, " ")));
  if (probe.starttls) path.dialogue("STARTTLS", std::string(probe.starttls->first_line()));
  if (probe.tls) {
    path.dialogue("handshake", fmt::format("{}, {}, {} ({} ms)", probe.tls->version, probe.tls->suite,
                                           probe.tls->group.empty() ? "no ephemeral key" : probe.tls->group,
                                           probe.handshake_time.count()));
  }
  if (probe.stop != smtp::Stop::none)
    path.dialogue("ends", fmt::format("at {}: {}", to_string(probe.reached), probe.reason));
}

std::string shown(const examination::VersionFacts& version) {
  if (version.suites.empty()) return version.incomplete.empty() ? "not accepted" : version.incomplete;
  std::string text = fmt::format("{}; groups:", fmt::join(version.suites, " "));
  for (const examination::GroupFacts& group : version.groups) text += ' ' + printable(group.name, max_group);
  if (version.order != smtp::SuiteOrder::unknown)
    text += fmt::format("; the {} chooses", to_string(version.order));
  if (!version.incomplete.empty()) text += fmt::format("; there may be more: {}", version.incomplete);
  return text;
}

void add_address(Path& path, const AddressFacts& address) {
  path.address(address.address);
  if (!address.newest) return path.dialogue("not asked", {});
  add_probe(path, *address.newest);
  for (const examination::VersionFacts& version : address.versions)
    path.dialogue(to_string(version.version), shown(version));
  if (!address.chain) return;
  const certificate::Certificate& server = address.chain->certificates.front();
  path.dialogue("certificate",
                fmt::format("{}, for {}, from {}, until {}", server.subject, fmt::join(server.names, " "),
                            server.issuer, to_string(to_day(server.not_after))));
}

std::string shown(mtasts::Mode mode, const std::vector<mtasts::MxPattern>& patterns) {
  std::string text = fmt::format("mode {}", to_string(mode));
  for (std::string_view before = ", for "; const mtasts::MxPattern& pattern : patterns) {
    text += fmt::format("{}{}", before, pattern.str());
    before = " ";
  }
  return text;
}

std::string shown_policy(const examination::MtaStsFacts& facts) {
  if (!facts.page) return "the policy host has no address";
  if (facts.page->error != http::FetchError::none) return "no policy: " + facts.page->reason;
  const auto policy = mtasts::read_policy(facts.page->body).policy;
  if (!policy) return "what the policy host returns is no valid policy";
  return fmt::format("{}, max_age {}", shown(policy->mode, policy->mx), policy->max_age.count());
}

std::string shown(const examination::MtaStsFacts& facts) {
  if (facts.record.status == dns::Status::failed)
    return "the record cannot be looked up: " + printable(facts.record.reason);
  const mtasts::RecordReading reading = mtasts::read_records(facts.record.texts);
  if (reading.record) return fmt::format("id {}; {}", reading.record->id, shown_policy(facts));
  return facts.record.texts.empty() ? "no record" : "no valid record";
}

std::string_view shown(dns::Dnssec dnssec) {
  switch (dnssec) {
    case dns::Dnssec::secure:
      return "signed";
    case dns::Dnssec::insecure:
      return "not signed";
    case dns::Dnssec::bogus:
      return "bogus";
    case dns::Dnssec::indeterminate:
      return "not validated";
  }
  return {};
}

}  // namespace

std::vector<DeliveryStep> delivery_path(const examination::DomainFacts& facts) {
  Path path;
  path.lookup("MX records",
              facts.mx.status == dns::Status::failed ? facts.mx.reason : std::string(shown(facts.mx.dnssec)));
  if (facts.hosts.empty()) return std::move(path).take();
  path.lookup("MTA-STS", shown(facts.mta_sts));
  for (const examination::ListFacts& list : facts.lists) {
    path.lookup(list.list.empty() ? "override" : "list",
                fmt::format("{}{}", list.list.empty() ? "" : printable(list.list, max_group) + ": ",
                            shown(list.mode, list.mx)));
  }
  for (const HostFacts& host : facts.hosts) {
    path.lookup("MX host",
                fmt::format("{}; addresses {}; TLSA records: {}", printable(host.name, 300),
                            shown(host.a.status == dns::Status::found ? host.a.dnssec : host.aaaa.dnssec),
                            host.dane ? dane::to_string(host.dane->tlsa) : "not looked up"));
    for (const AddressFacts& address : host.addresses) add_address(path, address);
  }
  return std::move(path).take();
}

}  // namespace starttls::listtool
