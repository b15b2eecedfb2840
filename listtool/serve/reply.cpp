#include "listtool/serve/reply.h"

#include "base/memory.h"

namespace starttls::listtool::serve {
namespace {

constexpr std::string_view ok = "OK ";

}  // namespace

std::string_view to_string(Dialect dialect) {
  return socketmap_dialect(dialect).name;
}

Dialect parse_dialect(std::string_view map) {
  auto parsed = Dialect::postfix;
  for (std::size_t i = 0; i < dialects; ++i) {
    const SocketmapDialect& one = socketmap_dialect(static_cast<Dialect>(i));
    if (one.map == map) return one.dialect;
    if (one.map.empty()) parsed = one.dialect;
  }
  return parsed;
}

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::policy:
      return "policy";
    case Outcome::no_policy:
      return "none";
    case Outcome::temporary_error:
      return "temporary";
  }
  return "";
}

std::string netstring(std::string_view text) {
  return fmt::format("{}:{},", text.size(), text);
}

Reply reply_for(Dialect dialect, const NextHop& next_hop, const policy::Decision& answer,
                const mtasts::FetchedPolicy* mta_sts, const Rules& rules) {
  if (answer.mode == policy::Mode::undecided) return temporary_error("DANE cannot be looked up now");
  const auto policy = socketmap_dialect(dialect).policy(next_hop, answer, mta_sts, rules.postfix_version);
  if (!policy) return no_policy();
  const std::string text = fmt::format("{}{}", ok, *policy);
  if (text.size() > max_reply_size)
    return temporary_error("the policy has more MX patterns than Postfix reads");
  return {.bytes = netstring(text), .outcome = Outcome::policy};
}

Reply held_reply(Dialect dialect, const DomainName& domain, mtasts::FailureType failure) {
  const auto held_policy = socketmap_dialect(dialect).held;
  if (held_policy == nullptr)
    return temporary_error(fmt::format("no MTA-STS policy can be fetched: {}", mtasts::to_string(failure)));
  return {.bytes = netstring(fmt::format("{}{}", ok, held_policy(domain, failure))),
          .outcome = Outcome::policy};
}

Reply no_policy() {
  return {.bytes = "9:NOTFOUND ,", .outcome = Outcome::no_policy};
}

Reply opportunistic_dane() {
  return {.bytes = "7:OK dane,", .outcome = Outcome::policy};
}

Reply temporary_error(std::string_view reason) {
  return {.bytes = netstring(fmt::format("TEMP {}", reason)), .outcome = Outcome::temporary_error};
}

std::size_t Replies::size() const {
  std::size_t size = shared_allocation_size<Replies>();
  for (const Reply& reply : of) size += heap_size(reply.bytes);
  if (facts) size += shared_allocation_size<discovery::DomainFacts>() + heap_size(*facts);
  return size;
}

}  // namespace starttls::listtool::serve
