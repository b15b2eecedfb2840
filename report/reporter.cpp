#include "report/reporter.h"

#include <netdb.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <utility>

#include "base/text.h"
#include "report/contact.h"

namespace starttls::report {
namespace {

// The host's full name, if the resolver returns one.
std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "localhost";
  addrinfo hints{};
  hints.ai_flags = AI_CANONNAME;
  addrinfo* found = nullptr;
  if (::getaddrinfo(name.data(), nullptr, &hints, &found) != 0) return printable(name.data());
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  return printable(found->ai_canonname != nullptr ? found->ai_canonname : name.data());
}

}  // namespace

Reporter reporter_of(const config::ReportConfig& report) {
  Reporter reporter{.organization = report.organization,
                    .contact = report.contact,
                    .host = host_name(),
                    .domain = {},
                    .sender = {},
                    .default_policy_domain = report.policy_domain,
                    .min_tls = report.min_tls};
  if (reporter.organization.empty()) reporter.organization = reporter.host;
  if (reporter.contact.empty()) reporter.contact = "postmaster@" + reporter.host;
  Contact contact = parse_contact(reporter.contact, reporter.host);
  reporter.domain = std::move(contact.domain);
  reporter.sender = std::move(contact.sender);
  return reporter;
}

}  // namespace starttls::report
