#include "mtalog/outbound_lines.h"

#include <algorithm>

#include "base/domain.h"
#include "base/text.h"
#include "mtalog/message.h"

namespace starttls::mtalog {
namespace {

constexpr std::size_t max_host_size = 253;
constexpr std::size_t max_recipients = 1000;  // of a line; further ones are ignored

bool is_host_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

bool is_mx_host(std::string_view host) {
  if (host.empty() || host.size() > max_host_size || !std::ranges::all_of(host, is_host_byte)) return false;
  return host != "localhost" && !host.starts_with("localhost.") && !is_address_like(host);
}

// Removes an address from the beginning of the text, up to `end`, which is no part of it, nor of what is
// quoted in it.
std::optional<std::string_view> take_address(std::string_view& rest, char end) {
  bool is_quoted = false;
  for (std::size_t i = 0; i < rest.size(); ++i) {
    if (is_quoted && rest[i] == '\\') {
      ++i;
    } else if (rest[i] == '"') {
      is_quoted = !is_quoted;
    } else if (!is_quoted && rest[i] == end) {
      const std::string_view address = rest.substr(0, i);
      rest.remove_prefix(i + 1);
      return address;
    }
  }
  return std::nullopt;
}

bool take(std::string_view& rest, std::string_view prefix) {
  if (!rest.starts_with(prefix)) return false;
  rest.remove_prefix(prefix.size());
  return true;
}

// A field "name=value, " and what follows; the last has no comma.
std::optional<std::pair<std::string_view, std::string_view>> take_field(std::string_view& rest) {
  const std::string_view field = rest.substr(0, rest.find(", "));
  const auto equals = field.find('=');
  if (equals == std::string_view::npos) return std::nullopt;
  rest.remove_prefix(std::min(rest.size(), field.size() + 2));
  return std::pair(field.substr(0, equals), field.substr(equals + 1));
}

// "<a@example.org>,<b@example.org>, " or "a@example.org, "
std::vector<std::string_view> take_recipients(std::string_view& rest) {
  std::vector<std::string_view> found;
  while (!rest.empty()) {
    const bool is_bracketed = take(rest, "<");
    const auto address = take_address(rest, is_bracketed ? '>' : ',');
    if (!address) return {};
    if (found.size() < max_recipients) found.push_back(*address);
    if (is_bracketed && !take(rest, ",")) return {};
    if (take(rest, " ")) return found;
  }
  return found;
}

}  // namespace

std::optional<Peer> parse_peer(std::string_view text) {
  std::string_view host = trim(text.substr(0, text.find('[')));
  const bool has_address = text.find('[') != std::string_view::npos;
  if (host.ends_with('.')) host.remove_suffix(1);
  Peer peer{.host = to_lower(host.substr(0, max_host_size + 1)), .ip = address_in(text)};
  if (!is_mx_host(peer.host) || (has_address && peer.ip.empty())) return std::nullopt;
  return peer;
}

std::optional<std::string> domain_of(std::string_view address) {
  const auto at = address.rfind('@');
  if (at == std::string_view::npos) return std::nullopt;
  const auto domain = DomainName::parse(address.substr(at + 1));
  return domain ? std::optional(domain->str()) : std::nullopt;
}

std::optional<PostfixDelivery> parse_postfix_delivery(std::string_view message) {
  PostfixDelivery delivery{.queue_id = queue_id_of(message)};
  if (delivery.queue_id.empty()) return std::nullopt;
  const std::string_view all = without_queue_id(message);
  std::string_view rest = all;
  const auto recipient = take(rest, "to=<") ? take_address(rest, '>') : std::nullopt;
  if (!recipient) return std::nullopt;
  delivery.recipient = *recipient;
  if (take(rest, ", orig_to=<") && !take_address(rest, '>')) return std::nullopt;
  delivery.recipients = all.substr(0, all.size() - rest.size());
  if (!take(rest, ", relay=")) return std::nullopt;
  delivery.relay = rest.substr(0, rest.find(", "));
  rest.remove_prefix(std::min(rest.size(), delivery.relay.size() + 2));
  constexpr std::string_view status = "status=";
  while (!rest.starts_with(status)) {
    const auto field = take_field(rest);
    if (!field) return std::nullopt;
    delivery.is_reused = delivery.is_reused || field->first == "conn_use";
    delivery.is_plaintext = delivery.is_plaintext || (field->first == "tls" && field->second == "none");
  }
  rest.remove_prefix(status.size());
  delivery.status = rest.substr(0, rest.find(' '));
  rest.remove_prefix(delivery.status.size());
  if (!take(rest, " (")) return std::nullopt;
  delivery.text = rest.substr(0, rest.ends_with(')') ? rest.size() - 1 : rest.size());
  return delivery;
}

std::optional<SendmailDelivery> parse_sendmail_delivery(std::string_view message) {
  SendmailDelivery delivery{.queue_id = queue_id_of(message)};
  if (delivery.queue_id.empty()) return std::nullopt;
  std::string_view rest = without_queue_id(message);
  if (!take(rest, "to=")) return std::nullopt;
  delivery.recipients = take_recipients(rest);
  bool has_mailer = false;
  while (const auto field = take_field(rest)) {
    const auto& [name, value] = *field;
    has_mailer = has_mailer || name == "mailer";
    if (name == "relay") delivery.relay = value;
    if (name == "reply") break;  // a refusal, in the words of the other server
    if (name == "stat") {
      delivery.is_sent = value.starts_with("Sent");
      break;
    }
  }
  if (!has_mailer || delivery.relay.empty() || delivery.recipients.empty()) return std::nullopt;
  return delivery;
}

}  // namespace starttls::mtalog
