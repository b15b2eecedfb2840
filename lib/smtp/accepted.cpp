#include "smtp/accepted.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <ranges>
#include <span>
#include <utility>

#include "base/enum_words.h"

namespace starttls::smtp {
namespace {

constexpr auto order_words = enum_words<SuiteOrder>(
    {{SuiteOrder::unknown, "unknown"}, {SuiteOrder::server, "server"}, {SuiteOrder::client, "client"}});

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

// Whether the server has refused what was offered: by an alert, or with the choice of an older version. A
// connection that breaks off may have other reasons.
bool is_refusal(const ProbeFacts& facts) {
  return facts.stop == Stop::handshake && facts.reached == Step::handshake &&
         (facts.tls_error.starts_with("alert ") || facts.tls_error == version_not_offered);
}

// How suites are offered, and which of them a server chose.
struct SuiteOffer {
  void put_into(ProbeRequest& request, const Names& names) const { request.suites = joined(names); }
  std::string chosen(const Handshake& handshake) { return handshake.suite; }
  bool repeats(const std::string& /*name*/) const { return false; }
  bool can_offer_otherwise(const Names& /*names*/) { return false; }
};

// The same of groups. Before TLS 1.3, a server uses a key on a curve only if that is among the client's groups
// (RFC 8422 section 5.1): so this curve is offered again, last. But first it is left out, since a server that also
// has an RSA key uses that then, and may like the curve more than groups that are not yet found.
class GroupOffer {
 public:
  GroupOffer(Names all, TlsVersion version) : all_(std::move(all)), version_(version) {}

  void put_into(ProbeRequest& request, const Names& names) const {
    request.groups = joined(names);
    if (version_ == TlsVersion::tls1_3) return;
    // Else a server that knows none of the groups goes on without one.
    request.suites = "ECDHE";
    if (repeats_key_curve_) request.groups += ":" + key_curve_->name;
  }
  std::string chosen(const Handshake& handshake) {
    if (handshake.chain.empty() || key_curve_) return handshake.group;
    const auto curve = std::ranges::find(all_, handshake.chain.front().curve, &Suite::name);
    if (curve != all_.end()) key_curve_ = *curve;
    return handshake.group;
  }
  // Whether it was offered again: then the server accepts none of the others.
  bool repeats(const std::string& name) const {
    return repeats_key_curve_ && key_curve_->standard_name == name;
  }
  // After a refusal of `names`.
  bool can_offer_otherwise(const Names& names) {
    if (repeats_key_curve_ || !key_curve_ || has(names, key_curve_->standard_name)) return false;
    return repeats_key_curve_ = true;
  }

 private:
  static bool has(const Names& names, const std::string& standard_name) {
    return std::ranges::find(names, standard_name, &Suite::standard_name) != names.end();
  }

  Names all_;
  TlsVersion version_;
  std::optional<Suite> key_curve_;
  bool repeats_key_curve_ = false;
};

// Offers what is left of `names` until the server refuses.
template <class Offer>
event::Task<Accepted> find_all(Probe probe, ProbeRequest request, Names names, Offer offer) {
  Accepted accepted;
  while (!names.empty()) {
    offer.put_into(request, std::as_const(names));
    const ProbeFacts facts = co_await probe(request);
    if (is_refusal(facts)) {
      if (offer.can_offer_otherwise(names)) continue;
      break;
    }
    const std::string chosen = facts.tls ? offer.chosen(*facts.tls) : std::string();
    // A server may choose what was not offered only by a fault, and then for ever.
    const bool is_new = facts.tls && take_out(names, chosen);
    if (is_new) accepted.names.push_back(chosen);
    if (facts.stop == Stop::none && is_new) continue;
    if (facts.stop == Stop::none && offer.repeats(chosen)) break;
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

}  // namespace

event::Task<Accepted> find_accepted_suites(Probe probe, ProbeRequest request, TlsVersion version) {
  const Names all = known_suites(version);
  Accepted accepted;
  for (std::size_t begin = 0; begin < all.size() && accepted.stop == Stop::none; begin += max_suites) {
    const auto some = std::span(all).subspan(begin, std::min(max_suites, all.size() - begin));
    Accepted found =
        co_await find_all(probe, of_version(request, version), Names(some.begin(), some.end()), SuiteOffer());
    std::ranges::move(found.names, std::back_inserter(accepted.names));
    accepted.stop = found.stop;
    accepted.reason = std::move(found.reason);
  }
  co_return accepted;
}

event::Task<Accepted> find_accepted_groups(Probe probe, ProbeRequest request, TlsVersion version) {
  Names all = known_groups(version);
  GroupOffer offer(all, version);
  Accepted accepted = co_await find_all(std::move(probe), of_version(std::move(request), version),
                                        std::move(all), std::move(offer));
  co_return accepted;
}

std::string_view to_string(SuiteOrder order) {
  return order_words.word(order);
}

event::Task<SuiteOrder> find_suite_order(Probe probe, ProbeRequest request, TlsVersion version,
                                         std::vector<std::string> suites) {
  suites.resize(std::min(suites.size(), max_suites));
  if (suites.size() < 2) co_return SuiteOrder::unknown;
  const Names known = known_suites(version);
  Names reversed;
  for (const std::string& name : suites | std::views::reverse) {
    const auto suite = std::ranges::find(known, name, &Suite::standard_name);
    if (suite != known.end()) reversed.push_back(*suite);
  }
  request = of_version(std::move(request), version);
  request.suites = joined(reversed);
  const ProbeFacts facts = co_await probe(request);
  if (!facts.tls) co_return SuiteOrder::unknown;
  if (facts.tls->suite == suites.front()) co_return SuiteOrder::server;
  co_return facts.tls->suite == suites.back() ? SuiteOrder::client : SuiteOrder::unknown;
}

}  // namespace starttls::smtp
