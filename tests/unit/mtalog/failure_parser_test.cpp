#include "mtalog/failure_parser.h"

#include <vector>

#include "lines.h"

using namespace starttls;
using namespace starttls::session;
using namespace starttls::mtalog;
using namespace starttls::test;
using enum HandshakeFailure;

namespace {

const Time noon = at("2026-11-22T12:00:00Z");

Time time_of(const Line& line) {
  const auto* const time = std::get_if<Time>(&line.stamp);
  return time != nullptr ? *time : noon;
}

std::vector<session::LoggedFailure> failures_in(std::string_view text) {
  FailureParser assembler;
  std::vector<session::LoggedFailure> found;
  for (std::uint64_t place = 0; !text.empty();) {
    const std::string_view one = text.substr(0, text.find('\n'));
    if (const auto line = split(one)) {
      if (auto failure = assembler.add(*line, time_of(*line), place)) found.push_back(*failure);
    }
    place += one.size() + 1;
    text.remove_prefix(std::min(text.size(), one.size() + 1));
  }
  return found;
}

// The one failure of the lines; "none" if there is none.
HandshakeFailure verdict(std::string_view text) {
  const auto found = failures_in(text);
  REQUIRE(found.size() <= 1);
  if (found.empty()) return none;
  CHECK(found[0].client_address == "192.0.2.1");
  CHECK(found[0].time == at("2026-11-22T12:00:00Z"));
  return found[0].failure;
}

std::string library(std::string_view problem) {
  return postfix_line("SSL_accept error from client.test[192.0.2.1]: -1") +
         postfix_line(fmt::format("warning: TLS library problem: {}:", problem)) +
         postfix_line("lost connection after STARTTLS from client.test[192.0.2.1]") +
         postfix_line("disconnect from client.test[192.0.2.1] ehlo=1 starttls=0/1 commands=1/2");
}

std::string ended(std::string_view counts, std::string_view client = "client.test[192.0.2.1]") {
  return postfix_line(fmt::format("disconnect from {} {}", client, counts));
}

std::string sendmail_failed(std::string_view reason, std::string_view client = "client.test [192.0.2.1]",
                            std::string_view error = "SSL_error=1") {
  return sendmail_line(fmt::format(
             "STARTTLS=server, error: accept failed=-1, reason={}, {}, errno=0, retry=-1, relay={}", reason,
             error, client)) +
         sendmail_line(
             "STARTTLS=server: error:0A000418:SSL routines::tlsv1 alert unknown ca:x.c:1:SSL alert") +
         sendmail_line(fmt::format(
             "6AQHSqgY000049: {} did not issue MAIL/EXPN/VRFY/ETRN during connection to MTA", client));
}

}  // namespace

