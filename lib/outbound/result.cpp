#include "outbound/result.h"

#include <charconv>
#include <cstdint>

#include "base/try.h"
#include "session/session.h"

namespace starttls::outbound {
namespace {

// Removes the text up to the next blank, and the blank.
std::string_view take_word(std::string_view& text) {
  const std::string_view word = text.substr(0, text.find(' '));
  text.remove_prefix(word.size() < text.size() ? word.size() + 1 : text.size());
  return word;
}

}  // namespace

std::string encode(const ReceivedResult& result) {
  return fmt::format("{} {} {}", result.received.time_since_epoch().count(), source_words.word(result.source),
                     result.datagram);
}

Result<ReceivedResult> decode(std::string_view payload) {
  const std::string_view time = take_word(payload);
  std::int64_t milliseconds = 0;
  const auto [end, error] = std::from_chars(time.data(), time.data() + time.size(), milliseconds);
  if (error != std::errc() || end != time.data() + time.size() || milliseconds < 0 ||
      Time{std::chrono::milliseconds{milliseconds}} > session::max_record_time)
    return fail(Fault::data, "a journal record has no valid time");
  const auto source = TRY(source_words.parse(take_word(payload), "source"));
  if (payload.empty()) return fail(Fault::data, "a journal record has no result");
  return ReceivedResult{
      .received = Time{std::chrono::milliseconds{milliseconds}}, .source = source, .datagram = payload};
}

}  // namespace starttls::outbound
