// What `check` prints: text in 80 columns, and JSON that satisfies policies/check-schema.json.

#include "listtool/check_output.h"

#include <algorithm>
#include <ranges>

#include "examination/samples.h"
#include "listtool/check_report.h"
#include "support.h"
#include "support/json_schema.h"

using namespace starttls;
using namespace starttls::examination::test;
using examination::DomainFacts;
using listtool::examine;
using starttls::test::schema_fault;

namespace {

std::string text_of(const DomainFacts& facts, listtool::CheckStyle style = {}) {
  return to_text(examine(facts), style);
}

std::string json_of(const std::vector<DomainFacts>& domains) {
  json::JsonText json;
  json.object([&] {
    json.array("domains", [&] {
      for (const DomainFacts& facts : domains) to_json(json, examine(facts));
    });
  });
  return json.take();
}

// The fault; "" if there is none.
std::string fault_of(const std::string& json) {
  return schema_fault(std::filesystem::path(STARTTLS_SOURCE) / "policies/check-schema.json", json);
}

// All versions, suites and groups of its first address are known.
DomainFacts thorough() {
  DomainFacts facts = sound();
  address(facts).versions = {
      {.version = smtp::TlsVersion::tls1_3,
       .suites = {"TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256"},
       .groups = {{.name = "X25519", .bits = 253}, {.name = "secp256r1", .bits = 256}},
       .order = smtp::SuiteOrder::server,
       .incomplete = {}},
      {.version = smtp::TlsVersion::tls1_2,
       .suites = {"TLS_RSA_WITH_AES_128_CBC_SHA"},
       .groups = {},
       .incomplete = "the server says: 421 too many"},
      {.version = smtp::TlsVersion::tls1_1, .suites = {}, .groups = {}, .incomplete = {}},
      {.version = smtp::TlsVersion::tls1_0, .suites = {}, .groups = {}, .incomplete = "421"}};
  return facts;
}

// All that the lines of the output depend on.
std::vector<DomainFacts> domains() {
  DomainFacts null_mx = sound();
  null_mx.mx.mxs = {{.preference = 0, .host = ""}};
  null_mx.hosts.clear();
  DomainFacts limited = sound();
  stop(limited, smtp::Stop::deferred, smtp::Step::greeting);
  DomainFacts bad = sound();
  set_trust(bad, certificate::ChainFault::self_signed);
  bad.mta_sts.page = page("hello");
  DomainFacts skipped = undemanded();
  skipped.smtp = examination::Smtp::skipped;
  for (examination::HostFacts& host : skipped.hosts) {
    for (examination::AddressFacts& address : host.addresses) address = {.address = address.address};
  }
  DomainFacts unknown = sound();
  unknown.mx = failed();
  unknown.hosts.clear();
  return {sound(), testing(), only_dane(), undemanded(), null_mx, limited, bad, skipped, unknown, thorough()};
}

}  // namespace

TEST_CASE("a sound domain is a line for each kind of sender") {
  CHECK(text_of(sound()) ==
        "example.org: 0 faults, 0 warnings, 0 notes\n"
        "  A sender with MTA-STS delivers over authenticated TLS: 3 of 3 addresses\n"
        "  authenticated\n"
        "  A sender with DANE delivers over authenticated TLS: 3 of 3 addresses\n"
        "  authenticated\n"
        "  A sender with the list or override delivers over authenticated TLS: 3 of 3\n"
        "  addresses authenticated\n"
        "  Any other sender delivers, and its TLS could be stripped: TLS at 3 of 3\n"
        "  addresses, which nothing demands\n");
}

TEST_CASE("a finding has its level, its code, the reason and the remedy") {
  DomainFacts facts = sound();
  stop(facts, smtp::Stop::no_starttls, smtp::Step::ehlo);
  const std::string text = text_of(facts);
  CHECK(text.starts_with("example.org: 1 fault, 0 warnings, 0 notes\n"));
  CHECK(
      text.ends_with("\nmx1.example.org[192.0.2.1]\n"
                     "  fault        the server does not offer STARTTLS (starttls)\n"
                     "               why  Senders that follow DANE and the MTA-STS policy do not\n"
                     "                    deliver to this address.\n"
                     "               do   Give the mail server a certificate and switch STARTTLS on.\n"));
}