TEST_CASE("Postfix: the library's error about a handshake is the reason of the failure") {
  const auto [problem, failure] = GENERATE(table<std::string, session::HandshakeFailure>({
      {"error:0A000418:SSL routines::tlsv1 alert unknown ca:../ssl/record/rec_layer_s3.c:1601:SSL alert "
       "number 48",
       session::HandshakeFailure::unknown_ca},
      {"error:0A000415:SSL routines::sslv3 alert certificate expired:../ssl/record/rec_layer_s3.c:1601:SSL "
       "alert number "
       "45",
       session::HandshakeFailure::certificate_expired},
      {"error:0A000412:SSL routines::sslv3 alert bad certificate:../ssl/record/rec_layer_s3.c:1601:SSL alert "
       "number 42",
       session::HandshakeFailure::bad_certificate},
      {"error:0A000416:SSL routines::sslv3 alert certificate unknown:../ssl/record/rec_layer_s3.c:1601:SSL "
       "alert number "
       "46",
       session::HandshakeFailure::certificate_refused},
      {"error:0A000414:SSL routines::sslv3 alert certificate revoked:../ssl/record/rec_layer_s3.c:1601:SSL "
       "alert number "
       "44",
       certificate_refused},
      {"error:0A000413:SSL routines::sslv3 alert unsupported "
       "certificate:../ssl/record/rec_layer_s3.c:1601:SSL alert "
       "number 43",
       certificate_refused},
      {"error:0A000410:SSL routines::sslv3 alert handshake failure:../ssl/record/rec_layer_s3.c:1601:SSL "
       "alert number 40",
       session::HandshakeFailure::no_shared_cipher},
      {"error:0A0000C1:SSL routines::no shared cipher:../ssl/statem/statem_srvr.c:2226", no_shared_cipher},
      {"error:0A000065:SSL routines::no suitable key share:../ssl/statem/extensions_srvr.c:612",
       no_shared_cipher},
      {"error:0A000102:SSL routines::unsupported protocol:../ssl/statem/statem_srvr.c:1664",
       session::HandshakeFailure::unsupported_protocol},
      {"error:0A00042E:SSL routines::tlsv1 alert protocol version:../ssl/record/rec_layer_s3.c:1601:SSL "
       "alert number 70",
       unsupported_protocol},
      {"error:0A000175:SSL routines::inappropriate fallback:../ssl/ssl_lib.c:5000", unsupported_protocol},
      {"error:0A00010B:SSL routines::wrong version number:../ssl/record/ssl3_record.c:350",
       session::HandshakeFailure::not_tls},
      {"error:0A00009C:SSL routines::http request:../ssl/record/ssl3_record.c:345", not_tls},
      {"error:0A000126:SSL routines::unexpected eof while reading:../ssl/record/rec_layer_s3.c:318",
       lost_connection},
      {"error:0A0000FF:SSL routines::something new:../ssl/x.c:1", session::HandshakeFailure::other},
  }));
  CAPTURE(problem);
  CHECK(verdict(library(problem)) == failure);
}

TEST_CASE("Postfix: a connection that is closed within the handshake was dropped") {
  for (const char* how : {"lost connection", "Connection reset by peer", "Connection timed out"}) {
    CHECK(verdict(postfix_line(fmt::format("SSL_accept error from client.test[192.0.2.1]: {}", how)) +
                  postfix_line("lost connection after STARTTLS from client.test[192.0.2.1]") +
                  ended("ehlo=1 starttls=0/1 commands=1/2")) == lost_connection);
  }
}

TEST_CASE("Postfix: the last line alone shows that a handshake failed") {
  CHECK(verdict(ended("ehlo=1 starttls=0/1 commands=1/2")) == session::HandshakeFailure::other);
  CHECK(verdict(ended("ehlo=1 starttls=0/1 quit=1 commands=2/3")) == other);
}

TEST_CASE("Postfix: a client that disconnects after a good handshake without a command rejected something") {
  CHECK(verdict(ended("ehlo=1 starttls=1 quit=1 commands=3")) == disconnected);
  CHECK(verdict(ended("ehlo=1 starttls=1 commands=2")) == disconnected);
  CHECK(verdict(ended("starttls=1 commands=1")) == disconnected);
}

TEST_CASE("Postfix: an alert after the handshake has its reason") {
  CHECK(verdict(postfix_line(
                    "Anonymous TLS connection established from client.test[192.0.2.1]: TLSv1.3 with cipher "
                    "TLS_AES_256_GCM_SHA384 (256/256 bits)") +
                postfix_line("warning: TLS library problem: error:0A000418:SSL routines::tlsv1 alert unknown "
                             "ca:../ssl/record/rec_layer_s3.c:1601:SSL alert number 48:") +
                ended("ehlo=1 starttls=1 commands=2")) == session::HandshakeFailure::unknown_ca);
}

