#include "findings.h"
#include "fuzz.h"
#include "mtasts/policy.h"

using namespace starttls;

namespace {

// Written in the form of the standard, the policy is the same and has no findings.
void check_round_trip(const mtasts::Policy& policy) {
  std::string text = "version: STSv1\nmode: " + std::string(to_string(policy.mode)) + "\n";
  for (const auto& pattern : policy.mx) text += "mx: " + pattern.str() + "\n";
  text += "max_age: " + std::to_string(policy.max_age.count()) + "\n";
  if (text.size() > mtasts::policy_size_limit) return;  // A-labels are longer than U-labels
  const auto again = mtasts::read_policy(text);
  fuzz::require(again.policy && faults(again.findings) == 0);
  fuzz::require(again.policy->mode == policy.mode && again.policy->max_age == policy.max_age);
  fuzz::require(again.policy->mx.size() == policy.mx.size());
}

// Postfix reads them between braces, one after another.
void check_strings(const mtasts::Policy& policy) {
  const auto strings = mtasts::policy_strings(policy);
  fuzz::require(strings.size() <= mtasts::max_policy_strings);
  for (const std::string& string : strings) {
    fuzz::require(std::ranges::all_of(string, [](char c) { return c >= ' ' && c <= '~'; }));
    fuzz::require(string.find_first_of("{}") == std::string::npos);
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto reading = mtasts::read_policy(fuzz::text_of(bytes, size));
  fuzz::require_sound(reading.findings, reading.policy.has_value());
  if (!reading.policy) return 0;
  const mtasts::Policy& policy = *reading.policy;
  fuzz::require(policy.mode == mtasts::Mode::none || !policy.mx.empty());
  fuzz::require(policy.max_age.count() >= 0 && policy.max_age <= mtasts::max_max_age);
  for (const auto& pattern : policy.mx) {
    fuzz::require(pattern.matches(pattern.name()) != pattern.is_wildcard());
    const auto below = DomainName::parse("a." + pattern.name().str());
    if (below) fuzz::require(pattern.matches(*below) == pattern.is_wildcard());
    if (below && pattern.is_wildcard()) fuzz::require(policy.matches(*below));
  }
  check_round_trip(policy);
  check_strings(policy);
  return 0;
}
