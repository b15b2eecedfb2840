// The names that an MTA-STS policy allows for the MX hosts of its domain (RFC 8461 sections 3.2 and 4.1).
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "base/domain.h"
#include "base/memory.h"
#include "base/result.h"

namespace starttls::mtasts {

// A host name ("mx.example.org") or a wildcard ("*.example.org"), in the form of DomainName.
class MxPattern {
 public:
  // Accepts what DomainName accepts: upper case, U-labels, one trailing dot. Fault::data with the reason.
  static Result<MxPattern> parse(std::string_view text);

  // As in a policy, with "*." where it is a wildcard.
  std::string str() const { return wildcard_ ? "*." + name_.str() : name_.str(); }
  bool is_wildcard() const { return wildcard_; }
  // Without the "*.". A single label ("*.org") covers a whole top-level domain.
  const DomainName& name() const { return name_; }

  // A wildcard covers exactly one label: "*.example.org" is "a.example.org", but neither "example.org" nor
  // "a.b.example.org".
  bool matches(const DomainName& mx_host) const;

 private:
  MxPattern(DomainName name, bool wildcard) : name_(std::move(name)), wildcard_(wildcard) {}
  DomainName name_;
  bool wildcard_;
};

// Bytes on the heap.
inline std::size_t heap_size(const MxPattern& pattern) {
  return starttls::heap_size(pattern.name().str());
}

}  // namespace starttls::mtasts
