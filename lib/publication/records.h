// Records of the DNS to publish, as text: for a zone file (RFC 1035 section 5.1) and for nsupdate(1) (RFC 2136).
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dns/answer.h"

namespace starttls::publication {

// All records of one name and type.
struct RecordSet {
  std::string owner;              // "_mta-sts.example.org", without trailing dot
  std::string type;               // "A", "AAAA", "TXT", "TLSA"
  std::vector<std::string> data;  // of each record, as in a zone file; not empty
  bool changed = true;            // whether it differs from what is published
};

// The data of a TXT record: strings in quotes, of at most 255 bytes each (RFC 1035 section 3.3.14).
std::string txt_data(std::string_view text);
// "3 1 1 ab01..."
std::string tlsa_data(const dns::Tlsa& record);

// A line for each record, with absolute names: fit for the file of any zone that has these names.
std::string zone_text(std::span<const RecordSet> sets, std::chrono::seconds ttl);

// Replaces the sets that have changed, in their order. Each is a message of its own, so one set is replaced whole, and
// each finds its own zone. Applied twice, it changes nothing more.
std::string nsupdate_text(std::span<const RecordSet> sets, std::chrono::seconds ttl);

}  // namespace starttls::publication
