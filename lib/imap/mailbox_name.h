// Names of mailboxes as arguments of commands.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace starttls::imap {

// A quoted string with the name in modified UTF-7 (RFC 3501 sections 4.3 and 5.1.3): "\"Entw&APw-rfe\"". Fault::usage
// where the name is empty, no UTF-8, has control characters, or is longer than 255 bytes.
Result<std::string> quoted_mailbox_name(std::string_view name);

}  // namespace starttls::imap
