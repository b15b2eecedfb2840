// The policy of an MTA-STS domain, the body of https://mta-sts.DOMAIN/.well-known/mta-sts.txt (RFC 8461
// section 3.2):
//
//   version: STSv1
//   mode: enforce
//   mx: mx1.example.org
//   mx: *.backup.example.org
//   max_age: 604800
//
// Strict where the standard is, tolerant where nothing can be misread. In force stays a policy with empty
// lines, blanks around a name, a byte order mark, an mx written in U-labels or with a trailing dot, an mx
// that can match no host (it is empty, an address, a single label), a field twice (the first counts), or a
// max_age too large (it is capped); each of these is a fault that other senders may refuse the policy for.
// Everything else that the grammar does not allow refuses the policy: to leave out a line that was meant to
// name MX hosts would stop the mail to them.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/domain.h"
#include "base/finding.h"
#include "mtasts/mx_pattern.h"

namespace starttls::mtasts {

// RFC 8461 section 3.3: no sender has to read more.
inline constexpr std::size_t policy_size_limit = std::size_t{64} << 10U;  // bytes
// RFC 8461 section 3.2: "around one year".
inline constexpr std::chrono::seconds max_max_age{31'557'600};

enum class Mode { none, testing, enforce };

std::string_view to_string(Mode mode);

struct Policy {
  Mode mode = Mode::none;
  std::vector<MxPattern> mx;        // each once, in their order; may be empty only where the mode is none
  std::chrono::seconds max_age{0};  // since the policy was fetched; 0 to max_max_age

  // Whether any pattern does (section 4.1).
  bool matches(const DomainName& mx_host) const;
};

struct PolicyReading {
  std::optional<Policy> policy;   // what a sender goes by; none where a finding refuses it
  std::vector<Finding> findings;  // in the order of their places
  std::uint64_t suppressed = 0;   // further findings, beyond Findings::most
};

// The policy as a report and a mail server tell it ("policy-string" of RFC 8460 section 4.4): "version:
// STSv1", "mode: enforce", "mx: mx1.example.org", ..., "max_age: 604800". Made of what was understood, not of
// the text: printable ASCII without braces, and no more than max_policy_strings, the last mx being left out.
inline constexpr std::size_t max_policy_strings = 100;
std::vector<std::string> policy_strings(const Policy& policy);

// A text over policy_size_limit is refused and not read.
PolicyReading read_policy(std::string_view text);

}  // namespace starttls::mtasts
