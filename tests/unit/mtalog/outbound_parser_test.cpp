#include "mtalog/outbound_parser.h"

#include "outbound_events.h"

using namespace starttls;
using namespace starttls::mtalog;
using namespace starttls::test;

namespace {

using Found = std::vector<std::string>;

const std::string peer = "mx.example.org[192.0.2.1]";
const std::string deferred_not_verified = "status=deferred (Server certificate not verified)";

Found handshakes(std::string_view text) {
  return OutboundLog().read(text);
}

Found read_with_tls(std::string_view text) {
  return OutboundLog().read_with_tls(text);
}

std::string deferred(std::string_view text, std::string_view to = "bob@example.org") {
  return delivered(to, peer + ":25", "4jczHK0dYCz1bcPw", fmt::format("status=deferred ({})", text));
}

// A certificate that Postfix does not accept for this reason.
Found not_verified(std::string_view failed) {
  return handshakes(smtp_line(fmt::format("{} for {}:25: {}", failed.substr(0, failed.find('|')), peer,
                                          failed.substr(failed.find('|') + 1))) +
                    smtp_line(established("Untrusted")) +
                    smtp_line(deferred("Server certificate not verified")));
}

}  // namespace

TEST_CASE("Postfix: a connection is counted with the protection that the log names") {
  const auto [level, protection] = GENERATE(table<std::string, std::string>({
      {"Verified", "verified"},
      {"Trusted", "trusted"},
      {"Untrusted", "untrusted"},
      {"Anonymous", "anonymous"},
  }));
  CHECK(handshakes(smtp_line(established(level)) + smtp_line(delivered("bob@example.org"))) ==
        Found{"example.org mx.example.org 192.0.2.1 " + protection + " TLSv1.3"});
}

TEST_CASE("Postfix: names, addresses and versions are read in every form") {
  const auto [host, relay, to, found] = GENERATE(table<std::string, std::string, std::string, std::string>({
      {"MX.Example.ORG[192.0.2.1]", "MX.Example.ORG[192.0.2.1]:25", "bob@EXAMPLE.org",
       "example.org mx.example.org 192.0.2.1 trusted TLSv1.3"},
      {"mx.example.org[2001:db8::1]", "mx.example.org[2001:db8::1]:25", "bob@example.org",
       "example.org mx.example.org 2001:db8::1 trusted TLSv1.3"},
      {"mx.example.org[2001:DB8:0:0::1]", "mx.example.org[2001:db8::1]:587", "bob@example.org",
       "example.org mx.example.org 2001:db8::1 trusted TLSv1.3"},
      {"mx_1.example.org[192.0.2.1]", "mx_1.example.org[192.0.2.1]:25", "bob@example.org",
       "example.org mx_1.example.org 192.0.2.1 trusted TLSv1.3"},
      {"mx.example.org[192.0.2.1]", "mx.example.org[192.0.2.1]:25",
       "bob@b\xC3\xBC"
       "cher.example",
       "xn--bcher-kva.example mx.example.org 192.0.2.1 trusted TLSv1.3"},
      {"mx.example.org[192.0.2.1]", "mx.example.org[192.0.2.1]:25",
       "\"a@b, relay=x[192.0.2.9]:25\"@example.org", "example.org mx.example.org 192.0.2.1 trusted TLSv1.3"},
      {"mx.example.org[192.0.2.1]", "mx.example.org[192.0.2.1]:25", "\"a\\\">, relay=x\"@example.org",
       "example.org mx.example.org 192.0.2.1 trusted TLSv1.3"},
  }));
  CHECK(handshakes(smtp_line(established("Trusted", host)) + smtp_line(delivered(to, relay))) ==
        Found{found});
}

TEST_CASE("Postfix: the reason of an old connection is not that of the next") {
  CHECK(
      handshakes(smtp_line("certificate verification failed for " + peer + ":25: untrusted issuer /CN=X") +
                 smtp_line(established("Untrusted")) +
                 smtp_line(deferred("Server certificate not verified")) +
                 smtp_line(established("Untrusted")) + smtp_line(delivered("bob@example.org"))) ==
      Found{
          "example.org mx.example.org 192.0.2.1 untrusted TLSv1.3 certificate-not-trusted: untrusted issuer "
          "/CN=X",
          "example.org mx.example.org 192.0.2.1 untrusted TLSv1.3"});
}

TEST_CASE("Postfix: a certificate that is not accepted is a failure with the reason of the log") {
  const auto [line, type] = GENERATE(table<std::string, std::string>({
      {"server certificate verification failed|num=62:hostname mismatch", "certificate-host-mismatch"},
      {"server certificate verification failed|num=64:IP address mismatch", "certificate-host-mismatch"},
      {"server certificate verification failed|certificate has expired", "certificate-expired"},
      {"server certificate verification failed|certificate not yet valid", "certificate-not-trusted"},
      {"certificate verification failed|untrusted issuer /O=Lab/CN=Stranger CA", "certificate-not-trusted"},
      {"certificate verification failed|self-signed certificate", "certificate-not-trusted"},
      {"certificate verification failed|not trusted by local or TLSA policy", "certificate-not-trusted"},
      {"certificate verification failed|certificate chain longer than limit(9)", "certificate-not-trusted"},
      {"certificate verification failed|not designated for use as a server certificate",
       "certificate-not-trusted"},
      {"server certificate verification failed|num=65:no matching DANE TLSA records",
       "certificate-not-trusted"},
      {"server certificate verification failed|num=1:unspecified certificate verification error",
       "validation-failure"},
  }));
  CHECK(not_verified(line) ==
        Found{fmt::format("example.org mx.example.org 192.0.2.1 untrusted TLSv1.3 {}: {}", type,
                          line.substr(line.find('|') + 1))});
}

