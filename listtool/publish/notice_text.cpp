#include "listtool/publish/notice_text.h"

#include <fmt/format.h>

#include "base/clock.h"
#include "base/text.h"

namespace starttls::listtool::publish {
namespace {

constexpr std::size_t max_evidence = 1'000;

std::string list_of(const PublishSettings& settings) {
  const std::string place = settings.url.empty() ? "" : fmt::format(" ({})", settings.url);
  return fmt::format("'{}'{}", settings.name, place);
}

NoticeText of_fault(const listingdb::Notice& notice, const PublishSettings& settings) {
  const std::string domain = notice.domain.str();
  return {.subject =
              fmt::format("{}: mail servers that follow the list '{}' cannot deliver", domain, settings.name),
          .body = fmt::format(
              "The domain {0} is on the list {1}. Mail servers that follow this list\n"
              "send mail for {0} only to its own mail servers, over authenticated TLS.\n"
              "\n"
              "Since {2} they cannot do that. What was found:\n"
              "\n"
              "    {3}\n"
              "\n"
              "This command says what the words mean, and what to do:\n"
              "\n"
              "    starttls-listtool check {0}\n"
              "\n"
              "Until it is mended, their mail waits. After {4} days with at least {5} checks\n"
              "that fail, the entry is suspended. It ends at once when you take back your\n"
              "consent: the MTA-STS policy, the DANE records or the TXT record\n"
              "_starttls-list.{0}.\n"
              "\n"
              "This mail was written by a program, once for this trouble.\n",
              domain, list_of(settings), to_rfc3339(notice.time), printable(notice.evidence, max_evidence),
              settings.rules.grace_days, settings.rules.grace_failures)};
}

NoticeText of_consent(const listingdb::Notice& notice, const PublishSettings& settings) {
  const std::string domain = notice.domain.str();
  const std::string faults = notice.evidence.empty() ? ""
                                                     : fmt::format("What else was found:\n\n    {}\n\n",
                                                                   printable(notice.evidence, max_evidence));
  return {
      .subject = fmt::format("{}: consent to the list '{}' is not found", domain, settings.name),
      .body = fmt::format("The domain {0} is on the list {1}. Mail servers that follow this list\n"
                          "send mail for {0} only to its own mail servers, over authenticated TLS.\n"
                          "\n"
                          "Since {2} there is no consent to that any more: no MTA-STS policy in\n"
                          "mode enforce that can be fetched, no DANE records for all mail servers, and no\n"
                          "TXT record _starttls-list.{0} that names the list.\n"
                          "\n"
                          "{3}"
                          "If you have taken it back, you need not do anything. After {4} days with at\n"
                          "least {5} checks without it, the entry is suspended. If you have not, this\n"
                          "command says what is found, and what to do:\n"
                          "\n"
                          "    starttls-listtool check {0}\n"
                          "\n"
                          "This mail was written by a program, once for this trouble.\n",
                          domain, list_of(settings), to_rfc3339(notice.time), faults,
                          settings.rules.grace_days, settings.rules.grace_failures)};
}

}  // namespace

NoticeText notice_text(const listingdb::Notice& notice, listing::Reason reason,
                       const PublishSettings& settings) {
  return reason == listing::Reason::consent_absent ? of_consent(notice, settings)
                                                   : of_fault(notice, settings);
}

}  // namespace starttls::listtool::publish
