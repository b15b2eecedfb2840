// What the tests of this component share.
#pragma once

#include "mtasts/policy_state.h"
#include "support.h"

namespace starttls::test {

inline DomainName name(std::string_view text) {
  return good(DomainName::parse(text));
}

inline std::string policy_text(std::string_view mode, std::string_view mx, std::chrono::seconds max_age) {
  return fmt::format("version: STSv1\nmode: {}\nmx: {}\nmax_age: {}\n", mode, mx, max_age.count());
}

// The page of a policy host that serves this text.
inline mtasts::FetchOutcome brought(const std::string& text) {
  auto reading = mtasts::read_policy(text);
  REQUIRE(reading.policy);
  return {.policy = std::move(reading.policy), .text = text};
}

inline mtasts::FetchOutcome broken(mtasts::FailureType type = mtasts::FailureType::fetch_error) {
  return {.failure = type, .reason = "status 404"};
}

inline mtasts::RecordState record(std::string id) {
  return {.kind = mtasts::RecordState::Kind::record, .id = std::move(id)};
}

inline const mtasts::RecordState no_record{.kind = mtasts::RecordState::Kind::none};
inline const mtasts::RecordState dns_trouble{.kind = mtasts::RecordState::Kind::unknown};

}  // namespace starttls::test
