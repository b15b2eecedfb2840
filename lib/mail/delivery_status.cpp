#include "mail/delivery_status.h"

#include <array>
#include <optional>
#include <utility>

#include "base/text.h"
#include "base/try.h"
#include "mail/bounce_fields.h"
#include "mail/bounce_text.h"
#include "mail/fields.h"
#include "mail/message.h"

namespace starttls::mail {
namespace {

constexpr std::array<std::string_view, 5> recipient_fields{"original-recipient", "final-recipient", "action",
                                                           "status", "diagnostic-code"};
constexpr std::array<std::string_view, 1> message_id_field{"message-id"};
constexpr std::string_view blanks = " \t\r\n";

std::string_view first_word(std::string_view text) {
  text = trim(text);
  return text.substr(0, text.find_first_of(" \t\r\n("));
}

// Of "rfc822; user@example.org" what follows the type (RFC 3464 section 2.1.2).
std::string_view without_type(std::string_view text) {
  const auto semicolon = text.find(';');
  return semicolon == std::string_view::npos ? std::string_view() : trim(text.substr(semicolon + 1));
}

std::string address_in(std::string_view value) {
  const std::string_view text = without_type(value);
  return parse_bounced_address(text.substr(0, text.find_first_of(blanks)));
}

// Fields of which a group has one; the first one counts.
void set(std::string& text, std::string value) {
  if (text.empty()) text = std::move(value);
}

RecipientStatus recipient_in(std::string_view group) {
  RecipientStatus recipient;
  for (const Field& field : parse_fields(group, recipient_fields)) {
    if (field.name == "original-recipient") set(recipient.original_address, address_in(field.value));
    if (field.name == "final-recipient") set(recipient.final_address, address_in(field.value));
    if (field.name == "action") set(recipient.action, to_lower(first_word(field.value)));
    if (field.name == "status") set(recipient.status, parse_status(first_word(field.value)));
    if (field.name == "diagnostic-code") set(recipient.diagnostic, std::string(without_type(field.value)));
  }
  return recipient;
}

std::string text_of(const Part& part, std::size_t limit) {
  std::string text(limit, '\0');
  text.resize(read_full(part.content, text).value_or(0));
  return text;
}

// The mail that came back, or its header, as a part that is not taken apart.
bool is_returned(std::string_view content_type) {
  return content_type == "text/rfc822-headers" || content_type == "message/rfc822" ||
         content_type == "message/global-headers" || content_type == "message/global";
}

// What of a mail makes it a bounce, and the mail that came back.
class BounceParts {
 public:
  void take(const Part& part) {
    if (is_returned(part.content_type)) {
      take_returned(text_of(part, header_size_limit));
    } else if (!status_ && is_delivery_status(part.content_type)) {
      status_ = parse_delivery_status(text_of(part, delivery_status_size_limit));
      returned_id_.clear();
    } else if (!status_ && !text_ && part.content_type == "text/plain") {
      text_ = text_of(part, delivery_status_size_limit);
      returned_id_.clear();
    }
  }

  void take_header(std::string_view header) {
    if (failed_header_.empty() && names_failed_recipients(header)) failed_header_ = header;
    take_returned(header);
  }

  Bounce bounce() && {
    Bounce bounce;
    if (status_) {
      bounce.recipients = std::move(*status_);
    } else if (text_ && is_qmail_bounce(*text_)) {
      bounce = parse_qmail_bounce(*text_);
    } else {
      bounce = parse_failed_recipients(failed_header_, text_.value_or(""));
    }
    if (!returned_id_.empty()) bounce.message_id = std::move(returned_id_);
    return bounce;
  }

 private:
  // It follows what says that it came back.
  void take_returned(std::string_view header) {
    if ((status_ || text_) && returned_id_.empty()) returned_id_ = message_id_in(header);
  }

  std::optional<std::vector<RecipientStatus>> status_;  // of the first part with one
  std::optional<std::string> text_;                     // the first one before that
  std::string failed_header_;                           // with X-Failed-Recipients
  std::string returned_id_;
};

}  // namespace

bool is_delivery_status(std::string_view content_type) {
  return content_type == "message/delivery-status" || content_type == "message/global-delivery-status";
}

std::vector<RecipientStatus> parse_delivery_status(std::string_view text) {
  std::vector<RecipientStatus> recipients;
  while (!text.empty() && recipients.size() < max_bounced_recipients) {
    RecipientStatus recipient = recipient_in(take_paragraph(text));
    // The first group is about the mail (RFC 3464 section 2.2), and has none.
    if (recipient.original_address.empty() && recipient.final_address.empty()) continue;
    recipients.push_back(std::move(recipient));
  }
  return recipients;
}

std::string message_id_in(std::string_view header) {
  for (const Field& field : parse_fields(header, message_id_field)) {
    if (std::string id = message_id_of(field.value); !id.empty()) return id;
  }
  return {};
}

bool is_permanent_failure(const RecipientStatus& recipient) {
  return recipient.action == "failed" && recipient.status.starts_with('5');
}

Result<Bounce> read_bounce(const RandomAccessFile& source, std::uint64_t begin, std::uint64_t end) {
  BounceParts parts;
  TRY(for_each_part(
      source, begin, end, [&](const Part& part) { parts.take(part); },
      [&](std::string_view header) { parts.take_header(header); }));
  return std::move(parts).bounce();
}

}  // namespace starttls::mail
