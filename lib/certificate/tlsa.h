// TLSA records (RFC 6698, RFC 7671) against certificates, as RFC 7672 demands it of mail servers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "certificate/certificate.h"
#include "dns/answer.h"

namespace starttls::certificate {

// RFC 6698 section 7, with the names of RFC 7218.
enum Usage : std::uint8_t { pkix_ta = 0, pkix_ee = 1, dane_ta = 2, dane_ee = 3 };
enum Selector : std::uint8_t { full_certificate = 0, subject_public_key = 1 };
enum MatchingType : std::uint8_t { full = 0, sha2_256 = 1, sha2_512 = 2 };

// Whether a mail server can use the record (RFC 7672 section 3.1, RFC 7671 section 5): DANE-TA(2) or
// DANE-EE(3), selector 0 or 1, matching type 0 to 2, with a digest of the right length, or a certificate or
// key in DER.
bool is_usable(const dns::Tlsa& record);

// What a TLSA record of this selector and matching type contains for a certificate (RFC 6698 section 2.1):
// bytes. "" for a selector or matching type that is not registered.
std::string tlsa_data(const Certificate& certificate, std::uint8_t selector, std::uint8_t matching_type);
// The same for a key alone, whose selector is 1. `public_key` is a SubjectPublicKeyInfo in DER.
std::string tlsa_data_of_key(std::string_view public_key, std::uint8_t matching_type);

struct TlsaMatch {
  bool matches = false;
  std::string reason;  // a sentence, where it does not match
};

// Further records of an answer do not match. Postfix from 3.7.12 and 3.9.1 on ignores them, too.
inline constexpr std::size_t max_matched_records = 100;

// Which of the records the chain of a server matches at a time, by index.
//
// DANE-EE(3) compares the first certificate; neither its names nor its dates count (RFC 7672 section 3.1.1).
// DANE-TA(2) needs valid signatures and dates up to the anchor, which the server must send unless the record
// contains it, and one of the names in the server's certificate: the TLSA base domain and those of RFC 7672
// section 3.2.2. The common name counts if the certificate has no dNSName. Records that are not usable never
// match. The strength of keys and signatures does not count.
std::vector<TlsaMatch> match_tlsa(std::span<const dns::Tlsa> records, std::span<const Certificate> chain,
                                  std::span<const std::string> base_names, Time at);

}  // namespace starttls::certificate
