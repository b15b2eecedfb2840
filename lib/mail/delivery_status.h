// Bounces: mails that say that another mail was not delivered (delivery status notifications, RFC 3464, in a
// multipart/report, RFC 6522; without one, bounce_text.h).
//
// Anybody can send one, with any content: what it says must be compared with what was really sent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mail/random_access_file.h"

namespace starttls::mail {

inline constexpr std::size_t delivery_status_size_limit = std::size_t{64} << 10U;  // bytes that are read
inline constexpr std::size_t max_bounced_recipients = 100;                         // of one bounce
inline constexpr std::size_t max_bounced_address =
    320;  // bytes; a longer one is ignored (RFC 5321 section 4.5.3.1)

// The status of one recipient (RFC 3464 section 2.3). Texts that are missing or malformed are "".
struct RecipientStatus {
  std::string original_address;  // Original-Recipient: as the sender of the mail wrote it
  std::string final_address;     // Final-Recipient: where it was to be delivered
  std::string action;            // lower case: "failed", "delayed", ...
  std::string status;            // RFC 3463: "5.1.1"
  std::string diagnostic;  // what the other mail server said, without its type: "550 5.1.1 no such user"

  bool operator==(const RecipientStatus&) const = default;
};

struct Bounce {
  std::vector<RecipientStatus> recipients;
  std::string
      message_id;  // of the mail that was not delivered, without angle brackets; "" where it is not there
};

// Whether a part of this type makes its mail a bounce: message/delivery-status, or that of RFC 6533. `content_type`: in
// lower case, without parameters.
bool is_delivery_status(std::string_view content_type);

// The recipients in the content of such a part.
std::vector<RecipientStatus> parse_delivery_status(std::string_view text);

// The Message-ID in a text that begins with a header, without angle brackets; "" where there is none.
std::string message_id_in(std::string_view header);

// Action "failed" with a status of 5.x.x: trying again is no use.
bool is_permanent_failure(const RecipientStatus& recipient);

// Reads the mail between two offsets of the source: its delivery status or, where it has none, its text and its header.
// The mail that was not delivered, or its header, follows (RFC 6522 section 3). Errors as of for_each_part().
Result<Bounce> read_bounce(const RandomAccessFile& source, std::uint64_t begin, std::uint64_t end);

}  // namespace starttls::mail