TEST_CASE("the text begins with the subject that has the worst finding") {
  DomainFacts facts = sound();
  stop(facts, smtp::Stop::no_starttls, smtp::Step::ehlo);
  facts.tlsrpt.record = none();
  const std::string text = text_of(facts);
  CHECK(text.find("  fault        the server does not offer STARTTLS") <
        text.find("  warning      there is no TLSRPT record"));
}

TEST_CASE("what is ok is shown where it is wanted") {
  CHECK_FALSE(text_of(sound()).contains("(starttls)"));
  CHECK(
      text_of(sound(), {.show_ok = true}).contains("  ok           the server offers STARTTLS (starttls)\n"));
}

TEST_CASE("the path of a delivery is shown where it is wanted") {
  const std::string text = text_of(sound(), {.explain = true});
  for (const char* const part :
       {"  MX records  signed\n",
        "  MTA-STS     id 1; mode enforce, for mx1.example.org mx2.example.org, max_age\n              "
        "1209600\n",
        "  list        example: mode enforce, for ",
        "mx1.example.org; addresses signed; TLSA records: usable\n",
        "      greeting    220 mx ESMTP (0 ms)\n", "TLSv1.3, TLS_AES_256_GCM_SHA384, X25519"}) {
    INFO(part);
    CHECK(text.contains(part));
  }
}

TEST_CASE("all that a server accepts is shown by version") {
  const std::string text = text_of(thorough(), {.explain = true});
  for (const char* const part :
       {"      TLSv1.3     TLS_AES_256_GCM_SHA384 TLS_AES_128_GCM_SHA256; groups: X25519\n"
        "                  secp256r1; the server chooses\n",
        "      TLSv1.1     not accepted\n", "      TLSv1       421\n"}) {
    INFO(part);
    CHECK(text.contains(part));
  }
  CHECK(json_of({thorough()}).contains("\"order\": \"server\""));
}

TEST_CASE("lines fit into 80 columns, and begin their colours where the terminal shows them") {
  for (const DomainFacts& facts : domains()) {
    for (const bool colour : {false, true}) {
      const std::string text = text_of(facts, {.colour = colour, .show_ok = true, .explain = true});
      CHECK((text.contains("\x1b[") || !colour));
      if (colour) continue;
      CHECK_FALSE(text.contains('\x1b'));
      for (const auto& line : text | std::views::split('\n')) CHECK(std::ranges::distance(line) <= 80);
    }
  }
}

TEST_CASE("what is about this host is not repeated at each of several domains") {
  DomainFacts facts = undemanded();
  stop_all(facts, smtp::Stop::timeout, smtp::Step::connection);
  const listtool::Examined examined = examine(std::move(facts));
  constexpr std::string_view code = "(smtp-own-network)";
  CHECK(listtool::CheckReport(listtool::CheckFormat::text, {}, 1).render(examined).text.contains(code));
  listtool::CheckReport several(listtool::CheckFormat::text, {}, 2);
  CHECK_FALSE(several.render(examined).text.contains(code));
  CHECK(several.exit_status() == 75);
  CHECK(listtool::CheckReport(listtool::CheckFormat::json, {}, 2)
            .render(examined)
            .text.contains("\"smtp-own-network\""));
}

TEST_CASE("JSON satisfies its schema") {
  CHECK(fault_of(json_of(domains())).empty());
}

TEST_CASE("JSON has the codes, and no escape sequence of a terminal") {
  DomainFacts facts = undemanded();
  facts.hosts[0].name = "mx\x1b[31m";
  const std::string json = json_of({facts});
  CHECK(json.contains("\"code\": \"mx-name\""));
  CHECK_FALSE(json.contains('\x1b'));
}
