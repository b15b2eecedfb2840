#include <charconv>

#include "base/text.h"
#include "fuzz.h"
#include "mtastsdb/cache_row.h"

using namespace starttls;

namespace {

std::string next_line(std::string_view& text) {
  const auto end = std::min(text.find('\n'), text.size());
  std::string line(text.substr(0, end));
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

std::int64_t next_number(std::string_view& text) {
  const std::string line = next_line(text);
  std::int64_t number = 0;
  std::from_chars(line.data(), line.data() + line.size(), number);
  return number;
}

// Each line is a column; the rest is the policy. If the first column of a kind is empty, the kind is missing.
mtastsdb::CacheRow row_in(std::string_view text) {
  mtastsdb::CacheRow row;
  row.domain = next_line(text);
  row.next_fetch = next_number(text);
  mtastsdb::FailureColumns failure{.type = next_line(text), .reason = next_line(text), .id = next_line(text)};
  failure.since = next_number(text);
  failure.last = next_number(text);
  failure.count = next_number(text);
  if (!failure.type.empty()) row.failure = failure;
  mtastsdb::PolicyColumns policy{.id = next_line(text), .fetched = next_number(text)};
  policy.text = text;
  if (!policy.id.empty()) row.policy = policy;
  return row;
}

}  // namespace

// A row that is accepted is one that could have been written, and can be used.
int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const mtastsdb::CacheRow row = row_in(fuzz::text_of(bytes, size));
  const auto entry = mtastsdb::to_entry(row);
  if (!entry) return 0;
  fuzz::require(mtastsdb::to_row(*entry) == row);
  fuzz::require(!entry->policy_state.empty());
  const Time now{std::chrono::milliseconds{1'795'348'800'000}};
  if (const auto& failure = entry->policy_state.failure) {
    fuzz::require(failure->reason.find_first_of("\n\r\x1b") == std::string::npos && is_utf8(failure->reason));
  }
  const auto next = mtasts::after_record(entry->policy_state, entry->domain,
                                         {.kind = mtasts::RecordState::Kind::unknown, .id = {}}, now);
  fuzz::require(next.next_fetch <= now + mtasts::max_interval);
  if (const auto* valid = next.valid(now)) {
    fuzz::require(valid->expires() <= now + mtasts::max_max_age + mtasts::clock_tolerance);
    fuzz::require(!mtastsdb::mta_view(valid->policy).empty());
  }
  return 0;
}
