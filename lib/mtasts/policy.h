// The policy of an MTA-STS domain, the body of https://mta-sts.DOMAIN/.well-known/mta-sts.txt (RFC 8461
// section 3.2):
//
//   version: STSv1
//   mode: enforce
//   mx: mx1.example.org
//   mx: *.backup.example.org
//   max_age: 604800
//
// Strict where the RFC is, tolerant where nothing can be misread. A policy stays valid with empty lines,
// blanks around a name, a byte order mark, an mx written in U-labels or with a trailing dot, an mx that can
// match no host (it is empty, an address, a single label), a field twice (the first counts), or a max_age
// too large (it is capped). Each of these is a fault, as other senders may refuse the policy for it.
// Anything else that the grammar does not allow refuses the policy: ignoring a line that was meant to name
// MX hosts would stop mail.
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
#include "mtasts/mode.h"
#include "mtasts/mx_pattern.h"

namespace starttls::mtasts {

// RFC 8461 section 3.3: no sender has to read more.
inline constexpr std::size_t policy_size_limit = std::size_t{64} << 10U;  // bytes
// RFC 8461 section 3.2: "around one year".
inline constexpr std::chrono::seconds max_max_age{31'557'600};

struct Policy {
  Mode mode = Mode::none;
  std::vector<MxPattern> mx;        // each once, in their order; may be empty only where the mode is none
  std::chrono::seconds max_age{0};  // since the policy was fetched; 0 to max_max_age

  // Whether any pattern does (section 4.1).
  bool matches(const DomainName& mx_host) const;
};

struct PolicyReading {
  std::optional<Policy> policy;   // none where a finding refuses it
  std::vector<Finding> findings;  // in the order of their places
  std::uint64_t suppressed = 0;   // further findings, beyond Findings::max_size
};

// The policy as in a report and a mail server's log ("policy-string" of RFC 8460 section 4.4): "version:
// STSv1", "mode: enforce", "mx: mx1.example.org", ..., "max_age: 604800". Derived from the parsed policy,
// not from the text: printable ASCII without braces, at most max_policy_strings; the last mx are left out.
inline constexpr std::size_t max_policy_strings = 100;
std::vector<std::string> policy_strings(const Policy& policy);

// A text over policy_size_limit is refused unread.
PolicyReading read_policy(std::string_view text);

}  // namespace starttls::mtasts
