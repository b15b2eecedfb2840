// The table of all codes. A test compares docs/checking.md with it, and the findings of the judges.

#include <array>
#include <cstddef>

#include "examination/finding.h"

namespace starttls::examination {
namespace {

constexpr std::uint8_t bit(Level level) {
  return static_cast<std::uint8_t>(1U << static_cast<unsigned>(level));
}
constexpr std::uint8_t ok = bit(Level::ok);
constexpr std::uint8_t note = bit(Level::note);
constexpr std::uint8_t warning = bit(Level::warning);
constexpr std::uint8_t fault = bit(Level::fault);
constexpr std::uint8_t cannot_tell = bit(Level::cannot_tell);

template <class... Bits>
constexpr std::uint8_t any(Bits... bits) {
  return static_cast<std::uint8_t>((... | bits));
}

constexpr std::array table{
    CodeDescription{
        Code::mx_records, "mx-records", Topic::mx, any(ok, fault, cannot_tell),
        "The MX records. A fault: there is no such domain, or DNSSEC proves that the answer is forged "
        "or the zone is broken.",
        "RFC 5321 section 5.1"},
    CodeDescription{Code::mx_implicit, "mx-implicit", Topic::mx, note,
                    "There are no MX records, so the domain is its own MX host.", "RFC 5321 section 5.1"},
    CodeDescription{Code::mx_null, "mx-null", Topic::mx, any(ok, fault),
                    "A null MX: the domain takes no mail. A fault beside other MX records.",
                    "RFC 7505 section 3"},
    CodeDescription{Code::mx_number, "mx-number", Topic::mx, warning,
                    "More MX hosts than senders try. Those left out are not examined.",
                    "RFC 5321 section 5.1"},
    CodeDescription{Code::mx_dnssec, "mx-dnssec", Topic::mx, any(ok, note, warning),
                    "Whether the MX records are signed. A warning where an MX host has TLSA records: without "
                    "signed MX records, DANE protects only against attackers who cannot forge these.",
                    "RFC 7672 section 2.2.1"},
    CodeDescription{Code::mx_name, "mx-name", Topic::mx, fault,
                    "The MX record names an address, or what is no host name.", "RFC 5321 section 5.1"},
    CodeDescription{Code::mx_alias, "mx-alias", Topic::mx, warning, "The MX host is an alias (CNAME).",
                    "RFC 2181 section 10.3"},
    CodeDescription{
        Code::mx_address, "mx-address", Topic::mx, any(ok, warning, fault, cannot_tell),
        "Whether the MX host has an address. A fault where no MX host has one, or where DNSSEC proves "
        "that the answer is forged or the zone is broken; a warning where another MX host has one.",
        "RFC 5321 section 5.1"},
    CodeDescription{Code::mx_address_private, "mx-address-private", Topic::mx, fault,
                    "The address is not on the public Internet.", "RFC 6890 section 2.2.2"},
    CodeDescription{Code::mx_ipv6, "mx-ipv6", Topic::mx, any(ok, note),
                    "Whether an MX host can be reached over IPv6.", "RFC 3974 section 2"},

    CodeDescription{Code::smtp_own_network, "smtp-own-network", Topic::smtp, cannot_tell,
                    "No mail server could be reached at all: mostly the own network blocks port 25.",
                    "RFC 5321 section 4.5.4.2"},
    CodeDescription{Code::smtp_skipped, "smtp-skipped", Topic::smtp, note,
                    "The mail servers were not asked, as the user wished.", "RFC 5321 section 3.1"},
    CodeDescription{
        Code::smtp_connection, "smtp-connection", Topic::smtp, any(note, cannot_tell),
        "No conversation with this address. A note where it refuses connections and another address "
        "of the domain answers: some are down on purpose.",
        "RFC 5321 section 5.1"},
    CodeDescription{Code::smtp_rate_limit, "smtp-rate-limit", Topic::smtp, cannot_tell,
                    "The server asks to come back later (421, 450): mostly a rate limit.",
                    "RFC 5321 section 4.2.1"},
    CodeDescription{Code::smtp_rejected, "smtp-rejected", Topic::smtp, cannot_tell,
                    "The server does not talk to this host (554): mostly a block list.",
                    "RFC 5321 section 3.1"},
    CodeDescription{Code::smtp_protocol, "smtp-protocol", Topic::smtp, fault,
                    "What the server says is not SMTP.", "RFC 5321 section 4.2"},

    CodeDescription{Code::starttls, "starttls", Topic::starttls, any(ok, warning, fault),
                    "Whether the server offers STARTTLS. A fault where MTA-STS, DANE or a list demands TLS.",
                    "RFC 3207 section 4"},
    CodeDescription{
        Code::starttls_stripped, "starttls-stripped", Topic::starttls, any(warning, fault),
        "Something on the way has overwritten the offer of STARTTLS. A fault where MTA-STS, DANE or a "
        "list demands TLS.",
        "RFC 3207 section 6"},
    CodeDescription{
        Code::starttls_rejected, "starttls-rejected", Topic::starttls, any(warning, fault, cannot_tell),
        "The server offers STARTTLS and then rejects it. Unknown where its reply is temporary (4xx). A "
        "fault where MTA-STS, DANE or a list demands TLS.",
        "RFC 3207 section 4"},
    CodeDescription{
        Code::starttls_injection, "starttls-injection", Topic::starttls, any(ok, fault),
        "Whether the server takes commands that were sent in plaintext for encrypted ones (CVE-2011-0411).",
        "RFC 3207 section 4.2"},
    CodeDescription{Code::starttls_inside_tls, "starttls-inside-tls", Topic::starttls, warning,
                    "The server offers STARTTLS again inside TLS.", "RFC 3207 section 4.2"},

    CodeDescription{
        Code::tls_handshake, "tls-handshake", Topic::tls, any(warning, fault, cannot_tell),
        "The handshake fails. Unknown where the connection ended without an error of TLS. A fault "
        "where MTA-STS, DANE or a list demands TLS.",
        "RFC 3207 section 4.1"},
    CodeDescription{
        Code::tls_version, "tls-version", Topic::tls, any(ok, note, warning, fault),
        "The newest version of TLS: 1.3 is good, 1.2 sufficient, older ones insufficient. A fault where "
        "MTA-STS, DANE or a list demands TLS and there is only an older one.",
        "NCSC-NL TLS guidelines 2025-05; RFC 8996"},
    CodeDescription{Code::tls_old_version, "tls-old-version", Topic::tls, any(ok, warning, cannot_tell),
                    "Whether the server accepts TLS 1.0 or 1.1 as well.",
                    "NCSC-NL TLS guidelines 2025-05; RFC 8996"},
    CodeDescription{
        Code::tls_suite, "tls-suite", Topic::tls, any(ok, note, warning, cannot_tell),
        "The cipher suite that the server chose; with --thorough, all that it accepts. A note where one is "
        "to "
        "be phased out, a warning where one is insufficient. Unknown where the server does not let us see "
        "all of them.",
        "NCSC-NL TLS guidelines 2025-05"},
    CodeDescription{
        Code::tls_suite_order, "tls-suite-order", Topic::tls, any(ok, note),
        "With --thorough, where the server accepts weaker suites beside better ones: whether it chooses, "
        "and the better ones first.",
        "NCSC-NL TLS guidelines 2025-05"},
    CodeDescription{
        Code::tls_key_exchange, "tls-key-exchange", Topic::tls, any(ok, note, warning),
        "The group of the key exchange; with --thorough, all that the server accepts. A note where one is "
        "to be phased out, a warning where one is insufficient.",
        "NCSC-NL TLS guidelines 2025-05"},
    CodeDescription{Code::tls_signature, "tls-signature", Topic::tls, any(ok, warning),
                    "The hash of the signature in the handshake: SHA-1 and MD5 are insufficient.",
                    "NCSC-NL TLS guidelines 2025-05; RFC 9155"},
    CodeDescription{Code::tls_renegotiation, "tls-renegotiation", Topic::tls, any(ok, warning),
                    "Whether renegotiation is secure.", "NCSC-NL TLS guidelines 2025-05; RFC 5746"},
    CodeDescription{Code::tls_master_secret, "tls-master-secret", Topic::tls, any(ok, warning),
                    "Whether TLS 1.2 has the extended master secret.",
                    "NCSC-NL TLS guidelines 2025-05; RFC 7627"},
    CodeDescription{Code::tls_compression, "tls-compression", Topic::tls, any(ok, warning, cannot_tell),
                    "With --thorough: whether the server compresses inside TLS.",
                    "NCSC-NL TLS guidelines 2025-05; RFC 9325 section 3.3"},

    CodeDescription{
        Code::certificate_trust, "certificate-trust", Topic::certificate, any(ok, note, warning, fault),
        "Whether the certificate comes from a trusted authority. A fault where MTA-STS or a list "
        "enforces it, a warning where they test it, a note where nothing demands it. DANE-EE does not "
        "need it.",
        "RFC 8461 section 4.2"},
    CodeDescription{
        Code::certificate_chain, "certificate-chain", Topic::certificate, any(ok, note, warning, fault),
        "Whether the server sends all intermediate certificates. Levels as for certificate-trust.",
        "RFC 5246 section 7.4.2; RFC 8446 section 4.4.2"},
    CodeDescription{Code::certificate_order, "certificate-order", Topic::certificate, any(ok, note),
                    "Whether each certificate of the chain is issued by the next one.",
                    "RFC 5246 section 7.4.2; RFC 8446 section 4.4.2"},
    CodeDescription{
        Code::certificate_name, "certificate-name", Topic::certificate, any(ok, note, warning, fault),
        "Whether the certificate is for the name of the MX host. Levels as for certificate-trust.",
        "RFC 8461 section 4.1; RFC 6125 section 6.4"},
    CodeDescription{Code::certificate_bad_name, "certificate-bad-name", Topic::certificate, warning,
                    "The certificate has a name with a NUL or another byte that no host name has.",
                    "RFC 5280 section 4.2.1.6"},
    CodeDescription{
        Code::certificate_expiry, "certificate-expiry", Topic::certificate, any(ok, note, warning, fault),
        "Whether the certificates of the chain are valid, now and some days ahead. One that is not valid "
        "now has the levels of certificate-trust. One that runs out is a warning, or a note while more "
        "than a third of its lifetime is left.",
        "RFC 5280 section 4.1.2.5"},
    CodeDescription{
        Code::certificate_key, "certificate-key", Topic::certificate, any(ok, note, warning),
        "The key of the certificate: RSA of 3072 bits and more is good, of 2048 to be phased out, of "
        "less insufficient. Curves as for tls-key-exchange.",
        "NCSC-NL TLS guidelines 2025-05"},
    CodeDescription{Code::certificate_signature, "certificate-signature", Topic::certificate,
                    any(ok, warning),
                    "The hashes of the signatures in the chain: SHA-1 and MD5 are insufficient.",
                    "NCSC-NL TLS guidelines 2025-05"},

    CodeDescription{
        Code::mta_sts_record, "mta-sts-record", Topic::mta_sts, any(ok, note, fault, cannot_tell),
        "The TXT record at _mta-sts. A note where there is none, a fault where senders must ignore it.",
        "RFC 8461 section 3.1"},
    CodeDescription{Code::mta_sts_record_syntax, "mta-sts-record-syntax", Topic::mta_sts, any(note, warning),
                    "What is wrong in a record that senders may use all the same.", "RFC 8461 section 3.1"},
    CodeDescription{Code::mta_sts_policy, "mta-sts-policy", Topic::mta_sts, any(ok, fault, cannot_tell),
                    "Whether the policy host returns the policy. Unknown where it is not reached.",
                    "RFC 8461 section 3.3"},
    CodeDescription{
        Code::mta_sts_policy_certificate, "mta-sts-policy-certificate", Topic::mta_sts,
        any(ok, note, warning, fault),
        "The certificate of the policy host, now and some days ahead. A certificate that runs out has "
        "the levels of certificate-expiry.",
        "RFC 8461 section 3.3"},
    CodeDescription{Code::mta_sts_policy_redirect, "mta-sts-policy-redirect", Topic::mta_sts, fault,
                    "The policy host redirects, which senders do not follow.", "RFC 8461 section 3.3"},
    CodeDescription{Code::mta_sts_policy_type, "mta-sts-policy-type", Topic::mta_sts, any(ok, warning),
                    "The media type of the policy, which is text/plain.", "RFC 8461 section 3.2"},
    CodeDescription{
        Code::mta_sts_policy_syntax, "mta-sts-policy-syntax", Topic::mta_sts, any(ok, note, warning, fault),
        "What is wrong in the policy. A fault where senders must ignore all of it.", "RFC 8461 section 3.2"},
    CodeDescription{Code::mta_sts_mode, "mta-sts-mode", Topic::mta_sts, any(ok, note),
                    "The mode: only enforce protects.", "RFC 8461 section 5"},
    CodeDescription{Code::mta_sts_max_age, "mta-sts-max-age", Topic::mta_sts, any(ok, note, warning),
                    "How long senders keep the policy. A note below a week, a warning below a day.",
                    "RFC 8461 section 3.2"},
    CodeDescription{Code::mta_sts_id, "mta-sts-id", Topic::mta_sts, any(ok, warning),
                    "Whether the id of the record changed with the policy, since the last time.",
                    "RFC 8461 section 3.1"},
    CodeDescription{Code::mta_sts_mx, "mta-sts-mx", Topic::mta_sts, any(ok, warning, fault),
                    "Whether the policy covers the MX host. A fault where it is enforced.",
                    "RFC 8461 section 4.1"},
    CodeDescription{Code::mta_sts_pattern, "mta-sts-pattern", Topic::mta_sts, note,
                    "A pattern of the policy that covers no MX host.", "RFC 8461 section 8.1"},

    CodeDescription{
        Code::tlsrpt_record, "tlsrpt-record", Topic::tlsrpt, any(ok, note, warning, fault, cannot_tell),
        "The TXT record at _smtp._tls. Where there is none: a warning beside MTA-STS or DANE, else a "
        "note. A fault where senders must ignore it.",
        "RFC 8460 section 3"},
    CodeDescription{Code::tlsrpt_record_syntax, "tlsrpt-record-syntax", Topic::tlsrpt, any(note, warning),
                    "What is wrong in a record that senders may use all the same.", "RFC 8460 section 3"},
    CodeDescription{Code::tlsrpt_mailto, "tlsrpt-mailto", Topic::tlsrpt, any(ok, fault, cannot_tell),
                    "Whether the domain of the address takes mail.", "RFC 8460 section 3"},
    CodeDescription{Code::tlsrpt_https, "tlsrpt-https", Topic::tlsrpt, any(ok, fault, cannot_tell),
                    "Whether the web server that takes reports is reachable.", "RFC 8460 section 5.4"},

    CodeDescription{Code::dane_validation, "dane-validation", Topic::dane, cannot_tell,
                    "The answers of the DNS are not validated here.", "RFC 7672 section 2.1"},
    CodeDescription{
        Code::dane_records, "dane-records", Topic::dane, any(ok, note, fault, cannot_tell),
        "The TLSA records of the MX host. A note where there are none. A fault where DNSSEC proves that "
        "the answer is forged or the zone is broken: senders with DANE defer.",
        "RFC 7672 section 2.1"},
    CodeDescription{Code::dane_unsigned, "dane-unsigned", Topic::dane, warning,
                    "TLSA records without DNSSEC, which senders must ignore.", "RFC 7672 section 2.2"},
    CodeDescription{Code::dane_usable, "dane-usable", Topic::dane, any(note, warning),
                    "TLSA records that are not usable for mail. A warning where no other is.",
                    "RFC 7672 section 3.1"},
    CodeDescription{Code::dane_coverage, "dane-coverage", Topic::dane, any(ok, warning),
                    "Whether every MX host has usable TLSA records, or only some.", "RFC 7672 section 2.2"},
    CodeDescription{Code::dane_match, "dane-match", Topic::dane, any(ok, fault, cannot_tell),
                    "Whether a usable TLSA record matches the certificates at this address.",
                    "RFC 7672 section 3; RFC 7671 section 5"},
    CodeDescription{
        Code::dane_expiry, "dane-expiry", Topic::dane, warning,
        "No TLSA record matches some days ahead, because a certificate below a DANE-TA record runs out.",
        "RFC 7671 section 5.2"},
    CodeDescription{
        Code::dane_rollover, "dane-rollover", Topic::dane, any(ok, note, warning),
        "Whether there are TLSA records for the present and the next key, or for an authority. A warning "
        "where the only record is for the certificate as a whole, which each renewal changes.",
        "RFC 7671 section 8.1"},
    CodeDescription{Code::dane_mta_sts, "dane-mta-sts", Topic::dane, any(ok, warning),
                    "Whether MTA-STS and DANE agree on the MX host.", "RFC 8461 section 2"},

    CodeDescription{Code::list_entry, "list-entry", Topic::list, any(ok, note),
                    "The entry of an installed list, or the override of the operator.", "starttls-list(5)"},
    CodeDescription{Code::list_expired, "list-expired", Topic::list, warning,
                    "The list has expired, so its entry has no effect.", "starttls-list(5)"},
    CodeDescription{Code::list_mx, "list-mx", Topic::list, any(ok, warning, fault),
                    "Whether the entry covers the MX host. A fault where it is enforced.",
                    "starttls-list(5)"},
    CodeDescription{Code::list_pattern, "list-pattern", Topic::list, note,
                    "A pattern of the entry that covers no MX host.", "starttls-list(5)"},
    CodeDescription{Code::list_mta_sts, "list-mta-sts", Topic::list, any(ok, note),
                    "Whether the entry says the same as the domain's own MTA-STS policy.",
                    "starttls-listtool(1)"},
};

constexpr bool is_in_order() {
  for (std::size_t index = 0; index < table.size(); ++index) {
    if (static_cast<std::size_t>(table[index].code) != index) return false;
  }
  return table.size() == static_cast<std::size_t>(Code::list_mta_sts) + 1;
}
static_assert(is_in_order());

}  // namespace

std::span<const CodeDescription> codes() {
  return table;
}

const CodeDescription& describe(Code code) {
  return table[static_cast<std::size_t>(code)];
}

}  // namespace starttls::examination
