#include "mail/bounce_text.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "mail/bounce_fields.h"
#include "mail/fields.h"

namespace starttls::mail {
namespace {

constexpr std::string_view qmail_beginning = "Hi. This is the";
constexpr std::string_view failed_recipients = "x-failed-recipients";
constexpr std::array<std::string_view, 4> header_fields{failed_recipients, "subject", "in-reply-to",
                                                        "references"};

std::string_view take_line(std::string_view& text) {
  const auto newline = text.find('\n');
  const std::string_view line = text.substr(0, newline);
  text.remove_prefix(newline == std::string_view::npos ? text.size() : newline + 1);
  return trim(line);
}

// In one line, up to the limit.
std::string joined(std::string_view lines) {
  std::string text;
  while (!lines.empty() && text.size() < max_diagnostic) {
    const std::string_view line = take_line(lines);
    if (!text.empty() && !line.empty()) text += ' ';
    text += line;
  }
  return text.substr(0, max_diagnostic);
}

// Of the last "(#5.1.1)".
std::string status_within(std::string_view text) {
  const auto begin = text.rfind("(#");
  if (begin == std::string_view::npos) return {};
  text.remove_prefix(begin + 2);
  return parse_status(text.substr(0, text.find(')')));
}

RecipientStatus failed(std::string address, std::string diagnostic, std::string status) {
  return {.original_address = {},
          .final_address = std::move(address),
          .action = "failed",
          .status = status.empty() ? "5.0.0" : std::move(status),
          .diagnostic = std::move(diagnostic)};
}

std::string message_id_in_any_paragraph(std::string_view text) {
  std::string id;
  while (!text.empty() && id.empty()) id = message_id_in(take_paragraph(text));
  return id;
}

// What a text says of the address: the rest of the paragraph that begins with it.
std::string reason_for(const std::string& address, std::string_view text) {
  while (!text.empty()) {
    std::string_view paragraph = take_paragraph(text);
    if (to_lower(parse_bounced_address(take_line(paragraph))) == to_lower(address)) return joined(paragraph);
  }
  return {};
}

void add_recipients(std::string_view addresses, std::string_view text, Bounce& bounce) {
  while (!addresses.empty() && bounce.recipients.size() < max_bounced_recipients) {
    const auto comma = addresses.find(',');
    std::string address = parse_bounced_address(trim(addresses.substr(0, comma)));
    addresses.remove_prefix(comma == std::string_view::npos ? addresses.size() : comma + 1);
    const bool is_known = std::ranges::any_of(
        bounce.recipients, [&](const RecipientStatus& one) { return one.final_address == address; });
    if (address.empty() || is_known) continue;
    std::string reason = reason_for(address, text);
    bounce.recipients.push_back(failed(std::move(address), std::move(reason), {}));
  }
}

}  // namespace

bool is_qmail_bounce(std::string_view text) {
  return text.starts_with(qmail_beginning);
}

Bounce parse_qmail_bounce(std::string_view text) {
  Bounce bounce;
  take_paragraph(text);  // the introduction
  while (!text.empty()) {
    std::string_view paragraph = take_paragraph(text);
    if (paragraph.starts_with('-')) {
      bounce.message_id = message_id_in_any_paragraph(text);
      break;
    }
    std::string_view name = take_line(paragraph);
    if (!name.starts_with('<') || !name.ends_with(">:")) continue;
    name.remove_suffix(1);
    std::string address = parse_bounced_address(name);
    if (address.empty() || bounce.recipients.size() == max_bounced_recipients) continue;
    bounce.recipients.push_back(failed(std::move(address), joined(paragraph), status_within(paragraph)));
  }
  return bounce;
}

bool names_failed_recipients(std::string_view header) {
  return !parse_fields(header, {&failed_recipients, 1}).empty();
}

Bounce parse_failed_recipients(std::string_view header, std::string_view text) {
  Bounce bounce{.recipients = {}, .message_id = message_id_in_any_paragraph(text)};
  bool is_delayed = false;
  std::string replied;
  for (const Field& field : parse_fields(header, header_fields)) {
    if (field.name == failed_recipients) {
      add_recipients(field.value, text, bounce);
    } else if (field.name == "subject") {
      is_delayed = to_lower(field.value).contains("delay");
    } else if (replied.empty()) {
      replied = message_id_of(field.value);
    }
  }
  if (bounce.message_id.empty()) bounce.message_id = replied;
  if (is_delayed) {
    for (RecipientStatus& one : bounce.recipients) one.action = "delayed";
  }
  return bounce;
}

}  // namespace starttls::mail