TEST_CASE("Postfix: sessions that continued, or never started TLS, are no failures") {
  for (const char* counts :
       {"ehlo=2 starttls=1 mail=1 rcpt=1 data=1 quit=1 commands=7",
        "ehlo=1 starttls=1 mail=1 rcpt=1 data=1 quit=1 commands=6", "ehlo=2 starttls=1 quit=1 commands=4",
        "helo=1 ehlo=1 starttls=1 quit=1 commands=4", "ehlo=1 mail=1 quit=1 commands=3",
        "ehlo=1 quit=1 commands=2", "ehlo=1 commands=1", "commands=0/0",
        "ehlo=1 starttls=1 mail=0/1 quit=1 commands=3/4"}) {
    CAPTURE(counts);
    CHECK(verdict(ended(counts)) == none);
  }
}

TEST_CASE("Postfix: a session with mail is no failure, whatever the result of a STARTTLS") {
  for (const char* counts :
       {"ehlo=1 starttls=0/1 mail=1 rcpt=1 data=1 quit=1 commands=5/6",  // refused, then plaintext
        "ehlo=2 starttls=1/2 mail=1 rcpt=1 data=1 quit=1 commands=7/8",  // once more within TLS
        "ehlo=2 starttls=1/2 quit=1 commands=4/5"}) {
    CAPTURE(counts);
    CHECK(verdict(ended(counts)) == none);
  }
  const std::string accept_error =
      postfix_line("SSL_accept error from client.test[192.0.2.1]: lost connection");
  CHECK(verdict(accept_error + ended("ehlo=1 starttls=0/1 mail=1 rcpt=1 data=1 commands=4/5")) == none);
  // "530 Must issue a STARTTLS command first" before it
  CHECK(verdict(accept_error + ended("ehlo=1 mail=0/1 starttls=0/1 commands=1/3")) == lost_connection);
  CHECK(verdict(accept_error + ended("ehlo=1 starttls=0/2 commands=1/3")) == lost_connection);
}

TEST_CASE("Postfix: lines of a process from before a session are not of that session") {
  CHECK(verdict(
            postfix_line("warning: TLS library problem: error:0A0000C1:SSL routines::no shared cipher:x:1:") +
            postfix_line("connect from client.test[192.0.2.1]") + ended("commands=0/0")) == none);
}

TEST_CASE("Postfix: a port in wrapper mode shows a failure without any command") {
  CHECK(verdict(postfix_line("SSL_accept error from client.test[192.0.2.1]: -1") +
                postfix_line("warning: TLS library problem: error:0A000418:SSL routines::tlsv1 alert unknown "
                             "ca:../ssl/record/rec_layer_s3.c:1601:SSL alert number 48:") +
                postfix_line("lost connection after CONNECT from client.test[192.0.2.1]") +
                ended("commands=0/0")) == session::HandshakeFailure::unknown_ca);
  const auto found = failures_in(
      postfix_line("SSL_accept error from client.test[192.0.2.1]: lost connection") + ended("commands=0/0"));
  REQUIRE(found.size() == 1);
  CHECK(found[0].implicit_tls);
}

TEST_CASE("Postfix: the client's address is read in each form") {
  const auto address = [](std::string_view client) {
    const auto found = failures_in(ended("ehlo=1 starttls=0/1 commands=1/2", client));
    return found.empty() ? std::string("none") : found[0].client_address;
  };
  CHECK(address("unknown[192.0.2.1]") == "192.0.2.1");
  CHECK(address("client.test[192.0.2.1]:4711") == "192.0.2.1");
  CHECK(address("client.test[2001:DB8::1]") == "2001:db8::1");
  CHECK(address("client.test[2001:db8::1]:4711") == "2001:db8::1");
  CHECK(address("client.test[::ffff:192.0.2.1]") == "192.0.2.1");
  CHECK(address("unknown[unknown]") == "none");
  CHECK(address("nobody") == "none");
}

