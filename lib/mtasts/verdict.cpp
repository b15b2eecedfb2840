#include "mtasts/verdict.h"

#include <fmt/format.h>

#include <utility>

#include "base/finding.h"
#include "base/text.h"
#include "mtasts/record.h"

namespace starttls::mtasts {
namespace {

FailureType type_of(http::Trouble trouble) {
  return trouble == http::Trouble::certificate ? FailureType::webpki_invalid : FailureType::fetch_error;
}

// Why a text is refused, in its first words.
std::string reason_in(const std::vector<Finding>& findings) {
  const Finding* why = refusal(findings);
  return why != nullptr ? to_text(*why) : "cannot be read";
}

}  // namespace

RecordVerdict verdict_on(const dns::Answer& answer) {
  using Kind = RecordState::Kind;
  switch (answer.status) {
    case dns::Status::failed:
      return {.state = {.kind = Kind::unknown, .id = {}}, .reason = answer.reason};
    case dns::Status::no_name:
    case dns::Status::no_data:
      return {.state = {.kind = Kind::none, .id = {}}, .reason = "there is no TXT record"};
    case dns::Status::found:
      break;
  }
  auto reading = read_records(answer.texts);
  if (!reading.record) {
    return {.state = {.kind = Kind::none, .id = {}}, .reason = reason_in(reading.findings)};
  }
  return {.state = {.kind = Kind::record, .id = std::move(reading.record->id)}, .reason = {}};
}

bool is_type_of_policy(std::string_view content_type) {
  const std::string type = to_lower(trim(content_type.substr(0, content_type.find(';'))));
  return type == "text/plain" || type == "application/octet-stream" || trim(content_type).empty();
}

FetchOutcome outcome_of(const http::Page& page) {
  if (page.trouble != http::Trouble::none) {
    return {.policy = {}, .text = {}, .failure = type_of(page.trouble), .reason = page.reason};
  }
  if (!is_type_of_policy(page.content_type)) {
    return {.policy = {},
            .text = {},
            .failure = FailureType::invalid,
            .reason = fmt::format("Content-Type is '{}', not 'text/plain'", page.content_type)};
  }
  auto reading = read_policy(page.body);
  if (!reading.policy) {
    return {.policy = {},
            .text = {},
            .failure = FailureType::invalid,
            .reason = "the policy is refused: " + reason_in(reading.findings)};
  }
  return {.policy = std::move(reading.policy), .text = page.body, .failure = {}, .reason = {}};
}

}  // namespace starttls::mtasts