TEST_CASE("Postfix: a certificate that is not accepted is a failure also where TLS is not logged") {
  CHECK(handshakes(smtp_line(deferred("Server certificate not verified"))) ==
        Found{"example.org mx.example.org 192.0.2.1 unknown - validation-failure: Server certificate not "
              "verified"});
}

TEST_CASE("Postfix: a certificate that is not accepted is no failure when mail is sent all the same") {
  CHECK(handshakes(smtp_line("certificate verification failed for " + peer + ":25: untrusted issuer /CN=X") +
                   smtp_line(established("Untrusted")) + smtp_line(delivered("bob@example.org"))) ==
        Found{"example.org mx.example.org 192.0.2.1 untrusted TLSv1.3"});
}

TEST_CASE("Postfix: TLS that is missing or fails is a failure") {
  const auto [lines, failure] = GENERATE(table<std::string, std::string>({
      {smtp_line(deferred("TLS is required, but was not offered by host " + peer)),
       "starttls-not-supported: TLS is required, but was not offered by host " + peer},
      {smtp_line(
           deferred("TLS is required, but host " + peer + " refused to start TLS: 454 4.7.0 local problem")),
       "starttls-not-supported: TLS is required, but host " + peer +
           " refused to start TLS: 454 4.7.0 local problem"},
      {smtp_line(deferred("TLS is required, but our TLS engine is unavailable")),
       "validation-failure: TLS is required, but our TLS engine is unavailable"},
      {smtp_line("SSL_connect error to " + peer + ":25: Connection reset by peer") +
           smtp_line(deferred("Cannot start TLS: handshake failure")),
       "validation-failure: Connection reset by peer"},
      {smtp_line("SSL_connect error to " + peer + ":25: -1") +
           smtp_line(
               "warning: TLS library problem: error:0A00010B:SSL routines::wrong version number:x.c:350:") +
           smtp_line("warning: TLS library problem: error:0A000126:SSL routines::another:x.c:1:") +
           smtp_line(deferred("Cannot start TLS: handshake failure")),
       "validation-failure: error:0A00010B:SSL routines::wrong version number:x.c:350:"},
      {smtp_line(deferred("Cannot start TLS: handshake failure")),
       "validation-failure: Cannot start TLS: handshake failure"},
  }));
  CHECK(handshakes(lines) == Found{"example.org mx.example.org 192.0.2.1 none - " + failure});
}

TEST_CASE("Postfix: a host that the policy does not allow is a failure without a connection") {
  const auto [warning, failure] = GENERATE(table<std::string, std::string>({
      {"MX name 'mx.example.org' does not match STS MX pattern for 'example.org'",
       "validation-failure: MX name 'mx.example.org' does not match STS MX pattern for 'example.org'"},
      {"TLS policy lookup for example.org/mx.example.org: no TLSA records found",
       "dane-required: no TLSA records found"},
      {"TLS policy lookup for example.org/mx.example.org: non DNSSEC destination",
       "dane-required: non DNSSEC destination"},
      {"TLS policy lookup for example.org/mx.example.org: TLSA records unusable",
       "tlsa-invalid: TLSA records unusable"},
      {"TLS policy lookup error for example.org/mx.example.org: TLSA lookup error for mx.example.org:25",
       "dnssec-invalid: TLSA lookup error for mx.example.org:25"},
  }));
  CHECK(handshakes(smtp_line("warning: " + warning) +
                   smtp_line(delivered("bob@example.org", "none", "4jczHL0hPmz1bcR4",
                                       "status=deferred (no TLSA records found)"))) ==
        Found{"example.org mx.example.org - none - " + failure});
}

TEST_CASE("Postfix: an error of our own configuration is no result of the other side") {
  CHECK(
      read(
          smtp_line(
              "warning: TLS policy lookup for example.org/mx.example.org: client TLS configuration problem") +
          smtp_line(delivered("bob@example.org", "none", "4jczHK6B0qz1bcQj",
                              "status=deferred (client TLS configuration problem)")))
          .empty());
}

