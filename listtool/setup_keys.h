// The keys of MX hosts, from files, as the TLSA records that are to be published for them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/domain.h"
#include "base/result.h"
#include "dns/answer.h"
#include "publication/publication.h"

namespace starttls::listtool {

// "3 1 1": usage, selector and matching type of the records to make (RFC 6698 section 2.1).
struct TlsaType {
  std::uint8_t usage = 3;
  std::uint8_t selector = 1;
  std::uint8_t matching_type = 1;
};
// Those that are usable for mail (RFC 7672 section 3.1).
inline const std::vector<std::string> tlsa_types{"3 1 1", "3 1 2", "3 0 1", "2 1 1", "2 0 1"};
// Of one of tlsa_types.
TlsaType parse_tlsa_type(std::string_view text);

// The record for a text in PEM: its first certificate, else its first public or private key. Fault::data where there is
// none, where the type needs a certificate and there is a key alone, and where it needs an authority's and the
// certificate is none.
Result<dns::Tlsa> tlsa_of_pem(std::string_view text, TlsaType type);

// "[HOST=]FILE"; what comes before the first "=" is a host only if it is a host name. Without HOST, the file is for all
// the MX hosts.
struct KeyArgument {
  std::vector<DomainName> hosts;
  std::string file;
};
KeyArgument parse_key_argument(std::string_view text, const std::vector<DomainName>& mx_hosts);

// The records of all hosts that `present` names, from files that are read here. A host that only `next` names is
// Fault::usage: its present key would have no record.
Result<std::vector<publication::HostKeys>> read_keys(const std::vector<std::string>& present,
                                                     const std::vector<std::string>& next, TlsaType type,
                                                     const std::vector<DomainName>& mx_hosts);

}  // namespace starttls::listtool
