#include "smtp/accepted.h"

#include <algorithm>
#include <iterator>
#include <span>
#include <utility>

namespace starttls::smtp {
namespace {

// What is not yet found, by the names of OpenSSL and those in Handshake.
using Names = std::vector<Suite>;

std::string joined(std::span<const Suite> suites) {
  std::string all;
  for (const Suite& suite : suites) {
    if (!all.empty()) all += ':';
    all += suite.name;
  }
  return all;
}

// Takes the name out, and returns whether it was there.
bool take_out(Names& names, const std::string& standard_name) {
  return std::erase_if(names, [&](const Suite& each) { return each.standard_name == standard_name; }) > 0;
}

// Whether the server has refused what was offered. A connection that breaks off may have other reasons.
bool is_refusal(const ProbeFacts& facts) {
  return facts.stop == Stop::handshake && facts.reached == Step::handshake &&
         facts.tls_error.starts_with("alert ");
}

// Offers what is left of `names`, set into the request by `offer`, until the server refuses; `chosen` is the
// name in the handshake.
template <class Offer, class Chosen>
event::Task<Accepted> find_all(Probe probe, ProbeRequest request, Names names, Offer offer, Chosen chosen) {
  Accepted accepted;
  while (!names.empty()) {
    offer(request, std::as_const(names));
    const ProbeFacts facts = co_await probe(request);
    if (is_refusal(facts)) break;
    // A server may choose what was not offered only by a fault, and then for ever.
    const bool is_new = facts.tls && take_out(names, chosen(*facts.tls));
    if (is_new) accepted.names.push_back(chosen(*facts.tls));
    if (facts.stop == Stop::none && is_new) continue;
    accepted.stop = facts.stop == Stop::none ? Stop::protocol : facts.stop;
    accepted.reason = facts.stop == Stop::none ? "the server chose what was not offered" : facts.reason;
    break;
  }
  co_return accepted;
}

ProbeRequest of_version(ProbeRequest request, TlsVersion version) {
  request.min_version = request.max_version = version;
  request.suites.clear();
  request.groups.clear();
  request.inject = request.offer_compression = false;
  return request;
}

void offer_suites(ProbeRequest& request, const Names& names) {
  request.suites = joined(names);
}

std::string chosen_suite(const Handshake& handshake) {
  return handshake.suite;
}

void offer_groups(ProbeRequest& request, const Names& names) {
  request.groups = joined(names);
}

std::string chosen_group(const Handshake& handshake) {
  return handshake.group;
}

}  // namespace

event::Task<Accepted> find_accepted_suites(Probe probe, ProbeRequest request, TlsVersion version) {
  const Names all = known_suites(version);
  Accepted accepted;
  for (std::size_t begin = 0; begin < all.size() && accepted.stop == Stop::none; begin += max_suites) {
    const auto some = std::span(all).subspan(begin, std::min(max_suites, all.size() - begin));
    Accepted found = co_await find_all(probe, of_version(request, version), Names(some.begin(), some.end()),
                                       offer_suites, chosen_suite);
    std::ranges::move(found.names, std::back_inserter(accepted.names));
    accepted.stop = found.stop;
    accepted.reason = std::move(found.reason);
  }
  co_return accepted;
}

event::Task<Accepted> find_accepted_groups(Probe probe, ProbeRequest request, TlsVersion version) {
  Accepted accepted = co_await find_all(std::move(probe), of_version(std::move(request), version),
                                        known_groups(version), offer_groups, chosen_group);
  co_return accepted;
}

}  // namespace starttls::smtp
