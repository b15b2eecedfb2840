#include "examination/server_probes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace starttls::examination {
namespace {

constexpr std::array newest_first{smtp::TlsVersion::tls1_3, smtp::TlsVersion::tls1_2,
                                  smtp::TlsVersion::tls1_1, smtp::TlsVersion::tls1_0};

// Takes the chains out of all handshakes, and returns the first of `newest` and `oldest`.
std::vector<certificate::Certificate> take_chain(ServerFacts& facts) {
  std::vector<certificate::Certificate> first;
  const auto take = [&first](std::optional<smtp::Handshake>& tls) {
    if (!tls) return;
    std::vector<certificate::Certificate> chain = std::exchange(tls->chain, {});
    if (first.empty()) first = std::move(chain);
  };
  take(facts.newest.tls);
  for (auto* probe : {&facts.oldest, &facts.injected, &facts.compressed}) {
    if (*probe) take((*probe)->tls);
  }
  return first;
}

}  // namespace

event::Task<std::shared_ptr<const ServerFacts>> ServerProbes::ask(smtp::ProbeRequest request) {
  const Key key{fmt::format("{} {}", request.address.text(), request.port), request.sni};
  const auto [place, is_new] = entries_.try_emplace(key);
  Entry& entry = place->second;
  if (entry.facts) {
    used_.splice(used_.end(), used_, entry.use);
    co_return entry.facts;
  }
  if (!is_new) {
    event::Completion<Shared> done;
    entry.waiting.push_back(&done);
    Shared shared = co_await done;
    co_return shared;
  }
  ServerFacts found = co_await connect(std::move(request));
  found.chain = chains_.share(take_chain(found));
  const Shared facts = std::make_shared<const ServerFacts>(std::move(found));
  entry.facts = facts;
  entry.use = used_.insert(used_.end(), &place->first);
  const auto waiting = std::exchange(entry.waiting, {});
  forget_oldest();
  for (event::Completion<Shared>* const one : waiting) one->complete(facts);
  co_return facts;
}

// Never the one that was asked for last.
void ServerProbes::forget_oldest() {
  while (used_.size() > std::max<std::size_t>(max_kept_, 1)) {
    const auto oldest = entries_.find(*used_.front());
    used_.pop_front();
    entries_.erase(oldest);
  }
}

event::Task<ServerFacts> ServerProbes::connect(smtp::ProbeRequest request) {
  ServerFacts facts;
  request.min_version = smtp::TlsVersion::tls1_2;
  request.max_version = smtp::TlsVersion::tls1_3;
  facts.newest = co_await probe_(request);
  // A server that has no TLS to offer, or does not answer, is not asked again.
  if (!facts.newest.tls && facts.newest.stop != smtp::Stop::handshake) co_return facts;
  smtp::ProbeRequest old = request;
  old.min_version = smtp::TlsVersion::tls1_0;
  old.max_version = smtp::TlsVersion::tls1_1;
  facts.oldest = co_await probe_(std::move(old));
  if (depth_ == Depth::brief) co_return facts;
  smtp::ProbeRequest injecting = request;
  injecting.inject = true;
  facts.injected = co_await probe_(std::move(injecting));
  smtp::ProbeRequest compressing = request;
  compressing.min_version = smtp::TlsVersion::tls1_0;
  compressing.offer_compression = true;
  facts.compressed = co_await probe_(std::move(compressing));
  for (const smtp::TlsVersion version : newest_first) {
    VersionFacts found = co_await find_version(request, version, facts.versions);
    facts.versions.push_back(std::move(found));
  }
  co_return facts;
}

event::Task<VersionFacts> ServerProbes::find_version(smtp::ProbeRequest request, smtp::TlsVersion version,
                                                     std::span<const VersionFacts> newer) {
  VersionFacts facts{.version = version};
  const smtp::Probe probe = [this, &facts](smtp::ProbeRequest one) {
    return probe_for_group(std::move(one), facts.groups);
  };
  smtp::Accepted suites = co_await smtp::find_accepted_suites(probe, request, version);
  facts.suites = std::move(suites.names);
  facts.incomplete = std::move(suites.reason);
  if (facts.suites.empty() || !facts.incomplete.empty()) co_return facts;
  facts.order = co_await smtp::find_suite_order(probe, request, version, facts.suites);
  // Versions before TLS 1.3 have the same groups.
  const bool known = std::ranges::any_of(newer, [](const VersionFacts& one) {
    return one.version < smtp::TlsVersion::tls1_3 && !one.suites.empty();
  });
  if (known) co_return facts;
  smtp::Accepted groups = co_await smtp::find_accepted_groups(probe, request, version);
  facts.incomplete = std::move(groups.reason);
  co_return facts;
}

event::Task<smtp::ProbeFacts> ServerProbes::probe_for_group(smtp::ProbeRequest request,
                                                            std::vector<GroupFacts>& groups) {
  smtp::ProbeFacts facts = co_await probe_(std::move(request));
  if (!facts.tls || facts.tls->group.empty()) co_return facts;
  const GroupFacts group{.name = facts.tls->group, .bits = facts.tls->group_bits};
  if (std::ranges::find(groups, group) == groups.end()) groups.push_back(group);
  co_return facts;
}

}  // namespace starttls::examination
