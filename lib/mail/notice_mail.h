// A mail of plain text that a program writes to a person, composed with GMime.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace starttls::mail {

struct NoticeMail {
  std::string from;     // an address
  std::string to;       // an address
  std::string subject;  // one line
  std::string text;     // UTF-8, lines of LF
  std::string id;       // without angle brackets; the same notice has the same one
  Time date;
};

// The message, with CRLF line ends. Fault::data where an address is invalid.
Result<std::string> compose(const NoticeMail& mail);

}  // namespace starttls::mail