TEST_CASE("Postfix: a TLSRPT line is the whole result of its connection") {
  const std::string of = "domain=example.org, receiving_mx=" + peer;
  const auto [lines, found] = GENERATE_COPY(table<std::string, Found>({
      {smtp_line(established("Verified")) + smtp_line("TLSRPT: status=success, " + of) +
           smtp_line(delivered("bob@example.org")) + smtp_line(delivered("eve@example.org")),
       {"example.org mx.example.org 192.0.2.1 verified TLSv1.3"}},
      {smtp_line("server certificate verification failed for " + peer + ":25: num=62:hostname mismatch") +
           smtp_line(established("Trusted")) +
           smtp_line("TLSRPT: status=failure, " + of + ", failure_type=certificate_host_mismatch") +
           smtp_line(deferred("Server certificate not verified")),
       {"example.org mx.example.org 192.0.2.1 trusted TLSv1.3 certificate-host-mismatch: num=62:hostname "
        "mismatch"}},
      {smtp_line("certificate verification failed for " + peer + ":25: untrusted issuer /CN=X") +
           smtp_line(
               "TLSRPT: status=failure, " + of +
               ", failure_type=validation_failure, failure_reason=unable_to_get_local_issuer_certificate") +
           smtp_line(established("Untrusted")) + smtp_line(deferred("Server certificate not verified")),
       {"example.org mx.example.org 192.0.2.1 untrusted - validation-failure: "
        "unable_to_get_local_issuer_certificate"}},
      {smtp_line("TLSRPT: status=failure, " + of + ", failure_type=starttls_not_supported") +
           smtp_line(deferred("TLS is required, but was not offered by host " + peer)),
       {"example.org mx.example.org 192.0.2.1 none - starttls-not-supported: "}},
      {smtp_line("SSL_connect error to " + peer + ":25: lost connection") +
           smtp_line("TLSRPT: status=failure, " + of +
                     ", failure_type=validation_failure, failure_reason=tls-handshake-failure") +
           smtp_line(deferred("Cannot start TLS: handshake failure")),
       {"example.org mx.example.org 192.0.2.1 none - validation-failure: tls-handshake-failure"}},
      {smtp_line("TLSRPT: status=failure, " + of + ", failure_type=failure_type_299") +
           smtp_line(deferred("Cannot start TLS: handshake failure")),
       {"example.org mx.example.org 192.0.2.1 unknown - failure-type-299: "}},
      {smtp_line("TLSRPT: status=failure, " + of + ", failure_type=<b>") +
           smtp_line(deferred("Cannot start TLS: handshake failure")),
       {"example.org mx.example.org 192.0.2.1 unknown - validation-failure: "}},
      // smtp_tls_loglevel = 0
      {smtp_line("TLSRPT: status=success, " + of) + smtp_line(delivered("bob@example.org")),
       {"example.org mx.example.org 192.0.2.1 unknown -"}},
      // Two connections, two lines.
      {smtp_line("TLSRPT: status=success, " + of) + smtp_line(delivered("bob@example.org")) +
           smtp_line("TLSRPT: status=success, " + of) +
           smtp_line(delivered("bob@example.org", peer + ":25", "4jcy")),
       {"example.org mx.example.org 192.0.2.1 unknown -", "example.org mx.example.org 192.0.2.1 unknown -"}},
  }));
  CHECK(handshakes(lines) == found);
}

TEST_CASE("Postfix: of a TLSRPT line without a domain, nothing is counted twice either") {
  CHECK(handshakes(smtp_line("TLSRPT: status=success, receiving_mx=" + peer)).empty());
  CHECK(handshakes(smtp_line("TLSRPT: status=success")).empty());
  CHECK(handshakes(smtp_line("TLSRPT: status=success, domain=example.org")) ==
        Found{"example.org - - unknown -"});
}

TEST_CASE("Postfix: a connection with many recipients is counted once for each domain") {
  CHECK(handshakes(smtp_line(established("Trusted")) + smtp_line(delivered("a@example.org")) +
                   smtp_line(delivered("b@example.org")) + smtp_line(delivered("c@example.net")) +
                   smtp_line(delivered("d@EXAMPLE.org")) + smtp_line(delivered("e@example.net"))) ==
        Found{"example.org mx.example.org 192.0.2.1 trusted TLSv1.3",
              "example.net mx.example.org 192.0.2.1 trusted TLSv1.3"});
}

TEST_CASE("Postfix: a connection that is used again is no new handshake") {
  const std::string again = "mx.example.org[192.0.2.1]:25, conn_use=2";
  CHECK(handshakes(smtp_line(established("Trusted")) + smtp_line(delivered("a@example.org")) +
                   smtp_line(fmt::format("Trusted TLS connection reused to {}:25: {}", peer, cipher)) +
                   smtp_line(delivered("b@example.org", again, "4jcy")) +
                   smtp_line(delivered("c@example.net", again, "4jcx"))) ==
        Found{"example.org mx.example.org 192.0.2.1 trusted TLSv1.3"});
  CHECK(read_with_tls(smtp_line(delivered("a@example.org")) +
                      smtp_line(delivered("b@example.org", again, "4jcy"))) ==
        Found{"example.org mx.example.org 192.0.2.1 none -"});
}

TEST_CASE("Postfix: each host that was tried is counted") {
  const std::string second = "mx2.example.org[192.0.2.2]";
  const std::string ok = "example.org mx2.example.org 192.0.2.2 verified TLSv1.3";
  const auto [first, failure] = GENERATE_COPY(table<std::string, std::string>({
      {smtp_line("certificate verification failed for " + peer + ":25: untrusted issuer /CN=X") +
           smtp_line(established("Untrusted")) +
           smtp_line("4jczHJ72Fhz1bcPw: Server certificate not verified"),
       "untrusted TLSv1.3 certificate-not-trusted: untrusted issuer /CN=X"},
      {smtp_line("4jczHJ72Fhz1bcPw: TLS is required, but was not offered by host " + peer),
       "none - starttls-not-supported: TLS is required, but was not offered by host " + peer},
      {smtp_line("SSL_connect error to " + peer + ":25: lost connection") +
           smtp_line("4jczHJ72Fhz1bcPw: Cannot start TLS: handshake failure"),
       "none - validation-failure: lost connection"},
      {smtp_line(established("Trusted")) + smtp_line("4jczHJ72Fhz1bcPw: host " + peer +
                                                     " said: 450 4.2.0 later (in reply to RCPT TO command)"),
       "trusted TLSv1.3"},
  }));
  CHECK(handshakes(first + smtp_line(established("Verified", second)) +
                   smtp_line(delivered("bob@example.org", second + ":25"))) ==
        Found{"example.org mx.example.org 192.0.2.1 " + failure, ok});
}

