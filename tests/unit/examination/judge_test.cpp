// Figures -> findings: what a change of a domain, with which all is right otherwise, adds to its findings.

#include "examination/judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <set>

#include "examination/samples.h"
#include "support.h"

using namespace starttls;
using namespace starttls::examination;
using namespace starttls::examination::test;

namespace {

using certificate::ChainFault;
using dane::TlsaStatus;
using http::FetchError;
using smtp::Step;
using smtp::Stop;
using Base = DomainFacts (*)();
using Change = std::function<void(DomainFacts&)>;

struct Row {
  const char* name;
  Base base;
  Change change;
  std::multiset<std::string> findings;  // above ok that are new: "LEVEL CODE SUBJECT"
};

constexpr const char* domain = "example.org";
constexpr std::chrono::days one_day{1};

std::string line(const examination::Finding& finding) {
  return fmt::format("{} {} {}", level_words.word(finding.level), describe(finding.code).word,
                     to_string(finding.subject));
}

std::multiset<std::string> above_ok(const DomainFacts& facts) {
  std::multiset<std::string> lines;
  for (const examination::Finding& finding : judge(facts)) {
    if (finding.level != Level::ok) lines.insert(line(finding));
  }
  return lines;
}

// "LEVEL CODE example.org"
std::string of_domain(std::string_view what) {
  return fmt::format("{} {}", what, domain);
}
std::string of_mx1(std::string_view what) {
  return fmt::format("{} mx1.example.org", what);
}
std::string of_mx2(std::string_view what) {
  return fmt::format("{} mx2.example.org", what);
}
std::string of_address(std::string_view what) {
  return fmt::format("{} mx1.example.org[192.0.2.1]", what);
}

smtp::Reply reply(int code, std::string text) {
  return {.code = code, .enhanced = {}, .lines = {std::move(text)}};
}

void no_starttls(DomainFacts& facts) {
  stop(facts, Stop::no_starttls, Step::ehlo);
  probe(facts).extensions.clear();
}

void stripped(DomainFacts& facts) {
  no_starttls(facts);
  probe(facts).extensions = {"SIZE", "XXXXXXXA"};
}

void starttls_answered(DomainFacts& facts, int code) {
  stop(facts, Stop::starttls_rejected, Step::starttls);
  probe(facts).starttls = reply(code, "no");
}

void only_old_version(DomainFacts& facts) {
  smtp::Handshake old = tls(facts);
  old.version = "TLSv1";
  const ChainFacts same = chain(facts);
  const auto oldest = address(facts).oldest;
  stop(facts, Stop::handshake, Step::handshake);
  address(facts).oldest = oldest;
  address(facts).oldest->stop = Stop::none;
  address(facts).oldest->tls = old;
  address(facts).chain = same;
}

void set_end(DomainFacts& facts, std::chrono::seconds from_now) {
  chain(facts).certificates.front().not_after = facts.now + from_now;
}

void set_policy(DomainFacts& facts, const std::string& text) {
  facts.mta_sts.page = page(text);
  facts.mta_sts.before.reset();
}

void set_page(DomainFacts& facts, FetchError error) {
  facts.mta_sts.page = error_page(error);
}

void set_records(DomainFacts& facts, const std::vector<dns::Tlsa>& records, bool matching) {
  mx1(facts).dane->records = records;
  for (AddressFacts& address : mx1(facts).addresses) {
    address.chain->tlsa.assign(records.size(), {.matches = matching, .reason = {}});
    address.chain->tlsa_later = address.chain->tlsa;
  }
}

dns::Tlsa tlsa(std::uint8_t usage, std::uint8_t selector) {
  return {.usage = usage, .selector = selector, .matching_type = 1, .data = std::string(32, 'x')};
}

// All that the server accepts is known: TLS 1.2 and 1.3, both with good suites only.
void ask_thoroughly(DomainFacts& facts) {
  AddressFacts& asked = address(facts);
  asked.compressed = probe(facts);
  asked.compressed->accepts_compression = false;
  asked.versions = {{.version = smtp::TlsVersion::tls1_3,
                     .suites = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"},
                     .groups = {{.name = "X25519", .bits = 253}},
                     .order = smtp::SuiteOrder::client,
                     .incomplete = {}},
                    {.version = smtp::TlsVersion::tls1_2,
                     .suites = {"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"},
                     .groups = {{.name = "secp256r1", .bits = 256}},
                     .incomplete = {}},
                    {.version = smtp::TlsVersion::tls1_1, .suites = {}, .groups = {}, .incomplete = {}},
                    {.version = smtp::TlsVersion::tls1_0, .suites = {}, .groups = {}, .incomplete = {}}};
}

VersionFacts& of_tls1_2(DomainFacts& facts) {
  return address(facts).versions[1];
}

// With TLS 1.2, a suite to be phased out after a sufficient one.
void accept_old_suite(DomainFacts& facts, smtp::SuiteOrder order) {
  ask_thoroughly(facts);
  of_tls1_2(facts).suites.emplace_back("TLS_DHE_RSA_WITH_AES_256_GCM_SHA384");
  of_tls1_2(facts).order = order;
}

ReportDestinationFacts& mailto(DomainFacts& facts) {
  return facts.tlsrpt.destinations[0];
}
ReportDestinationFacts& https(DomainFacts& facts) {
  return facts.tlsrpt.destinations[1];
}

using F = DomainFacts&;

std::vector<Row> mx_rows() {
  return {
      {"the MX records cannot be looked up",
       sound,
       [](F f) { f.mx = failed(), f.hosts.clear(); },
       {of_domain("cannot-tell mx-records")}},
      {"the MX records are bogus",
       sound,
       [](F f) { f.mx = bogus(), f.hosts.clear(); },
       {of_domain("fault mx-records")}},
      {"there is no such domain",
       sound,
       [](F f) { f.mx = none(), f.mx.status = dns::Status::nxdomain, f.hosts.clear(); },
       {of_domain("fault mx-records")}},
      {"a null MX alone",
       sound,
       [](F f) { f.mx.mxs = {{.preference = 0, .host = ""}}, f.hosts.clear(); },
       {}},
      {"a null MX beside others",
       sound,
       [](F f) { f.mx.mxs.push_back({.preference = 0, .host = ""}); },
       {of_domain("fault mx-null")}},
      {"an implicit MX", undemanded, [](F f) { f.mx = none(); }, {of_domain("note mx-implicit")}},
      {"more MX hosts than are examined",
       undemanded,
       [](F f) { f.hosts_left_out = 20; },
       {of_domain("warning mx-number")}},
      {"an unsigned domain without TLSA records",
       undemanded,
       [](F f) { f.mx.dnssec = dns::Dnssec::insecure; },
       {of_domain("note mx-dnssec")}},
      {"an unsigned MX set with signed hosts",
       sound,
       [](F f) { f.mx.dnssec = dns::Dnssec::insecure; },
       {of_domain("warning mx-dnssec")}},
      {"an MX record with an address",
       undemanded,
       [](F f) { f.hosts.push_back({.name = "192.0.2.9", .a = {}, .aaaa = {}, .tlsa = {}, .dane = {}}); },
       {"fault mx-name 192.0.2.9"}},
      {"an MX record with no host name",
       undemanded,
       [](F f) { f.hosts.push_back({.name = "a b", .a = {}, .aaaa = {}, .tlsa = {}, .dane = {}}); },
       {"fault mx-name a b"}},
      {"an MX host that is an alias",
       sound,
       [](F f) { mx1(f).a.canonical_name = "other.example.net"; },
       {of_mx1("warning mx-alias")}},
      {"an MX host without address beside another",
       undemanded,
       [](F f) { mx1(f).a = none(), mx1(f).aaaa = none(), mx1(f).addresses.clear(); },
       {of_mx1("warning mx-address"), of_domain("note mx-ipv6")}},
      {"no MX host has an address",
       undemanded,
       [](F f) {
         for (HostFacts& host : f.hosts) host.a = none(), host.aaaa = none(), host.addresses.clear();
       },
       {of_mx1("fault mx-address"), of_mx2("fault mx-address")}},
      {"the addresses of an MX host are bogus",
       undemanded,
       [](F f) { mx1(f).a = bogus(); },
       {of_mx1("fault mx-address")}},
      {"the addresses of an MX host cannot be looked up",
       undemanded,
       [](F f) { mx1(f).a = failed(), mx1(f).aaaa = failed(), mx1(f).addresses.clear(); },
       {of_mx1("cannot-tell mx-address")}},
      {"one of the two lookups failed, the other has addresses",
       undemanded,
       [](F f) { mx1(f).aaaa = failed(), mx1(f).addresses.pop_back(); },
       {}},
      {"a private address",
       undemanded,
       [](F f) { stop(f, Stop::not_allowed, Step::connection); },
       {of_address("fault mx-address-private")}},
      {"no IPv6",
       sound,
       [](F f) { mx1(f).aaaa = none(), mx1(f).addresses.pop_back(); },
       {of_domain("note mx-ipv6")}},
  };
}

std::vector<Row> smtp_rows() {
  return {
      {"no connection to any address",
       undemanded,
       [](F f) {
         stop_all(f, Stop::timeout, Step::connection);
         stop(f, Stop::unreachable, Step::connection);
       },
       {of_domain("cannot-tell smtp-own-network")}},
      {"no connection to any address, with everything demanded",
       sound,
       [](F f) { stop_all(f, Stop::timeout, Step::connection); },
       {of_domain("cannot-tell smtp-own-network")}},
      {"no connection to any address, although servers of other domains were reached",
       undemanded,
       [](F f) {
         stop_all(f, Stop::timeout, Step::connection);
         f.reached = {.ipv4 = true, .ipv6 = true};
       },
       {of_address("cannot-tell smtp-connection"), "cannot-tell smtp-connection mx1.example.org[2001:db8::1]",
        "cannot-tell smtp-connection mx2.example.org[192.0.2.2]"}},
      {"no connection to any address, although others were reached over IPv4",
       undemanded,
       [](F f) {
         stop_all(f, Stop::timeout, Step::connection);
         f.reached.ipv4 = true;
       },
       {of_domain("cannot-tell smtp-own-network"), of_address("cannot-tell smtp-connection"),
        "cannot-tell smtp-connection mx2.example.org[192.0.2.2]"}},
      {"no IPv6 on this host",
       sound,
       [](F f) { stop(mx1(f).addresses[1], Stop::unreachable, Step::connection); },
       {of_domain("cannot-tell smtp-own-network")}},
      {"all addresses are silent after the connection",
       undemanded,
       [](F f) { stop_all(f, Stop::timeout, Step::greeting); },
       {of_address("cannot-tell smtp-connection"), "cannot-tell smtp-connection mx1.example.org[2001:db8::1]",
        "cannot-tell smtp-connection mx2.example.org[192.0.2.2]"}},
      {"not asked",
       sound,
       [](F f) {
         f.smtp = Smtp::skipped;
         for (HostFacts& host : f.hosts) {
           for (AddressFacts& address : host.addresses) address = {.address = address.address};
         }
       },
       {of_domain("note smtp-skipped")}},
      {"an address refuses connections and another answers",
       undemanded,
       [](F f) { stop(f, Stop::refused, Step::connection); },
       {of_address("note smtp-connection")}},
      {"all addresses refuse connections",
       undemanded,
       [](F f) { stop_all(f, Stop::refused, Step::connection); },
       {of_address("cannot-tell smtp-connection"), "cannot-tell smtp-connection mx1.example.org[2001:db8::1]",
        "cannot-tell smtp-connection mx2.example.org[192.0.2.2]"}},
      {"one address of several is not reached",
       undemanded,
       [](F f) { stop(f, Stop::timeout, Step::connection); },
       {of_address("cannot-tell smtp-connection")}},
      {"a tarpit",
       undemanded,
       [](F f) { stop(f, Stop::too_slow, Step::greeting); },
       {of_address("cannot-tell smtp-connection")}},
      {"closed before the greeting",
       undemanded,
       [](F f) { stop(f, Stop::closed, Step::greeting); },
       {of_address("cannot-tell smtp-connection")}},
      {"a failure of our own system",
       undemanded,
       [](F f) { stop(f, Stop::local_error, Step::connection); },
       {of_address("cannot-tell smtp-connection")}},
      {"421 in the greeting is no lack of STARTTLS",
       sound,
       [](F f) {
         stop(f, Stop::deferred, Step::greeting);
         probe(f).greeting = reply(421, "too many connections");
       },
       {of_address("cannot-tell smtp-rate-limit"), of_address("cannot-tell dane-match")}},
      {"450 after EHLO is no lack of STARTTLS",
       testing,
       [](F f) {
         stop(f, Stop::deferred, Step::ehlo);
         probe(f).ehlo = reply(450, "come back later");
       },
       {of_address("cannot-tell smtp-rate-limit")}},
      {"554 in the greeting",
       testing,
       [](F f) {
         stop(f, Stop::rejected, Step::greeting);
         probe(f).greeting = reply(554, "go away");
       },
       {of_address("cannot-tell smtp-rejected")}},
      {"550 at EHLO",
       testing,
       [](F f) {
         stop(f, Stop::rejected, Step::ehlo);
         probe(f).ehlo = reply(550, "go away");
       },
       {of_address("cannot-tell smtp-rejected")}},
      {"no SMTP",
       undemanded,
       [](F f) { stop(f, Stop::protocol, Step::greeting); },
       {of_address("fault smtp-protocol")}},
  };
}

std::vector<Row> starttls_rows() {
  return {
      {"no STARTTLS, with MTA-STS, DANE and a list", sound, no_starttls, {of_address("fault starttls")}},
      {"no STARTTLS, with DANE", only_dane, no_starttls, {of_address("fault starttls")}},
      {"no STARTTLS, with MTA-STS in testing", testing, no_starttls, {of_address("warning starttls")}},
      {"no STARTTLS, with nothing that demands it",
       undemanded,
       no_starttls,
       {of_address("warning starttls")}},
      {"no STARTTLS, with an override alone",
       undemanded,
       [](F f) {
         no_starttls(f);
         f.lists = {{.list = "",
                     .mode = mtasts::Mode::enforce,
                     .mx = {pattern("mx1.example.org"), pattern("mx2.example.org")},
                     .expires = {}}};
       },
       {of_address("fault starttls")}},
      {"no STARTTLS, with an expired list",
       undemanded,
       [](F f) {
         no_starttls(f);
         f.lists = sound().lists;
         f.lists[0].expires = f.now;
       },
       {of_address("warning starttls"), of_domain("warning list-expired")}},
      {"no STARTTLS, with unusable TLSA records",
       undemanded,
       [](F f) { no_starttls(f), set_dane(mx1(f), TlsaStatus::unusable); },
       {of_address("fault starttls"), of_mx1("warning dane-usable")}},
      {"no EHLO",
       undemanded,
       [](F f) {
         stop(f, Stop::no_starttls, Step::ehlo);
         probe(f).ehlo = reply(502, "not implemented");
       },
       {of_address("warning starttls")}},
      {"STARTTLS overwritten on the way, with demands",
       sound,
       stripped,
       {of_address("fault starttls-stripped")}},
      {"STARTTLS overwritten on the way", undemanded, stripped, {of_address("warning starttls-stripped")}},
      {"a greeting overwritten on the way",
       undemanded,
       [](F f) {
         no_starttls(f);
         probe(f).greeting = reply(220, "*****************************0**2******0*");
       },
       {of_address("warning starttls-stripped")}},
      {"STARTTLS rejected with 5xx, with demands",
       sound,
       [](F f) { starttls_answered(f, 502); },
       {of_address("fault starttls-rejected")}},
      {"STARTTLS rejected with 5xx",
       undemanded,
       [](F f) { starttls_answered(f, 554); },
       {of_address("warning starttls-rejected")}},
      {"STARTTLS rejected with 4xx",
       testing,
       [](F f) { starttls_answered(f, 454); },
       {of_address("cannot-tell starttls-rejected")}},
      {"commands in plaintext behind STARTTLS",
       undemanded,
       [](F f) {
         address(f).injected = probe(f);
         address(f).injected->accepts_injected_command = true;
       },
       {of_address("fault starttls-injection")}},
      {"commands in plaintext behind STARTTLS are dropped",
       undemanded,
       [](F f) { address(f).injected = probe(f); },
       {}},
      {"STARTTLS inside TLS",
       undemanded,
       [](F f) { probe(f).offers_starttls_inside_tls = true; },
       {of_address("warning starttls-inside-tls")}},
  };
}

std::vector<Row> tls_rows() {
  return {
      {"a failed handshake, with demands",
       sound,
       [](F f) { stop(f, Stop::handshake, Step::handshake); },
       {of_address("fault tls-handshake")}},
      {"a failed handshake",
       undemanded,
       [](F f) { stop(f, Stop::handshake, Step::handshake); },
       {of_address("warning tls-handshake")}},
      {"a handshake without an answer",
       testing,
       [](F f) { stop(f, Stop::timeout, Step::handshake); },
       {of_address("cannot-tell tls-handshake")}},
      {"TLS 1.2", sound, [](F f) { tls(f).version = "TLSv1.2"; }, {of_address("note tls-version")}},
      {"only TLS 1.0, with demands", sound, only_old_version, {of_address("fault tls-version")}},
      {"only TLS 1.0", undemanded, only_old_version, {of_address("warning tls-version")}},
      {"TLS 1.1 beside newer versions",
       sound,
       [](F f) {
         address(f).oldest->stop = Stop::none;
         address(f).oldest->tls = smtp::Handshake{.version = "TLSv1.1", .chain = {}};
       },
       {of_address("warning tls-old-version")}},
      {"the second connection meets a rate limit",
       sound,
       [](F f) { address(f).oldest->stop = Stop::deferred, address(f).oldest->reached = Step::greeting; },
       {of_address("cannot-tell tls-old-version")}},
      {"a suite to be phased out",
       sound,
       [](F f) { tls(f).suite = "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"; },
       {of_address("note tls-suite")}},
      {"an insufficient suite",
       sound,
       [](F f) { tls(f).suite = "TLS_RSA_WITH_AES_128_CBC_SHA"; },
       {of_address("warning tls-suite")}},
      {"a finite-field group",
       sound,
       [](F f) { tls(f).group = "ffdhe3072", tls(f).group_bits = 3072; },
       {of_address("note tls-key-exchange")}},
      {"a short group",
       sound,
       [](F f) { tls(f).group = "DH", tls(f).group_bits = 1024; },
       {of_address("warning tls-key-exchange")}},
      {"no ephemeral key",
       sound,
       [](F f) { tls(f).group.clear(), tls(f).suite = "TLS_RSA_WITH_AES_256_GCM_SHA384"; },
       {of_address("warning tls-suite")}},
      {"a handshake signed with SHA-1",
       sound,
       [](F f) { tls(f).signature_hash = "SHA1"; },
       {of_address("warning tls-signature")}},
      {"insecure renegotiation",
       sound,
       [](F f) { tls(f).secure_renegotiation = false; },
       {of_address("warning tls-renegotiation")}},
      {"no extended master secret",
       sound,
       [](F f) { tls(f).extended_master_secret = false; },
       {of_address("warning tls-master-secret")}},
  };
}

std::vector<Row> accepted_rows() {
  return {
      {"everything that is accepted is good", sound, ask_thoroughly, {}},
      {"a suite to be phased out beside better ones, which the server prefers",
       sound,
       [](F f) { accept_old_suite(f, smtp::SuiteOrder::server); },
       {of_address("note tls-suite")}},
      {"a suite to be phased out, and the client chooses",
       sound,
       [](F f) { accept_old_suite(f, smtp::SuiteOrder::client); },
       {of_address("note tls-suite"), of_address("note tls-suite-order")}},
      {"a suite to be phased out, and nobody knows who chooses",
       sound,
       [](F f) { accept_old_suite(f, smtp::SuiteOrder::unknown); },
       {of_address("note tls-suite")}},
      {"the server prefers a suite to be phased out",
       sound,
       [](F f) {
         accept_old_suite(f, smtp::SuiteOrder::server);
         std::ranges::reverse(of_tls1_2(f).suites);
       },
       {of_address("note tls-suite"), of_address("note tls-suite-order")}},
      {"an insufficient suite beside a good one",
       sound,
       [](F f) {
         ask_thoroughly(f);
         of_tls1_2(f).suites.emplace_back("TLS_DH_anon_WITH_AES_128_CBC_SHA");
       },
       {of_address("warning tls-suite")}},
      {"suites of all ratings",
       sound,
       [](F f) {
         accept_old_suite(f, smtp::SuiteOrder::server);
         of_tls1_2(f).suites.emplace_back("TLS_RSA_WITH_AES_128_CBC_SHA");
       },
       {of_address("note tls-suite"), of_address("warning tls-suite")}},
      {"not all suites are known",
       sound,
       [](F f) {
         ask_thoroughly(f);
         of_tls1_2(f).incomplete = "the reason";
       },
       {of_address("cannot-tell tls-suite")}},
      {"a finite-field group beside a good one",
       sound,
       [](F f) {
         ask_thoroughly(f);
         of_tls1_2(f).groups.push_back({.name = "ffdhe2048", .bits = 2048});
       },
       {of_address("note tls-key-exchange")}},
      {"parameters of 1024 bits beside a good group",
       sound,
       [](F f) {
         ask_thoroughly(f);
         of_tls1_2(f).groups.push_back({.name = "DH", .bits = 1024});
       },
       {of_address("warning tls-key-exchange")}},
      {"TLS 1.1 with suites that OpenSSL does not offer by itself",
       sound,
       [](F f) {
         ask_thoroughly(f);
         address(f).versions[2].suites = {"TLS_DH_anon_WITH_AES_128_CBC_SHA"};
       },
       {of_address("warning tls-old-version"), of_address("warning tls-suite")}},
      {"compression",
       sound,
       [](F f) {
         ask_thoroughly(f);
         address(f).compressed->accepts_compression = true;
       },
       {of_address("warning tls-compression")}},
      {"the connection with compression meets a rate limit",
       sound,
       [](F f) {
         ask_thoroughly(f);
         address(f).compressed->accepts_compression.reset();
         address(f).compressed->stop = Stop::deferred;
       },
       {of_address("cannot-tell tls-compression")}},
      {"no TLS with which a server could compress",
       sound,
       [](F f) {
         ask_thoroughly(f);
         address(f).compressed->accepts_compression.reset();
         address(f).compressed->stop = Stop::handshake;
       },
       {}},
  };
}

std::vector<Row> certificate_rows() {
  return {
      {"self-signed, enforced",
       sound,
       [](F f) { set_trust(f, ChainFault::self_signed); },
       {of_address("fault certificate-trust")}},
      {"untrusted, in testing",
       testing,
       [](F f) { set_trust(f, ChainFault::untrusted_root); },
       {of_address("warning certificate-trust")}},
      {"weak, in testing",
       testing,
       [](F f) { set_trust(f, ChainFault::weak); },
       {of_address("warning certificate-trust")}},
      {"untrusted, and nothing demands it",
       undemanded,
       [](F f) { set_trust(f, ChainFault::untrusted_root); },
       {of_address("note certificate-trust")}},
      {"untrusted, with DANE-EE alone", only_dane, [](F f) { set_trust(f, ChainFault::self_signed); }, {}},
      {"a broken chain, with DANE-EE alone",
       only_dane,
       [](F f) { set_trust(f, ChainFault::incomplete); },
       {}},
      {"another name, with DANE-EE alone", only_dane, [](F f) { chain(f).has_name = false; }, {}},
      {"expired, with DANE-EE alone",
       only_dane,
       [](F f) { set_end(f, -one_day), set_trust(f, ChainFault::expired); },
       {}},
      {"runs out, with DANE-EE alone", only_dane, [](F f) { set_end(f, one_day); }, {}},
      {"incomplete, enforced",
       sound,
       [](F f) { set_trust(f, ChainFault::incomplete); },
       {of_address("fault certificate-chain")}},
      {"incomplete, in testing",
       testing,
       [](F f) { set_trust(f, ChainFault::incomplete); },
       {of_address("warning certificate-chain")}},
      {"incomplete, and nothing demands it",
       undemanded,
       [](F f) { set_trust(f, ChainFault::incomplete); },
       {of_address("note certificate-chain")}},
      {"in the wrong order",
       sound,
       [](F f) { chain(f).in_order = false; },
       {of_address("note certificate-order")}},
      {"another name, enforced",
       sound,
       [](F f) { chain(f).has_name = false; },
       {of_address("fault certificate-name")}},
      {"another name, in testing",
       testing,
       [](F f) { chain(f).has_name = false; },
       {of_address("warning certificate-name")}},
      {"another name, and nothing demands it",
       undemanded,
       [](F f) { chain(f).has_name = false; },
       {of_address("note certificate-name")}},
      {"another name, but no pattern covers the host",
       undemanded,
       [](F f) {
         chain(f).has_name = false;
         f.mta_sts = sound().mta_sts;
         set_policy(f, policy_text("enforce", "mx: mx2.example.org\n"));
       },
       {of_address("note certificate-name"), of_mx1("fault mta-sts-mx")}},
      {"a NUL in a name",
       sound,
       [](F f) { chain(f).certificates[0].has_bad_name = true; },
       {of_address("warning certificate-bad-name")}},
      {"expired, enforced",
       sound,
       [](F f) { set_end(f, -one_day), set_trust(f, ChainFault::expired); },
       {of_address("fault certificate-expiry")}},
      {"not yet valid, enforced",
       sound,
       [](F f) {
         chain(f).certificates[0].not_before = f.now + one_day;
         set_trust(f, ChainFault::not_yet_valid);
       },
       {of_address("fault certificate-expiry")}},
      {"an expired intermediate, enforced",
       sound,
       [](F f) { chain(f).certificates[1].not_after = f.now - one_day, set_trust(f, ChainFault::expired); },
       {of_address("fault certificate-expiry")}},
      {"an expired root that nobody needs",
       sound,
       [](F f) {
         chain(f).certificates[1].not_after = f.now - one_day;
         chain(f).certificates[1].is_self_signed = true;
       },
       {}},
      {"expired at the root, says OpenSSL",
       sound,
       [](F f) { set_trust(f, ChainFault::expired); },
       {of_address("fault certificate-expiry")}},
      {"expired and self-signed",
       sound,
       [](F f) { set_end(f, -one_day), set_trust(f, ChainFault::self_signed); },
       {of_address("fault certificate-expiry"), of_address("fault certificate-trust")}},
      {"expired, in testing",
       testing,
       [](F f) { set_end(f, -one_day), set_trust(f, ChainFault::expired); },
       {of_address("warning certificate-expiry")}},
      {"runs out, enforced",
       sound,
       [](F f) { set_end(f, one_day); },
       {of_address("warning certificate-expiry")}},
      {"an intermediate runs out, enforced",
       sound,
       [](F f) { chain(f).certificates[1].not_after = f.now + one_day; },
       {of_address("warning certificate-expiry")}},
      {"runs out, and nothing demands it",
       undemanded,
       [](F f) { set_end(f, one_day); },
       {of_address("note certificate-expiry")}},
      {"of few days, as it should be",
       sound,
       [](F f) {
         chain(f).certificates[0].not_before = f.now - one_day;
         set_end(f, std::chrono::days(5));
       },
       {of_address("note certificate-expiry")}},
      {"ends exactly at the later time",
       sound,
       [](F f) { chain(f).certificates[0].not_after = f.later; },
       {of_address("warning certificate-expiry")}},
      {"ends after the later time",
       sound,
       [](F f) { chain(f).certificates[0].not_after = f.later + std::chrono::seconds(1); },
       {}},
      {"an RSA key of 2048 bits",
       sound,
       [](F f) {
         chain(f).certificates[0].key = certificate::KeyKind::rsa, chain(f).certificates[0].key_bits = 2048;
       },
       {of_address("note certificate-key")}},
      {"an RSA key of 1024 bits",
       sound,
       [](F f) {
         chain(f).certificates[0].key = certificate::KeyKind::rsa, chain(f).certificates[0].key_bits = 1024;
       },
       {of_address("warning certificate-key")}},
      {"signed with SHA-1",
       sound,
       [](F f) { chain(f).certificates[1].signature_hash = "SHA1"; },
       {of_address("warning certificate-signature")}},
      {"a root signed with SHA-1",
       sound,
       [](F f) {
         chain(f).certificates[1].signature_hash = "SHA1";
         chain(f).certificates[1].is_self_signed = true;
       },
       {}},
  };
}

std::vector<Row> mta_sts_rows() {
  return {
      {"no record", only_dane, [](F f) { f.lists.clear(); }, {}},
      {"no record, but other texts", undemanded, [](F f) { f.mta_sts.record = texts("hello"); }, {}},
      {"a record without id",
       undemanded,
       [](F f) { f.mta_sts.record = texts("v=STSv1;"); },
       {of_domain("fault mta-sts-record")}},
      {"a record in lower case",
       undemanded,
       [](F f) { f.mta_sts.record = texts("v=stsv1; id=1;"); },
       {of_domain("fault mta-sts-record")}},
      {"two records",
       undemanded,
       [](F f) {
         f.mta_sts.record = texts("v=STSv1; id=1;");
         f.mta_sts.record.texts.push_back("v=STSv1; id=2;");
       },
       {of_domain("fault mta-sts-record")}},
      {"a bogus record",
       undemanded,
       [](F f) { f.mta_sts.record = bogus(); },
       {of_domain("fault mta-sts-record")}},
      {"the record cannot be looked up",
       undemanded,
       [](F f) { f.mta_sts.record = failed(); },
       {of_domain("cannot-tell mta-sts-record")}},
      {"another text beside the record",
       sound,
       [](F f) { f.mta_sts.record.texts.push_back("hello"); },
       {of_domain("note mta-sts-record-syntax")}},
      {"a semicolon too many in the record",
       sound,
       [](F f) { f.mta_sts.record = texts("v=STSv1;; id=1;"); },
       {of_domain("warning mta-sts-record-syntax")}},
      {"no address of the policy host",
       testing,
       [](F f) { f.mta_sts.page.reset(), f.mta_sts.a = none(); },
       {of_domain("fault mta-sts-policy")}},
      {"a bogus address of the policy host",
       testing,
       [](F f) { f.mta_sts.page.reset(), f.mta_sts.a = bogus(); },
       {of_domain("fault mta-sts-policy")}},
      {"the address of the policy host cannot be looked up",
       testing,
       [](F f) { f.mta_sts.page.reset(), f.mta_sts.a = failed(); },
       {of_domain("cannot-tell mta-sts-policy")}},
      {"a private address of the policy host",
       testing,
       [](F f) { set_page(f, FetchError::address); },
       {of_domain("fault mta-sts-policy")}},
      {"no connection to the policy host",
       testing,
       [](F f) { set_page(f, FetchError::connection); },
       {of_domain("cannot-tell mta-sts-policy")}},
      {"no handshake with the policy host",
       testing,
       [](F f) { set_page(f, FetchError::tls); },
       {of_domain("fault mta-sts-policy")}},
      {"an invalid certificate of the policy host",
       testing,
       [](F f) { set_page(f, FetchError::certificate); },
       {of_domain("fault mta-sts-policy-certificate")}},
      {"a redirect",
       testing,
       [](F f) { set_page(f, FetchError::redirect); },
       {of_domain("fault mta-sts-policy-redirect")}},
      {"a status",
       testing,
       [](F f) { set_page(f, FetchError::status); },
       {of_domain("fault mta-sts-policy")}},
      {"too large a policy",
       testing,
       [](F f) { set_page(f, FetchError::too_large); },
       {of_domain("fault mta-sts-policy")}},
      {"a slow policy host",
       testing,
       [](F f) { set_page(f, FetchError::timeout); },
       {of_domain("cannot-tell mta-sts-policy")}},
      {"too many fetches of our own",
       testing,
       [](F f) { set_page(f, FetchError::busy); },
       {of_domain("cannot-tell mta-sts-policy")}},
      {"the certificate of the policy host runs out",
       sound,
       [](F f) { f.mta_sts.certificate->not_after = f.now + one_day; },
       {of_domain("warning mta-sts-policy-certificate")}},
      {"the certificate of the policy host is of few days",
       sound,
       [](F f) {
         f.mta_sts.certificate->not_before = f.now - one_day;
         f.mta_sts.certificate->not_after = f.now + std::chrono::days(5);
       },
       {of_domain("note mta-sts-policy-certificate")}},
      {"the certificate of the policy host is unknown",
       sound,
       [](F f) { f.mta_sts.certificate.reset(); },
       {}},
      {"a policy that is HTML by its media type",
       sound,
       [](F f) { f.mta_sts.page->content_type = "text/html"; },
       {of_domain("warning mta-sts-policy-type")}},
      {"a policy without a media type",
       sound,
       [](F f) { f.mta_sts.page->content_type.clear(); },
       {of_domain("warning mta-sts-policy-type")}},
      {"an invalid policy",
       testing,
       [](F f) { set_policy(f, "version: STSv2\nmode: enforce\n"); },
       {of_domain("fault mta-sts-policy-syntax")}},
      {"a blank line in the policy",
       sound,
       [](F f) { set_policy(f, policy_text("enforce") + "\n"); },
       {of_domain("warning mta-sts-policy-syntax")}},
      {"an unknown field in the policy",
       sound,
       [](F f) { set_policy(f, policy_text("enforce") + "x-y: z\n"); },
       {of_domain("note mta-sts-policy-syntax")}},
      {"mode testing", testing, [](F) {}, {}},
      {"mode none", testing, [](F f) { set_policy(f, "version: STSv1\nmode: none\nmax_age: 60\n"); }, {}},
      {"a max_age below a week",
       sound,
       [](F f) {
         set_policy(f, policy_text("enforce", "mx: mx1.example.org\nmx: mx2.example.org\n", "604799"));
       },
       {of_domain("note mta-sts-max-age")}},
      {"a max_age below a day",
       sound,
       [](F f) {
         set_policy(f, policy_text("enforce", "mx: mx1.example.org\nmx: mx2.example.org\n", "3600"));
       },
       {of_domain("warning mta-sts-max-age")}},
      {"a policy that changed without its id",
       sound,
       [](F f) { f.mta_sts.before->policy.mode = mtasts::Mode::testing; },
       {of_domain("warning mta-sts-id")}},
      {"a policy that changed with its id",
       sound,
       [](F f) { f.mta_sts.before->policy.mode = mtasts::Mode::testing, f.mta_sts.before->id = "0"; },
       {}},
      {"an MX host that the policy does not cover, enforced",
       testing,
       [](F f) { set_policy(f, policy_text("enforce", "mx: mx2.example.org\n")); },
       {of_mx1("fault mta-sts-mx")}},
      {"an MX host that the policy does not cover, in testing",
       testing,
       [](F f) { set_policy(f, policy_text("testing", "mx: mx2.example.org\n")); },
       {of_mx1("warning mta-sts-mx")}},
      {"a wildcard covers one label",
       testing,
       [](F f) { set_policy(f, policy_text("testing", "mx: *.example.org\n")); },
       {}},
      {"a wildcard does not cover the name itself",
       testing,
       [](F f) { set_policy(f, policy_text("testing", "mx: *.mx1.example.org\nmx: mx2.example.org\n")); },
       {of_mx1("warning mta-sts-mx"), of_domain("note mta-sts-pattern")}},
      {"a pattern that covers no MX host",
       sound,
       [](F f) {
         set_policy(
             f, policy_text("enforce", "mx: mx1.example.org\nmx: mx2.example.org\nmx: old.example.org\n"));
       },
       {of_domain("note mta-sts-pattern"), of_domain("note list-mta-sts")}},
      {"a pattern that does not cover the one host that the user named",
       sound,
       [](F f) {
         f.hosts.resize(1);
         f.only_host = true;
       },
       {}},
      {"an unknown MX set",
       testing,
       [](F f) { f.mx = failed(), f.hosts.clear(); },
       {of_domain("cannot-tell mx-records")}},
  };
}

std::vector<Row> tlsrpt_rows() {
  return {
      {"no record beside MTA-STS",
       testing,
       [](F f) { f.tlsrpt = {.record = none(), .destinations = {}}; },
       {of_domain("warning tlsrpt-record")}},
      {"no record beside DANE",
       only_dane,
       [](F f) { f.tlsrpt = {.record = none(), .destinations = {}}; },
       {of_domain("warning tlsrpt-record")}},
      {"no record",
       undemanded,
       [](F f) { f.tlsrpt = {.record = none(), .destinations = {}}; },
       {of_domain("note tlsrpt-record")}},
      {"a record without rua",
       sound,
       [](F f) { f.tlsrpt = {.record = texts("v=TLSRPTv1;"), .destinations = {}}; },
       {of_domain("fault tlsrpt-record")}},
      {"a bogus record",
       sound,
       [](F f) { f.tlsrpt = {.record = bogus(), .destinations = {}}; },
       {of_domain("fault tlsrpt-record")}},
      {"the record cannot be looked up",
       sound,
       [](F f) { f.tlsrpt = {.record = failed(), .destinations = {}}; },
       {of_domain("cannot-tell tlsrpt-record")}},
      {"another text beside the record",
       sound,
       [](F f) { f.tlsrpt.record.texts.push_back("hello"); },
       {of_domain("note tlsrpt-record-syntax")}},
      {"a URI that nobody can use",
       sound,
       [](F f) { f.tlsrpt.record = texts("v=TLSRPTv1; rua=ftp://a.example/,mailto:a@reports.example"); },
       {of_domain("warning tlsrpt-record-syntax")}},
      {"the domain of the address has a null MX",
       sound,
       [](F f) { mailto(f).mx.mxs = {{.preference = 0, .host = ""}}; },
       {of_domain("fault tlsrpt-mailto")}},
      {"the domain of the address does not exist",
       sound,
       [](F f) { mailto(f).mx = none(), mailto(f).mx.status = dns::Status::nxdomain; },
       {of_domain("fault tlsrpt-mailto")}},
      {"the domain of the address has an implicit MX", sound, [](F f) { mailto(f).mx = none(); }, {}},
      {"the domain of the address has neither MX nor address",
       sound,
       [](F f) { mailto(f).mx = none(), mailto(f).a = none(); },
       {of_domain("fault tlsrpt-mailto")}},
      {"the domain of the address is bogus",
       sound,
       [](F f) { mailto(f).mx = bogus(); },
       {of_domain("fault tlsrpt-mailto")}},
      {"the domain of the address cannot be looked up",
       sound,
       [](F f) { mailto(f).mx = failed(); },
       {of_domain("cannot-tell tlsrpt-mailto")}},
      {"the web server has no address",
       sound,
       [](F f) { https(f).page.reset(), https(f).a = none(); },
       {of_domain("fault tlsrpt-https")}},
      {"the address of the web server cannot be looked up",
       sound,
       [](F f) { https(f).page.reset(), https(f).a = failed(); },
       {of_domain("cannot-tell tlsrpt-https")}},
      {"the web server was not asked",
       sound,
       [](F f) { https(f).page.reset(); },
       {of_domain("cannot-tell tlsrpt-https")}},
      {"the web server redirects", sound, [](F f) { https(f).page = error_page(FetchError::redirect); }, {}},
      {"the web server has an invalid certificate",
       sound,
       [](F f) { https(f).page = error_page(FetchError::certificate); },
       {of_domain("fault tlsrpt-https")}},
      {"the web server has a private address",
       sound,
       [](F f) { https(f).page = error_page(FetchError::address); },
       {of_domain("fault tlsrpt-https")}},
      {"no connection to the web server",
       sound,
       [](F f) { https(f).page = error_page(FetchError::connection); },
       {of_domain("cannot-tell tlsrpt-https")}},
  };
}

std::vector<Row> dane_rows() {
  return {
      {"no validation here",
       sound,
       [](F f) { f.mx.dnssec = dns::Dnssec::indeterminate; },
       {of_domain("cannot-tell dane-validation")}},
      {"no TLSA records at one of two hosts",
       sound,
       [](F f) { set_dane(mx1(f), TlsaStatus::absent); },
       {of_mx1("note dane-records"), of_domain("warning dane-coverage")}},
      {"the TLSA records are bogus",
       only_dane,
       [](F f) { set_dane(mx1(f), TlsaStatus::unknown), mx1(f).tlsa = bogus(); },
       {of_mx1("fault dane-records")}},
      {"the TLSA records cannot be looked up",
       only_dane,
       [](F f) { set_dane(mx1(f), TlsaStatus::unknown), mx1(f).tlsa = failed(); },
       {of_mx1("cannot-tell dane-records")}},
      {"TLSA records without DNSSEC",
       undemanded,
       [](F f) { mx1(f).tlsa = found(), mx1(f).tlsa.dnssec = dns::Dnssec::insecure; },
       {of_mx1("warning dane-unsigned")}},
      {"TLSA records of a host with unsigned addresses",
       undemanded,
       [](F f) { mx1(f).tlsa = found(); },
       {of_mx1("warning dane-unsigned")}},
      {"only unusable TLSA records",
       undemanded,
       [](F f) { set_dane(mx1(f), TlsaStatus::unusable); },
       {of_mx1("warning dane-usable")}},
      {"an unusable TLSA record beside others",
       only_dane,
       [](F f) {
         mx1(f).dane->records.push_back(tlsa(1, 1));
         for (AddressFacts& address : mx1(f).addresses) {
           address.chain->tlsa.push_back({});
           address.chain->tlsa_later.push_back({});
         }
       },
       {of_mx1("note dane-usable")}},
      {"no TLSA record matches at one address",
       only_dane,
       [](F f) { chain(f).tlsa[0].matches = false; },
       {of_address("fault dane-match")}},
      {"no TLSA record matches, behind an unsigned MX set",
       only_dane,
       [](F f) { f.mx.dnssec = dns::Dnssec::insecure, chain(f).tlsa[0].matches = false; },
       {of_address("fault dane-match"), of_domain("warning mx-dnssec")}},
      {"the certificate was not seen",
       only_dane,
       [](F f) { stop(f, Stop::closed, Step::ehlo); },
       {of_address("cannot-tell smtp-connection"), of_address("cannot-tell dane-match")}},
      {"no TLSA record matches later",
       only_dane,
       [](F f) { chain(f).tlsa_later[0].matches = false; },
       {of_address("warning dane-expiry")}},
      {"one TLSA record, for the key",
       only_dane,
       [](F f) { set_records(f, {tlsa(3, 1)}, true); },
       {of_mx1("note dane-rollover")}},
      {"one TLSA record, for the certificate",
       only_dane,
       [](F f) { set_records(f, {tlsa(3, 0)}, true); },
       {of_mx1("warning dane-rollover")}},
      {"one TLSA record, for no key that is there",
       only_dane,
       [](F f) { set_records(f, {tlsa(3, 1)}, false); },
       {of_address("fault dane-match"), "fault dane-match mx1.example.org[2001:db8::1]"}},
      {"two TLSA records for one key",
       only_dane,
       [](F f) { set_records(f, {tlsa(3, 0), tlsa(3, 1)}, true); },
       {of_mx1("note dane-rollover")}},
      {"a TLSA record for an authority", only_dane, [](F f) { set_records(f, {tlsa(2, 1)}, true); }, {}},
      {"DANE allows a host that MTA-STS does not",
       only_dane,
       [](F f) {
         f.mta_sts = sound().mta_sts;
         set_policy(f, policy_text("testing", "mx: mx2.example.org\n"));
       },
       {of_mx1("warning dane-mta-sts"), of_mx1("warning mta-sts-mx"), of_domain("note mta-sts-mode")}},
  };
}

std::vector<Row> list_rows() {
  const auto with_list = [](mtasts::Mode mode, std::vector<mtasts::MxPattern> mx) {
    return [mode, mx](F f) { f.lists = {{.list = "x", .mode = mode, .mx = mx, .expires = f.now + one_day}}; };
  };
  const std::vector<mtasts::MxPattern> both{pattern("mx1.example.org"), pattern("mx2.example.org")};
  const std::vector<mtasts::MxPattern> one{pattern("mx2.example.org")};
  return {
      {"an entry in testing",
       undemanded,
       with_list(mtasts::Mode::testing, both),
       {of_domain("note list-entry")}},
      {"an entry with mode none",
       undemanded,
       with_list(mtasts::Mode::none, {}),
       {of_domain("note list-entry")}},
      {"an expired list",
       sound,
       [](F f) { f.lists[0].expires = f.now; },
       {of_domain("warning list-expired")}},
      {"an entry that does not cover a host, enforced",
       undemanded,
       with_list(mtasts::Mode::enforce, one),
       {of_mx1("fault list-mx")}},
      {"an entry that does not cover a host, in testing",
       undemanded,
       with_list(mtasts::Mode::testing, one),
       {of_mx1("warning list-mx"), of_domain("note list-entry")}},
      {"a pattern that covers no host",
       undemanded,
       with_list(mtasts::Mode::enforce, {pattern("*.example.org"), pattern("old.example.net")}),
       {of_domain("note list-pattern")}},
      {"an entry that differs from the MTA-STS policy",
       sound,
       with_list(mtasts::Mode::enforce, {pattern("*.example.org")}),
       {of_domain("note list-mta-sts")}},
      {"an untrusted certificate, with a list alone",
       undemanded,
       [=](F f) { with_list(mtasts::Mode::enforce, both)(f), set_trust(f, ChainFault::untrusted_root); },
       {of_address("fault certificate-trust")}},
  };
}

std::vector<Row> all_rows() {
  std::vector<Row> all;
  for (const auto rows : {mx_rows, smtp_rows, starttls_rows, tls_rows, accepted_rows, certificate_rows,
                          mta_sts_rows, tlsrpt_rows, dane_rows, list_rows}) {
    std::ranges::move(rows(), std::back_inserter(all));
  }
  return all;
}

DomainFacts changed(const Row& row) {
  DomainFacts facts = row.base();
  row.change(facts);
  return facts;
}

}  // namespace

