#include "listtool/serve/reply.h"

#include <algorithm>

#include "base/memory.h"
#include "listtool/sendmail/map.h"

namespace starttls::listtool::serve {
namespace {

constexpr std::string_view ok = "OK ";

// The last that knows no TLSRPT attributes, and all that matters besides.
constexpr postfix::Version before_tlsrpt{.major = 3, .minor = 9};

Rules before(postfix::Version version, Rules rules) {
  if (rules.postfix_version) rules.postfix_version = std::min(*rules.postfix_version, version);
  return rules;
}

const mtasts::Policy* policy_in(const mtasts::FetchedPolicy* fetched) {
  return fetched == nullptr ? nullptr : &fetched->policy;
}

// Who asks this way says that it is 3.10 or later.
std::optional<std::string> policy_with_reports(const NextHop& next_hop, const policy::Decision& answer,
                                               const mtasts::FetchedPolicy* mta_sts) {
  auto policy = postfix::policy_for(next_hop, answer, policy_in(mta_sts), postfix::first_with_tlsrpt);
  // Reports matter less than the mail.
  if (policy && policy->size() + ok.size() > reply_limit)
    return postfix::policy_for(next_hop, answer, nullptr, before_tlsrpt);
  return policy;
}

std::optional<std::string> policy_in(Dialect dialect, const NextHop& next_hop, const policy::Decision& answer,
                                     const mtasts::FetchedPolicy* mta_sts, const Rules& rules) {
  switch (dialect) {
    case Dialect::postfix:
      return postfix::policy_for(next_hop, answer, nullptr, before(before_tlsrpt, rules).postfix_version);
    case Dialect::postfix_tlsrpt:
      return policy_with_reports(next_hop, answer, mta_sts);
    case Dialect::sendmail:
      return sendmail::policy_for(next_hop.domain().str(), answer);
  }
  return std::nullopt;
}

}  // namespace

std::string_view to_string(Dialect dialect) {
  switch (dialect) {
    case Dialect::postfix:
      return "postfix";
    case Dialect::postfix_tlsrpt:
      return "postfix-tlsrpt";
    case Dialect::sendmail:
      return "sendmail";
  }
  return "";
}

Dialect dialect_of(std::string_view map) {
  if (map == "sts") return Dialect::sendmail;
  return map == "QUERYwithTLSRPT" ? Dialect::postfix_tlsrpt : Dialect::postfix;
}

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::policy:
      return "policy";
    case Outcome::no_policy:
      return "none";
    case Outcome::trouble:
      return "temporary";
  }
  return "";
}

std::string netstring(std::string_view text) {
  return fmt::format("{}:{},", text.size(), text);
}

Reply reply_for(Dialect dialect, const NextHop& next_hop, const policy::Decision& answer,
                const mtasts::FetchedPolicy* mta_sts, const Rules& rules) {
  if (answer.mode == policy::Mode::undecided) return trouble("DANE cannot be looked up now");
  const auto policy = policy_in(dialect, next_hop, answer, mta_sts, rules);
  if (!policy) return no_policy();
  const std::string text = fmt::format("{}{}", ok, *policy);
  if (text.size() > reply_limit) return trouble("the policy has more MX patterns than Postfix reads");
  return {.bytes = netstring(text), .outcome = Outcome::policy};
}

Reply held(Dialect dialect, const DomainName& domain, mtasts::FailureType failure) {
  const std::string_view type = mtasts::to_string(failure);
  if (dialect != Dialect::postfix_tlsrpt)
    return trouble(fmt::format("no MTA-STS policy can be had: {}", type));
  return {.bytes = netstring(fmt::format("OK secure match={0} servername=hostname policy_type=sts "
                                         "policy_domain={0} policy_failure={1}",
                                         domain.str(), type)),
          .outcome = Outcome::policy};
}

Reply no_policy() {
  return {.bytes = "9:NOTFOUND ,", .outcome = Outcome::no_policy};
}

Reply opportunistic_dane() {
  return {.bytes = "7:OK dane,", .outcome = Outcome::policy};
}

Reply trouble(std::string_view reason) {
  return {.bytes = netstring(fmt::format("TEMP {}", reason)), .outcome = Outcome::trouble};
}

std::size_t Replies::size() const {
  std::size_t size = shared_allocation_size<Replies>();
  for (const Reply& reply : of) size += heap_size(reply.bytes);
  if (facts) size += shared_allocation_size<discovery::DomainFacts>() + heap_size(*facts);
  return size;
}

}  // namespace starttls::listtool::serve
