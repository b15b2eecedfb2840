// What our policy domains published before and do not publish any more. Pure: the input is the stored state
// and the results of lookups, the output is alerts and the new state.
//
// Only what was seen before can be missing: a domain that never had an MTA-STS policy causes no alert. A
// failed lookup changes nothing. What was removed on purpose is reported for max_missed, and then forgotten.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "tlsrptdb/own_domains.h"

namespace starttls::report {

inline constexpr std::chrono::days max_missed{14};

inline constexpr std::string_view tlsrpt_record = "tlsrpt-record";
inline constexpr std::string_view mta_sts_record = "mta-sts-record";
inline constexpr std::string_view mta_sts_policy = "mta-sts-policy";

enum class Presence { present, gone, unknown };

// The result of a lookup. `gone` can also mean that it exists and is unusable.
struct PublicationLookup {
  std::string policy_domain;
  std::string kind;  // one of the above
  Presence presence = Presence::unknown;
  std::string reason;  // why it is not present: a part of a sentence
};

struct MissingPublication {
  tlsrptdb::Publication publication;
  std::string reason;
};

struct PublicationChanges {
  std::vector<MissingPublication> gone;
  std::vector<tlsrptdb::Publication> to_keep;
  std::vector<tlsrptdb::Publication> to_forget;
};

PublicationChanges compare(const std::vector<tlsrptdb::Publication>& known,
                           const std::vector<PublicationLookup>& looked_up, Time now);

// "example.org: its MTA-STS policy is gone, which was seen on 2026-11-25: status 404. ..."
std::string description(const MissingPublication& gone);

}  // namespace starttls::report
