#include "mail/report_mail.h"

#include <array>

#include "base/text.h"
#include "base/try.h"
#include "mail/gmime.h"

namespace starttls::mail {
namespace {

Result<void> set_address(GMimeMessage* message, GMimeAddressType type, const std::string& address) {
  // Refuse an address that could end the header, or add another.
  if (address.find_first_of("\r\n<>, \t") != std::string::npos || !address.contains('@'))
    return fail(Fault::data, "'{}' is no mail address", printable(address, 200));
  g_mime_message_add_mailbox(message, type, nullptr, address.c_str());
  return {};
}

void set_header(GMimeObject* object, const char* name, const std::string& value) {
  // These are our own texts. printable() still escapes what could end a header.
  g_mime_object_set_header(object, name, printable(value).c_str(), nullptr);
}

Owned<GMimeTextPart> explanation(const ReportMail& mail) {
  Owned<GMimeTextPart> part(g_mime_text_part_new_with_subtype("plain"));
  const std::string text = fmt::format(
      "This is an aggregate TLS report from {} about {} (RFC 8460).\n\nThe attachment is JSON, packed with "
      "gzip.\n",
      printable(mail.submitter), printable(mail.policy_domain));
  g_mime_text_part_set_text(part.get(), text.c_str());
  return part;
}

Owned<GMimePart> attachment(const ReportMail& mail) {
  Owned<GMimePart> part(g_mime_part_new_with_type("application", "tlsrpt+gzip"));
  const Owned<GMimeStream> stream(
      g_mime_stream_mem_new_with_buffer(mail.json_gzip.data(), mail.json_gzip.size()));
  const Owned<GMimeDataWrapper> content(
      g_mime_data_wrapper_new_with_stream(stream.get(), GMIME_CONTENT_ENCODING_DEFAULT));
  g_mime_part_set_content(part.get(), content.get());
  g_mime_part_set_content_encoding(part.get(), GMIME_CONTENT_ENCODING_BASE64);
  g_mime_object_set_disposition(GMIME_OBJECT(part.get()), GMIME_DISPOSITION_ATTACHMENT);
  g_mime_part_set_filename(part.get(), mail.file_name.c_str());
  return part;
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

}  // namespace

Result<std::string> compose(const ReportMail& mail) {
  init_gmime();
  const Owned<GMimeMessage> message(g_mime_message_new(TRUE));
  TRY(set_address(message.get(), GMIME_ADDRESS_TYPE_FROM, mail.from));
  TRY(set_address(message.get(), GMIME_ADDRESS_TYPE_TO, mail.to));
  const std::string subject = fmt::format("Report Domain: {} Submitter: {} Report-ID: <{}>",
                                          mail.policy_domain, mail.submitter, mail.report_id);
  g_mime_message_set_subject(message.get(), printable(subject).c_str(), nullptr);
  const std::unique_ptr<GDateTime, void (*)(GDateTime*)> date(
      g_date_time_new_from_unix_utc(
          std::chrono::floor<std::chrono::seconds>(mail.date).time_since_epoch().count()),
      &g_date_time_unref);
  g_mime_message_set_date(message.get(), date.get());
  g_mime_message_set_message_id(message.get(), printable(mail.report_id).c_str());
  GMimeObject* const object = GMIME_OBJECT(message.get());
  set_header(object, "TLS-Report-Domain", mail.policy_domain);
  set_header(object, "TLS-Report-Submitter", mail.submitter);
  // RFC 8689: a report about failing TLS must not fail because of TLS.
  set_header(object, "TLS-Required", "No");
  set_header(object, "Auto-Submitted", "auto-generated");  // RFC 3834
  const Owned<GMimeMultipart> parts(g_mime_multipart_new_with_subtype("report"));
  g_mime_object_set_content_type_parameter(GMIME_OBJECT(parts.get()), "report-type", "tlsrpt");
  const Owned<GMimeTextPart> text = explanation(mail);
  const Owned<GMimePart> report = attachment(mail);
  g_mime_multipart_add(parts.get(), GMIME_OBJECT(text.get()));
  g_mime_multipart_add(parts.get(), GMIME_OBJECT(report.get()));
  g_mime_message_set_mime_part(message.get(), GMIME_OBJECT(parts.get()));
  return text_of(message.get());
}

}  // namespace starttls::mail
