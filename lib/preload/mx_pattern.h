// The names that a list allows for the MX hosts of a domain.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace starttls::preload {

// A host name ("mx.example.org") or a suffix (".example.org"), in the form of DomainName: only lower-case
// letters, digits, hyphens and dots, so that it can be written to any map as it is.
//
// The list format's text lets a suffix cover one label ("mx1.example.org"), its schema any number of them.
// The stricter reading is one label; Postfix, which is given the suffix, matches any depth.
class MxPattern {
 public:
  // Fault::data with the reason. A suffix needs two labels: ".org" would cover a whole top-level domain. So
  // does a host: among single labels are "hostname", "nexthop" and "dot-nexthop", which are keywords of
  // Postfix (postconf(5), smtp_tls_secure_cert_match) and would match the names in a forged MX record.
  static Result<MxPattern> parse(std::string_view text);

  // Whether the text is already such a pattern, byte for byte; see DomainName::is_plain().
  static bool is_plain(std::string_view text);

  const std::string& str() const { return pattern_; }
  bool is_suffix() const { return pattern_.starts_with('.'); }

 private:
  explicit MxPattern(std::string pattern) : pattern_(std::move(pattern)) {}
  std::string pattern_;
};

}  // namespace starttls::preload