TEST_CASE("Postfix: processes do not affect each other, and one serves session after session") {
  std::string text;
  text += postfix_line("SSL_accept error from a.test[192.0.2.10]: lost connection", 1);
  text += postfix_line("SSL_accept error from b.test[192.0.2.20]: -1", 2);
  text += postfix_line("warning: TLS library problem: error:0A0000C1:SSL routines::no shared cipher:x:1:", 2);
  text += postfix_line("disconnect from a.test[192.0.2.10] ehlo=1 starttls=0/1 commands=1/2", 1);
  text += postfix_line("disconnect from c.test[192.0.2.30] ehlo=1 starttls=0/1 commands=1/2", 1);
  text += postfix_line("disconnect from b.test[192.0.2.20] ehlo=1 starttls=0/1 commands=1/2", 2);
  const auto found = failures_in(text);
  REQUIRE(found.size() == 3);
  CHECK(found[0].failure == lost_connection);
  CHECK(found[1].failure == session::HandshakeFailure::other);
  CHECK(found[2].failure == session::HandshakeFailure::no_shared_cipher);
  CHECK(found[2].client_address == "192.0.2.20");
}

TEST_CASE("Postfix: each smtpd belongs to the mail server, and the service is the text before it") {
  for (const char* program : {"postfix/smtp", "postfix/postscreen", "postfix/tlsproxy", "cron", "/smtpd"}) {
    CAPTURE(program);
    CHECK(failures_in(fmt::format("2026-11-22T12:00:00Z mx {}[1]: disconnect from a.test[192.0.2.1] ehlo=1 "
                                  "starttls=0/1 commands=1/2\n",
                                  program))
              .empty());
  }
  for (const char* service : {"postfix", "postfix-in", "postfix-mx2", "mx/postfix", "postfix/submission",
                              "postfix-submission", "postfix-smtps", "postfix/465", "postfix/submissions"}) {
    CAPTURE(service);
    const auto found = failures_in(
        fmt::format("2026-11-22T12:00:00Z mx {}/smtpd[1]: disconnect from a.test[192.0.2.1] ehlo=1 "
                    "starttls=0/1 commands=1/2\n",
                    service));
    REQUIRE(found.size() == 1);
    CHECK(found[0].service == service);
    CHECK_FALSE(found[0].implicit_tls);
    CHECK_FALSE(found[0].begin.has_value());
  }
}

TEST_CASE("Postfix: the start of a session is known if that line was read") {
  const auto found =
      failures_in(postfix_line("connect from client.test[192.0.2.1]", 5, "2026-11-22T11:58:00Z mx ") +
                  postfix_line("connect from client.test[192.0.2.2]", 6, "2026-11-22T11:59:00Z mx ") +
                  postfix_line("disconnect from client.test[192.0.2.1] ehlo=1 starttls=0/1 commands=1/2", 5) +
                  postfix_line("disconnect from client.test[192.0.2.1] ehlo=1 starttls=0/1 commands=1/2", 5));
  REQUIRE(found.size() == 2);
  CHECK(found[0].begin == at("2026-11-22T11:58:00Z"));
  CHECK_FALSE(found[1].begin.has_value());
}

TEST_CASE("Sendmail: a handshake that failed is one line, with its reason") {
  const auto [reason, failure] = GENERATE(table<std::string, session::HandshakeFailure>({
      {"tlsv1 alert unknown ca", session::HandshakeFailure::unknown_ca},
      {"sslv3 alert certificate expired", session::HandshakeFailure::certificate_expired},
      {"sslv3 alert bad certificate", session::HandshakeFailure::bad_certificate},
      {"sslv3 alert certificate unknown", session::HandshakeFailure::certificate_refused},
      {"no shared cipher", session::HandshakeFailure::no_shared_cipher},
      {"no suitable signature algorithm", no_shared_cipher},
      {"unsupported protocol", session::HandshakeFailure::unsupported_protocol},
      {"wrong version number", session::HandshakeFailure::not_tls},
      {"unexpected eof while reading", lost_connection},
      {"something new", session::HandshakeFailure::other},
  }));
  CAPTURE(reason);
  CHECK(verdict(sendmail_failed(reason)) == failure);
}

