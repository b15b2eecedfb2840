// The head of a mail that a program writes, and its text. Internal to this component.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "mail/gmime.h"

namespace starttls::mail {

struct MailHead {
  std::string from;  // an address
  std::string to;    // an address
  std::string subject;
  std::string id;  // without angle brackets
  Time date;
};

// Marked as automatic (RFC 3834), and to be delivered even without TLS (RFC 8689): a mail about failing TLS must
// not fail because of TLS. Fault::data where an address is invalid.
Result<Owned<GMimeMessage>> begin_message(const MailHead& head);

void set_header(GMimeMessage* message, const char* name, const std::string& value);

// With CRLF line ends.
std::string text_of(GMimeMessage* message);

}  // namespace starttls::mail
