#include <charconv>

#include "base/text.h"
#include "fuzz.h"
#include "mtasts/cache_row.h"

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

// The columns line by line; the policy is the rest. Where the first of a kind is empty there is none of it.
mtasts::CacheRow row_in(std::string_view text) {
  mtasts::CacheRow row;
  row.domain = next_line(text);
  row.next_fetch = next_number(text);
  mtasts::FailureColumns failure{.type = next_line(text), .reason = next_line(text), .id = next_line(text)};
  failure.since = next_number(text);
  failure.last = next_number(text);
  failure.count = next_number(text);
  if (!failure.type.empty()) row.failure = failure;
  mtasts::PolicyColumns policy{.id = next_line(text), .fetched = next_number(text)};
  policy.text = text;
  if (!policy.id.empty()) row.policy = policy;
  return row;
}

}  // namespace

// What is believed is what would have been written, and can be gone on with.
int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const mtasts::CacheRow row = row_in(fuzz::text_of(bytes, size));
  const auto entry = mtasts::entry_of(row);
  if (!entry) return 0;
  fuzz::require(mtasts::row_of(*entry) == row);
  fuzz::require(!entry->knowledge.empty());
  const Time now{std::chrono::milliseconds{1'795'348'800'000}};
  if (const auto& failure = entry->knowledge.failure) {
    fuzz::require(failure->reason.find_first_of("\n\r\x1b") == std::string::npos && is_utf8(failure->reason));
  }
  const auto next = mtasts::after_record(entry->knowledge, entry->domain,
                                         {.kind = mtasts::RecordState::Kind::unknown, .id = {}}, now);
  fuzz::require(next.next_fetch <= now + mtasts::longest_interval);
  if (const auto* live = next.live(now)) {
    fuzz::require(live->expires() <= now + mtasts::longest_max_age + mtasts::clock_tolerance);
    fuzz::require(!mtasts::told_of(live->policy).empty());
  }
  return 0;
}