TEST_CASE("a domain with which all is right has no finding above ok") {
  CHECK(above_ok(sound()) == std::multiset<std::string>{});
}

TEST_CASE("what the domains of the tests have to begin with") {
  const std::multiset<std::string> no_dane{of_mx1("note dane-records"), of_mx2("note dane-records")};
  std::multiset<std::string> expected = no_dane;
  expected.insert(of_domain("note mta-sts-mode"));
  CHECK(above_ok(testing()) == expected);
  CHECK(above_ok(only_dane()) == std::multiset<std::string>{of_domain("note mta-sts-record")});
  expected = no_dane;
  expected.insert(of_domain("note mta-sts-record"));
  CHECK(above_ok(undemanded()) == expected);
}

TEST_CASE("each trouble has its finding, and no other") {
  for (const Row& row : all_rows()) {
    const std::multiset<std::string> before = above_ok(row.base());
    const std::multiset<std::string> after = above_ok(changed(row));
    std::multiset<std::string> added;
    std::ranges::set_difference(after, before, std::inserter(added, added.end()));
    INFO(row.name);
    CHECK(added == row.findings);
  }
}

TEST_CASE("a finding has what was seen, why it matters, and a level that its code can have") {
  for (const Row& row : all_rows()) {
    INFO(row.name);
    for (const examination::Finding& finding : judge(changed(row))) {
      INFO(line(finding));
      CHECK(describe(finding.code).can_have(finding.level));
      CHECK_FALSE(finding.seen.empty());
      CHECK_FALSE(finding.seen.ends_with('.'));
      CHECK(finding.why.empty() == (finding.level == Level::ok));
      CHECK((finding.why.empty() || finding.why.ends_with('.')));
      CHECK((finding.remedy.empty() || finding.remedy.ends_with('.') || finding.remedy.ends_with('\'')));
    }
  }
}

