// The sender of our reports, from the `contact` in the configuration.
#pragma once

#include <string>
#include <string_view>

namespace starttls::report {

struct Contact {
  // The submitter: the domain of the contact (RFC 8460 sections 5.1 and 5.3), in A-labels; the domain of the
  // host if the contact has none.
  std::string domain;
  std::string sender;  // the sender address of mails: the contact if it is a usable mail address
};

// `contact` is an address, with or without "mailto:", "Name <address>", or an https: URL, whose host is used.
// `host` is the full name of this host.
Contact parse_contact(std::string_view contact, const std::string& host);

}  // namespace starttls::report
