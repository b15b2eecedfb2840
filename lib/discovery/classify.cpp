#include "discovery/classify.h"

#include <fmt/format.h>

#include <utility>

#include "base/finding.h"
#include "base/text.h"
#include "mtasts/record.h"

namespace starttls::discovery {
namespace {

mtasts::FailureType type_of(http::FetchError error) {
  return error == http::FetchError::certificate ? mtasts::FailureType::webpki_invalid
                                                : mtasts::FailureType::fetch_error;
}

// Why a text is refused: the first such finding.
std::string reason_in(const std::vector<Finding>& findings) {
  const Finding* why = refusal(findings);
  return why != nullptr ? to_string(*why) : "cannot be read";
}

}  // namespace

RecordAnswer classify_record(const dns::Answer& answer) {
  using Kind = mtasts::RecordState::Kind;
  switch (answer.status) {
    case dns::Status::failed:
      return {.state = {.kind = Kind::unknown, .id = {}}, .reason = answer.reason};
    case dns::Status::nxdomain:
    case dns::Status::nodata:
      return {.state = {.kind = Kind::none, .id = {}}, .reason = "there is no TXT record"};
    case dns::Status::found:
      break;
  }
  auto reading = mtasts::read_records(answer.texts);
  if (!reading.record) {  // RFC 8461 section 3.1: several records, or an invalid one, count as none
    return {.state = {.kind = Kind::none, .id = {}}, .reason = reason_in(reading.findings)};
  }
  return {.state = {.kind = Kind::record, .id = std::move(reading.record->id)}, .reason = {}};
}

bool is_type_of_policy(std::string_view content_type) {
  const std::string type = to_lower(trim(content_type.substr(0, content_type.find(';'))));
  return type == "text/plain" || type == "application/octet-stream" || trim(content_type).empty();
}

mtasts::FetchOutcome classify_fetch(const http::Page& page) {
  if (page.error != http::FetchError::none) {
    return {.policy = {}, .text = {}, .failure = type_of(page.error), .reason = page.reason};
  }
  if (!is_type_of_policy(page.content_type)) {  // RFC 8461 section 3.2
    return {.policy = {},
            .text = {},
            .failure = mtasts::FailureType::invalid,
            .reason = fmt::format("Content-Type is '{}', not 'text/plain'", page.content_type)};
  }
  auto reading = mtasts::read_policy(page.body);
  if (!reading.policy) {
    return {.policy = {},
            .text = {},
            .failure = mtasts::FailureType::invalid,
            .reason = "the policy is refused: " + reason_in(reading.findings)};
  }
  return {.policy = std::move(reading.policy), .text = page.body, .failure = {}, .reason = {}};
}

}  // namespace starttls::discovery
