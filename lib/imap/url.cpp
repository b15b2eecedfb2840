#include "imap/url.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/text.h"
#include "base/try.h"

namespace starttls::imap {
namespace {

constexpr std::string_view scheme = "imaps://";
constexpr std::size_t max_part = 255;  // bytes, decoded

std::optional<unsigned> hex_value(char digit) {
  if (digit >= '0' && digit <= '9') return static_cast<unsigned>(digit - '0');
  if (digit >= 'a' && digit <= 'f') return static_cast<unsigned>(digit - 'a') + 10;
  if (digit >= 'A' && digit <= 'F') return static_cast<unsigned>(digit - 'A') + 10;
  return std::nullopt;
}

bool is_control(char one) {
  return static_cast<unsigned char>(one) < ' ' || one == '\x7F';
}

// `what` is for the message.
Result<std::string> decode(std::string_view text, std::string_view what) {
  std::string decoded;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      decoded += text[at];
      continue;
    }
    const auto high = at + 2 < text.size() ? hex_value(text[at + 1]) : std::nullopt;
    const auto low = high ? hex_value(text[at + 2]) : std::nullopt;
    if (!low) return fail(Fault::usage, "the {} in the URL has a '%' without two hexadecimal digits", what);
    decoded += static_cast<char>(*high * 16 + *low);
    at += 2;
  }
  if (decoded.empty() || decoded.size() > max_part || !is_utf8(decoded) ||
      std::ranges::any_of(decoded, is_control))
    return fail(Fault::usage, "the {} in the URL is not valid", what);
  return decoded;
}

std::string encode(std::string_view text, std::string_view also_plain) {
  std::string encoded;
  for (const char one : text) {
    const bool is_plain = (one >= 'a' && one <= 'z') || (one >= 'A' && one <= 'Z') ||
                          (one >= '0' && one <= '9') || std::string_view("-._~").contains(one) ||
                          also_plain.contains(one);
    encoded += is_plain ? std::string(1, one) : fmt::format("%{:02X}", static_cast<unsigned char>(one));
  }
  return encoded;
}

bool is_host(std::string_view host) {
  const bool is_bracketed = host.starts_with('[') && host.ends_with(']');
  if (is_bracketed) host = host.substr(1, host.size() - 2);
  return !host.empty() && host.size() <= max_part && std::ranges::all_of(host, [&](char one) {
    const bool is_word =
        (one >= 'a' && one <= 'z') || (one >= 'A' && one <= 'Z') || (one >= '0' && one <= '9');
    return is_word || one == '.' || (is_bracketed ? one == ':' : one == '-' || one == '_');
  });
}

Result<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0)
    return fail(Fault::usage, "the port in the URL is not a number from 1 to 65535");
  return port;
}

}  // namespace

std::string MailboxUrl::text() const {
  const std::string port_text = port == default_port ? "" : fmt::format(":{}", port);
  return fmt::format("{}{}@{}{}/{}", scheme, encode(user, "+"), host, port_text, encode(folder, "/+"));
}

bool is_mailbox_url(std::string_view text) {
  return to_lower(text.substr(0, scheme.size())) == scheme;
}

Result<MailboxUrl> parse_mailbox_url(std::string_view text) {
  if (!is_mailbox_url(text)) return fail(Fault::usage, "the URL does not begin with {}", scheme);
  text.remove_prefix(scheme.size());
  const auto slash = text.find('/');
  std::string_view authority = text.substr(0, slash);
  const std::string_view path = slash == std::string_view::npos ? "" : text.substr(slash + 1);
  const auto at = authority.rfind('@');
  if (at == std::string_view::npos)
    return fail(Fault::usage, "the URL has no user: imaps://USER@HOST/FOLDER");
  const std::string_view user = authority.substr(0, at);
  authority.remove_prefix(at + 1);
  // Other users see command lines.
  if (user.contains(':')) return fail(Fault::usage, "the URL has a password; --password-file names its file");
  if (path.find_first_of(";?#") != std::string_view::npos) {
    return fail(Fault::usage,
                "the URL has more than a host and folder; write ';', '?' and '#' as %3B, %3F and %23");
  }
  MailboxUrl url;
  url.user = TRY(decode(user, "user"));
  const auto colon = authority.ends_with(']') ? std::string_view::npos : authority.rfind(':');
  if (colon != std::string_view::npos) url.port = TRY(parse_port(authority.substr(colon + 1)));
  url.host = authority.substr(0, colon);
  if (!is_host(url.host)) return fail(Fault::usage, "the host in the URL is not valid");
  if (!path.empty()) url.folder = TRY(decode(path, "folder"));
  return url;
}

}  // namespace starttls::imap
