// How good the TLS is that servers agree to.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>
#include <vector>

#include "base/text.h"
#include "examination/judges.h"
#include "examination/ncsc.h"

namespace starttls::examination {
namespace {

using smtp::Step;
using smtp::Stop;

// The level of a rating where the guidelines alone decide.
Level level_of(Rating rating) {
  switch (rating) {
    case Rating::good:
    case Rating::sufficient:
      return Level::ok;
    case Rating::phase_out:
      return Level::note;
    case Rating::insufficient:
      return Level::warning;
  }
  return Level::warning;
}

std::string_view shown(Rating rating) {
  switch (rating) {
    case Rating::good:
      return "good";
    case Rating::sufficient:
      return "sufficient";
    case Rating::phase_out:
      return "to be phased out";
    case Rating::insufficient:
      return "insufficient";
  }
  return {};
}

// A finding whose level follows from a rating.
void report_rating(Report& report, Code code, const Subject& subject, Rating rating, std::string_view what,
                   std::string_view remedy) {
  const Level level = level_of(rating);
  std::string seen = fmt::format("{}: {}", what, shown(rating));
  if (level == Level::ok) return report.ok(code, subject, std::move(seen));
  report.add(code, level, subject,
             {.seen = std::move(seen),
              .why = rating == Rating::phase_out ? "The guidelines advise to replace it."
                                                 : "It does not resist an attacker of today.",
              .remedy = std::string(remedy)});
}

// A finding about a property that TLS 1.3 has, and TLS 1.2 may have.
void report_property(Report& report, Code code, const Subject& subject, bool is_good, std::string_view good,
                     std::string_view bad, std::string_view remedy) {
  if (is_good) return report.ok(code, subject, std::string(good));
  report.add(code, Level::warning, subject,
             {.seen = std::string(bad),
              .why = "The guidelines call it insufficient: attacks on TLS 1.2 and older need it.",
              .remedy = std::string(remedy)});
}

void judge_version(const Reading& reading, const HostFacts& host, const smtp::Handshake& tls,
                   const Subject& subject, Report& report) {
  const Rating rating = rate_version(tls.version);
  const std::string seen = fmt::format("{}: {}", printable(tls.version, 50), shown(rating));
  if (rating == Rating::good) return report.ok(Code::tls_version, subject, seen);
  if (rating == Rating::sufficient) {
    report.add(Code::tls_version, Level::note, subject,
               {.seen = seen, .why = "TLS 1.3 is faster and hides more.", .remedy = "Switch TLS 1.3 on."});
    return;
  }
  const Demand demand = tls_demand(reading, host);
  report.add(Code::tls_version, level_of_tls(demand), subject,
             {.seen = seen,
              .why = demand == Demand::enforce
                         ? fmt::format("Most senders that follow {} demand TLS 1.2 and do not deliver.",
                                       tls_source(reading, host))
                         : "Senders that allow only TLS 1.2 and newer deliver in plaintext.",
              .remedy = "Switch TLS 1.2 and 1.3 on."});
}

// "TLSv1.1": those before TLS 1.2 that the server accepts.
std::vector<std::string> old_versions(const AddressFacts& address) {
  std::vector<std::string> versions;
  for (const VersionFacts& version : address.versions) {
    if (version.version < smtp::TlsVersion::tls1_2 && !version.suites.empty())
      versions.emplace_back(to_string(version.version));
  }
  if (versions.empty() && address.oldest->tls)
    versions.push_back(printable(address.oldest->tls->version, 50));
  return versions;
}

// What the connection that offered only TLS 1.0 and 1.1 shows, and those of Depth::thorough.
void judge_old_version(const AddressFacts& address, const Subject& subject, Report& report) {
  const smtp::ProbeFacts& probe = *address.oldest;
  if (const std::vector<std::string> versions = old_versions(address); !versions.empty()) {
    report.add(Code::tls_old_version, Level::warning, subject,
               {.seen = fmt::format("the server accepts {}", fmt::join(versions, " and ")),
                .why = "Its protection is broken, and a sender that uses it could use a newer version.",
                .remedy = "Switch TLS 1.0 and 1.1 off, once no sender needs them."});
    return;
  }
  if (probe.stop == Stop::handshake)
    return report.ok(Code::tls_old_version, subject, "the server refuses TLS 1.0 and 1.1");
  report.add(
      Code::tls_old_version, Level::cannot_tell, subject,
      {.seen = fmt::format("the connection with TLS 1.0 and 1.1 did not get that far: {}", probe.reason),
       .why = "Whether the server accepts them is unknown. Mostly it limits how often this host may connect.",
       .remedy = "Try again after some minutes."});
}

// The suite and group of one handshake.
void judge_choice(const smtp::Handshake& tls, const Subject& subject, Report& report) {
  report_rating(report, Code::tls_suite, subject, rate_suite(tls.suite), printable(tls.suite, 100),
                "Allow only ECDHE suites with AES-GCM or CHACHA20.");
  // Without an ephemeral key the suite is insufficient already.
  if (!tls.group.empty()) {
    report_rating(report, Code::tls_key_exchange, subject, rate_group(tls.group, tls.group_bits),
                  fmt::format("{}, {} bits", printable(tls.group, 100), tls.group_bits),
                  "Allow the groups X25519, P-256 and P-384.");
  }
}

void judge_handshake(const smtp::Handshake& tls, const Subject& subject, Report& report) {
  if (!tls.signature_hash.empty()) {
    report_rating(report, Code::tls_signature, subject, rate_hash(tls.signature_hash),
                  fmt::format("the server signs the handshake with {}", printable(tls.signature_hash, 50)),
                  "Update the TLS library of the mail server.");
  }
  report_property(report, Code::tls_renegotiation, subject, tls.secure_renegotiation,
                  "renegotiation is secure", "the server does not know secure renegotiation",
                  "Update the TLS library of the mail server.");
  report_property(report, Code::tls_master_secret, subject, tls.extended_master_secret,
                  "there is an extended master secret", "there is no extended master secret",
                  "Update the TLS library of the mail server.");
}

void judge_failure(const Reading& reading, const HostFacts& host, const AddressFacts& address,
                   Report& report) {
  const smtp::ProbeFacts& probe = *address.newest;
  const Subject subject = subject_of(host, address);
  if (probe.stop == Stop::handshake) {
    const Demand demand = tls_demand(reading, host);
    report.add(
        Code::tls_handshake, level_of_tls(demand), subject,
        {.seen =
             fmt::format("the handshake fails: {}", probe.tls_error.empty() ? probe.reason : probe.tls_error),
         .why = why_tls(demand, tls_source(reading, host)),
         .remedy = "Look into the server's log, and check its certificate, key, versions and suites."});
  } else if (probe.reached == Step::handshake) {
    report.add(Code::tls_handshake, Level::cannot_tell, subject,
               {.seen = fmt::format("the handshake did not end: {}", probe.reason),
                .why = "Nothing is known of TLS at this address.",
                .remedy = "Try again after some minutes, and look into the server's log."});
  }
}

}  // namespace

void judge_tls(const Reading& reading, Report& report) {
  for_each_address(reading.facts, [&](const HostFacts& host, const AddressFacts& address) {
    if (!address.newest) return;
    const Subject subject = subject_of(host, address);
    if (const smtp::Handshake* const tls = handshake_of(address)) {
      judge_version(reading, host, *tls, subject, report);
      judge_handshake(*tls, subject, report);
      if (address.versions.empty()) {
        judge_choice(*tls, subject, report);
      } else {
        judge_accepted(address, subject, report);
      }
      if (address.oldest && address.newest->tls) judge_old_version(address, subject, report);
    } else {
      judge_failure(reading, host, address, report);
    }
  });
}

}  // namespace starttls::examination
