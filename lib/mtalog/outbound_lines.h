// Lines of mail servers about outbound deliveries, taken apart. What other servers say is quoted in them,
// always at the end, so each line is read from its beginning.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace starttls::mtalog {

// A host that receives mail.
struct Peer {
  std::string host;  // lower-case, without a trailing dot
  std::string ip;    // empty where it is not known

  bool operator==(const Peer&) const = default;
};

// "mx.example.org[192.0.2.1]:25" of Postfix, "mx.example.org. [IPv6:2001:db8::1]" or "mx.example.org." of
// Sendmail. None for what is no MX host: addresses, localhost (content filters and the like), sockets,
// "none".
std::optional<Peer> parse_peer(std::string_view text);

// The domain of an address without angle brackets, as DomainName has it; none without one.
std::optional<std::string> domain_of(std::string_view address);

// "4jcz: to=<a@example.org>, orig_to=<b@example.org>, relay=HOST[IP]:25, conn_use=2, delay=0.1,
// delays=0/0/0/0, dsn=2.0.0, status=sent (250 Ok)"
struct PostfixDelivery {
  std::string_view queue_id;
  std::string_view recipients;  // all before the relay, for comparison
  std::string_view recipient;   // the address in "to=<...>"
  std::string_view relay;
  bool is_reused = false;     // it has conn_use=
  bool is_plaintext = false;  // it has tls=none (Postfix 3.11)
  std::string_view status;
  std::string_view text;  // in the parentheses
};
std::optional<PostfixDelivery> parse_postfix_delivery(std::string_view message);

// "6ATK: to=<a@example.org>,<b@example.org>, delay=..., mailer=esmtp, relay=HOST. [IP], dsn=2.0.0, stat=Sent
// (...)"
struct SendmailDelivery {
  std::string_view queue_id;
  std::vector<std::string_view> recipients;  // addresses without angle brackets
  std::string_view relay;
  bool is_sent = false;
};
std::optional<SendmailDelivery> parse_sendmail_delivery(std::string_view message);

}  // namespace starttls::mtalog
