#include "examination/samples.h"

#include <fmt/format.h>

#include "support.h"

namespace starttls::examination::test {
namespace {

using starttls::test::at;
using starttls::test::good;

constexpr std::chrono::days some_days{90};

certificate::Certificate certificate_of(const DomainFacts& facts, const std::string& name) {
  return {.subject = "CN=" + name,
          .issuer = "CN=Authority",
          .names = {name},
          .not_before = facts.now - some_days,
          .not_after = facts.now + some_days,
          .key = certificate::KeyKind::ec,
          .key_bits = 256,
          .curve = "P-256",
          .signature_hash = "SHA256"};
}

smtp::ProbeFacts probe_of(const std::string& address) {
  smtp::ProbeFacts probe{.address = *IpAddress::parse(address)};
  probe.reached = smtp::Step::done;
  probe.greeting = smtp::Reply{.code = 220, .lines = {"mx ESMTP"}};
  probe.ehlo = smtp::Reply{.code = 250, .lines = {"mx", "STARTTLS"}};
  probe.extensions = {"STARTTLS"};
  probe.offers_starttls = true;
  return probe;
}

// The server accepts TLS 1.3, and rejects old versions.
AddressFacts address_of(const DomainFacts& facts, const std::string& host, const std::string& text) {
  AddressFacts address{.address = text, .newest = probe_of(text), .oldest = probe_of(text)};
  address.newest->tls = smtp::Handshake{.version = "TLSv1.3",
                                        .suite = "TLS_AES_256_GCM_SHA384",
                                        .group = "X25519",
                                        .group_bits = 253,
                                        .secure_renegotiation = true,
                                        .extended_master_secret = true,
                                        .signature_hash = "SHA256",
                                        .chain = {}};
  address.oldest->reached = smtp::Step::handshake;
  address.oldest->stop = smtp::Stop::handshake;
  address.oldest->tls_error = "alert protocol_version (70)";
  const std::vector<certificate::TlsaMatch> matches{{.matches = true, .reason = {}},
                                                    {.matches = false, .reason = "another key"}};
  address.chain =
      ChainFacts{.certificates = {certificate_of(facts, host), certificate_of(facts, "Authority")},
                 .in_order = true,
                 .has_name = true,
                 .trust = {},
                 .tlsa = matches,
                 .tlsa_later = matches};
  return address;
}

dns::Tlsa tlsa(char fill) {
  return {.usage = 3, .selector = 1, .matching_type = 1, .data = std::string(32, fill)};
}

HostFacts host_of(const DomainFacts& facts, const std::string& name,
                  const std::vector<std::string>& addresses) {
  HostFacts host{.name = name, .a = none(), .aaaa = none(), .tlsa = found(), .dane = {}, .addresses = {}};
  for (const std::string& address : addresses) {
    dns::Answer& answer = address.contains(':') ? host.aaaa : host.a;
    answer = found();
    answer.canonical_name = name;
    answer.addresses.push_back(address);
    host.addresses.push_back(address_of(facts, name, address));
  }
  host.tlsa.tlsas = {tlsa('a'), tlsa('b')};
  host.dane =
      dane::Host{.name = name, .tlsa = dane::TlsaStatus::usable, .reason = {}, .records = host.tlsa.tlsas};
  return host;
}

ReportDestinationFacts report_destination(std::string_view uri) {
  ReportDestinationFacts facts{
      .destination = destination(uri), .mx = found(), .a = found(), .aaaa = none(), .page = {}};
  facts.mx.mxs = {{.preference = 10, .host = "mx.reports.example"}};
  if (uri.starts_with("https")) facts.page = error_page(http::FetchError::status);
  return facts;
}

}  // namespace

dns::Answer found() {
  return {.status = dns::Status::found, .dnssec = dns::Dnssec::secure};
}

dns::Answer none() {
  return {.status = dns::Status::nodata, .dnssec = dns::Dnssec::secure};
}

dns::Answer failed() {
  return {.status = dns::Status::failed, .dnssec = dns::Dnssec::insecure, .reason = "no answer in 5 s"};
}

dns::Answer bogus() {
  return {.status = dns::Status::failed, .dnssec = dns::Dnssec::bogus, .reason = "bogus"};
}

dns::Answer texts(std::string text) {
  dns::Answer answer = found();
  answer.texts = {std::move(text)};
  return answer;
}

http::Page page(std::string body) {
  return {.status = 200, .content_type = "text/plain; charset=utf-8", .body = std::move(body)};
}

http::Page error_page(http::FetchError error) {
  return {.error = error, .reason = "the reason"};
}

std::string policy_text(std::string_view mode, std::string_view mxs, std::string_view max_age) {
  return fmt::format("version: STSv1\nmode: {}\n{}max_age: {}\n", mode, mxs, max_age);
}

mtasts::MxPattern pattern(std::string_view text) {
  return good(mtasts::MxPattern::parse(text));
}

tlsrpt::Destination destination(std::string_view uri) {
  return good(tlsrpt::parse_destination(uri));
}

DomainFacts sound() {
  DomainFacts facts{.domain = good(DomainName::parse("example.org")),
                    .now = at("2026-11-28T12:00:00Z"),
                    .later = at("2026-12-05T12:00:00Z"),
                    .mx = found()};
  facts.mx.mxs = {{.preference = 10, .host = "mx1.example.org"},
                  {.preference = 20, .host = "mx2.example.org"}};
  facts.hosts = {host_of(facts, "mx1.example.org", {"192.0.2.1", "2001:db8::1"}),
                 host_of(facts, "mx2.example.org", {"192.0.2.2"})};
  facts.mta_sts = {.record = texts("v=STSv1; id=1;"),
                   .a = found(),
                   .aaaa = none(),
                   .page = page(policy_text("enforce")),
                   .certificate = certificate_of(facts, "mta-sts.example.org"),
                   .before = {}};
  facts.mta_sts.before = mtasts::FetchedPolicy{.policy = *mtasts::read_policy(policy_text("enforce")).policy,
                                               .text = policy_text("enforce"),
                                               .id = "1",
                                               .fetched = facts.now - std::chrono::days(1)};
  facts.tlsrpt.record = texts("v=TLSRPTv1; rua=mailto:a@reports.example,https://reports.example/");
  facts.tlsrpt.destinations = {report_destination("mailto:a@reports.example"),
                               report_destination("https://reports.example/")};
  facts.lists = {{.list = "example",
                  .mode = mtasts::Mode::enforce,
                  .mx = {pattern("mx1.example.org"), pattern("mx2.example.org")},
                  .expires = facts.now + some_days}};
  return facts;
}

DomainFacts testing() {
  DomainFacts facts = sound();
  facts.mta_sts.page = page(policy_text("testing"));
  facts.mta_sts.before.reset();
  facts.lists.clear();
  for (HostFacts& host : facts.hosts) set_dane(host, dane::TlsaStatus::absent);
  return facts;
}

DomainFacts only_dane() {
  DomainFacts facts = sound();
  facts.lists.clear();
  without_mta_sts(facts);
  return facts;
}

DomainFacts undemanded() {
  DomainFacts facts = only_dane();
  for (HostFacts& host : facts.hosts) set_dane(host, dane::TlsaStatus::absent);
  return facts;
}

HostFacts& mx1(DomainFacts& facts) {
  return facts.hosts.front();
}

AddressFacts& address(DomainFacts& facts) {
  return mx1(facts).addresses.front();
}

smtp::ProbeFacts& probe(DomainFacts& facts) {
  return *address(facts).newest;
}

smtp::Handshake& tls(DomainFacts& facts) {
  return *probe(facts).tls;
}

ChainFacts& chain(DomainFacts& facts) {
  return *address(facts).chain;
}

void stop(AddressFacts& address, smtp::Stop stop, smtp::Step reached) {
  smtp::ProbeFacts& probe = *address.newest;
  probe.stop = stop;
  probe.reached = reached;
  probe.reason = "the reason";
  probe.tls.reset();
  if (reached <= smtp::Step::starttls) probe.starttls.reset();
  if (reached <= smtp::Step::ehlo) probe.offers_starttls = false;
  if (reached < smtp::Step::ehlo) probe.ehlo.reset();
  if (reached < smtp::Step::greeting) probe.greeting.reset();
  address.oldest.reset();
  address.chain.reset();
}

void stop(DomainFacts& facts, smtp::Stop why, smtp::Step reached) {
  stop(address(facts), why, reached);
}

void stop_all(DomainFacts& facts, smtp::Stop why, smtp::Step reached) {
  for (HostFacts& host : facts.hosts) {
    for (AddressFacts& address : host.addresses) stop(address, why, reached);
  }
}

void set_trust(DomainFacts& facts, certificate::ChainFault fault) {
  chain(facts).trust = {.fault = fault, .reason = "OpenSSL's words", .depth = 0};
}

void set_dane(HostFacts& host, dane::TlsaStatus status) {
  host.dane = dane::Host{.name = host.name, .tlsa = status, .reason = "the reason", .records = {}};
  if (status == dane::TlsaStatus::absent) host.tlsa = none();
  for (AddressFacts& address : host.addresses) {
    if (!address.chain) continue;
    address.chain->tlsa.clear();
    address.chain->tlsa_later.clear();
  }
}

void without_mta_sts(DomainFacts& facts) {
  facts.mta_sts = {.record = none(), .a = {}, .aaaa = {}, .page = {}, .certificate = {}, .before = {}};
}

}  // namespace starttls::examination::test
