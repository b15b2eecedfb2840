#include "tlsrpt/record.h"

#include "support/record_cases.h"

using namespace starttls;
using namespace starttls::tlsrpt;
using namespace starttls::test;

namespace {

std::string uris(const RecordReading& reading) {
  if (!reading.record) return "";
  std::string joined;
  for (const Destination& destination : reading.record->destinations) {
    joined += (joined.empty() ? "" : " ") + destination.uri();
  }
  return joined;
}

void check(const std::vector<RecordCase>& cases) {
  check_records(cases, read_records, uris);
}

}  // namespace

TEST_CASE("a record that follows the standard gives its destinations and no findings") {
  check({
      {"by mail", {"v=TLSRPTv1; rua=mailto:tls@a.test"}, "mailto:tls@a.test", ""},
      {"by HTTPS", {"v=TLSRPTv1;rua=https://r.a.test/v1/tlsrpt?k=v"}, "https://r.a.test/v1/tlsrpt?k=v", ""},
      {"several URIs, with blanks around ',' and ';'",
       {"v=TLSRPTv1 ; rua=mailto:a@a.test , https://r.a.test/,mailto:b@a.test ;"},
       "mailto:a@a.test https://r.a.test/ mailto:b@a.test",
       ""},
      {"several rua fields",
       {"v=TLSRPTv1; rua=mailto:a@a.test; rua=mailto:b@a.test;"},
       "mailto:a@a.test mailto:b@a.test",
       ""},
      {"a port", {"v=TLSRPTv1; rua=https://r.a.test:8443/x"}, "https://r.a.test:8443/x", ""},
      {"schemes and hosts have no case",
       {"v=TLSRPTv1; rua=MAILTO:Tls@A.Test,HTTPS://R.A.Test/X"},
       "mailto:Tls@a.test https://r.a.test/X",
       ""},
      {"percent-encoding",
       {"v=TLSRPTv1; rua=mailto:tls%2Breports%40a.test"},
       "mailto:tls+reports@a.test",
       ""},
      {"what a plain local part may have",
       {"v=TLSRPTv1; rua=mailto:a.b-c+d_e=f~g@a.test"},
       "mailto:a.b-c+d_e=f~g@a.test",
       ""},
  });
}

TEST_CASE("other fields may precede and follow, and are ignored") {
  check({
      {"well-formed",
       {"v=TLSRPTv1; a=b; rua=mailto:a@a.test; c=d"},
       "mailto:a@a.test",
       "note 1:13: a: is unknown and is ignored\nnote 1:39: c: is unknown and is ignored\n"},
      {"malformed",
       {"v=TLSRPTv1; a b; rua=mailto:a@a.test; c=; RUA=mailto:b@a.test;;"},
       "mailto:a@a.test",
       "fault 1:13: 'a b' is no field of the form 'name=value'\n"
       "fault 1:41: c: has no value\n"
       "fault 1:43: RUA: is ignored: 'rua' is written in lower case\n"
       "fault 1:63: an empty field: one ';' is too many\n"},
  });
}

TEST_CASE("a URI with an omission that allows only one meaning is a fault, and is used") {
  check({
      {"mailto: left away",
       {"v=TLSRPTv1; rua=tls@a.test"},
       "mailto:tls@a.test",
       "fault 1:17: rua: 'tls@a.test' is to be written 'mailto:tls@a.test'\n"},
      {"a blank after mailto:",
       {"v=TLSRPTv1; rua=mailto: tls@a.test"},
       "mailto:tls@a.test",
       "fault 1:17: rua: 'mailto: tls@a.test' is to be written 'mailto:tls@a.test'\n"},
      {"a domain in U-labels: a URI is ASCII",
       {"v=TLSRPTv1; rua=mailto:tls@b\xc3\xbc"
        "cher.test"},
       "mailto:tls@xn--bcher-kva.test",
       "fault 1:17: rua: 'mailto:tls@b\xc3\xbc"
       "cher.test' is to be written 'mailto:tls@xn--bcher-kva.test'\n"},
      {"a ready subject, which a report has itself",
       {"v=TLSRPTv1; rua=mailto:tls@a.test?subject=x"},
       "mailto:tls@a.test",
       "note 1:17: rua: what follows '?' is left away\n"},
      {"one ',' too many",
       {"v=TLSRPTv1; rua=mailto:a@a.test,,mailto:b@a.test,"},
       "mailto:a@a.test mailto:b@a.test",
       "fault 1:33: rua: an empty URI: one ',' is too many, or the URI is missing\n"
       "fault 1:50: rua: an empty URI: one ',' is too many, or the URI is missing\n"},
      {"the same twice is one",
       {"v=TLSRPTv1; rua=mailto:a@a.test,mailto:a@A.test"},
       "mailto:a@a.test",
       "note 1:33: rua: 'mailto:a@a.test' is there twice\n"},
  });
}

