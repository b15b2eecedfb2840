// The TXT record at _mta-sts.DOMAIN (RFC 8461 section 3.1), which says that there is a policy, and its id.
//
//   v=STSv1; id=20261122T120000;
//
// A record that the RFC tells senders to treat as none is refused. Nothing else is.
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
  std::string id;  // 1 to 32 letters and digits; it changes when the policy changes
};

// Whether the text can be the id of a record.
bool is_record_id(std::string_view text);

struct RecordReading {
  std::optional<Record> record;   // none where a finding refuses it
  std::vector<Finding> findings;  // in the order of their places: line = record of the answer
  std::uint64_t suppressed = 0;   // further findings, beyond Findings::max_size
};

// Takes all TXT records of the name, each with its strings joined without blanks. Records of other kinds are
// ignored; exactly one must be left. Of two `id` fields the first counts.
RecordReading read_records(std::span<const std::string> answer);

}  // namespace starttls::mtasts