TEST_CASE("the rows above show every level of every code") {
  std::set<std::string> shown;
  const auto add = [&shown](const DomainFacts& facts) {
    for (const examination::Finding& finding : judge(facts))
      shown.insert(fmt::format("{} {}", level_words.word(finding.level), describe(finding.code).word));
  };
  add(sound());
  add(testing());
  for (const Row& row : all_rows()) add(changed(row));
  std::set<std::string> possible;
  for (const CodeDescription& code : codes()) {
    for (const auto& [level, word] : level_words.words) {
      if (code.can_have(level)) possible.insert(fmt::format("{} {}", word, code.word));
    }
  }
  CHECK(shown == possible);
}

TEST_CASE("all that a server accepts is named by its rating") {
  DomainFacts facts = sound();
  accept_old_suite(facts, smtp::SuiteOrder::server);
  of_tls1_2(facts).groups.push_back({.name = "DH", .bits = 1024});
  std::multiset<std::string> seen;
  for (const examination::Finding& finding : judge(facts)) {
    if (finding.subject.address != "192.0.2.1") continue;
    if (finding.code == Code::tls_suite || finding.code == Code::tls_key_exchange)
      seen.insert(fmt::format("{} {}", level_words.word(finding.level), finding.seen));
  }
  CHECK(seen ==
        std::multiset<std::string>{"ok 3 suites: TLS_AES_256_GCM_SHA384, TLS_AES_128_GCM_SHA256, "
                                   "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
                                   "note 1 suite to be phased out: TLS_DHE_RSA_WITH_AES_256_GCM_SHA384",
                                   "ok 2 groups: X25519, secp256r1",
                                   "warning 1 group that the guidelines call insufficient: DH of 1024 bits"});
}

