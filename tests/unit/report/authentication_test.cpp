#include "report/authentication.h"

#include "support.h"

using namespace starttls;
using namespace starttls::report;

namespace {

constexpr std::array<std::string_view, 4> names{"authentication-results", "dkim-signature", "from",
                                                "tls-report-submitter"};

// The last two labels are the owner.
std::string registrable(const std::string& name) {
  const auto last = name.rfind('.');
  const auto before = name.rfind('.', last - 1);
  return before == std::string::npos ? name : name.substr(before + 1);
}

// The signer of a report with this contact-info in a mail with this header.
Authentication verdict(const std::string& header, const std::string& contact = "tls@sender.test") {
  const ReportOrigin carrier =
      report_origin(mail::parse_fields(header, names), {"mx.example.org", "mx2.example.org"});
  return authenticate(carrier, {.contact_info = contact}, registrable);
}

std::string signer(const std::string& header, const std::string& contact = "tls@sender.test") {
  return verdict(header, contact).signer;
}

const std::string received = "Received: from a by mx.example.org; Fri, 27 Nov 2026 00:00:00 +0000\n";
const std::string good = "Authentication-Results: mx.example.org; dkim=pass header.d=sender.test\n";

}  // namespace

TEST_CASE("a report that its reporter signed is authenticated") {
  CHECK(signer(good) == "sender.test");
  CHECK(signer(received + good + "From: tls@sender.test\n") == "sender.test");
  CHECK(signer("Authentication-Results: MX.Example.ORG 1; dkim=pass header.d=SENDER.test\n") ==
        "sender.test");
  CHECK(signer("Authentication-Results: \"mx2.example.org\";\r\n dkim=pass (a; "
               "b)\r\n\theader.d=\"sender.test\"\n") == "sender.test");
  // By a parent or a child, or only with the identity that Google writes.
  CHECK(signer("Authentication-Results: mx.example.org; dkim=pass header.d=mail.sender.test\n") ==
        "sender.test");
  CHECK(signer(good, "tls@reports.sender.test") == "sender.test");
  CHECK(signer("Authentication-Results: mx.example.org; dkim=pass header.i=@mail.sender.test\n") ==
        "sender.test");
}

TEST_CASE("one valid signature of the reporter among several is sufficient") {
  CHECK(
      signer(
          "Authentication-Results: mx.example.org; spf=fail smtp.mailfrom=x; dkim=fail header.d=sender.test;"
          " dkim=pass header.d=list.test; dkim=pass header.d=sender.test\n") == "sender.test");
}

TEST_CASE("a report that another domain signed is not authenticated") {
  CHECK(signer("Authentication-Results: mx.example.org; dkim=pass header.d=evil.test\n").empty());
  CHECK(signer("Authentication-Results: mx.example.org; dkim=pass header.d=evilsender.test\n").empty());
  CHECK(signer("Authentication-Results: mx.example.org; dkim=pass header.d=test\n").empty());
  CHECK(signer("Authentication-Results: mx.example.org; dkim=pass header.d=evil.test header.i=@sender.test\n")
            .empty());
  CHECK(signer("Authentication-Results: mx.example.org; dkim=fail header.d=sender.test; dkim=pass "
               "header.d=evil.test\n")
            .empty());
  CHECK(signer("Authentication-Results: mx.example.org; dkim=pass header.d=sender.test header.d=evil.test\n")
            .empty());
  CHECK(verdict("Authentication-Results: mx.example.org; dkim=pass header.d=evil.test\n").reason ==
        "it is signed by evil.test, and not by sender.test");
}

TEST_CASE("any result except pass does not authenticate") {
  for (const char* result :
       {"fail", "none", "neutral", "policy", "temperror", "permerror", "passed", "pas"}) {
    CHECK(
        signer(fmt::format("Authentication-Results: mx.example.org; dkim={} header.d=sender.test\n", result))
            .empty());
  }
  CHECK(signer("Authentication-Results: mx.example.org; spf=pass smtp.mailfrom=sender.test; "
               "dmarc=pass header.from=sender.test\n")
            .empty());
  CHECK(signer("Authentication-Results: mx.example.org; none\n").empty());
  CHECK(signer("From: tls@sender.test\n").empty());
}

TEST_CASE("fields of other hosts do not count, however similar to ours") {
  for (const char* id : {"mx.evil.test", "mx.example.org.evil.test", "evil.mx.example.org", "mx.example.or",
                         "example.org", "mx.example.org/1", "(mx.example.org)", "mx.example.org."}) {
    CHECK(signer(fmt::format("Authentication-Results: {}; dkim=pass header.d=sender.test\n", id)).empty());
  }
  CHECK(signer("X-Authentication-Results: mx.example.org; dkim=pass header.d=sender.test\n").empty());
  CHECK(signer("ARC-Authentication-Results: i=1; mx.example.org; dkim=pass header.d=sender.test\n").empty());
}

TEST_CASE("what the sender wrote below our own field does not count") {
  const std::string ours = "Authentication-Results: mx.example.org; dkim=none\n";
  CHECK(signer(ours + received + good).empty());
  CHECK(signer(received + ours + good).empty());
  CHECK(signer("Authentication-Results: mx.example.org; dkim=fail header.d=sender.test\n" + good).empty());
  // Of another trusted server, too.
  CHECK(signer("Authentication-Results: mx2.example.org; dkim=none\n" + good).empty());
  // What the sender made our server quote breaks our field.
  CHECK(signer("Authentication-Results: mx.example.org; spf=fail (no end\n" + good).empty());
  CHECK(signer("Authentication-Results: mx.example.org 2; dkim=none\n" + good).empty());
}

TEST_CASE("fields of our filters for SPF and DMARC, and of others, may be above") {
  CHECK(signer("Authentication-Results: mx.example.org; dmarc=pass header.from=sender.test\n" + received +
               "Authentication-Results: mx.elsewhere.test; dkim=none\n" + good) == "sender.test");
}

TEST_CASE("a signature of a part of the body does not count") {
  CHECK(signer(good + "DKIM-Signature: v=1; d=sender.test; l=100; b=x\n").empty());
  CHECK(signer(good + "DKIM-Signature: v=1; l=0;\n d=Sender.Test; b=x\n").empty());
  CHECK(signer(good +
               "DKIM-Signature: v=1; d=sender.test; b=l=\nDKIM-Signature: v=1; d=list.test; l=5; b=x\n") ==
        "sender.test");
}

TEST_CASE("without contact-info the mail names the reporter") {
  CHECK(signer(good + "TLS-Report-Submitter: sender.test\n", "") == "sender.test");
  CHECK(signer(good + "TLS-Report-Submitter: evil.test\nFrom: tls@sender.test\n", "").empty());
  CHECK(signer(good + "From: Reports <tls@sender.test>\n", "") == "sender.test");
  CHECK(signer(good + "TLS-Report-Submitter: Sender Inc.\nFrom: tls@sender.test\n", "no address") ==
        "sender.test");
  CHECK(signer(good, "").empty());
  // contact-info, which is signed, comes first.
  CHECK(
      signer(good + "TLS-Report-Submitter: sender.test\nFrom: tls@sender.test\n", "tls@other.test").empty());
}