TEST_CASE("Sendmail: a connection that is closed within the handshake was dropped") {
  CHECK(verdict(sendmail_failed("unknown", "[192.0.2.1]", "SSL_error=5")) == lost_connection);
}

TEST_CASE("Sendmail: the client's address is read in each form") {
  const auto address = [](std::string_view relay) {
    const auto found = failures_in(sendmail_failed("no shared cipher", relay));
    return found.empty() ? std::string("none") : found[0].client_address;
  };
  CHECK(address("[192.0.2.1]") == "192.0.2.1");
  CHECK(address("client.test [192.0.2.1]") == "192.0.2.1");
  CHECK(address("client.test [192.0.2.1] (may be forged)") == "192.0.2.1");
  CHECK(address("client.test [IPv6:2001:db8::1]") == "2001:db8::1");
  CHECK(address("client.test") == "none");
}

TEST_CASE("Sendmail: a client without a relevant command after a good handshake has disconnected") {
  const std::string good = sendmail_line(
      "STARTTLS=server, relay=client.test [192.0.2.1], version=TLSv1.3, verify=NO, "
      "cipher=TLS_AES_256_GCM_SHA384, "
      "bits=256/256");
  const std::string nothing = sendmail_line(
      "6AQHSsiw000055: client.test [192.0.2.1] did not issue MAIL/EXPN/VRFY/ETRN during connection to MTA");
  CHECK(verdict(good + nothing) == disconnected);
  CHECK(verdict(nothing) == none);
  CHECK(verdict(good + sendmail_line("6AQHSmxV000019: from=<alice@sender.test>, size=48, class=0, nrcpts=1") +
                nothing) == none);
}

TEST_CASE("Sendmail: the last line has the daemon, which is the service") {
  const auto service_at = [](std::string_view daemon) {
    const auto found = failures_in(
        sendmail_line(
            "STARTTLS=server, error: accept failed=-1, reason=no shared cipher, SSL_error=1, errno=0, "
            "retry=-1, relay=[192.0.2.1]") +
        sendmail_line(fmt::format(
            "6AQHSqgY000049: [192.0.2.1] did not issue MAIL/EXPN/VRFY/ETRN during connection to {}",
            daemon)));
    REQUIRE(found.size() == 1);
    CHECK(found[0].begin == noon);
    return found[0].service;
  };
  CHECK(service_at("MTA") == "MTA");
  CHECK(service_at("MSA") == "MSA");
  CHECK(service_at("stdin") == "stdin");
}

TEST_CASE("Sendmail: a session with mail is no failure") {
  CHECK(verdict(
            sendmail_line("STARTTLS=server, error: accept failed=-1, reason=no shared cipher, SSL_error=1, "
                          "errno=0, retry=-1, relay=[192.0.2.1]") +
            sendmail_line("6AQHSmxV000019: from=<alice@sender.test>, size=48, class=0, nrcpts=1, "
                          "proto=ESMTP, daemon=MTA, relay=[192.0.2.1]") +
            sendmail_line("[192.0.2.1] did not issue MAIL/EXPN/VRFY/ETRN during connection to MTA")) == none);
}

TEST_CASE("the lines of a mail server about its sessions are counted") {
  const auto lines_of = [](const std::string& line) {
    FailureParser assembler;
    assembler.add(*split(line.substr(0, line.size() - 1)), noon, 0);
    return assembler.session_lines();
  };
  CHECK(lines_of(postfix_line("connect from a[192.0.2.1]")) == 1);
  CHECK(lines_of(postfix_line("disconnect from a[192.0.2.1] ehlo=1 commands=1")) == 1);
  CHECK(lines_of(postfix_line("NOQUEUE: reject: RCPT from a[192.0.2.1]")) == 0);
  CHECK(lines_of("2026-11-22T12:00:00Z mx postfix/qmgr[1]: 4F2: from=<a@b.test>, size=1, nrcpt=1 (queue "
                 "active)\n") == 0);
  CHECK(lines_of(sendmail_line(
            "6AQ: from=<a@b.test>, size=1, class=0, nrcpts=1, daemon=MTA, relay=[192.0.2.1]")) == 1);
  CHECK(lines_of(sendmail_line("[192.0.2.1] did not issue MAIL/EXPN/VRFY/ETRN during connection to MTA")) ==
        1);
  CHECK(lines_of("2026-11-22T12:00:00Z mx dovecot[1]: imap-login: Login\n") == 0);
}

