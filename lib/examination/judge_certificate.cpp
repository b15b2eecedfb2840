// The certificates of MX hosts.

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "examination/judges.h"
#include "examination/ncsc.h"

namespace starttls::examination {
namespace {

using certificate::Certificate;
using certificate::ChainFault;

// One chain, and what it is judged by.
struct Case {
  const Reading& reading;
  const HostFacts& host;
  const ChainFacts& chain;
  Subject subject;
  Report& report;

  const Certificate& server() const { return chain.certificates.front(); }
};

// A fault for those who demand a trusted certificate. Where DANE authenticates the host and nothing else demands it,
// it is ok.
void report_webpki(const Case& one, Code code, const std::string& seen, std::string_view remedy) {
  const Level level = level_of_webpki(one.reading, one.host);
  if (level == Level::ok)
    return one.report.ok(code, one.subject, fmt::format("{}; DANE does not need it", seen));
  one.report.add(code, level, one.subject,
                 {.seen = seen, .why = why_webpki(one.reading, one.host), .remedy = std::string(remedy)});
}

std::string reason_of(const Case& one) {
  const std::string& reason = one.chain.trust.reason;
  return reason.empty() ? "" : fmt::format(": {}", reason);
}

void judge_trust(const Case& one) {
  switch (one.chain.trust.fault) {
    case ChainFault::none:
      one.report.ok(
          Code::certificate_trust, one.subject,
          fmt::format("a trusted authority has issued it: {}", printable(one.server().issuer, 200)));
      one.report.ok(Code::certificate_chain, one.subject, "the chain is complete");
      break;
    case ChainFault::incomplete:
      report_webpki(
          one, Code::certificate_chain,
          fmt::format("the issuer of the certificate is not trusted, and the server does not send it{}",
                      reason_of(one)),
          "Append the intermediate certificates of the authority to the server's certificate file, or get a "
          "certificate of "
          "a public authority.");
      break;
    case ChainFault::self_signed:
      report_webpki(one, Code::certificate_trust, "the certificate is signed by itself",
                    "Get a certificate of a public authority, such as by ACME.");
      break;
    case ChainFault::untrusted_root:
    case ChainFault::weak:
    case ChainFault::malformed:
    case ChainFault::other:
      report_webpki(one, Code::certificate_trust,
                    fmt::format("the certificate is not trusted{}", reason_of(one)),
                    "Get a certificate of a public authority, such as by ACME.");
      break;
    case ChainFault::expired:
    case ChainFault::not_yet_valid:
      break;  // judge_validity()
  }
}

void judge_order(const Case& one) {
  if (one.chain.in_order)
    return one.report.ok(Code::certificate_order, one.subject, "the chain is in its order");
  one.report.add(Code::certificate_order, Level::note, one.subject,
                 {.seen = "the certificates of the chain are in the wrong order",
                  .why = "Some old senders cannot verify it.",
                  .remedy = "Put the server's certificate first, then that of its issuer, and so on."});
}

void judge_name(const Case& one) {
  if (one.chain.has_name) {
    one.report.ok(Code::certificate_name, one.subject, "the certificate has the name of the MX host");
  } else {
    const auto& names = one.server().names;
    const std::string other = names.empty() ? "it has no name"
                                            : fmt::format("it is for {}{}", printable(names.front(), 200),
                                                          names.size() > 1 ? " and others" : "");
    report_webpki(one, Code::certificate_name,
                  fmt::format("the certificate does not have the name of the MX host: {}", other),
                  "Get a certificate with the MX host in subjectAltName.");
  }
  if (one.server().has_bad_name) {
    one.report.add(Code::certificate_bad_name, Level::warning, one.subject,
                   {.seen = "the certificate has a name with a byte that no host name has",
                    .why = "Such a name can deceive those who verify it: it may be an attack.",
                    .remedy = "Get a new certificate."});
  }
}

std::string which(const Case& one, const Certificate& certificate) {
  if (&certificate == &one.server()) return "the certificate";
  return fmt::format("the intermediate certificate '{}'", printable(certificate.subject, 200));
}

// The first certificate of the chain that is not valid now. A root that the server sends does not count: the
// verifier has its own.
const Certificate* invalid_now(const Case& one) {
  const Time now = one.reading.facts.now;
  for (const Certificate& certificate : one.chain.certificates) {
    const bool is_root = certificate.is_self_signed && &certificate != &one.server();
    if (!is_root && (certificate.not_after <= now || certificate.not_before > now)) return &certificate;
  }
  return nullptr;
}

const Certificate& ends_first(const Case& one) {
  const Certificate* first = &one.server();
  for (const Certificate& certificate : one.chain.certificates) {
    if (!certificate.is_self_signed && certificate.not_after < first->not_after) first = &certificate;
  }
  return *first;
}

void judge_end(const Case& one, const Certificate& certificate) {
  const DomainFacts& facts = one.reading.facts;
  const std::string seen =
      fmt::format("{} ends on {}", which(one, certificate), shown_day(certificate.not_after));
  if (certificate.not_after > facts.later || level_of_webpki(one.reading, one.host) == Level::ok)
    return one.report.ok(Code::certificate_expiry, one.subject, seen);
  const bool matters = webpki_demand(one.reading, one.host.name) != Demand::none;
  one.report.add(Code::certificate_expiry,
                 matters && ends_soon(certificate, facts.now) ? Level::warning : Level::note, one.subject,
                 {.seen = fmt::format("{}, in {}", seen, days_between(facts.now, certificate.not_after)),
                  .why = matters ? fmt::format("From then on senders that follow {} do not deliver.",
                                               webpki_source(one.reading, one.host.name))
                                 : "Nothing demands a valid certificate.",
                  .remedy = "Check that it is renewed by itself, and that the mail server then loads it."});
}

void judge_validity(const Case& one) {
  const Certificate* const invalid = invalid_now(one);
  if (invalid == nullptr) {
    const ChainFault fault = one.chain.trust.fault;
    if (fault != ChainFault::expired && fault != ChainFault::not_yet_valid)
      return judge_end(one, ends_first(one));
    return report_webpki(one, Code::certificate_expiry,
                         fmt::format("the chain is not valid now{}", reason_of(one)),
                         "Get a new certificate, with the chain that belongs to it.");
  }
  const bool ended = invalid->not_after <= one.reading.facts.now;
  report_webpki(
      one, Code::certificate_expiry,
      ended ? fmt::format("{} ended on {}", which(one, *invalid), shown_day(invalid->not_after))
            : fmt::format("{} begins only on {}", which(one, *invalid), shown_day(invalid->not_before)),
      ended ? "Renew it, and make the mail server load it." : "Check the clock of the host that made it.");
}

std::string shown_key(const Certificate& certificate) {
  using certificate::KeyKind;
  switch (certificate.key) {
    case KeyKind::rsa:
      return fmt::format("an RSA key of {} bits", certificate.key_bits);
    case KeyKind::ec:
      return fmt::format("an EC key on {}",
                         certificate.curve.empty() ? "an unnamed curve" : certificate.curve);
    case KeyKind::ed25519:
      return "an Ed25519 key";
    case KeyKind::ed448:
      return "an Ed448 key";
    case KeyKind::dsa:
      return fmt::format("a DSA key of {} bits", certificate.key_bits);
    case KeyKind::other:
      return "a key of an unknown kind";
  }
  return {};
}

void judge_key(const Case& one) {
  const Rating rating = rate_key(one.server());
  const std::string key = shown_key(one.server());
  if (rating == Rating::good)
    return one.report.ok(Code::certificate_key, one.subject, fmt::format("{}: good", key));
  const bool phase_out = rating == Rating::phase_out;
  one.report.add(
      Code::certificate_key, phase_out ? Level::note : Level::warning, one.subject,
      {.seen = fmt::format("{}: {}", key, phase_out ? "to be phased out" : "insufficient"),
       .why = phase_out ? "The guidelines advise to replace it." : "An attacker can find the private key.",
       .remedy = "Get a certificate with an EC key on P-256, or an RSA key of 3072 bits."});
}

void judge_signatures(const Case& one) {
  const auto is_weak = [](const Certificate& certificate) {
    return !certificate.is_self_signed && rate_hash(certificate.signature_hash) == Rating::insufficient;
  };
  const auto weak = std::ranges::find_if(one.chain.certificates, is_weak);
  if (weak == one.chain.certificates.end()) {
    return one.report.ok(Code::certificate_signature, one.subject,
                         "no signature of the chain uses SHA-1 or MD5");
  }
  one.report.add(
      Code::certificate_signature, Level::warning, one.subject,
      {.seen = fmt::format("{} is signed with {}", which(one, *weak), printable(weak->signature_hash, 50)),
       .why = "Such a signature can be forged, and most senders refuse it.",
       .remedy = "Get a new certificate."});
}

}  // namespace

void judge_certificates(const Reading& reading, Report& report) {
  for_each_address(reading.facts, [&](const HostFacts& host, const AddressFacts& address) {
    if (!address.chain || address.chain->certificates.empty()) return;
    const Case one{.reading = reading,
                   .host = host,
                   .chain = *address.chain,
                   .subject = subject_of(host, address),
                   .report = report};
    judge_trust(one);
    judge_order(one);
    judge_name(one);
    judge_validity(one);
    judge_key(one);
    judge_signatures(one);
  });
}

}  // namespace starttls::examination
