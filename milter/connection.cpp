#include "milter/connection.h"

#include <charconv>

#include "base/domain.h"
#include "base/text.h"

namespace starttls::milter {
namespace {

// Bytes of a text that the client chooses.
constexpr std::size_t max_text_size = 255;

// An MTA accepts recipients in the domains that it hosts; a session with more domains than these is not mail. The
// bytes keep its record well below store::max_payload_size.
constexpr std::size_t max_recipient_domains = 1000;
constexpr std::size_t max_recipient_domain_bytes = 32768;

std::string domain_or_nothing(std::string_view name) {
  const auto domain = DomainName::parse(name);
  return domain ? domain->str() : std::string();
}

std::string verified_name(std::string_view name) {
  return name == "unknown" ? std::string() : domain_or_nothing(name);
}

// The part before an '@' may name a mailbox.
std::string_view after_at(std::string_view text) {
  const auto at = text.rfind('@');
  return at == std::string_view::npos ? text : text.substr(at + 1);
}

session::ClientCertificate to_client_certificate(const TlsMacros& macros) {
  using enum session::ClientCertificate;
  if (macros.verify.empty()) return macros.cert_subject.empty() ? none : trusted;
  if (macros.verify == "OK" || macros.verify == "TRUSTED") return trusted;
  return macros.verify == "FAIL" ? untrusted : none;
}

}  // namespace

Connection::Connection(Time now, std::string_view receiving_mx, const Client& client) {
  session_.begin = now;
  session_.receiving_mx = to_lower(printable(receiving_mx, max_text_size));
  session_.client_address = printable(client.address, max_text_size);
  session_.client_name = verified_name(client.name);
}

void Connection::helo(std::string_view name) {
  session_.helo = printable(after_at(name), max_text_size);
  // "-": the client sent HELO without a name.
  if (session_.helo.empty()) session_.helo = "-";
}

void Connection::tls(const TlsMacros& macros) {
  if (macros.version.empty()) return;
  encrypted_ = true;
  const bool in_the_clear = session_.transactions > 0 && session_.tls_version.empty();
  if (in_the_clear) return;
  session_.tls_version = printable(macros.version, max_text_size);
  session_.cipher = printable(macros.cipher, max_text_size);
  session_.cipher_bits = 0;
  std::from_chars(macros.bits.data(), macros.bits.data() + macros.bits.size(), session_.cipher_bits);
  session_.client_certificate = to_client_certificate(macros);
}

void Connection::mail() {
  ++session_.transactions;
  transaction_domains_.clear();
}

void Connection::recipient(std::string_view address) {
  std::string domain = recipient_domain(address);
  if (domain.empty()) return;
  if (!session_.recipient_domains.contains(domain)) {
    const bool fits = session_.recipient_domains.size() < max_recipient_domains &&
                      domain_bytes_ + domain.size() <= max_recipient_domain_bytes;
    if (!fits) return;
    domain_bytes_ += domain.size();
    session_.recipient_domains.emplace(domain, 0);
  }
  transaction_domains_.insert(std::move(domain));
}

void Connection::message_accepted() {
  ++session_.messages;
  for (const std::string& domain : transaction_domains_) ++session_.recipient_domains[domain];
  transaction_domains_.clear();
}

void Connection::transaction_aborted() {
  transaction_domains_.clear();
}

session::Session Connection::ended(Time now) const& {
  Connection copy = *this;
  return std::move(copy).ended(now);
}

session::Session Connection::ended(Time now) && {
  session_.end = now;
  return std::move(session_);
}

std::string recipient_domain(std::string_view address) {
  if (address.starts_with('<')) address.remove_prefix(1);
  if (address.ends_with('>')) address.remove_suffix(1);
  const auto at = address.rfind('@');
  if (at == std::string_view::npos) return {};
  return domain_or_nothing(address.substr(at + 1));
}

}  // namespace starttls::milter
