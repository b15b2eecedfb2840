// The TXT record at _smtp._tls.DOMAIN (RFC 8460 section 3), which says where TLS reports for a domain go.
//
//   v=TLSRPTv1; rua=mailto:tls-reports@example.org,https://reports.example.org/v1
//
// Destinations come from outside and make us connect or write to them, so they are read narrowly: what is
// accepted is safe on a command line, in a header and in an SMTP command. Whether its host may be connected
// to (no private address) is only known when the name has been resolved, and is not checked here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/domain.h"
#include "base/finding.h"

namespace starttls::tlsrpt {

// Destinations of one report.
inline constexpr std::size_t max_destinations = 16;

struct Destination {
  enum class Scheme { mailto, https };

  Scheme scheme = Scheme::mailto;
  // mailto: "local@domain", nothing percent-encoded, the domain as DomainName has it.
  // https: the whole URL, its scheme and host in lower case.
  std::string target;
  DomainName host;  // the address's domain; the URL's host, which is a name of two or more labels

  // As it would be written in a record.
  std::string uri() const;
};

struct Record {
  std::vector<Destination> destinations;  // one or more, each once, in their order
};

struct RecordReading {
  std::optional<Record> record;   // none where a finding refuses it: then there is nowhere to report to
  std::vector<Finding> findings;  // in the order of their places: line = record of the answer
  std::uint64_t suppressed = 0;   // further findings, beyond Findings::max_size
};

// Takes all TXT records of the name, each with its strings joined without blanks. Records of other kinds are
// ignored; exactly one must be left. Malformed fields and URIs that cannot be used are ignored.
RecordReading read_records(std::span<const std::string> answer);

// Reads one URI of a `rua`. Fault::data with the reason.
//
// mailto: (RFC 6068) one address; before "@" letters, digits and "+-_.=~", not beginning with "-", at most
// 64; what follows "?" is dropped. https: a host name of two or more labels, a port; no user, no address.
Result<Destination> parse_destination(std::string_view uri);

}  // namespace starttls::tlsrpt
