// One mail (RFC 5322, RFC 2045, RFC 2046): its parts, decoded as they are read. Nothing outside this
// component includes GMime, which reads the fields and decodes. This code finds the parts itself, in one
// pass over the lines and within limits: GMime creates an object for each part and field, so that a mail of
// 5 MB can take it seconds and a gigabyte of memory, and an ordinary report takes it four times as long
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
inline constexpr std::uint64_t header_size_limit = std::uint64_t{256} << 10U;  // bytes, of a part or the mail
inline constexpr std::size_t field_size_limit = 2'048;  // bytes of a field that are read
inline constexpr std::size_t max_parts = 1'000;         // of a message
// The nesting of parts and mails; deeper ones are ignored.
inline constexpr std::size_t max_levels = 20;

struct Part {
  std::string content_type;  // "application/tlsrpt+gzip"; lower case, as declared
  ReadBytes content;         // decoded; errors of the transfer encoding are ignored
};

// Gets the header of a mail, as it is written. Valid until it returns.
using TakeHeader = std::function<void(std::string_view header)>;

// Whether it begins as a mail does, with a header field.
bool is_message(std::string_view head);

// Calls `take` with each part that is not multipart, also of mails within the mail. Invalid MIME is read as
// far as possible. The work is linear in the size of the mail, whatever its content. Fault::data where the
// message exceeds a limit, after the parts before that. `take_header`, if there is one, gets the header of
// the mail, and of each mail within it, before its parts.
Result<void> for_each_part(const RandomAccessFile& source, std::uint64_t begin, std::uint64_t end,
                           const std::function<void(const Part&)>& take, const TakeHeader& take_header = {});

}  // namespace starttls::mail
