#include <algorithm>
#include <array>
#include <functional>

#include "base/domain.h"
#include "base/text.h"
#include "mtalog/message.h"
#include "mtalog/outbound_entry.h"
#include "mtalog/outbound_meanings.h"

namespace starttls::mtalog {
namespace {

constexpr std::string_view tlsrpt = "TLSRPT: status=";
constexpr std::string_view connect_error = "SSL_connect error to ";
constexpr std::string_view library_problem = "warning: TLS library problem: ";
constexpr std::string_view verification_failed = "certificate verification failed for ";

// Cuts "REST" from "HOST[IP]:25: REST".
std::string_view take_peer(std::string_view& rest) {
  const std::string_view peer = rest.substr(0, rest.find(": "));
  rest.remove_prefix(std::min(rest.size(), peer.size() + 2));
  return peer;
}

// "server certificate verification failed for ", or the same without "server".
bool take_verification(std::string_view& rest) {
  std::string_view after = rest;
  take_prefix(after, "server ");
  if (!take_prefix(after, verification_failed)) return false;
  rest = after;
  return true;
}

// What follows "TLSRPT: status=": "failure, domain=D, receiving_mx=HOST[IP], failure_type=T,
// failure_reason=R".
struct TlsrptLine {
  bool is_failure = false;
  std::optional<std::string> domain;
  std::optional<Peer> peer;
  std::string result_type;
  std::string_view reason;
};

TlsrptLine parse_tlsrpt(std::string_view rest) {
  TlsrptLine said{.is_failure = rest.starts_with("failure")};
  if (const auto domain = DomainName::parse(between(rest, ", domain=", ", "))) said.domain = domain->str();
  said.peer = parse_peer(between(rest, ", receiving_mx=", ", "));
  said.result_type = result_type::of_tlsrpt(between(rest, ", failure_type=", ", "));
  said.reason = between(rest, ", failure_reason=", "\n");
  return said;
}

// Whether a session got past STARTTLS, by Postfix' text about a delivery: mail was sent, refused, or about to
// be sent.
bool got_to_mail(std::string_view status, std::string_view text) {
  if (status == "sent") return true;
  const auto reply = text.rfind(" (in reply to ");
  if (reply != std::string_view::npos) {
    const std::string_view command = text.substr(reply + std::string_view(" (in reply to ").size());
    return std::ranges::any_of(std::array{"MAIL FROM", "RCPT TO", "DATA", "end of DATA"},
                               [&](std::string_view one) { return command.starts_with(one); });
  }
  const bool is_lost = text.starts_with("lost connection with ") || text.starts_with("conversation with ");
  return is_lost && text.find(" while sending ") != std::string_view::npos;
}

// The host in "TLS is required, but was not offered by host HOST[IP]", "lost connection with HOST[IP] while
// ...".
std::string_view peer_in(std::string_view text) {
  constexpr std::array<std::string_view, 3> before{"TLS is required, ", "Protocol error: ", "host "};
  if (text.starts_with("lost connection with ") || text.starts_with("conversation with "))
    return between(text, " with ", " ");
  const bool has_host =
      std::ranges::any_of(before, [&](std::string_view one) { return text.starts_with(one); });
  return has_host ? between(text, "host ", " ") : std::string_view();
}

// After a text of Postfix about TLS.
void fail_delivery(OutboundConnection& connection, const result_type::OfDelivery& failure,
                   std::string_view text) {
  if (connection.has_failed) return;  // the handshake, with its own reason
  // A certificate came by TLS, also where TLS is not logged.
  if (failure.is_of_certificate && connection.protection == Protection::none)
    connection.protection = Protection::unknown;
  const std::string reason = connection.reason;
  const std::string_view type =
      failure.is_of_certificate ? result_type::of_certificate(reason, failure.type) : failure.type;
  connection.fail(type, reason.empty() ? text : reason);
}

// What tlsproxy(8) logs about a host is kept under this key, for all processes of an instance of Postfix.
std::string proxied_key(const Line& line, const Peer& peer) {
  return std::string(line.program.substr(0, line.program.find('/'))) + "/tlsproxy " + peer.host + "[" +
         peer.ip;
}

}  // namespace

void OutboundParser::add_postfix(Entry& entry) {
  std::string_view rest = entry.line.message;
  if (take_prefix(rest, tlsrpt)) {
    add_tlsrpt(entry, rest);
  } else if (take_prefix(rest, connect_error)) {
    add_connect_error(entry, rest);
  } else if (take_prefix(rest, library_problem)) {
    if (entry.process.connections.empty()) return;
    OutboundConnection& last = entry.process.connections.back();
    // "SSL_connect error to ...: -1" gives no reason.
    if (last.has_failed && last.queue_id.empty() && last.reason == "-1") last.note_reason(rest);
  } else if (take_verification(rest)) {
    const auto peer = parse_peer(take_peer(rest));
    if (!peer) return;
    OutboundConnection* connection = entry.before_tls(*peer);
    if (connection == nullptr) connection = &begin(entry, *peer);
    connection->protection = Protection::untrusted;
    if (connection->reason.empty()) connection->note_reason(rest);
  } else if (take_prefix(rest, "warning: TLS policy lookup for ") ||
             take_prefix(rest, "warning: TLS policy lookup error for ")) {
    add_dane_failure(entry, rest);
  } else if (take_prefix(rest, "warning: MX name '")) {
    add_sts_failure(entry, rest);
  } else if (!add_established(entry)) {
    add_postfix_message(entry);
  }
}

// "Trusted TLS connection established to HOST[IP]:25: TLSv1.3 with cipher ...", or "reused".
bool OutboundParser::add_established(Entry& entry) {
  std::string_view rest = entry.line.message;
  const std::string_view word = rest.substr(0, rest.find(' '));
  const auto level = postfix_level(word);
  if (!level) return false;
  rest.remove_prefix(word.size());
  if (take_prefix(rest, " TLS connection reused to ")) {
    note_tls(entry.line.program);
    return true;
  }
  if (!take_prefix(rest, " TLS connection established to ")) return false;
  note_tls(entry.line.program);
  const auto peer = parse_peer(take_peer(rest));
  if (!peer) return true;
  OutboundConnection* connection = entry.before_tls(*peer);
  if (connection == nullptr) connection = &begin_tls(entry, *peer);
  connection->is_established = true;
  connection->protection = *level;
  connection->tls_version = tls_version_in(rest);
  return true;
}

// "HOST[IP]:25: lost connection"
void OutboundParser::add_connect_error(Entry& entry, std::string_view rest) {
  const auto peer = parse_peer(take_peer(rest));
  if (!peer) return;
  OutboundConnection* connection = entry.before_tls(*peer);
  if (connection == nullptr) connection = &begin(entry, *peer);
  connection->fail(result_type::validation_failure, rest);
}

void OutboundParser::add_tlsrpt(Entry& entry, std::string_view rest) {
  const TlsrptLine said = parse_tlsrpt(rest);
  OutboundConnection* connection = nullptr;
  if (said.peer) {
    connection = entry.present(*said.peer);
    if (connection == nullptr || connection->is_reported) connection = &begin(entry, *said.peer);
    connection->is_reported = true;
  }
  if (!said.domain) return;
  OutboundHandshake found{.time = entry.time, .recipient_domain = *said.domain, .failed = said.is_failure};
  if (said.peer) {
    found.receiving_mx = said.peer->host;
    found.receiving_ip = said.peer->ip;
  }
  // What the lines before it said of the same connection.
  const bool is_known = connection != nullptr && (connection->is_established || !connection->reason.empty());
  const bool has_no_tls = said.is_failure && said.result_type == result_type::starttls_not_supported;
  found.protection = has_no_tls ? Protection::none : Protection::unknown;
  if (is_known) {
    found.protection = connection->protection;
    found.tls_version = connection->tls_version;
  }
  if (said.is_failure) {
    const std::string_view known = is_known ? std::string_view(connection->reason) : std::string_view();
    found.result_type = said.result_type;
    found.reason = printable(said.reason.empty() ? known : said.reason, OutboundConnection::max_reason_size);
  }
  entry.found.push_back(std::move(found));
}

// "example.org/mx.example.org: no TLSA records found"
void OutboundParser::add_dane_failure(Entry& entry, std::string_view rest) {
  const std::string_view names = take_peer(rest);
  const auto slash = names.find('/');
  if (slash == std::string_view::npos) return;
  const auto peer = parse_peer(names.substr(slash + 1));
  const std::string_view type = result_type::of_dane(rest);
  if (!peer || type.empty()) return;
  OutboundConnection& instead = begin(entry, *peer);
  instead.fail(type, rest);
  instead.is_over = true;
}

// "mx.example.org' does not match STS MX pattern for 'example.org'"
void OutboundParser::add_sts_failure(Entry& entry, std::string_view rest) {
  const auto peer = parse_peer(rest.substr(0, rest.find('\'')));
  if (!peer || rest.find("' does not match STS MX pattern for '") == std::string_view::npos) return;
  OutboundConnection& instead = begin(entry, *peer);
  instead.fail(result_type::validation_failure,
               entry.line.message.substr(std::string_view("warning: ").size()));
  instead.is_over = true;
}

void OutboundParser::add_postfix_message(Entry& entry) {
  const std::string_view id = queue_id_of(entry.line.message);
  if (id.empty()) return;
  if (const auto delivery = parse_postfix_delivery(entry.line.message))
    return add_postfix_delivery(entry, *delivery);
  // About one host, when there is another that is tried next.
  const std::string_view text = without_queue_id(entry.line.message);
  const auto peer = parse_peer(peer_in(text));
  if (const auto failure = result_type::of_delivery(text)) {
    OutboundConnection* connection =
        peer ? entry.present(*peer)
             : entry.process.last([](const OutboundConnection& one) { return one.queue_id.empty(); });
    if (connection == nullptr && peer) connection = &begin(entry, *peer);
    if (connection == nullptr) return;
    fail_delivery(*connection, *failure, text);
    connection->is_over = true;
  } else if (peer && got_to_mail("", text) && entry.of_message(*peer, id) == nullptr) {
    ++delivery_lines_;
    begin_plaintext(entry, *peer, false);
  }
}

void OutboundParser::add_postfix_delivery(Entry& entry, const PostfixDelivery& delivery) {
  OutboundProcess& process = entry.process;
  const std::size_t recipients = std::hash<std::string_view>{}(delivery.recipients);
  const bool is_named = std::ranges::find(process.recipients, recipients) != process.recipients.end();
  // A recipient has one line in each attempt to deliver a message.
  if (process.queue_id != delivery.queue_id || is_named) {
    std::erase_if(process.connections, [](const OutboundConnection& one) { return !one.queue_id.empty(); });
    process.queue_id = delivery.queue_id;
    process.recipients.clear();
  }
  if (process.recipients.size() < OutboundProcess::max_recipients) process.recipients.push_back(recipients);

  if (const auto peer = parse_peer(delivery.relay); peer && !peer->ip.empty()) {
    ++delivery_lines_;
    OutboundConnection* connection = entry.of_message(*peer, delivery.queue_id);
    const auto failure = result_type::of_delivery(delivery.text);
    if (failure && delivery.status != "sent") {
      if (connection == nullptr) connection = &begin_tls(entry, *peer);
      fail_delivery(*connection, *failure, delivery.text);
    } else if (connection == nullptr && !delivery.is_reused && got_to_mail(delivery.status, delivery.text)) {
      begin_plaintext(entry, *peer, delivery.is_plaintext);
    }
  }
  entry.count(delivery.queue_id, delivery.recipient);
}

// A new connection, with what tlsproxy has logged about it.
OutboundConnection& OutboundParser::begin_tls(Entry& entry, const Peer& peer) {
  OutboundConnection& connection = begin(entry, peer);
  const std::string key = proxied_key(entry.line, peer);
  OutboundProcess* const proxied = processes_.find(key);
  if (proxied == nullptr || proxied->connections.empty()) return connection;
  const OutboundConnection& known = proxied->connections.front();
  connection.is_reported = known.is_reported;
  connection.reason = known.reason;
  proxied->connections.erase(proxied->connections.begin());
  processes_.settle(key);
  return connection;
}

// tlsproxy(8) serves the connections of many processes, so what it logs is kept for each host.
std::vector<OutboundHandshake> OutboundParser::add_tlsproxy(const Line& line, Time time,
                                                            std::uint64_t place) {
  std::string_view rest = line.message;
  const bool is_tlsrpt = take_prefix(rest, tlsrpt);
  if (!is_tlsrpt && !take_verification(rest)) return {};
  const auto peer = is_tlsrpt ? parse_tlsrpt(rest).peer : parse_peer(take_peer(rest));
  if (!peer) return {};
  const std::string key = proxied_key(line, *peer);
  Entry entry{.line = line, .time = time, .place = place, .process = processes_.at(key, time)};
  if (is_tlsrpt) {
    add_tlsrpt(entry, rest);
  } else {
    OutboundConnection& connection = begin(entry, *peer);
    connection.protection = Protection::untrusted;
    connection.note_reason(rest);
  }
  processes_.settle(key);
  return std::move(entry.found);
}

}  // namespace starttls::mtalog
