// One mail (RFC 5322, RFC 2045, RFC 2046): its parts, decoded as they are read. Nothing outside this room
// includes GMime, which reads the fields and decodes. Where parts begin and end is found here, in one pass
// over the lines and with limits: GMime makes an object of each part and field, so that a mail of 5 MB can
// take it seconds and a gigabyte of memory, and an ordinary report takes it four times as long
// (tests/bench/README.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/result.h"
#include "mail/random_access_file.h"

namespace starttls::mail {

inline constexpr std::uint64_t message_size_limit = std::uint64_t{64} << 20U;  // bytes
inline constexpr std::uint64_t header_size_limit = std::uint64_t{256}
                                                   << 10U;  // bytes, of a part or the whole
inline constexpr std::size_t field_size_limit = 2'048;      // bytes of a field that is looked into
inline constexpr std::size_t max_parts = 1'000;             // of a message that are looked at
inline constexpr std::size_t max_levels =
    20;  // of parts and mails within one another; deeper ones are left alone

struct Part {
  std::string content_type;  // "application/tlsrpt+gzip"; lower case, as declared
  ReadBytes content;         // without its transfer encoding; what is wrong with that is passed over
};

// Whether it begins as a mail does, with a header.
bool is_message(std::string_view head);

// Calls `take` with each part that is not made of others, also of mails within the mail. What is no MIME, or
// broken MIME, is read as far as it makes sense. The work is linear in the size of the mail, whatever is in
// it. Fault::data where the message is over a limit; parts before that were given.
Result<void> for_each_part(const RandomAccessFile& source, std::uint64_t begin, std::uint64_t end,
                           const std::function<void(const Part&)>& take);

}  // namespace starttls::mail
