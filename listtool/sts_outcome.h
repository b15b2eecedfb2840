// The outcome of a look-up of the MTA-STS policy of a domain, as text and as JSON.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/domain.h"
#include "discovery/mta_sts_discovery.h"
#include "json/json_text.h"
#include "mtastsdb/cache.h"

namespace starttls::listtool {

struct StsOutcome {
  enum class Kind {
    policy,   // there is a policy, and it is in force
    none,     // the domain has no valid record
    failed,   // there is a record, but the policy cannot be fetched or is invalid
    unknown,  // the DNS gives no answer now
  };
  Kind kind = Kind::unknown;
  std::optional<mtasts::FetchedPolicy> policy;  // in force, even if the last fetch failed
  std::optional<mtasts::Failure> failure;
  std::string reason;  // if the outcome is none or unknown
};

StsOutcome to_outcome(const discovery::MtaStsDiscovery& discovery, Time now);

// "enforce mx.example.org *.example.net": all that a mail server uses.
std::string policy_summary(const mtasts::Policy& policy);

// One line.
std::string to_string(const DomainName& domain, const StsOutcome& outcome);
std::string to_string(const mtastsdb::CacheEntry& entry, Time now);
void to_json(json::JsonText& json, const DomainName& domain, const StsOutcome& outcome);
void to_json(json::JsonText& json, const mtastsdb::CacheEntry& entry, Time now);

// Counts the domains with each outcome.
class StsTotals {
 public:
  void count(const StsOutcome& outcome);

  // 0: every domain has a policy; 1: some have none; 65: for some the policy is invalid, or the policy host
  // has the wrong certificate; 75: for some it cannot be determined now.
  int exit_status() const;

  friend std::string to_string(const StsTotals& totals);
  friend void to_json(json::JsonText& json, const StsTotals& totals);

 private:
  std::uint64_t domains_ = 0;
  std::uint64_t with_policy_ = 0;
  std::uint64_t without_ = 0;
  std::uint64_t unknown_ = 0;
  std::map<mtasts::FailureType, std::uint64_t> failed_;
};

std::string to_string(const StsTotals& totals);
void to_json(json::JsonText& json, const StsTotals& totals);

}  // namespace starttls::listtool