TEST_CASE("a URI that cannot be used is left out, and the others are used") {
  const std::vector<std::pair<std::string, std::string>> faulty{
      {"http://r.a.test/", "'http://r.a.test/' begins with neither 'mailto:' nor 'https:'"},
      {"ftp:a@a.test", "begins with neither"},
      {"reports", "begins with neither"},
      {"mailto:", "'' is no mail address"},
      {"mailto:tls", "'tls' is no mail address"},
      {"mailto:@a.test", "no mail address of the plain kind"},
      {"mailto:a b@a.test", "'a b@a.test' is no mail address of the plain kind"},
      {"mailto:a@b.test@a.test", "no mail address of the plain kind"},
      {"mailto:-oQ/tmp@a.test", "no mail address of the plain kind"},
      {"mailto:-f@a.test", "no mail address of the plain kind"},
      {"mailto:.a@a.test", "no mail address of the plain kind"},
      {"mailto:a..b@a.test", "no mail address of the plain kind"},
      {"mailto:\"a b\"@a.test", "no mail address of the plain kind"},
      {"mailto:|cmd@a.test", "no mail address of the plain kind"},
      {"mailto:a%25b.test@a.test", "'a%b.test@a.test' is no mail address of the plain kind"},
      {"mailto:b.test%21a@a.test", "no mail address of the plain kind"},
      {"mailto:a%0d%0aRCPT@a.test", "'a\\x0d\\x0aRCPT@a.test' is no mail address of the plain kind"},
      {"mailto:a%00@a.test", "no mail address of the plain kind"},
      {"mailto:" + std::string(65, 'a') + "@a.test", "no mail address of the plain kind"},
      {"mailto:a%4@a.test", "'%' without two digits"},
      {"mailto:a%", "'%' without two digits"},
      {"mailto:a%+1@a.test", "'%' without two digits"},
      {"mailto:a@a.test!10m", "no host name may have"},
      {"mailto:a@a.test%0d%0aX: y", "'a.test\\x0d\\x0aX: y'"},
      {"mailto:a@a.test b@a.test", "no mail address of the plain kind"},
      {"mailto:a@a.test mailto:b@a.test", "no mail address of the plain kind"},
      {"mailto:a@localhost", "'localhost' is a single label"},
      {"mailto:a@[192.0.2.1]", "is an address"},
      {"mailto:a@[IPv6:2001:db8::1]", "is an address"},
      {"mailto:a@mx.example.123", "ends with a number"},
      {"mailto:a@192.0.2.1", "is an address"},
      {"mailto:", "is no mail address"},
      {"https:/r.a.test/", "not followed by '//'"},
      {"https:r.a.test", "not followed by '//'"},
      {"https://", "is empty"},
      {"https://localhost/", "is a single label"},
      {"https://127.0.0.1/", "is an address"},
      {"https://[::1]/", "no host name may have"},
      {"https://user@r.a.test/", "has a user name"},
      {"https://r.a.test@evil.test/", "has a user name"},
      {"https://r.a.test:/", "'' is no port"},
      {"https://r.a.test:0/", "'0' is no port"},
      {"https://r.a.test:65536/", "'65536' is no port"},
      {"https://r.a.test:+443/", "'+443' is no port"},
      {"https://r.a.test/a b", "a character that no URL may have"},
      {"https://r.a.test/\"", "a character that no URL may have"},
      {"https://r.a.test/\x1b[2J", "'/\\x1b[2J' has a character that no URL may have"},
      {"https://r.a.test/!", "a character that no URL may have"},
      {"https://r.a.test\\@evil.test/", "has a user name"},
  };
  for (const auto& [uri, why] : faulty) {
    CAPTURE(uri, why);
    const auto reading =
        read_records(std::vector<std::string>{"v=TLSRPTv1; rua=mailto:a@a.test," + uri + ",mailto:b@a.test"});
    CHECK(uris(reading) == "mailto:a@a.test mailto:b@a.test");
    REQUIRE(reading.findings.size() == 1);
    CHECK(reading.findings[0].severity == Severity::fault);
    CHECK(reading.findings[0].position.column == 33);
    CHECK(reading.findings[0].message.find(why) != std::string::npos);
    CHECK(bad(parse_destination(uri)).fault == Fault::data);
  }
}