TEST_CASE("Postfix: plaintext after a failed handshake is a connection of its own") {
  CHECK(read_with_tls(smtp_line("SSL_connect error to " + peer + ":25: -1") +
                      smtp_line("4jczHJ72Fhz1bcPw: Cannot start TLS: handshake failure") +
                      smtp_line(delivered("a@example.org")) + smtp_line(delivered("b@example.org"))) ==
        Found{"example.org mx.example.org 192.0.2.1 none - validation-failure: -1",
              "example.org mx.example.org 192.0.2.1 none -"});
}

TEST_CASE("Postfix: a delivery without a line about TLS went out in plaintext, if TLS is logged") {
  const std::string plaintext = "example.org mx.example.org 192.0.2.1 none -";
  const auto line = GENERATE_COPY(
      smtp_line(delivered("bob@example.org")),
      smtp_line(deferred("host " + peer + " said: 450 4.2.0 later (in reply to RCPT TO command)")),
      smtp_line(deferred("host " + peer + " said: 450 4.2.0 later (in reply to end of DATA command)")),
      smtp_line(deferred("lost connection with " + peer + " while sending message body")),
      smtp_line(deferred("conversation with " + peer + " timed out while sending MAIL FROM")));
  CHECK(read_with_tls(line) == Found{plaintext});
  OutboundLog unknown;
  CHECK(unknown.read(line).empty());
  CHECK(unknown.parser.unclear_lines() == 1);
  CHECK(unknown.parser.delivery_lines() == 1);
}

TEST_CASE(
    "Postfix: a host that sent its recipients to the next one was used in plaintext, if TLS is logged") {
  const std::string lines =
      smtp_line("4jcz: host " + peer + " said: 450 4.2.0 later (in reply to RCPT TO command)") +
      smtp_line(delivered("bob@example.org", "none", "4jcz", "status=deferred (connect to mx2: refused)"));
  CHECK(read_with_tls(lines) == Found{"example.org mx.example.org 192.0.2.1 none -"});
  OutboundLog unknown;
  CHECK(unknown.read(lines).empty());
  CHECK(unknown.parser.unclear_lines() == 1);
  CHECK(unknown.parser.delivery_lines() == 1);
}

TEST_CASE("Postfix 3.11 says itself that a delivery was in plaintext") {
  CHECK(handshakes(smtp_line("4jcz: to=<bob@example.org>, relay=mx.example.org[192.0.2.1]:25, delay=5.4, "
                             "delays=0.08/0.01/3.5/1.9, tls=none, dsn=2.0.0, status=sent (250 2.0.0 Ok)")) ==
        Found{"example.org mx.example.org 192.0.2.1 none -"});
  CHECK(handshakes(smtp_line(established("Verified")) +
                   smtp_line("4jcz: to=<bob@example.org>, relay=mx.example.org[192.0.2.1]:25, delay=5.4, "
                             "delays=0.08/0.01/3.5/1.9, tls=dane, dsn=2.0.0, status=sent (250 2.0.0 Ok)")) ==
        Found{"example.org mx.example.org 192.0.2.1 verified TLSv1.3"});
}

TEST_CASE("Postfix: whether TLS is logged is asked of each instance") {
  OutboundLog log;
  CHECK(log.read(smtp_line(established("Trusted"), 1, "postfix-out/smtp")).empty());
  CHECK(log.read(smtp_line(delivered("bob@example.org"), 2, "postfix/smtp")).empty());
  CHECK(log.read(smtp_line(delivered("bob@example.org"), 3, "postfix-out/smtp")).size() == 1);
}

TEST_CASE("Postfix: a session that ended before mail says nothing about TLS") {
  const auto text =
      GENERATE_COPY("host " + peer + " refused to talk to me: 421 too many",
                    "host " + peer + " said: 500 no (in reply to EHLO command)",
                    "lost connection with " + peer + " while receiving the initial server greeting",
                    "conversation with " + peer + " timed out while performing the EHLO handshake",
                    std::string("message size 9 exceeds size limit 8 of server mx.example.org[192.0.2.1]"));
  CHECK(read_with_tls(smtp_line(deferred(text))).empty());
}

TEST_CASE("Postfix: deliveries of the same message are distinguished by their recipients") {
  // Deferred mail that is tried again later, by the same process, in plaintext.
  const std::string later = "host " + peer + " said: 450 4.2.0 later (in reply to RCPT TO command)";
  CHECK(read_with_tls(
            smtp_line(deferred(later, "a@example.org")) + smtp_line(deferred(later, "b@example.org")) +
            smtp_line(deferred(later, "a@example.org")) + smtp_line(deferred(later, "b@example.org")))
            .size() == 2);
}

TEST_CASE("Postfix: what is no MX host is not counted") {
  const auto relay = GENERATE(
      as<std::string>{}, "none", "local", "/var/run/lmtp", "127.0.0.1[127.0.0.1]:10024",
      "localhost[127.0.0.1]:10024", "localhost.localdomain[127.0.0.1]:10024", "[192.0.2.1]:25",
      "192.0.2.1[192.0.2.1]:25", "mx.example.org", "mx.example.org[x]:25", "mx.example.org[",
      "mx]example.org[192.0.2.1", "m\x01x.example.org[192.0.2.1]:25", "", "[", "]", "\xff[192.0.2.1]:25");

  CHECK(read_with_tls(smtp_line(delivered("bob@example.org", relay))).empty());
}

