// What `check` found of a domain when it last examined it: its warnings and faults, and what happens to the mail of
// each kind of sender. What has changed since then is found by comparing; all of it is pure.
//
//     example.org<TAB>2026-11-28T12:00:00Z<TAB>sender mta-sts delivers<TAB>fault certificate-name mx.example.org<TAB>...
//
// The other fields are "cannot-tell TIME", since when something is not found out, and "gone LEVEL CODE SUBJECT".
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/domain.h"
#include "base/result.h"
#include "examination/finding.h"
#include "examination/judge.h"

namespace starttls::checkdb {

// A warning or a fault.
struct KnownFinding {
  std::string code;     // its word
  std::string subject;  // examination::to_string() of it
  examination::Level level = examination::Level::warning;
  bool is_gone = false;  // see keep_gone()

  auto operator<=>(const KnownFinding&) const = default;
};

struct KnownOutcome {
  examination::Sender sender = examination::Sender::opportunistic;
  examination::Outcome outcome = examination::Outcome::cannot_tell;

  bool operator==(const KnownOutcome&) const = default;
};

struct KnownDomain {
  Time examined;
  std::vector<KnownFinding> findings;  // sorted
  std::vector<KnownOutcome> outcomes;
  // Since when each examination left something unknown.
  std::optional<Time> unknown_since;

  bool operator==(const KnownDomain&) const = default;
};

// The worst of them, without those that are gone; ok where there is none.
examination::Level worst(const KnownDomain& known);

// What is known after an examination: its findings, and earlier ones about what was not found out now. `before` may be
// null. So a server that limits connections makes nothing better, and neither does a night without the DNS.
KnownDomain known_after(const KnownDomain* before, const examination::Findings& findings,
                        const std::vector<examination::Verdict>& verdicts, Time examined);

struct CheckChanges {
  std::vector<KnownFinding> worse;   // new, or a fault that was a warning
  std::vector<KnownFinding> better;  // gone, or a warning now; as it was before

  bool is_empty() const { return worse.empty() && better.empty(); }
};
CheckChanges compare(const KnownDomain& before, const KnownDomain& now);

// Adds to `now`, with is_gone, what compare() would call better and `before` still had. So something is better only
// when two examinations in a row say so, and what comes and goes every night is reported once.
KnownDomain keep_gone(const KnownDomain& before, KnownDomain now);

// One line, with its end, and back. Fault::data where it is no such line.
std::string to_line(const DomainName& domain, const KnownDomain& known);
Result<std::pair<DomainName, KnownDomain>> read_line(std::string_view line);

}  // namespace starttls::checkdb
