#include "mail/automatic_mail.h"

#include <chrono>
#include <memory>

#include "base/text.h"
#include "base/try.h"

namespace starttls::mail {
namespace {

Result<void> set_address(GMimeMessage* message, GMimeAddressType type, const std::string& address) {
  // Refuse an address that could end the header, or add another.
  if (address.find_first_of("\r\n<>, \t") != std::string::npos || !address.contains('@'))
    return fail(Fault::data, "'{}' is no mail address", printable(address, 200));
  g_mime_message_add_mailbox(message, type, nullptr, address.c_str());
  return {};
}

}  // namespace

void set_header(GMimeMessage* message, const char* name, const std::string& value) {
  // These are our own texts. printable() still escapes what could end a header.
  g_mime_object_set_header(GMIME_OBJECT(message), name, printable(value).c_str(), nullptr);
}

Result<Owned<GMimeMessage>> begin_message(const MailHead& head) {
  init_gmime();
  Owned<GMimeMessage> message(g_mime_message_new(TRUE));
  TRY(set_address(message.get(), GMIME_ADDRESS_TYPE_FROM, head.from));
  TRY(set_address(message.get(), GMIME_ADDRESS_TYPE_TO, head.to));
  g_mime_message_set_subject(message.get(), printable(head.subject).c_str(), nullptr);
  const std::unique_ptr<GDateTime, void (*)(GDateTime*)> date(
      g_date_time_new_from_unix_utc(
          std::chrono::floor<std::chrono::seconds>(head.date).time_since_epoch().count()),
      &g_date_time_unref);
  g_mime_message_set_date(message.get(), date.get());
  g_mime_message_set_message_id(message.get(), printable(head.id).c_str());
  set_header(message.get(), "TLS-Required", "No");
  set_header(message.get(), "Auto-Submitted", "auto-generated");
  return message;
}

std::string text_of(GMimeMessage* message) {
  const Owned<GMimeStream> stream(g_mime_stream_mem_new());
  const Owned<GMimeStream> crlf(g_mime_stream_filter_new(stream.get()));
  const Owned<GMimeFilter> filter(g_mime_filter_unix2dos_new(FALSE));
  g_mime_stream_filter_add(GMIME_STREAM_FILTER(crlf.get()), filter.get());
  g_mime_object_write_to_stream(GMIME_OBJECT(message), nullptr, crlf.get());
  g_mime_stream_flush(crlf.get());
  const GByteArray* const bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(stream.get()));
  return {reinterpret_cast<const char*>(bytes->data), bytes->len};
}

}  // namespace starttls::mail