TEST_CASE("Postfix: recipients without a domain are not counted") {
  const auto to = GENERATE(as<std::string>{}, "", "bob", "bob@", "@", "bob@[192.0.2.1]", "bob@192.0.2.1",
                           "bob@-x-.example", "\"bob@example.org", "bob@example..org", "bob@a b.org",
                           std::string("bob@") + std::string(300, 'a') + ".org");
  CHECK(read_with_tls(smtp_line(delivered(to))).empty());
}

TEST_CASE("lines of other programs are not read") {
  const auto program = GENERATE(as<std::string>{}, "postfix/lmtp", "postfix/smtpd", "postfix/qmgr",
                                "postfix/error", "smtp", "/smtp", "dovecot", "postfix/smtp/x");
  CHECK(read_with_tls(smtp_line(established("Trusted"), 9, program) +
                      smtp_line(delivered("bob@example.org"), 9, program))
            .empty());
}

TEST_CASE("what another server says cannot look like a result") {
  const std::string said =
      "250 2.0.0 Ok), relay=evil[192.0.2.66]:25, status=sent (250 Verified TLS connection "
      "established to mx.example.com[192.0.2.66]:25: TLSv1.3 with cipher x";
  CHECK(read_with_tls(
            smtp_line(delivered("bob@example.org", peer + ":25", "4jcz", "status=sent (" + said + ")"))) ==
        Found{"example.org mx.example.org 192.0.2.1 none -"});
  CHECK(handshakes(smtp_line(established("Trusted")) +
                   smtp_line(deferred("host " + peer +
                                      " said: 450 Server certificate not verified (in reply to end of DATA "
                                      "command)"))) ==
        Found{"example.org mx.example.org 192.0.2.1 trusted TLSv1.3"});
  CHECK(handshakes(smtp_line("4jcz: host " + peer +
                             " said: 450 TLSRPT: status=failure, domain=example.com, "
                             "receiving_mx=mx.example.com[192.0.2.1] (in reply to RCPT TO command)"))
            .empty());
  CHECK(
      handshakes(smtp_line("warning: host " + peer + " replied: TLSRPT: status=success, domain=example.com"))
          .empty());
}

TEST_CASE("Postfix: tlsproxy's lines about a host belong to the connection of the smtp process to it") {
  const std::string of = "domain=example.org, receiving_mx=" + peer;
  const auto [lines, found] = GENERATE_COPY(table<std::string, Found>({
      {smtp_line("certificate verification failed for " + peer + ":25: untrusted issuer /CN=X", 9,
                 "postfix/tlsproxy") +
           smtp_line(established("Untrusted"), 9, "postfix/tlsproxy") + smtp_line(established("Untrusted")) +
           smtp_line(deferred("Server certificate not verified")),
       {"example.org mx.example.org 192.0.2.1 untrusted TLSv1.3 certificate-not-trusted: untrusted issuer "
        "/CN=X"}},
      {smtp_line("CONNECT to [192.0.2.1]:25", 9, "postfix/tlsproxy") +
           smtp_line("TLSRPT: status=failure, " + of +
                         ", failure_type=validation_failure, failure_reason=tls-handshake-failure",
                     9, "postfix/tlsproxy") +
           smtp_line("TLS handshake failed for service=smtp peer=[192.0.2.1]:25", 9, "postfix/tlsproxy") +
           smtp_line(deferred("Cannot start TLS: handshake failure")),
       {"example.org mx.example.org 192.0.2.1 unknown - validation-failure: tls-handshake-failure"}},
      {smtp_line("certificate verification failed for " + peer + ":25: untrusted issuer /CN=X", 9,
                 "postfix/tlsproxy") +
           smtp_line("TLSRPT: status=failure, " + of + ", failure_type=validation_failure, failure_reason=r",
                     9, "postfix/tlsproxy") +
           smtp_line(established("Untrusted"), 9, "postfix/tlsproxy") +
           smtp_line(established("Untrusted"), 137, "postfix/relay/smtp") +
           smtp_line(deferred("Server certificate not verified"), 137, "postfix/relay/smtp"),
       {"example.org mx.example.org 192.0.2.1 untrusted - validation-failure: r"}},
      {smtp_line("certificate verification failed for " + peer + ":25: untrusted issuer /CN=X", 9,
                 "postfix-b/tlsproxy") +
           smtp_line(established("Untrusted")) + smtp_line(deferred("Server certificate not verified")),
       {"example.org mx.example.org 192.0.2.1 untrusted TLSv1.3 validation-failure: Server certificate not "
        "verified"}},
  }));
  CHECK(handshakes(lines) == found);
}

TEST_CASE("processes whose lines are mixed are kept apart") {
  CHECK(handshakes(smtp_line(established("Trusted", "mx.a.test[192.0.2.1]"), 1) +
                   smtp_line(established("Verified", "mx.b.test[192.0.2.2]"), 2) +
                   sendmail_out(sendmail_tls("FAIL", "mx.c.test."), 1) +
                   smtp_line(delivered("x@b.test", "mx.b.test[192.0.2.2]:25"), 2) +
                   sendmail_out(sendmail_delivered("<x@c.test>", "mx.c.test. [192.0.2.3]"), 1) +
                   smtp_line(delivered("x@a.test", "mx.a.test[192.0.2.1]:25"), 1)) ==
        Found{"b.test mx.b.test 192.0.2.2 verified TLSv1.3", "c.test mx.c.test 192.0.2.3 untrusted TLSv1.3",
              "a.test mx.a.test 192.0.2.1 trusted TLSv1.3"});
}

