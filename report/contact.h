// The sender of our reports, by the `contact` of the configuration.
#pragma once

#include <string>
#include <string_view>

namespace starttls::report {

struct Contact {
  // The submitter: the domain of the contact (RFC 8460 sections 5.1 and 5.3), in A-labels; that of the host
  // where the contact has none.
  std::string domain;
  std::string sender;  // the address that mails come from: the contact where it is one that can be written to
};

// `contact` is an address, with or without "mailto:", "Name <address>", or an https: URL, whose host counts.
// `host` is the full name of this host.
Contact parse_contact(std::string_view contact, const std::string& host);

}  // namespace starttls::report
