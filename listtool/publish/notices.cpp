#include "listtool/publish/notices.h"

#include <fmt/format.h>

#include <string>

#include "base/console.h"
#include "base/text.h"
#include "base/try.h"
#include "mail/notice_mail.h"
#include "mailer/hand_over.h"

namespace starttls::listtool::publish {
namespace {

constexpr std::size_t max_evidence = 1'000;

std::string text_of(const listingdb::Notice& notice, const PublishSettings& settings) {
  const listing::Rules& rules = settings.rules;
  return fmt::format(
      "The domain {0} is on the list '{1}'{2}. Mail servers that follow this list\n"
      "send mail for {0} only to its own mail servers, over authenticated TLS.\n"
      "\n"
      "Since {3} they cannot do that. What was found:\n"
      "\n"
      "    {4}\n"
      "\n"
      "This command says what the words mean, and what to do:\n"
      "\n"
      "    starttls-listtool check {0}\n"
      "\n"
      "Until it is mended, their mail waits. After {5} days with at least {6} checks\n"
      "that fail, the entry is suspended. It ends at once when you take back your\n"
      "consent: the MTA-STS policy, the DANE records or the TXT record\n"
      "_starttls-list.{0}.\n"
      "\n"
      "This mail was written by a program, once for this trouble.\n",
      notice.domain.str(), settings.name, settings.url.empty() ? "" : fmt::format(" ({})", settings.url),
      to_rfc3339(notice.time), printable(notice.evidence, max_evidence), rules.grace_days,
      rules.grace_failures);
}

Result<void> send(Publisher& publisher, const listingdb::Notice& notice, const std::string& to) {
  const PublishSettings& settings = publisher.settings();
  const std::string message = TRY(mail::compose(
      mail::NoticeMail{.from = settings.mail_from,
                       .to = to,
                       .subject = fmt::format("{}: mail servers that follow the list '{}' cannot deliver",
                                              notice.domain.str(), settings.name),
                       .text = text_of(notice, settings),
                       .id = fmt::format("{}.{}.{}", settings.name, notice.time.time_since_epoch().count(),
                                         notice.domain.str()) +
                             "@" + settings.mail_from.substr(settings.mail_from.find('@') + 1),
                       .date = publisher.context().now}));
  return mailer::hand_over(settings.mail,
                           {.sender = settings.mail_from, .recipient = to, .message = message});
}

}  // namespace

Result<void> send_notices(Publisher& publisher) {
  std::optional<Error> waiting;
  for (const listingdb::Notice& notice : TRY(publisher.db().notices())) {
    const auto kept = TRY(publisher.db().find(notice.domain));
    if (kept && !kept->contact.empty() && !publisher.settings().mail_from.empty()) {
      const auto sent = send(publisher, notice, kept->contact);
      if (!sent) {
        print_warning(program,
                      fmt::format("mail to {}: {}", printable(kept->contact, 200), sent.error().message));
        if (sent.error().fault == Fault::temporary) {
          waiting = sent.error();
          continue;
        }
      }
    }
    TRY(publisher.db().remove_notice(notice.id));
  }
  if (waiting) return std::unexpected(*waiting);
  return {};
}

}  // namespace starttls::listtool::publish
