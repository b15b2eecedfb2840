#include "load/identity.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

namespace starttls::load {
namespace {

const Tls tls_13{.version = "TLSv1.3", .cipher = "TLS_AES_256_GCM_SHA384", .bits = "256", .cert_subject = {}};
const Tls tls_13_trusted{
    .version = "TLSv1.3", .cipher = "TLS_AES_128_GCM_SHA256", .bits = "128", .cert_subject = "client.test"};

Message message(std::uint32_t number, bool accepted, std::uint32_t domains) {
  Message made{.sender = "alice@sender.test", .recipients = {}, .accepted = accepted};
  for (std::uint32_t i = 0; i < domains; ++i) {
    made.recipients.push_back(fmt::format("bob@d{}.example", (number + i) % 97));
  }
  made.recipients.emplace_back("carol@Common.Example");
  return made;
}

}  // namespace

Script numbered_script(std::uint32_t number) {
  Script script{.receiving_mx = "mx.example.test",
                .client_name = fmt::format("c{}.client.test", number),
                .client_address =
                    fmt::format("10.{}.{}.{}", number >> 16U & 0xFFU, number >> 8U & 0xFFU, number & 0xFFU),
                .helo = {},
                .tls = std::nullopt,
                .messages = {}};
  script.helo = script.client_name;
  switch (number % 7) {
    case 0:
      script.tls = tls_13;
      script.messages = {message(number, true, 1)};
      break;
    case 1:
      script.tls = tls_13;
      break;
    case 2:
      script.messages = {message(number, true, 1)};
      break;
    case 3:
      break;
    case 4:
      script.tls = tls_13;
      script.messages = {message(number, true, 1), message(number + 7, false, 1), message(number, true, 2)};
      break;
    case 5:
      script.messages = {message(number, true, 0), message(number, true, 3)};
      break;
    default:
      script.tls = tls_13_trusted;
      script.messages = {message(number, true, 2)};
  }
  return script;
}

std::string_view failure_of(std::uint32_t number) {
  static constexpr std::array<std::string_view, 8> failures{
      "unknown-ca",      "disconnected",         "",       "certificate-expired", "no-shared-cipher",
      "lost-connection", "unsupported-protocol", "not-tls"};
  return number % 7 == 3 ? failures[number / 7 % failures.size()] : "";
}

Script given_up_script(std::uint32_t sender) {
  Script script = numbered_script(sender);
  script.tls = tls_13;
  script.messages = {message(sender, false, 0)};
  return script;
}

std::optional<std::uint32_t> number_of_address(std::string_view client_address) {
  std::uint32_t number = 0;
  if (!client_address.starts_with("10.")) return std::nullopt;
  client_address.remove_prefix(3);
  for (int part = 0; part < 3; ++part) {
    std::uint32_t value = 0;
    const auto* const last = client_address.data() + client_address.size();
    const auto [end, error] = std::from_chars(client_address.data(), last, value);
    if (error != std::errc() || value > 255) return std::nullopt;
    number = number << 8U | value;
    client_address.remove_prefix(static_cast<std::size_t>(end - client_address.data()));
    if (!client_address.empty()) client_address.remove_prefix(1);
  }
  return number;
}

std::optional<std::uint32_t> number_of(std::string_view client_name) {
  constexpr std::string_view end = ".client.test";
  if (!client_name.starts_with('c') || !client_name.ends_with(end)) return std::nullopt;
  client_name.remove_prefix(1);
  client_name.remove_suffix(end.size());
  std::uint32_t number = 0;
  const auto* const last = client_name.data() + client_name.size();
  const auto [parsed, error] =
      std::from_chars(client_name.data(), client_name.data() + client_name.size(), number);
  if (error != std::errc() || parsed != last) return std::nullopt;
  return number;
}

}  // namespace starttls::load
