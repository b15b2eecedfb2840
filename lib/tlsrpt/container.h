// What reports come in (RFC 8460 section 5.3 and what senders make of it): a file of JSON or gzip, a mail
// with one of these as a part, a folder of mails. What it is, its first bytes say: names, types and subjects
// are not believed.
#pragma once

#include <cstdint>
#include <functional>

#include "base/file.h"
#include "base/result.h"
#include "mail/random_access_file.h"

namespace starttls::tlsrpt {

inline constexpr std::uint64_t container_size_limit = std::uint64_t{1}
                                                      << 40U;  // bytes; a folder has no other limit

inline constexpr std::size_t max_reports = 20;  // of one mail; further ones are refused

// Where a document was found.
struct Location {
  std::uint64_t message = 0;  // which of a folder's mails, counted from 1; 0: it is no folder
  bool is_mail = false;
  // Of the mail, from the first field of its header on: offsets in the source.
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

// A document begins as gzip or JSON does, and can be read until the call returns. Fault::data where a mail
// has no report, and says why.
using TakeDocument = std::function<void(const Location& place, const Result<ReadBytes>& document)>;

// What "From " at the beginning means: a folder of mails (mbox), or the line that mail servers put before one
// mail when they hand it to a program (local(8) of Postfix). They do not mark such lines within the mail, so
// that what its sender wrote would split it.
enum class FromLine { begins_mailbox, begins_mail };

// Calls `take` for each report, and for each mail without one. Fault::data where it is none of these
// carriers.
Result<void> for_each_document(const mail::RandomAccessFile& source, const TakeDocument& take,
                               FromLine from_line = FromLine::begins_mailbox);

}  // namespace starttls::tlsrpt
