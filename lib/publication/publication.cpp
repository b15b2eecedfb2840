#include "publication/publication.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/counted.h"
#include "certificate/digest.h"

namespace starttls::publication {
namespace {

using mtasts::Mode;
using mtasts::MxPattern;
using mtasts::Policy;

constexpr std::size_t id_bytes = 10;

bool contains(const std::vector<MxPattern>& patterns, const MxPattern& pattern) {
  return std::ranges::find(patterns, pattern.str(), &MxPattern::str) != patterns.end();
}

bool same_patterns(const std::vector<MxPattern>& a, const std::vector<MxPattern>& b) {
  return a.size() == b.size() &&
         std::ranges::all_of(a, [&b](const MxPattern& pattern) { return contains(b, pattern); });
}

std::chrono::seconds max_age_of(const Wanted& wanted, const std::optional<Policy>& published, Mode mode) {
  if (wanted.max_age) return *wanted.max_age;
  if (published && published->mode == mode) return published->max_age;
  if (mode != Mode::enforce) return first_max_age;
  return std::max(enforce_max_age, published ? published->max_age : enforce_max_age);
}

// The patterns in the order in which they are published, where they are the same: order has no meaning.
std::vector<MxPattern> patterns_of(const Wanted& wanted, const Published& published) {
  std::vector<MxPattern> patterns;
  const auto take = [&patterns](const std::vector<MxPattern>& from) {
    for (const MxPattern& pattern : from) {
      if (!contains(patterns, pattern)) patterns.push_back(pattern);
    }
  };
  if (!wanted.mx.empty()) {
    take(wanted.mx);
  } else if (published.policy) {
    take(published.policy->mx);
  }
  for (const DomainName& host : published.mx_hosts) {
    const Policy so_far{.mode = Mode::testing, .mx = patterns};
    if (so_far.matches(host)) continue;
    if (auto pattern = MxPattern::parse(host.str())) patterns.push_back(*std::move(pattern));
  }
  if (published.policy && same_patterns(patterns, published.policy->mx)) return published.policy->mx;
  return patterns;
}

}  // namespace

Result<Policy> policy_to_serve(const Wanted& wanted, const Published& published) {
  Policy policy;
  policy.mode = wanted.mode.value_or(published.policy ? published.policy->mode : Mode::testing);
  policy.max_age = max_age_of(wanted, published.policy, policy.mode);
  // RFC 8461 section 3.2: with the mode none, there need be none.
  if (policy.mode == Mode::none) return policy;
  policy.mx = patterns_of(wanted, published);
  if (policy.mx.empty())
    return fail(Fault::data, "{} has no MX host; name the ones to be with --mx", wanted.domain.str());
  if (policy_text(policy).size() > mtasts::policy_size_limit) {
    return fail(Fault::data, "the policy would have more than {} bytes, which senders need not read",
                mtasts::policy_size_limit);
  }
  return policy;
}

std::string policy_text(const Policy& policy) {
  std::string text = fmt::format("version: STSv1\r\nmode: {}\r\n", mtasts::to_string(policy.mode));
  for (const MxPattern& pattern : policy.mx) text += fmt::format("mx: {}\r\n", pattern.str());
  return text + fmt::format("max_age: {}\r\n", policy.max_age.count());
}

std::string policy_id(std::string_view policy_text) {
  std::string id;
  for (const char c : certificate::sha256(policy_text).substr(0, id_bytes))
    id += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return id;
}

std::string in_words(std::chrono::seconds time) {
  constexpr std::uint64_t hour = 3'600;
  constexpr std::uint64_t day = 24 * hour;
  const auto count = static_cast<std::uint64_t>(time.count());
  if (count % day == 0) return counted(count / day, "day");
  if (count % hour == 0) return counted(count / hour, "hour");
  return counted(count, "second");
}

}  // namespace starttls::publication
