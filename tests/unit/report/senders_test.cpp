#include "report/senders.h"

#include "report/tables.h"
#include "support.h"

using namespace starttls;
using namespace starttls::session;
using namespace starttls::report;
using namespace starttls::test;
using session::Outcome;
using store::SessionClass;

namespace {

// Two labels are a registered domain; one is a public suffix.
std::string two_labels(const std::string& name) {
  const auto dot = name.rfind('.');
  if (dot == std::string::npos) return {};
  const auto before = name.rfind('.', dot - 1);
  return before == std::string::npos ? name : name.substr(before + 1);
}

SessionClass client(const std::string& name, const std::string& address, Outcome outcome,
                    const std::string& version = {}) {
  return {.day = to_day(at("2026-11-22T10:00:00Z")),
          .receiving_mx = "mx1.example.test",
          .client_address = address,
          .client_name = name,
          .outcome = outcome,
          .tls_version = version};
}

store::ClassCount times(std::uint64_t sessions, const std::string& domain = "example.test") {
  const store::Tally tally{.sessions = sessions, .messages = sessions};
  return {.total = tally, .recipient_domains = {{domain, tally}}};
}

}  // namespace

TEST_CASE("hosts of one owner are one sender, and all hosts without a name are one") {
  SenderFigures senders(two_labels, std::nullopt);
  senders.add(client("a.sender.test", "192.0.2.1", Outcome::plaintext), times(3));
  senders.add(client("b.sender.test", "192.0.2.2", Outcome::failed), times(2));
  senders.add(client("c.sender.test", "192.0.2.3", Outcome::tls, "TLSv1.3"), times(50));
  senders.add(client("", "192.0.2.4", Outcome::plaintext), times(4));
  senders.add(client("", "192.0.2.5", Outcome::no_mail), times(9));
  senders.add(client("localhost", "192.0.2.6", Outcome::plaintext), times(1));
  REQUIRE(senders.senders().size() == 3);
  const SenderGroup& sender = senders.senders().at("sender.test");
  CHECK(sender.figures.plaintext == 3);
  CHECK(sender.figures.failed == 2);
  CHECK(sender.figures.tls == 50);
  REQUIRE(sender.hosts.size() == 2);  // hosts that used only TLS are not among them
  CHECK(sender.hosts.at("a.sender.test [192.0.2.1]").plaintext == 3);
  CHECK(sender.hosts.at("b.sender.test [192.0.2.2]").failed == 2);
  const SenderGroup& nameless = senders.senders().at("(no host name)");
  CHECK(nameless.figures.sessions == 13);
  CHECK(nameless.hosts.size() == 1);
  CHECK(nameless.hosts.contains("[192.0.2.4]"));
  CHECK(senders.senders().contains("localhost"));
}

TEST_CASE("with one policy domain, only its sessions count for senders") {
  SenderFigures senders(two_labels, "example.org");
  VersionFigures versions(two_labels, "example.org");
  for (const char* const domain : {"example.org", "example.test"}) {
    const SessionClass of = client(std::string("mail.") + domain, "192.0.2.1", Outcome::tls, "TLSv1.2");
    senders.add(of, times(5, domain));
    versions.add(of, times(5, domain));
  }
  CHECK(senders.senders().size() == 1);
  CHECK(senders.senders().contains("example.org"));
  CHECK(versions.versions().at("TLSv1.2").figures.sessions == 5);
}

TEST_CASE("each TLS version has the senders that use it") {
  VersionFigures versions(two_labels, std::nullopt);
  versions.add(client("a.old.test", "192.0.2.1", Outcome::tls, "TLSv1"), times(3));
  versions.add(client("b.old.test", "192.0.2.1", Outcome::tls, "TLSv1"), times(4));
  versions.add(client("a.new.test", "192.0.2.1", Outcome::tls, "TLSv1.3"), times(9));
  versions.add(client("a.new.test", "192.0.2.1", Outcome::plaintext), times(9));
  REQUIRE(versions.versions().size() == 2);
  const VersionUse& old = versions.versions().at("TLSv1");
  CHECK(old.senders.size() == 1);
  CHECK(old.senders.at("old.test") == 7);
  CHECK(to_string(old.last) == "2026-11-22");
}

TEST_CASE("a TLS version may be written in every usual form") {
  for (const char* const text : {"TLSv1.0", "TLSv1", "tlsv1.0", "tls1.0", "TLS1", "1.0", "1", "v1.0"})
    CHECK(parse_tls_version(text).value_or("none") == "TLSv1");
  CHECK(parse_tls_version("1.3").value_or("none") == "TLSv1.3");
  CHECK(parse_tls_version("sslv3").value_or("none") == "SSLv3");
  for (const char* const text : {"", "2", "1.4", "TLSv1.00", "TLS 1.2", "ssl", "\x1b"}) {
    INFO(text);
    REQUIRE_FALSE(parse_tls_version(text));
    CHECK(parse_tls_version(text).error().fault == Fault::usage);
  }
  CHECK(version_label("TLSv1") == "TLSv1.0");
  CHECK(version_label("TLSv1.1") == "TLSv1.1");
}

TEST_CASE("versions below TLS 1.2 are deprecated, others are not") {
  for (const char* const version : {"SSLv2", "SSLv3", "TLSv1", "TLSv1.1"}) CHECK(is_deprecated(version));
  for (const char* const version : {"TLSv1.2", "TLSv1.3", "TLSv1.4", ""}) CHECK_FALSE(is_deprecated(version));
}
