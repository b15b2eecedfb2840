// URLs of mailboxes (RFC 5092), as far as a person writes them: imaps://USER@HOST[:PORT][/FOLDER]. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace starttls::imap {

inline constexpr std::uint16_t default_port = 993;  // implicit TLS (RFC 8314 section 3.2)

struct MailboxUrl {
  std::string user;  // decoded
  std::string host;  // a name, or an address, an IPv6 one in brackets
  std::uint16_t port = default_port;
  std::string folder = "INBOX";  // decoded, UTF-8

  // "imaps://user@host:port/folder", encoded; without the port where it is the default.
  std::string text() const;
};

// Whether it begins as such a URL, whatever follows.
bool is_mailbox_url(std::string_view text);

// The user may have an '@', plain or as %40. Fault::usage with the reason, which does not show the text: somebody may
// have written a password into it, which is refused.
Result<MailboxUrl> parse_mailbox_url(std::string_view text);

}  // namespace starttls::imap
