#include "mail/notice_mail.h"

#include "base/try.h"
#include "mail/automatic_mail.h"

namespace starttls::mail {

Result<std::string> compose(const NoticeMail& mail) {
  const auto message = TRY(begin_message(
      {.from = mail.from, .to = mail.to, .subject = mail.subject, .id = mail.id, .date = mail.date}));
  const Owned<GMimeTextPart> part(g_mime_text_part_new_with_subtype("plain"));
  g_mime_text_part_set_text(part.get(), mail.text.c_str());
  g_mime_message_set_mime_part(message.get(), GMIME_OBJECT(part.get()));
  return text_of(message.get());
}

}  // namespace starttls::mail