TEST_CASE("Sendmail: verify= is the protection of a connection") {
  const auto [word, protection] = GENERATE(table<std::string, std::string>({
      {"OK", "trusted"},
      {"FAIL", "untrusted"},
      {"NO", "anonymous"},
      {"NOT", "anonymous"},
      {"NONE", "anonymous"},
      {"TRUSTED", "verified"},
      {"DANE_SEC", "verified"},
      {"TEMP", "unknown"},
      {"SOFTWARE", "unknown"},
      {"", "unknown"},
  }));
  CHECK(
      handshakes(sendmail_out(sendmail_tls(word)) + sendmail_out(sendmail_delivered("<bob@example.org>"))) ==
      Found{"example.org mx.example.org 192.0.2.1 " + protection + " TLSv1.3"});
}

TEST_CASE("Sendmail: what a ruleset rejects is a failure") {
  const std::string stat = "stat=Deferred: 403 4.7.0 see above";
  const auto [lines, failure] = GENERATE_COPY(table<std::string, std::string>({
      {sendmail_out(sendmail_tls("OK")) +
           sendmail_out("6ATKW89A000016: ruleset=tls_rcpt, arg1=bob@example.org, relay=mx.example.org., "
                        "reject=450 4.7.0 "
                        "<bob@example.org>... mx.example.org not listed in SANs"),
       "trusted TLSv1.3 certificate-host-mismatch: mx.example.org not listed in SANs"},
      {sendmail_out(sendmail_tls("OK")) +
           sendmail_out("6ATKW89A000016: ruleset=tls_rcpt, arg1=bob@example.org, relay=mx.example.org., "
                        "reject=450 4.7.0 "
                        "<bob@example.org>... mx.example.org not found in mail.example.org"),
       "trusted TLSv1.3 validation-failure: mx.example.org not found in mail.example.org"},
      {sendmail_out(sendmail_tls("FAIL")) +
           sendmail_out(
               "ruleset=tls_server, arg1=FAIL, relay=mx.example.org, reject=403 4.7.0 authentication failed"),
       "untrusted TLSv1.3 certificate-not-trusted: 403 4.7.0 authentication failed"},
      {sendmail_out(sendmail_tls("FAIL")) +
           sendmail_out(
               "STARTTLS=client, cert-subject=/CN=x, verifymsg=no/O=Lab, cert-issuer=/O=Lab/CN=Lab+20CA, "
               "verifymsg=certificate has expired") +
           sendmail_out(
               "ruleset=tls_server, arg1=FAIL, relay=mx.example.org, reject=403 4.7.0 authentication failed"),
       "untrusted TLSv1.3 certificate-expired: certificate has expired"},
      {sendmail_out("ruleset=tls_server, arg1=NONE, relay=mx.example.org, reject=403 4.7.0 other side does "
                    "not support "
                    "STARTTLS"),
       "none - starttls-not-supported: 403 4.7.0 other side does not support STARTTLS"},
      {sendmail_out(
           "ruleset=tls_server, arg1=TEMP, relay=mx.example.org, reject=403 4.7.0 authentication failure "),
       "none - starttls-not-supported: 403 4.7.0 authentication failure"},
      {sendmail_out(
           "STARTTLS=client, error: connect failed=-1, reason=unexpected eof while reading, SSL_error=1, "
           "errno=0, retry=-1") +
           sendmail_out("ruleset=tls_server, arg1=SOFTWARE, relay=mx.example.org, reject=403 4.7.0 TLS "
                        "handshake failed."),
       "none - validation-failure: unexpected eof while reading"},
      {sendmail_out(
           "STARTTLS=client, error: connect failed=-1, reason=unknown, SSL_error=5, errno=104, retry=-1"),
       "none - validation-failure: SSL_error=5, errno=104, retry=-1"},
      {sendmail_out(sendmail_tls("OK")) +
           sendmail_out(
               "ruleset=tls_server, arg1=OK, relay=mx.example.org, reject=403 4.7.0 encryption too weak"),
       "trusted TLSv1.3 validation-failure: 403 4.7.0 encryption too weak"},
  }));
  CHECK(handshakes(lines + sendmail_out(sendmail_delivered("<bob@example.org>", "mx.example.org. [192.0.2.1]",
                                                           "6ATKW89A000016", stat))) ==
        Found{"example.org mx.example.org 192.0.2.1 " + failure});
}

TEST_CASE("Sendmail: what is rejected for one recipient is no failure for another domain") {
  CHECK(handshakes(
            sendmail_out(sendmail_tls("OK")) +
            sendmail_out(
                "6ATKW89A000016: ruleset=tls_rcpt, arg1=bob@a.test, relay=mx.example.org., reject=450 4.7.0 "
                "<bob@a.test>... mx.example.org not listed in SANs") +
            sendmail_out(sendmail_delivered("<bob@a.test>", "mx.example.org. [192.0.2.1]", "6ATKW89A000016",
                                            "stat=Deferred")) +
            sendmail_out(sendmail_delivered("<bob@b.test>"))) ==
        Found{"a.test mx.example.org 192.0.2.1 trusted TLSv1.3 certificate-host-mismatch: mx.example.org not "
              "listed in "
              "SANs",
              "b.test mx.example.org 192.0.2.1 trusted TLSv1.3"});
}

