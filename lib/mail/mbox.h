// Mailboxes in one file (mbox(5)).
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "base/result.h"
#include "mail/random_access_file.h"

namespace starttls::mail {

// Whether it begins as a mailbox does, with a line "From ".
bool is_mbox(std::string_view head);

// Calls `take` with the offsets of each message: after its "From " line, and its end. A line "From " begins a
// message where it is the first line, follows an empty one, or ends with a date as mail servers write it
// (mbox(5)): some programs put no empty line between two messages.
Result<void> for_each_message(const RandomAccessFile& mbox,
                              const std::function<void(std::uint64_t begin, std::uint64_t end)>& take);

// Whether it has more than one message, read as a mailbox.
Result<bool> has_several_messages(const RandomAccessFile& mbox);

}  // namespace starttls::mail
