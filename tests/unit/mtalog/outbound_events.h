// Lines of Postfix 3.7 and 3.10 and of Sendmail 8.17 and 8.18 about outbound deliveries, and what a parser
// finds in them, for tests.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "mtalog/outbound_parser.h"
#include "support.h"

namespace starttls::test {

inline std::string smtp_line(std::string_view message, int process = 137,
                             std::string_view program = "postfix/smtp") {
  return fmt::format("2026-11-22T12:00:00.000000+00:00 out {}[{}]: {}\n", program, process, message);
}

inline std::string sendmail_out(std::string_view message, int process = 16) {
  return fmt::format("2026-11-22T12:00:00.000000+00:00 out sendmail[{}]: {}\n", process, message);
}

constexpr std::string_view cipher =
    "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange X25519 server-signature ECDSA "
    "(prime256v1) server-digest SHA256";

// "... TLS connection established to HOST[IP]:25"
inline std::string established(std::string_view level, std::string_view peer = "mx.example.org[192.0.2.1]") {
  return fmt::format("{} TLS connection established to {}:25: {}", level, peer, cipher);
}

inline std::string delivered(
    std::string_view to, std::string_view relay = "mx.example.org[192.0.2.1]:25",
    std::string_view id = "4jczHJ72Fhz1bcPw",
    std::string_view status = "status=sent (250 2.0.0 Ok: queued as 4jczHK0V6Gz1bXxV)") {
  return fmt::format("{}: to=<{}>, relay={}, delay=0.09, delays=0.01/0.02/0.03/0.03, dsn=2.0.0, {}", id, to,
                     relay, status);
}

inline std::string sendmail_tls(std::string_view verify, std::string_view host = "mx.example.org.") {
  return fmt::format(
      "STARTTLS=client, relay={}, version=TLSv1.3, verify={}, cipher=TLS_AES_256_GCM_SHA384, bits=256/256",
      host, verify);
}

inline std::string sendmail_delivered(std::string_view to,
                                      std::string_view relay = "mx.example.org. [192.0.2.1]",
                                      std::string_view id = "6ATKW89A000016",
                                      std::string_view stat = "stat=Sent (Ok: queued as 4jcz)") {
  return fmt::format(
      "{}: to={}, delay=00:00:01, xdelay=00:00:01, mailer=esmtp, pri=30022, relay={}, dsn=2.0.0, {}", id, to,
      relay, stat);
}

// "example.org mx.example.org 192.0.2.1 verified TLSv1.3", and then of a failed one " RESULT-TYPE: REASON".
inline std::string to_text(const mtalog::OutboundHandshake& handshake) {
  const auto or_none = [](std::string_view text) { return text.empty() ? std::string_view("-") : text; };
  std::string text = fmt::format("{} {} {} {} {}", handshake.recipient_domain,
                                 or_none(handshake.receiving_mx), or_none(handshake.receiving_ip),
                                 to_string(handshake.protection), or_none(handshake.tls_version));
  if (handshake.failed) text += fmt::format(" {}: {}", handshake.result_type, handshake.reason);
  return text;
}

// Reads lines one after the other.
class OutboundLog {
 public:
  mtalog::OutboundParser parser;

  std::vector<std::string> read(std::string_view text) {
    std::vector<std::string> found;
    while (!text.empty()) {
      const std::string_view one = text.substr(0, text.find('\n'));
      if (const auto line = mtalog::split(one)) {
        const auto* const time = std::get_if<Time>(&line->stamp);
        for (const auto& handshake : parser.add(*line, time != nullptr ? *time : Time{}, place_)) {
          CHECK(handshake.failed == !handshake.result_type.empty());
          found.push_back(to_text(handshake));
        }
      }
      place_ += one.size() + 1;
      text.remove_prefix(std::min(text.size(), one.size() + 1));
    }
    return found;
  }

  // The same, of programs that have logged TLS before.
  std::vector<std::string> read_with_tls(std::string_view text) {
    CHECK(read(smtp_line(established("Trusted", "mx.other.test[192.0.2.99]"), 1) +
               smtp_line(established("Trusted", "mx.other.test[192.0.2.99]"), 1, "postfix-out/smtp") +
               sendmail_out(sendmail_tls("OK", "mx.other.test."), 1))
              .empty());
    return read(text);
  }

 private:
  std::uint64_t place_ = 0;
};

}  // namespace starttls::test