TEST_CASE("Sendmail: recipients of a line are counted once for each domain") {
  CHECK(handshakes(sendmail_out(sendmail_tls("OK")) +
                   sendmail_out(sendmail_delivered(
                       "<b@example.net>,<a@example.org>,<\"x>, y\"@example.org>,c@example.com"))) ==
        Found{"example.net mx.example.org 192.0.2.1 trusted TLSv1.3",
              "example.org mx.example.org 192.0.2.1 trusted TLSv1.3",
              "example.com mx.example.org 192.0.2.1 trusted TLSv1.3"});
}

TEST_CASE("Sendmail: each host that was tried is counted") {
  CHECK(handshakes(sendmail_out(sendmail_tls("FAIL", "mx1.example.org.")) +
                   sendmail_out("ruleset=tls_server, arg1=FAIL, relay=mx1.example.org, reject=403 4.7.0 "
                                "authentication failed") +
                   sendmail_out(sendmail_tls("OK")) +
                   sendmail_out(sendmail_delivered("<bob@example.org>"))) ==
        Found{"example.org mx1.example.org - untrusted TLSv1.3 certificate-not-trusted: 403 4.7.0 "
              "authentication failed",
              "example.org mx.example.org 192.0.2.1 trusted TLSv1.3"});
}

TEST_CASE("Sendmail: a delivery without a line about TLS went out in plaintext, if TLS is logged") {
  const std::string lines = sendmail_out(sendmail_delivered("<bob@example.org>"));
  CHECK(read_with_tls(lines) == Found{"example.org mx.example.org 192.0.2.1 none -"});
  OutboundLog unknown;
  CHECK(unknown.read(lines).empty());
  CHECK(unknown.parser.unclear_lines() == 1);
}

TEST_CASE(
    "Sendmail: plaintext after a failed handshake, of this host or of another, is a connection of its own") {
  CHECK(
      read_with_tls(
          sendmail_out("STARTTLS=client, error: connect failed=-1, reason=wrong version number, SSL_error=1, "
                       "errno=0, retry=-1") +
          sendmail_out(sendmail_delivered("<bob@example.org>"))) ==
      Found{"example.org - - none - validation-failure: wrong version number",
            "example.org mx.example.org 192.0.2.1 none -"});
}

TEST_CASE("Sendmail: plaintext after a failed handshake whose host a ruleset names is one of that host") {
  CHECK(read_with_tls(
            sendmail_out("STARTTLS=client, error: connect failed=-1, reason=unknown, SSL_error=5, errno=104, "
                         "retry=-1") +
            sendmail_out("ruleset=tls_server, arg1=SOFTWARE, relay=mx.example.org, reject=454 4.7.0 TLS "
                         "handshake failed.") +
            sendmail_out(sendmail_delivered("<bob@example.org>"))) ==
        Found{"example.org mx.example.org 192.0.2.1 none - validation-failure: SSL_error=5, errno=104, "
              "retry=-1",
              "example.org mx.example.org 192.0.2.1 none -"});
}

TEST_CASE("Sendmail: a connection that is kept for the next message is no new handshake") {
  CHECK(read_with_tls(
            sendmail_out(sendmail_tls("OK")) + sendmail_out(sendmail_delivered("<a@example.org>")) +
            sendmail_out(sendmail_delivered("<b@example.org>", "mx.example.org. [192.0.2.1]", "6ATKX")) +
            sendmail_out(sendmail_tls("OK", "mx.example.net.")) +
            sendmail_out(sendmail_delivered("<b@example.net>", "mx.example.net. [192.0.2.2]", "6ATKX")) +
            sendmail_out(sendmail_delivered("<c@example.org>", "mx.example.org. [192.0.2.1]", "6ATKY"))) ==
        Found{"example.org mx.example.org 192.0.2.1 trusted TLSv1.3",
              "example.net mx.example.net 192.0.2.2 trusted TLSv1.3"});
}

TEST_CASE("Sendmail: a connection is kept as long as it is used, and for five minutes more") {
  OutboundParser parser;
  std::uint64_t place = 0;
  const auto add = [&](std::chrono::seconds after, std::string_view message) {
    const Time time = at("2026-11-22T12:00:00Z") + after;
    return parser
        .add({.program = "sendmail", .process = "1", .message = message, .stamp = time}, time, ++place)
        .size();
  };
  using std::chrono::minutes;
  const auto message = [](std::string_view id) {
    return sendmail_delivered("<a@example.org>", "mx.example.org. [192.0.2.1]", id);
  };
  CHECK(add(minutes{0}, sendmail_tls("OK")) == 0);
  CHECK(add(minutes{0}, message("6ATKA")) == 1);
  CHECK(add(minutes{4}, message("6ATKB")) == 0);
  CHECK(add(minutes{9}, message("6ATKC")) == 0);
  CHECK(add(minutes{14} + std::chrono::seconds{1}, message("6ATKD")) == 1);
}

TEST_CASE("Sendmail: what the other server says cannot look like a result") {
  CHECK(read_with_tls(sendmail_out(sendmail_delivered(
                          "<bob@example.org>", "mx.example.org. [192.0.2.1]", "6ATKW89A000016",
                          "reply=454 4.7.0 no TLS, verify=OK, stat=Sent, stat=Remote protocol error")))
            .empty());
  CHECK(read_with_tls(
            sendmail_out(
                "6ATKW89A000016: ERROR: inconsistent reply, e_text=STARTTLS=client, relay=mx., version=x"))
            .empty());
}

