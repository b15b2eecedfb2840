#include "listtool/serve/reply.h"

#include <algorithm>

#include "base/memory.h"
#include "listtool/sendmail/map.h"

namespace starttls::listtool::socketmap {
namespace {

// The last that knows no TLSRPT attributes, and all that matters besides.
constexpr postfix::Version before_tlsrpt{.major = 3, .minor = 9};

// TLSRPT_README, "MTA-STS Support via smtp_tls_policy_maps". The strings have no braces in them.
std::string tlsrpt_attributes(const DomainName& domain, const mtasts::Policy& policy) {
  std::string text = fmt::format(" policy_type=sts policy_domain={}", domain.str());
  for (const std::string& line : mtasts::policy_strings(policy)) {
    text.append(" { policy_string = ").append(line).append(" }");
  }
  // All of them: Postfix 3.10.5 and later delivers to no other MX host.
  for (const mtasts::MxPattern& mx : policy.mx) text.append(" mx_host_pattern=").append(mx.str());
  return text;
}

Rules before(postfix::Version version, Rules rules) {
  if (rules.postfix_version) rules.postfix_version = std::min(*rules.postfix_version, version);
  return rules;
}

std::optional<std::string> policy_with_reports(const DomainName& domain, const policy::Answer& answer,
                                               const mtasts::FetchedPolicy* mta_sts, Rules rules) {
  // Who asks this way says that it is 3.10 or later.
  rules.postfix_version = before_tlsrpt;
  auto policy = postfix::policy_for(domain.str(), answer, rules.postfix_version);
  if (!policy || answer.source != policy::Source::mta_sts || mta_sts == nullptr) return policy;
  const std::string attributes = tlsrpt_attributes(domain, mta_sts->policy);
  // Reports matter less than the mail.
  if (policy->size() + attributes.size() + 3 <= reply_limit) *policy += attributes;
  return policy;
}

std::optional<std::string> policy_in(Dialect dialect, const DomainName& domain, const policy::Answer& answer,
                                     const mtasts::FetchedPolicy* mta_sts, const Rules& rules) {
  switch (dialect) {
    case Dialect::postfix:
      return postfix::policy_for(domain.str(), answer, before(before_tlsrpt, rules).postfix_version);
    case Dialect::postfix_tlsrpt:
      return policy_with_reports(domain, answer, mta_sts, rules);
    case Dialect::sendmail:
      return sendmail::policy_for(domain.str(), answer);
  }
  return std::nullopt;
}

}  // namespace

std::string_view to_text(Dialect dialect) {
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

std::string_view to_text(Outcome outcome) {
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

Reply reply_for(Dialect dialect, const DomainName& domain, const policy::Answer& answer,
                const mtasts::FetchedPolicy* mta_sts, const Rules& rules) {
  if (answer.mode == policy::Mode::undecided) return trouble("DANE cannot be looked up now");
  const auto policy = policy_in(dialect, domain, answer, mta_sts, rules);
  if (!policy) return no_policy();
  const std::string text = "OK " + *policy;
  if (text.size() > reply_limit) return trouble("the policy has more MX patterns than Postfix reads");
  return {.bytes = netstring(text), .outcome = Outcome::policy};
}

Reply held(Dialect dialect, const DomainName& domain, mtasts::FailureType failure) {
  const std::string_view type = mtasts::to_text(failure);
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
  if (facts) size += shared_allocation_size<policy::Facts>() + heap_size(*facts);
  return size;
}

}  // namespace starttls::listtool::socketmap