TEST_CASE("the number of unfinished sessions is limited, and a flood of them needs more of the log") {
  FailureParser assembler;
  const std::size_t many = FailureParser::max_unfinished * 2;
  for (std::size_t i = 0; i < many; ++i) {
    const std::string text =
        postfix_line("SSL_accept error from a.test[192.0.2.10]: lost connection", static_cast<int>(i));
    CHECK_FALSE(assembler.add(*split(text), noon, i).has_value());
  }
  REQUIRE(assembler.first_needed().has_value());
  CHECK(*assembler.first_needed() >= many - FailureParser::max_unfinished);
}

TEST_CASE("a process without further lines is not waited for all day") {
  FailureParser assembler;
  const auto add = [&](const std::string& text, Time now, std::uint64_t place) {
    return assembler.add(*split(text), now, place);
  };
  // Sendmail writes no last line if MAIL was refused.
  add(sendmail_line("STARTTLS=server, relay=client.test [192.0.2.1], version=TLSv1.3, verify=NO", 1), noon,
      0);
  const std::string other_session =
      sendmail_line("[192.0.2.2] did not issue MAIL/EXPN/VRFY/ETRN during connection to MTA", 2);
  add(other_session, noon + std::chrono::minutes{30}, 100);
  CHECK(assembler.first_needed() == 0);
  add(other_session, noon + std::chrono::hours{3}, 200);
  CHECK_FALSE(assembler.first_needed().has_value());
}

TEST_CASE("Sendmail: a process id that is used again starts a new session") {
  FailureParser assembler;
  const std::string good = sendmail_line("STARTTLS=server, relay=a [192.0.2.1], version=TLSv1.3, verify=NO");
  assembler.add(*split(good), noon, 0);
  assembler.add(*split(good), noon, 500);
  CHECK(assembler.first_needed() == 500);
}

TEST_CASE("a remote client's text in another program's line is no line of the mail server") {
  for (const char* head : {"2026-11-22T12:00:00Z mx dovecot: imap-login: user=<x ",
                           "Nov 22 12:00:00 mx root: ", "<22>Nov 22 12:00:00 kernel: "}) {
    CAPTURE(head);
    CHECK(failures_in(std::string(head) +
                      "postfix/smtpd[1]: disconnect from a[192.0.2.1] ehlo=1 starttls=0/1 commands=1/2\n")
              .empty());
  }
}

TEST_CASE("garbage is no failure") {
  for (const char* text :
       {"2026-11-22T12:00:00Z mx postfix/smtpd[1]: disconnect from", "disconnect from ",
        "mx postfix/smtpd[1]: disconnect from a[192.0.2.1] ehlo=1 starttls=0/1",
        "2026-11-22T12:00:00Z mx postfix/smtpd[1]: disconnect from a[192.0.2.1] starttls=/ commands=",
        "2026-11-22T12:00:00Z mx postfix/smtpd[1]: disconnect from a[192.0.2.1] starttls=x/1",
        "2026-11-22T12:00:00Z mx sm-mta[1]: STARTTLS=server, error: accept failed=-1",
        "2026-11-22T12:00:00Z mx sm-mta[1]: : did not issue MAIL/EXPN/VRFY/ETRN"}) {
    CAPTURE(text);
    CHECK(failures_in(text).empty());
  }
}
