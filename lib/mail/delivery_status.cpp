#include "mail/delivery_status.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "base/try.h"
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
  std::string_view text = without_type(value);
  text = text.substr(0, text.find_first_of(blanks));
  if (text.starts_with('<') && text.ends_with('>')) text = text.substr(1, text.size() - 2);
  const bool is_address =
      text.size() <= max_bounced_address && text.contains('@') && text.find_first_of("<>") == text.npos;
  return is_address ? std::string(text) : "";
}

bool is_number(std::string_view text, std::size_t max_digits) {
  return !text.empty() && text.size() <= max_digits &&
         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// RFC 3463 section 2: class "." subject "." detail.
std::string status_in(std::string_view value) {
  const std::string_view text = first_word(value);
  const auto first = text.find('.');
  const auto second = first == std::string_view::npos ? first : text.find('.', first + 1);
  if (second == std::string_view::npos) return {};
  const bool is_status = is_number(text.substr(0, first), 1) &&
                         is_number(text.substr(first + 1, second - first - 1), 3) &&
                         is_number(text.substr(second + 1), 3);
  return is_status ? std::string(text) : "";
}

// Removes the fields up to the next blank line from the text.
std::string_view take_group(std::string_view& text) {
  std::size_t size = 0;
  bool has_ended = false;
  while (size < text.size() && !has_ended) {
    const auto newline = text.find('\n', size);
    const std::string_view line = text.substr(size, newline - size);
    has_ended = trim(line).empty();
    size = newline == std::string_view::npos ? text.size() : newline + 1;
  }
  const std::string_view group = text.substr(0, size);
  text.remove_prefix(size);
  return group;
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
    if (field.name == "status") set(recipient.status, status_in(field.value));
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

}  // namespace

bool is_delivery_status(std::string_view content_type) {
  return content_type == "message/delivery-status" || content_type == "message/global-delivery-status";
}

std::vector<RecipientStatus> parse_delivery_status(std::string_view text) {
  std::vector<RecipientStatus> recipients;
  while (!text.empty() && recipients.size() < max_bounced_recipients) {
    RecipientStatus recipient = recipient_in(take_group(text));
    // The first group is about the mail (RFC 3464 section 2.2), and has none.
    if (recipient.original_address.empty() && recipient.final_address.empty()) continue;
    recipients.push_back(std::move(recipient));
  }
  return recipients;
}

std::string message_id_in(std::string_view header) {
  for (const Field& field : parse_fields(header, message_id_field)) {
    const auto begin = field.value.find('<');
    const auto end = field.value.find('>', begin);
    if (begin == std::string::npos || end == std::string::npos) continue;
    return field.value.substr(begin + 1, end - begin - 1);
  }
  return {};
}

bool is_permanent_failure(const RecipientStatus& recipient) {
  return recipient.action == "failed" && recipient.status.starts_with('5');
}

Result<Bounce> read_bounce(const RandomAccessFile& source, std::uint64_t begin, std::uint64_t end) {
  Bounce bounce;
  bool has_status = false;
  const auto take_header = [&](std::string_view header) {
    if (has_status && bounce.message_id.empty()) bounce.message_id = message_id_in(header);
  };
  TRY(for_each_part(
      source, begin, end,
      [&](const Part& part) {
        if (!has_status && is_delivery_status(part.content_type)) {
          has_status = true;
          bounce.recipients = parse_delivery_status(text_of(part, delivery_status_size_limit));
        } else if (is_returned(part.content_type)) {
          take_header(text_of(part, header_size_limit));
        }
      },
      take_header));
  return bounce;
}

}  // namespace starttls::mail