TEST_CASE("a record without a usable destination is refused") {
  const std::string none = "refused 1:1: no record begins with 'v=TLSRPTv1;'\n";
  check({
      {"no record", {}, "", none},
      {"no rua", {"v=TLSRPTv1;"}, "", "refused 1:1: has no rua\n"},
      {"an empty one",
       {"v=TLSRPTv1; rua="},
       "",
       "refused 1:1: no URI of its rua can be used\n"
       "fault 1:17: rua: an empty URI: one ',' is too many, or the URI is missing\n"},
      {"none that can be used",
       {"v=TLSRPTv1; rua=http://a.test/"},
       "",
       "refused 1:1: no URI of its rua can be used\n"
       "fault 1:17: rua: 'http://a.test/' begins with neither 'mailto:' nor 'https:'\n"},
      {"the version in upper case",
       {"V=TLSRPTV1; rua=mailto:a@a.test"},
       "",
       "fault 1:1: 'V=TLSRPTV1; rua=mailto:a@a.test' does not begin with exactly 'v=TLSRPTv1;' and does not "
       "count\n" +
           none},
      {"a later version",
       {"v=TLSRPTv12; rua=mailto:a@a.test"},
       "",
       "fault 1:1: 'v=TLSRPTv12; rua=mailto:a@a.test' does not begin with exactly 'v=TLSRPTv1;' and does not "
       "count\n" +
           none},
      {"two records",
       {"v=TLSRPTv1; rua=mailto:a@a.test", "v=TLSRPTv1; rua=mailto:a@a.test"},
       "",
       "refused 2:1: 2 records begin with 'v=TLSRPTv1;': where there is more than one, none counts\n"},
  });
}

TEST_CASE("a destination is split into its parts") {
  const auto mail =
      good(parse_destination("mailto:Tls@B\xc3\xbc"
                             "cher.test?subject=x"));
  CHECK(mail.scheme == Destination::Scheme::mailto);
  CHECK(mail.target == "Tls@xn--bcher-kva.test");
  CHECK(mail.host.str() == "xn--bcher-kva.test");
  const auto post = good(parse_destination("https://R.a.test.:443/x#y"));
  CHECK(post.scheme == Destination::Scheme::https);
  CHECK(post.target == "https://r.a.test:443/x#y");
  CHECK(post.host.str() == "r.a.test");
}

TEST_CASE("the number of destinations is limited") {
  std::string record = "v=TLSRPTv1; rua=mailto:a@a.test";
  for (std::size_t i = 0; i < 100; ++i) record += fmt::format(",mailto:a{}@a.test", i);
  const auto reading = read_records(std::vector{record});
  CHECK(reading.record->destinations.size() == max_destinations);
  REQUIRE(reading.findings.size() == 1);
  CHECK(reading.findings[0].message == "is ignored, and all after it: there are more than 16");
}
