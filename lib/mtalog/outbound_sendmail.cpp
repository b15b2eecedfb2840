#include <utility>

#include "base/text.h"
#include "mtalog/message.h"
#include "mtalog/outbound_entry.h"
#include "mtalog/outbound_meanings.h"

namespace starttls::mtalog {
namespace {

constexpr std::string_view sendmail_tls = "STARTTLS=client, ";
constexpr std::string_view ruleset = "ruleset=tls_";

}  // namespace

bool is_of_sendmail(const Line& line) {
  // A program of Postfix has a slash in its name.
  if (line.program.find('/') != std::string_view::npos) return false;
  const std::string_view message = without_queue_id(line.message);
  return message.starts_with("to=") || message.starts_with(sendmail_tls) || message.starts_with(ruleset);
}

void OutboundParser::add_sendmail(Entry& entry) {
  std::string_view rest = without_queue_id(entry.line.message);
  if (take_prefix(rest, sendmail_tls)) {
    add_sendmail_tls(entry, rest);
  } else if (take_prefix(rest, ruleset)) {
    add_rejection(entry, rest);
  } else if (const auto delivery = parse_sendmail_delivery(entry.line.message)) {
    add_sendmail_delivery(entry, *delivery);
  }
}

void OutboundParser::add_sendmail_tls(Entry& entry, std::string_view rest) {
  constexpr std::string_view verify_message = ", verifymsg=";
  if (rest.starts_with("error: connect failed")) {
    const std::string_view reason = between(rest, "reason=", ", ");
    // SSL_ERROR_SYSCALL with errno=104: the connection is gone.
    const auto numbers = rest.find("SSL_error=");
    const std::string_view text =
        reason == "unknown" && numbers != std::string_view::npos ? rest.substr(numbers) : reason;
    begin(entry, {}).fail(result_type::validation_failure, text);
  } else if (rest.starts_with("relay=") && rest.find(", version=") != std::string_view::npos) {
    note_tls(entry.line.program);
    const auto peer = parse_peer(between(rest, "relay=", ", "));
    if (!peer) return;
    OutboundConnection& connection = begin(entry, *peer);
    connection.is_established = true;
    connection.protection = sendmail_level(between(rest, ", verify=", ","));
    connection.tls_version = tls_version_in(between(rest, ", version=", ","));
  } else if (const auto at = rest.rfind(verify_message);
             rest.starts_with("cert-subject=") && at != std::string_view::npos) {
    OutboundConnection* const last = entry.process.last(
        [](const OutboundConnection& one) { return one.queue_id.empty() && one.is_established; });
    if (last != nullptr) last->note_reason(rest.substr(at + verify_message.size()));
  }
}

// "server, arg1=FAIL, relay=HOST, reject=403 4.7.0 authentication failed", or "rcpt, arg1=ADDRESS, ..."
void OutboundParser::add_rejection(Entry& entry, std::string_view rest) {
  const bool is_of_recipient = take_prefix(rest, "rcpt, arg1=");
  if (!is_of_recipient && !take_prefix(rest, "server, arg1=")) return;
  constexpr std::string_view relay = ", relay=";
  const auto at = rest.find(relay);
  if (at == std::string_view::npos) return;
  const std::string_view argument = rest.substr(0, at);
  const std::string_view after = rest.substr(at + relay.size());
  const auto peer = parse_peer(after.substr(0, after.find(", ")));
  const std::string_view text = trim(between(after, ", reject=", "\n"));
  if (!peer) return;
  OutboundConnection* connection = entry.present(*peer);
  // A failed handshake is logged without the host.
  if (connection == nullptr) connection = entry.present({});
  if (connection == nullptr) connection = &begin(entry, *peer);
  connection->peer.host = peer->host;
  if (is_of_recipient) {
    // "450 4.7.0 <bob@example.org>... mx.example.org not listed in SANs": without the address
    constexpr std::string_view after_address = "... ";
    const auto end = text.rfind(after_address);
    const std::string_view reason =
        end == std::string_view::npos ? text : text.substr(end + after_address.size());
    if (auto domain = domain_of(argument))
      connection->fail_for(std::move(*domain), result_type::of_recipient(reason), reason);
  } else if (!connection->has_failed) {
    const bool has_no_tls = argument == "NONE" || argument == "TEMP" || argument == "PROTOCOL";
    if (has_no_tls) {
      connection->fail(result_type::starttls_not_supported, text);
    } else if (argument == "FAIL") {
      const std::string reason = connection->reason;
      connection->fail(result_type::of_certificate(reason, result_type::not_trusted),
                       reason.empty() ? text : reason);
    } else {
      connection->fail(result_type::validation_failure, text);
    }
  }
}

void OutboundParser::add_sendmail_delivery(Entry& entry, const SendmailDelivery& delivery) {
  const auto peer = parse_peer(delivery.relay);
  if (!peer || peer->ip.empty()) return;  // no connection was made
  ++delivery_lines_;
  OutboundConnection* connection = entry.of_message(*peer, delivery.queue_id);
  // A failed handshake is logged without the host. If mail was sent all the same, the handshake may have been
  // that of another host, or of this one, before it was tried again in plaintext (TLSFallbacktoClear).
  if (connection == nullptr && !delivery.is_sent) connection = entry.present({});
  if (connection == nullptr) {
    connection = entry.process.last([&](const OutboundConnection& one) {
      return is_same(one.peer, *peer) && entry.time - one.last_use <= max_reuse_delay;
    });
  }
  if (connection != nullptr) connection->peer = *peer;
  if (delivery.is_sent && connection != nullptr && connection->has_failed) {
    connection->is_over = true;
    connection = nullptr;
  }
  if (connection != nullptr) connection->last_use = entry.time;
  if (delivery.is_sent && connection == nullptr) begin_plaintext(entry, *peer, false);
  for (const std::string_view recipient : delivery.recipients) entry.count(delivery.queue_id, recipient);
}

}  // namespace starttls::mtalog
