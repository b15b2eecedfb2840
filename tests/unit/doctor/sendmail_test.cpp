#include "doctor/sendmail.h"

#include "support.h"

using namespace starttls;
using namespace starttls::doctor;

namespace {

constexpr const char* text =
    "# a comment with Xno and O no=thing\n"
    "O LogLevel=14\n"
    "O CACertFile=/etc/ssl/certs/ca-certificates.crt\n"
    "O InputMailFilters=other, tlsrpt\n"
    "Xtlsrpt, S=local:/var/spool/postfix/tlsrpt/milter.sock, T=C:5s;S:10s;R:10s;E:5m\n"
    "Xunused, S=inet:1@127.0.0.1, F=T, T=C:5s\n"
    "Ksts hash -T<TMPF> /etc/mail/starttls\n"
    "SSTS_SAN\n"
    "R$*\t\t\t$: $&{server_name}\n"
    "R$-.$+\t\t\t$: *.$2\n";

}  // namespace

TEST_CASE("filters, options and the map of FEATURE(sts) are found in a sendmail.cf") {
  const Sendmail sendmail = parse_sendmail_cf(text);
  CHECK(sendmail.option("LogLevel") == "14");
  CHECK(sendmail.option("CACertFile") == "/etc/ssl/certs/ca-certificates.crt");
  CHECK(sendmail.option("no").empty());
  REQUIRE(sendmail.filters.size() == 2);
  CHECK(sendmail.filters[0].socket == "local:/var/spool/postfix/tlsrpt/milter.sock");
  CHECK(sendmail.filters[0].flags.empty());
  CHECK(sendmail.filters[0].is_used);
  CHECK(sendmail.filters[1].flags == "T");
  CHECK(!sendmail.filters[1].is_used);
  CHECK(sendmail.sts_map == "hash -T<TMPF> /etc/mail/starttls");
  CHECK(sendmail.has_wildcard_rules);
}

TEST_CASE("the rules for wildcards count in their ruleset only") {
  CHECK(!parse_sendmail_cf("SOTHER\nR$-.$+\t$: *.$2\n").has_wildcard_rules);
  CHECK(!parse_sendmail_cf("SSTS_SAN\nSOTHER\nR$-.$+\t$: *.$2\n").has_wildcard_rules);
  CHECK(!parse_sendmail_cf("").sts_map);
}

TEST_CASE("the type and the place of a map are found among its options") {
  const SendmailMap hash = parse_sendmail_map("hash -T<TMPF> /etc/mail/starttls");
  CHECK(hash.type == "hash");
  CHECK(hash.place == "/etc/mail/starttls");
  const SendmailMap socket = parse_sendmail_map("socket -d5 -T<TMPF> inet:5461@127.0.0.1");
  CHECK(socket.type == "socket");
  CHECK(socket.place == "inet:5461@127.0.0.1");
}
