// What an examination finds. A finding has a stable code, a level, a subject, and three sentences: what was seen, why
// that matters, and what to do.
//
// The table of all codes is the source of docs/checking.md.
#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/enum_words.h"

namespace starttls::examination {

enum class Level : std::uint8_t {
  ok,
  note,     // worth knowing; nobody need act
  warning,  // mail is delivered, but it is less protected than it could be, or not for long
  fault,    // mail waits or returns to its sender, or a protection that the domain announces does not exist
  cannot_tell,  // nothing was found out; never a "no"
};
inline constexpr auto level_words = enum_words<Level>({{Level::ok, "ok"},
                                                       {Level::note, "note"},
                                                       {Level::warning, "warning"},
                                                       {Level::fault, "fault"},
                                                       {Level::cannot_tell, "cannot-tell"}});

// The worst is the greatest: fault, cannot_tell, warning, note, ok.
int badness(Level level);

// What a code is about: the headings of docs/checking.md.
enum class Topic : std::uint8_t { mx, smtp, starttls, tls, certificate, mta_sts, tlsrpt, dane, list };
inline constexpr auto topic_words = enum_words<Topic>({{Topic::mx, "MX records"},
                                                       {Topic::smtp, "SMTP"},
                                                       {Topic::starttls, "STARTTLS"},
                                                       {Topic::tls, "TLS"},
                                                       {Topic::certificate, "Certificates"},
                                                       {Topic::mta_sts, "MTA-STS"},
                                                       {Topic::tlsrpt, "TLS reports"},
                                                       {Topic::dane, "DANE"},
                                                       {Topic::list, "Lists and overrides"}});

// In the order of the table codes().
enum class Code : std::uint8_t {
  mx_records,
  mx_implicit,
  mx_null,
  mx_number,
  mx_dnssec,
  mx_name,
  mx_alias,
  mx_address,
  mx_address_private,
  mx_ipv6,
  smtp_own_network,
  smtp_skipped,
  smtp_connection,
  smtp_rate_limit,
  smtp_rejected,
  smtp_protocol,
  starttls,
  starttls_stripped,
  starttls_rejected,
  starttls_injection,
  starttls_inside_tls,
  tls_handshake,
  tls_version,
  tls_old_version,
  tls_suite,
  tls_suite_order,
  tls_key_exchange,
  tls_signature,
  tls_renegotiation,
  tls_master_secret,
  tls_compression,
  certificate_trust,
  certificate_chain,
  certificate_order,
  certificate_name,
  certificate_bad_name,
  certificate_expiry,
  certificate_key,
  certificate_signature,
  mta_sts_record,
  mta_sts_record_syntax,
  mta_sts_policy,
  mta_sts_policy_certificate,
  mta_sts_policy_redirect,
  mta_sts_policy_type,
  mta_sts_policy_syntax,
  mta_sts_mode,
  mta_sts_max_age,
  mta_sts_id,
  mta_sts_mx,
  mta_sts_pattern,
  tlsrpt_record,
  tlsrpt_record_syntax,
  tlsrpt_mailto,
  tlsrpt_https,
  dane_validation,
  dane_records,
  dane_unsigned,
  dane_usable,
  dane_coverage,
  dane_match,
  dane_expiry,
  dane_rollover,
  dane_mta_sts,
  list_entry,
  list_expired,
  list_mx,
  list_pattern,
  list_mta_sts,
};

struct CodeDescription {
  Code code;
  std::string_view word;  // "mx-records": never changes its meaning
  Topic topic;
  std::uint8_t levels;       // bits 1 << Level: those that its findings can have
  std::string_view meaning;  // what is looked at, and what decides the level
  std::string_view source;   // "RFC 5321 section 5.1"

  bool can_have(Level level) const { return (levels >> static_cast<unsigned>(level) & 1U) != 0; }
};

// All of them, in their order.
std::span<const CodeDescription> codes();
const CodeDescription& describe(Code code);

struct Subject {
  enum class Kind : std::uint8_t { domain, mx_host, address };
  Kind kind = Kind::domain;
  std::string name;     // of the domain or the MX host; of an address, the MX host that has it
  std::string address;  // with Kind::address

  auto operator<=>(const Subject&) const = default;
};
inline constexpr auto subject_kind_words = enum_words<Subject::Kind>({{Subject::Kind::domain, "domain"},
                                                                      {Subject::Kind::mx_host, "mx-host"},
                                                                      {Subject::Kind::address, "address"}});
// "example.org", "mx1.example.org", "mx1.example.org[192.0.2.1]", as Postfix writes it.
std::string to_string(const Subject& subject);

struct Finding {
  Code code = Code::mx_records;
  Level level = Level::ok;
  Subject subject;
  std::string seen;    // without a full stop; what comes from outside is escaped
  std::string why;     // a sentence; empty if it is ok
  std::string remedy;  // a sentence; empty if there is nothing to do
};
using Findings = std::vector<Finding>;

// The three sentences of a finding.
struct Text {
  std::string seen;
  std::string why;
  std::string remedy;
};

// Collects findings.
class Report {
 public:
  void add(Code code, Level level, Subject subject, Text text);
  void ok(Code code, Subject subject, std::string seen);

  const Findings& findings() const { return findings_; }
  Findings take() && { return std::move(findings_); }

 private:
  Findings findings_;
};

// Grouped by subject (the domain, each MX host, its addresses), in each the worst first.
void sort(Findings& findings);

// The worst level; ok where there is none.
Level worst(std::span<const Finding> findings);

// 1 where there is a fault; else 75 where something is unknown; else 0.
int exit_status(Level worst_level);
int exit_status(std::span<const Finding> findings);

}  // namespace starttls::examination