TEST_CASE("findings are grouped by subject, the worst first") {
  DomainFacts facts = sound();
  facts.mta_sts.page->content_type.clear();
  facts.mx.mxs.push_back({.preference = 0, .host = ""});
  no_starttls(facts);
  probe(facts).offers_starttls_inside_tls = true;
  std::vector<std::string> lines;
  for (const examination::Finding& finding : judge(facts)) {
    if (finding.level != Level::ok) lines.push_back(line(finding));
  }
  CHECK(lines ==
        std::vector<std::string>{of_domain("fault mx-null"), of_domain("warning mta-sts-policy-type"),
                                 of_address("fault starttls"), of_address("warning starttls-inside-tls")});
}

TEST_CASE("faults decide the exit status before what is unknown") {
  CHECK(exit_status(judge(sound())) == 0);
  CHECK(exit_status(judge(testing())) == 0);
  DomainFacts unknown = sound();
  stop(unknown, Stop::deferred, Step::greeting);
  CHECK(exit_status(judge(unknown)) == 75);
  unknown.mx.mxs.push_back({.preference = 0, .host = ""});
  CHECK(exit_status(judge(unknown)) == 1);
}

TEST_CASE("names from outside are escaped") {
  DomainFacts facts = undemanded();
  facts.hosts.push_back({.name = "mx\x1b[31m", .a = {}, .aaaa = {}, .tlsa = {}, .dane = {}});
  facts.hosts[0].a.canonical_name = "\x1b[31m";
  facts.mta_sts.record = texts("v=STSv1; id=\x1b[31m");
  for (const examination::Finding& finding : judge(facts)) {
    for (const std::string& text : {finding.seen, finding.why, finding.remedy, to_string(finding.subject)})
      CHECK_FALSE(text.contains('\x1b'));
  }
}
