// Answers of the DNS, without a resolver.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace starttls::dns {

// RFC 1035 section 3.2.2, RFC 3596, RFC 6698.
enum class Type : std::uint16_t { a = 1, cname = 5, mx = 15, txt = 16, aaaa = 28, tlsa = 52 };

enum class Status {
  found,     // there are records of the type
  nodata,    // the name exists, or something below it does, without such records
  nxdomain,  // there is no such name
  failed,    // unknown for now: no answer in time, SERVFAIL, REFUSED, bogus, malformed, ...
};

// RFC 4035 section 4.3. Of an answer that failed: bogus, or else without a meaning.
enum class Dnssec {
  secure,         // DNSSEC proves the answer, also that there are no records
  insecure,       // DNSSEC proves nothing
  bogus,          // an attack, or a broken zone; the status is failed
  indeterminate,  // not validated, see Settings::dnssec
};

struct Mx {
  std::uint16_t preference = 0;
  std::string host;  // without trailing dot, as sent (see DomainName); "" is the null MX of RFC 7505
  bool operator==(const Mx&) const = default;
};

// RFC 6698 section 2.1
struct Tlsa {
  std::uint8_t usage = 0;
  std::uint8_t selector = 0;
  std::uint8_t matching_type = 0;
  std::string data;  // bytes
  bool operator==(const Tlsa&) const = default;
};

struct Answer {
  Status status = Status::failed;
  Dnssec dnssec = Dnssec::insecure;
  bool put_off = false;  // given up, as too many questions wait; status is failed
  // The owner of the records, after CNAMEs; without records the name asked for. For a question for a CNAME, its
  // target.
  std::string canonical_name;
  // Those of the type asked for. A malformed record makes the answer failed.
  std::vector<std::string> texts;      // TXT: the strings of one record joined, bytes as sent
  std::vector<Mx> mxs;                 // by preference, then name
  std::vector<std::string> addresses;  // A, AAAA: "192.0.2.1", "2001:db8::1"
  std::vector<Tlsa> tlsas;
  std::chrono::seconds ttl{0};  // the least of the chain; of a negative answer, RFC 2308
  std::string reason;           // where failed, a sentence: "SERVFAIL from the resolver", "no answer in 5 s"
};

}  // namespace starttls::dns
