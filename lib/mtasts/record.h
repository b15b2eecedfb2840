// The TXT record at _mta-sts.DOMAIN (RFC 8461 section 3.1): that there is a policy, and which one.
//
//   v=STSv1; id=20261122T120000;
//
// Where the standard says that a sender must take a record for none, so it is here; nothing that it leaves
// open is refused.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/finding.h"

namespace starttls::mtasts {

struct Record {
  std::string id;  // 1 to 32 letters and digits; another one tells that the policy was changed
};

// Whether the text can be the id of a record.
bool is_record_id(std::string_view text);

struct RecordReading {
  std::optional<Record> record;   // what a sender goes by; none where a finding refuses it
  std::vector<Finding> findings;  // in the order of their places: line = record of the answer
  std::uint64_t suppressed = 0;   // further findings, beyond Findings::most
};

// All TXT records of the name, each with its strings joined without blanks. Records of other kinds do not
// count; exactly one must be left. Of an `id` that is there twice the first counts.
RecordReading read_records(std::span<const std::string> answer);

}  // namespace starttls::mtasts