TEST_CASE("Sendmail: deliveries without a connection to an MX host are not counted") {
  const auto line =
      GENERATE(as<std::string>{},
               "6ATK: to=<alice@sender.test>, delay=00:00:00, mailer=esmtp, relay=sender.test., dsn=5.1.2, "
               "stat=Host unknown (Name server: sender.test.: host not found)",
               "6ATK: to=postmaster, delay=00:00:00, mailer=local, pri=32070, stat=queued",
               "6ATK: to=<a@example.org>, delay=00:00:00, mailer=relay, relay=[127.0.0.1] [127.0.0.1], "
               "dsn=2.0.0, stat=Sent (Ok)",
               "6ATK: to=<a@example.org>, delay=00:00:00, mailer=esmtp, relay=localhost [127.0.0.1], "
               "dsn=2.0.0, stat=Sent (Ok)",
               "6ATK: to=<a@example.org>, delay=00:00:00, relay=mx.example.org. [192.0.2.1], stat=Sent (Ok)",
               "6ATK: to=<a@example.org>", "6ATK: to=<a@example.org", "6ATK: to=", "6ATK: to=<>",
               "6ATK: to=<a@b.test>,", "6ATK: to=<a@b.test>, mailer=esmtp, relay=, stat=Sent",
               "STARTTLS=client, relay=, version=, verify=", "STARTTLS=client, ",
               "STARTTLS=client, error: connect failed", "ruleset=tls_server, arg1=NONE",
               "ruleset=tls_rcpt, arg1=", "STARTTLS=client, cert-subject=, verifymsg=");
  CHECK(read_with_tls(sendmail_out(line)).empty());
}

TEST_CASE("texts of the log are cut and made printable") {
  const auto found = handshakes(smtp_line(deferred(
      "TLS is required, but host " + peer + " refused to start TLS: \x1b[2J" + std::string(5000, 'x'))));
  REQUIRE(found.size() == 1);
  CHECK(found[0].size() < 500);
  CHECK(found[0].find('\x1b') == std::string::npos);
}

TEST_CASE("a process is needed from the first line of its connection") {
  OutboundLog log;
  CHECK_FALSE(log.parser.first_needed());
  const std::string first = smtp_line("connect to mx.x.test[192.0.2.5]:25: Connection refused");
  log.read(first);
  CHECK_FALSE(log.parser.first_needed());
  const std::string second = smtp_line(established("Trusted"), 1);
  log.read(second);
  CHECK(log.parser.first_needed() == first.size());
  CHECK(log.parser.is_needed(first.size()));
  CHECK(log.parser.first_needed_time() == at("2026-11-22T12:00:00Z"));
  log.read(smtp_line(delivered("bob@example.org"), 1));
  CHECK(log.parser.first_needed() == first.size());  // there may be more recipients
  log.read(smtp_line(delivered("bob@example.org", "none", "4jcy", "status=deferred (no)"), 1));
  CHECK_FALSE(log.parser.first_needed());
  CHECK_FALSE(log.parser.is_needed(first.size()));
}

TEST_CASE("a flood of unfinished processes, connections or recipients stays within bounds") {
  OutboundParser parser;
  std::uint64_t place = 0;
  const Time begin = at("2026-11-22T12:00:00Z");
  const auto add = [&](std::string_view program, std::string_view process, std::string_view message,
                       Time time) {
    return parser.add({.program = program, .process = process, .message = message, .stamp = time}, time,
                      ++place);
  };
  SECTION("processes") {
    const std::string message = established("Trusted");
    for (std::size_t i = 0; i < OutboundParser::max_unfinished + 100; ++i)
      add("postfix/smtp", std::to_string(i), message, begin);
    CHECK(parser.first_needed() == 101);
    CHECK(add("postfix/smtp", "0", delivered("bob@example.org"), begin).size() == 1);  // as plaintext
  }
  SECTION("connections of a process") {
    for (int i = 0; i < 1000; ++i)
      add("postfix/smtp", "1", established("Trusted", fmt::format("mx{}.test[192.0.2.1]", i)), begin);
    CHECK(parser.first_needed() == 1000 - OutboundProcess::max_connections + 1);
  }
  SECTION("domains of a connection") {
    add("postfix/smtp", "1", established("Trusted"), begin);
    std::size_t found = 0;
    for (std::size_t i = 0; i < 2 * OutboundConnection::max_domains; ++i)
      found += add("postfix/smtp", "1", delivered(fmt::format("bob@{}.test", i)), begin).size();
    CHECK(found == OutboundConnection::max_domains);
  }
  SECTION("hosts of tlsproxy") {
    for (std::size_t i = 0; i < OutboundParser::max_unfinished + 100; ++i) {
      add("postfix/tlsproxy", "9",
          fmt::format("certificate verification failed for mx{}.test[192.0.2.1]:25: x", i), begin);
    }
    CHECK(parser.first_needed() == 101);
  }
  SECTION("old processes") {
    add("postfix/smtp", "1", established("Trusted"), begin);
    add("postfix/smtp", "2", established("Trusted"), begin + OutboundParser::max_age);
    CHECK(parser.first_needed() == 1);
    add("postfix/smtp", "3", established("Trusted"),
        begin + OutboundParser::max_age + std::chrono::seconds{1});
    CHECK(parser.first_needed() == 2);
  }
}
