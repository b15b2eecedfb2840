// What a sender looks up and meets on its way to the mail servers of a domain, step by step: for `check --explain`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "examination/facts.h"

namespace starttls::listtool {

struct DeliveryStep {
  enum class Kind : std::uint8_t {
    lookup,    // of MX records, of a policy, or of an MX host
    address,   // of the host before it; `words` is empty
    dialogue,  // with the address before it
  };
  Kind kind = Kind::lookup;
  std::string name;   // "MX records", "192.0.2.1", "greeting"
  std::string words;  // may be empty; what comes from outside is escaped
};

// In the order of a sender.
std::vector<DeliveryStep> delivery_path(const examination::DomainFacts& facts);

}  // namespace starttls::listtool
