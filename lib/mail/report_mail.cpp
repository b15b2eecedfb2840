#include "mail/report_mail.h"

#include "base/text.h"
#include "base/try.h"
#include "mail/automatic_mail.h"
#include "mail/gmime.h"

namespace starttls::mail {
namespace {

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

}  // namespace

Result<std::string> compose(const ReportMail& mail) {
  const auto message =
      TRY(begin_message({.from = mail.from,
                         .to = mail.to,
                         .subject = fmt::format("Report Domain: {} Submitter: {} Report-ID: <{}>",
                                                mail.policy_domain, mail.submitter, mail.report_id),
                         .id = mail.report_id,
                         .date = mail.date}));
  set_header(message.get(), "TLS-Report-Domain", mail.policy_domain);
  set_header(message.get(), "TLS-Report-Submitter", mail.submitter);
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
