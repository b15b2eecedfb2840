#include "report/contact.h"

#include "base/domain.h"
#include "base/text.h"
#include "tlsrpt/record.h"

namespace starttls::report {
namespace {

// The address of "TLS reports <tls@example.org>".
std::string_view within_angle_brackets(std::string_view text) {
  const auto begin = text.rfind('<');
  if (begin == std::string_view::npos || !text.ends_with('>')) return text;
  return trim(text.substr(begin + 1, text.size() - begin - 2));
}

}  // namespace

Contact parse_contact(std::string_view contact, const std::string& host) {
  const std::string_view text = within_angle_brackets(trim(contact));
  Contact found{.domain = host, .sender = "postmaster@" + host};
  const auto at = text.rfind('@');
  // A URI, or a mail address without "mailto:".
  auto destination = tlsrpt::parse_destination(text);
  if (!destination && at != std::string_view::npos && !to_lower(text).starts_with("https:"))
    destination = tlsrpt::parse_destination("mailto:" + std::string(text));
  if (destination && destination->host.str().contains('.')) {
    found.domain = destination->host.str();
    if (destination->scheme == tlsrpt::Destination::Scheme::mailto) found.sender = destination->target;
    return found;
  }
  // Addresses that cannot be used on a command line, such as those with a quoted local part: only their
  // domain is used.
  if (at == std::string_view::npos || text.find_first_of(" \t\r\n") != std::string_view::npos) return found;
  const auto domain = DomainName::parse(text.substr(at + 1));
  if (domain && domain->str().contains('.')) found.domain = domain->str();
  return found;
}

}  // namespace starttls::report
