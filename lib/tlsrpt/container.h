// The containers of received reports (RFC 8460 section 5.3 and what senders use): a file of JSON or gzip, a
// mail with one of these as a part, a mailbox. The first bytes decide which it is: names, types and
// subjects are not trusted.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string_view>

#include "base/file.h"
#include "base/result.h"
#include "mail/random_access_file.h"

namespace starttls::tlsrpt {

// Of a report that is POSTed, or a part of a mail (RFC 8460 sections 5.3 and 5.4).
inline constexpr std::array<std::string_view, 2> media_types{"application/tlsrpt+gzip",
                                                             "application/tlsrpt+json"};

inline constexpr std::uint64_t container_size_limit = std::uint64_t{1}
                                                      << 40U;  // bytes; a mailbox has no other

inline constexpr std::uint64_t standard_input_limit = std::uint64_t{1} << 28U;  // bytes of a container there

inline constexpr std::size_t max_reports = 20;  // of one mail; further ones are refused

// Where a report was found.
struct Location {
  std::uint64_t message = 0;  // number of the mail in a mailbox, from 1; 0: no mailbox
  bool is_mail = false;
  bool is_bounce = false;  // mail that came back (mail/delivery_status.h): no report, whatever is in it
  // Offsets of the mail in the file, from the first field of its header on.
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

// The content begins as gzip or JSON does, and can be read until the call returns. Fault::data with the
// reason where a mail has no report.
using TakeDocument = std::function<void(const Location& place, const Result<ReadBytes>& document)>;

// The meaning of "From " at the beginning: a mailbox (mbox), or the line that mail servers write before one
// mail when they pass it to a program (local(8) of Postfix). They do not quote such lines within the mail,
// so that a sender could split the mail with them.
enum class FromLine { begins_mailbox, begins_mail };

// Calls `take` for each report, and for each mail without one. Fault::data where the file is none of these
// containers.
Result<void> for_each_document(const mail::RandomAccessFile& source, const TakeDocument& take,
                               FromLine from_line = FromLine::begins_mailbox);

}  // namespace starttls::tlsrpt
