// What the owner of a domain must publish so that senders encrypt its mail and report on it: an MTA-STS policy (RFC
// 8461), TXT records, TLSA records (RFC 7672); and in which order, so that no sender defers mail meanwhile. Pure.
//
//     Wanted (options) + Published (seen in the DNS and on the servers) -> plan() -> Publication
//
// What is to be published now is safe now. An MX host stays in the policy as long as it is in the DNS, and a TLSA record
// stays as long as a server shows its key. So a change may take several runs, each of which says what comes before the
// next one. With nothing to change, plan() has no step of kind policy or records.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/domain.h"
#include "base/enum_words.h"
#include "base/ip_address.h"
#include "base/result.h"
#include "certificate/certificate.h"
#include "dns/answer.h"
#include "mtasts/policy.h"
#include "publication/records.h"
#include "tlsrpt/record.h"

namespace starttls::publication {

// How long senders keep a policy, from stage to stage: it grows with the confidence that the policy is right.
inline constexpr std::chrono::seconds first_max_age{86'400};        // testing, and none
inline constexpr std::chrono::seconds enforce_max_age{7 * 86'400};  // the first enforce
inline constexpr std::chrono::seconds final_max_age{30 * 86'400};   // when enforce has proven itself
inline constexpr std::chrono::seconds default_ttl{3'600};           // of the records

// The keys of one MX host, as the TLSA records that are to be published for them.
struct HostKeys {
  DomainName host;
  std::vector<dns::Tlsa> present;  // of the certificate that the host uses, or will use from now on
  std::vector<dns::Tlsa> next;     // of the one after it; published before it is used
};

// What is not set stays as it is published.
struct Wanted {
  DomainName domain;
  std::optional<mtasts::Mode> mode;             // not published either: testing
  std::vector<mtasts::MxPattern> mx;            // not published either: the MX hosts
  std::optional<std::chrono::seconds> max_age;  // with a new mode: the one for it, see above
  std::vector<tlsrpt::Destination> rua;         // where TLS reports go
  std::vector<HostKeys> keys;                   // each host once; TLSA records of others are left alone
  std::vector<IpAddress> policy_addresses;      // of the policy host
  std::chrono::seconds ttl = default_ttl;       // of the records
};

// One MX host, as it was seen.
struct PublishedHost {
  std::string name;               // lower case, without trailing dot
  std::optional<bool> is_signed;  // whether DNSSEC proves its addresses; none where that is unknown
  std::vector<dns::Tlsa> tlsa;    // at _25._tcp.NAME, whatever DNSSEC says of them
  std::string tlsa_owner;         // where that is an alias (CNAME): the owner of the records; else ""
  std::chrono::seconds tlsa_ttl{0};
  std::vector<std::vector<certificate::Certificate>> chains;  // that its addresses sent
  bool all_seen = false;                                      // each of its addresses sent one
  std::vector<std::string> without_starttls;                  // addresses that do not offer it
};

// What is published, as it was seen. The TTLs are those of the answers: what is left of them in a cache.
struct Published {
  Time now;
  std::vector<DomainName> mx_hosts;
  std::chrono::seconds mx_ttl{0};
  std::string id;        // of the MTA-STS record; "" where there is none
  std::string id_owner;  // where _mta-sts.DOMAIN is an alias: the owner of the record; else ""
  std::chrono::seconds id_ttl{0};
  std::optional<mtasts::Policy> policy;
  std::string no_policy;  // why there is none beside a record: a phrase
  std::vector<tlsrpt::Destination> rua;
  std::string rua_owner;                      // as id_owner, of _smtp._tls.DOMAIN
  std::vector<std::string> policy_addresses;  // of the policy host; empty where they were not looked up
  std::vector<PublishedHost> hosts;
};

enum class StepKind : std::uint8_t {
  dnssec,       // sign a zone
  examination,  // examine the MX hosts from where they can be reached
  policy_host,  // make the host that serves the policy
  policy,       // serve the new policy
  records,      // publish the records
  certificate,  // change the certificate of an MX host
  mx,           // change the MX records
  repair,       // repair an MX host where senders that enforce do not deliver
  evidence,     // wait for reports
  next,         // run setup again, with other options
};
inline constexpr auto step_words = enum_words<StepKind>({{StepKind::dnssec, "dnssec"},
                                                         {StepKind::examination, "examination"},
                                                         {StepKind::policy_host, "policy-host"},
                                                         {StepKind::policy, "policy"},
                                                         {StepKind::records, "records"},
                                                         {StepKind::certificate, "certificate"},
                                                         {StepKind::mx, "mx"},
                                                         {StepKind::repair, "repair"},
                                                         {StepKind::evidence, "evidence"},
                                                         {StepKind::next, "next"}});

struct Step {
  StepKind kind = StepKind::next;
  std::chrono::seconds wait{0};  // at least so long after the step before it
  std::string action;            // a sentence, imperative
  std::string why;               // a sentence; "" where it is plain
  std::string source;            // "RFC 8461 section 8.1"; "" where there is none
};

struct Publication {
  mtasts::Policy policy;
  std::string policy_text;         // the content of mta-sts.txt
  std::string id;                  // of the MTA-STS record; it follows from the policy's text alone
  std::vector<RecordSet> records;  // in the order in which they are to be published
  std::vector<Step> steps;         // in their order; those before the first that waits can be done at once
};

// The policy to serve now: what is wanted, and each MX host of the DNS. Fault::data where there is no MX host at all and
// none is wanted, or where the text would be longer than senders read.
Result<mtasts::Policy> policy_to_serve(const Wanted& wanted, const Published& published);

// With CRLF between the lines (RFC 8461 section 3.2).
std::string policy_text(const mtasts::Policy& policy);
// The first 20 hexadecimal digits of the SHA-256 of the text.
std::string policy_id(std::string_view policy_text);

// "1 hour", "7 days"
std::string in_words(std::chrono::seconds time);

// `obstacles`: phrases about MX hosts that senders who enforce the policy would not deliver to. Fault::data where
// publishing would make senders defer mail: with the mode enforce, and with TLSA records for a host without STARTTLS.
Result<Publication> plan(const Wanted& wanted, const Published& published,
                         std::span<const std::string> obstacles);

}  // namespace starttls::publication
