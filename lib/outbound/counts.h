// Results of handshakes, added up by day, recipient domain, policy and failure. Pure.
//
// What a result says comes from outside: from a mail server, of which any text of another mail server's reply
// is a part, or from any program that may write to the socket. So that no flood of different texts fills the
// store, the failures of a policy are limited; further ones are counted without their texts.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "outbound/known_results.h"
#include "outbound/result.h"
#include "tlsrpt/datagram.h"
#include "tlsrpt/report.h"

namespace starttls::outbound {

// The policy that a result is of.
struct Policy {
  std::string domain;  // the recipient domain
  std::string record;  // its TLSRPT record, as it was found then; "" where the source does not know it
  Source source = Source::datagram;
  std::string
      policy_type;  // "tlsa", "sts", "no-policy-found" (RFC 8460 section 4.2); "" where it is not known
  std::string policy_domain;  // for DANE an MX host
  std::vector<std::string> policy_strings;
  std::vector<std::string> mx_hosts;

  auto operator<=>(const Policy&) const = default;
};

// Failures with the same content are added up (RFC 8460 section 4.3).
struct Failure {
  std::string result_type;
  std::string sending_mta_ip;
  std::string receiving_mx_hostname;
  std::string receiving_mx_helo;
  std::string receiving_ip;
  std::string additional_information;
  std::string failure_reason_code;

  auto operator<=>(const Failure&) const = default;
};

struct PolicyCount {
  std::uint64_t successful = 0;  // sessions
  std::uint64_t failed = 0;
  std::map<Failure, std::uint64_t> failures;  // sessions; one session may have failed in several ways

  PolicyCount& operator+=(const PolicyCount& other);
  bool operator==(const PolicyCount&) const = default;
};

struct PolicyOfDay {
  Policy policy;
  Day day;  // on which the results were received, UTC

  auto operator<=>(const PolicyOfDay&) const = default;
};

using DailyCounts = std::map<PolicyOfDay, PolicyCount>;

// A policy in the form that a store keeps: a list of texts has each text on a line.
struct PolicyTexts {
  std::string domain;
  std::string record;
  Source source = Source::datagram;
  std::string policy_type;
  std::string policy_domain;
  std::string policy_strings;
  std::string mx_hosts;
};

// What a fold adds to a store.
struct AddedPolicy {
  PolicyTexts texts;
  PolicyCount count;
  std::int64_t row = 0;  // as of KnownCount, once it is in the store
};
using AddedPolicies = std::map<PolicyId, AddedPolicy>;

DailyCounts daily_counts(const AddedPolicies& policies);

// What is known of a day beside its policies.
struct DayTotal {
  std::uint64_t results = 0;    // handshakes, each counted once even if it is of two policies
  std::uint64_t malformed = 0;  // datagrams that are none of Postfix'
  std::uint64_t left_out = 0;   // sessions under policies beyond the limit of the store

  DayTotal& operator+=(const DayTotal& other);
  bool operator==(const DayTotal&) const = default;
};

using DayTotals = std::map<Day, DayTotal>;

// Different failures of one policy and day that are kept apart in one fold, and in one report.
inline constexpr std::size_t max_failures_of_policy = 200;

// Adds a failure. One that is beyond the limit is counted with its result type and MX host alone or, if that
// is beyond twice the limit, with its result type.
void add(std::map<Failure, std::uint64_t>& failures, Failure failure, std::uint64_t sessions);

// The results of journal segments. Most datagrams of a mail server are like an earlier one; each is read once, and
// none that is known.
class SegmentContent {
 public:
  SegmentContent() = default;
  // Also counts in `known`, which must outlive this.
  explicit SegmentContent(KnownResults& known) : known_(&known) {}

  // The payload of a journal record; false where it is none.
  bool add(std::string_view payload);

  // Bytes of the different datagrams that are to be read.
  std::size_t size() const { return size_; }

  // A datagram of one success under this policy.
  struct Success {
    DatagramHash hash;
    PolicyId policy;
  };
  struct Counted {
    AddedPolicies policies;
    std::vector<KnownCount> known;
    DayTotals days;
    std::vector<Success> successes;  // of `policies`, to be remembered once they are in the store
    std::string malformed_reason;    // of one of the malformed datagrams
    std::optional<session::LogPosition> position;  // in the log, the furthest
  };
  Counted take();

 private:
  struct Key {
    Day day;
    DatagramHash hash;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const { return key.hash.low; }
  };
  struct Seen {
    Source source;
    std::string datagram;
    std::uint64_t times = 0;
  };

  void add(Day day, Source source, std::string_view datagram);
  void read(const Key& key, const Seen& seen, Counted& counted) const;

  KnownResults* known_ = nullptr;
  std::unordered_map<Key, Seen, KeyHash> seen_;
  std::size_t size_ = 0;
  std::optional<session::LogPosition> position_;
};

}  // namespace starttls::outbound
