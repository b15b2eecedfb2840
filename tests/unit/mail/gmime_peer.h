// The parts of a mail as GMime finds them, for comparison.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "mail/gmime.h"

namespace starttls::test {

struct PeerPart {
  std::string content_type;  // lower case
  std::string content;       // decoded

  bool operator==(const PeerPart&) const = default;
};

// Parts that are no multiparts, also of mails within the mail, in their order.
inline void append_parts(GMimeObject* object, std::vector<PeerPart>& parts) {
  if (GMIME_IS_MULTIPART(object)) {
    GMimeMultipart* const multipart = GMIME_MULTIPART(object);
    for (int at = 0; at < g_mime_multipart_get_count(multipart); ++at)
      append_parts(g_mime_multipart_get_part(multipart, at), parts);
  } else if (GMIME_IS_MESSAGE_PART(object)) {
    GMimeMessage* const message = g_mime_message_part_get_message(GMIME_MESSAGE_PART(object));
    if (message != nullptr) append_parts(g_mime_message_get_mime_part(message), parts);
  } else if (GMIME_IS_PART(object)) {
    const mail::Owned<GMimeStream> stream(g_mime_stream_mem_new());
    GMimeDataWrapper* const content = g_mime_part_get_content(GMIME_PART(object));
    if (content != nullptr) g_mime_data_wrapper_write_to_stream(content, stream.get());
    const GByteArray* const bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(stream.get()));
    GMimeContentType* const type = g_mime_object_get_content_type(object);
    std::string name = std::string(g_mime_content_type_get_media_type(type)) + "/" +
                       g_mime_content_type_get_media_subtype(type);
    parts.push_back({.content_type = to_lower(name),
                     .content = std::string(reinterpret_cast<const char*>(bytes->data), bytes->len)});
  }
}

inline std::vector<PeerPart> gmime_parts(std::string_view mail) {
  mail::init_gmime();
  const mail::Owned<GMimeStream> stream(g_mime_stream_mem_new_with_buffer(mail.data(), mail.size()));
  const mail::Owned<GMimeParser> parser(g_mime_parser_new_with_stream(stream.get()));
  const mail::Owned<GMimeMessage> message(g_mime_parser_construct_message(parser.get(), nullptr));
  std::vector<PeerPart> parts;
  if (message) append_parts(g_mime_message_get_mime_part(message.get()), parts);
  return parts;
}

}  // namespace starttls::test
