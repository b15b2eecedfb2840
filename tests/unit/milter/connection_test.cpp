#include "milter/connection.h"

#include "journal/segment.h"
#include "support.h"

using namespace starttls;
using namespace starttls::session;
using namespace starttls::milter;
using namespace starttls::test;
using session::ClientCertificate;
using session::Outcome;
using session::Session;

namespace {

const Time begin = at("2026-11-22T10:00:00Z");
const Time end = at("2026-11-22T10:00:02Z");
const TlsMacros tls13{.version = "TLSv1.3", .cipher = "TLS_AES_256_GCM_SHA384", .bits = "256"};

Connection connection(Client client = {.address = "192.0.2.1", .name = "mail.sender.test"}) {
  return {begin, "MX.Example.Test", client};
}

}  // namespace

TEST_CASE("a session over TLS with a message in two domains") {
  Connection c = connection();
  c.helo("mail.sender.test");
  c.tls({});
  c.helo("mail.sender.test");
  c.tls(tls13);
  c.mail();
  c.recipient("<bob@example.test>");
  c.recipient("<carol@Example.Test>");
  c.recipient("<dave@example.org>");
  c.message_accepted();
  const Session s = c.ended(end);
  CHECK(s.begin == begin);
  CHECK(s.end == end);
  CHECK(s.receiving_mx == "mx.example.test");
  CHECK(s.client_name == "mail.sender.test");
  CHECK(s.tls_version == "TLSv1.3");
  CHECK(s.cipher == "TLS_AES_256_GCM_SHA384");
  CHECK(s.cipher_bits == 256);
  CHECK(s.client_certificate == ClientCertificate::none);
  CHECK(s.transactions == 1);
  CHECK(s.messages == 1);
  CHECK(s.recipient_domains == std::map<std::string, std::uint32_t>{{"example.test", 1}, {"example.org", 1}});
  CHECK(session_outcome(s) == Outcome::tls);
}

TEST_CASE("two HELOs prove nothing about the session") {
  Connection c = connection();
  c.helo("a");
  c.helo("b");
  CHECK(session_outcome(c.ended(end)) == Outcome::no_mail);
  CHECK(session_outcome(connection().ended(end)) == Outcome::no_helo);
}

TEST_CASE("an aborted transaction keeps its domains but adds no message") {
  Connection c = connection();
  c.helo("a");
  c.mail();
  c.recipient("bob@example.test");
  c.transaction_aborted();
  c.mail();
  c.recipient("bob@example.org");
  c.message_accepted();
  const Session s = c.ended(end);
  CHECK(s.transactions == 2);
  CHECK(s.messages == 1);
  CHECK(s.recipient_domains == std::map<std::string, std::uint32_t>{{"example.test", 0}, {"example.org", 1}});
}

TEST_CASE("TLS after mail in plaintext does not make the session an encrypted one") {
  Connection c = connection();
  c.helo("a");
  c.mail();
  c.message_accepted();
  CHECK_FALSE(c.is_encrypted());
  c.tls(tls13);
  c.tls({});  // at a step without its macros
  CHECK(c.is_encrypted());
  c.mail();
  c.message_accepted();
  CHECK(session_outcome(c.ended(end)) == Outcome::plaintext);
}

TEST_CASE("of a recipient only the domain is kept") {
  CHECK(recipient_domain("<bob@Example.ORG>") == "example.org");
  CHECK(recipient_domain("bob@example.org") == "example.org");
  CHECK(recipient_domain("<\"odd@name\"@example.org>") == "example.org");
  CHECK(recipient_domain("<@relay.test:bob@example.org>") == "example.org");
  CHECK(recipient_domain("<b\xc3\xb6@b\xc3\xbc"
                         "cher.example>") == "xn--bcher-kva.example");
  for (const char* none :
       {"", "<>", "<postmaster>", "<bob@[192.0.2.1]>", "<bob@>", "<bob@a b>", "<bob@x\ny>"}) {
    CHECK(recipient_domain(none).empty());
  }
}

TEST_CASE("what the client sends about itself is escaped") {
  Connection c = connection({.address = "192.0.2.1", .name = "unknown"});
  c.helo("bob@evil\x1b[31m\xff");
  CHECK(c.ended(end).helo == "evil\\x1b[31m\\xff");
  CHECK(c.ended(end).client_name.empty());
  c.helo("");
  CHECK(session_outcome(c.ended(end)) == Outcome::no_mail);
  c.helo(std::string(100000, 'x'));
  CHECK(c.ended(end).helo.size() < 300);
  CHECK(connection({.address = "", .name = "[192.0.2.1]"}).ended(end).client_name.empty());
}

TEST_CASE("a client certificate is trusted if Postfix names its subject or Sendmail reports OK") {
  struct Example {
    const char* subject;
    const char* verify;
    ClientCertificate expected;
  };
  for (const Example& e :
       std::initializer_list<Example>{{"", "", ClientCertificate::none},
                                      {"client.test", "", ClientCertificate::trusted},
                                      {"/CN=client.test", "OK", ClientCertificate::trusted},
                                      {"/CN=client.test", "FAIL", ClientCertificate::untrusted},
                                      {"", "NO", ClientCertificate::none},
                                      {"", "NOT", ClientCertificate::none}}) {
    Connection c = connection();
    TlsMacros macros = tls13;
    macros.cert_subject = e.subject;
    macros.verify = e.verify;
    c.tls(macros);
    CHECK(c.ended(end).client_certificate == e.expected);
  }
}

TEST_CASE("a session that names thousands of domains stays small") {
  Connection c = connection();
  c.mail();
  for (int i = 0; i < 5000; ++i) c.recipient("bob@d" + std::to_string(i) + ".test");
  CHECK(c.ended(end).recipient_domains.size() == 1000);
  CHECK(session::encode(c.ended(end)).size() < journal::max_payload_size);
}

TEST_CASE("the record of a session fits the journal, whatever the client sends") {
  const std::string wild(1000, '\x01');
  Connection c{begin, wild, {.address = wild, .name = std::string(63, 'n') + ".test"}};
  c.helo(wild);
  c.tls({.version = wild, .cipher = wild, .bits = "4294967295", .cert_subject = wild});
  c.mail();
  for (int i = 0; i < 5000; ++i) {
    const std::string label(61, 'x');
    c.recipient("a@" + label + "." + label + "." + label + ".x" + std::to_string(i) + ".test");
  }
  CHECK(c.ended(end).recipient_domains.size() > 100);
  CHECK(session::encode(c.ended(end)).size() < journal::max_payload_size);
}
