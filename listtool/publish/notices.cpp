#include "listtool/publish/notices.h"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "base/console.h"
#include "base/text.h"
#include "base/try.h"
#include "listtool/publish/notice_text.h"
#include "mail/notice_mail.h"
#include "mailer/hand_over.h"

namespace starttls::listtool::publish {
namespace {

// Why the domain began to fail.
Result<listing::Reason> reason_of(Publisher& publisher, const listingdb::Notice& notice) {
  for (const listing::Transition& transition : TRY(publisher.db().history(notice.domain))) {
    if (transition.time == notice.time && listing::concerns_owner(transition)) return transition.reason;
  }
  return listing::Reason::unsound;
}

Result<void> send(Publisher& publisher, const listingdb::Notice& notice, const std::string& to) {
  const PublishSettings& settings = publisher.settings();
  NoticeText said = notice_text(notice, TRY(reason_of(publisher, notice)), settings);
  const std::string message = TRY(mail::compose(
      mail::NoticeMail{.from = settings.mail_from,
                       .to = to,
                       .subject = std::move(said.subject),
                       .text = std::move(said.body),
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
