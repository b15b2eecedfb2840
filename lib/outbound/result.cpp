#include "outbound/result.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/text.h"
#include "base/try.h"
#include "journal/segment.h"
#include "session/session.h"

namespace starttls::outbound {
namespace {

constexpr std::size_t max_position_size = 4096;  // bytes of LogPosition::text

// Removes the text up to the next blank, and the blank.
std::string_view take_word(std::string_view& text) {
  const std::string_view word = text.substr(0, text.find(' '));
  text.remove_prefix(word.size() < text.size() ? word.size() + 1 : text.size());
  return word;
}

template <typename Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

// `more`: bytes that will follow.
std::string head(Time time, Source source, std::size_t more) {
  std::array<char, 20> number{};
  const auto [end, error] =
      std::to_chars(number.data(), number.data() + number.size(), time.time_since_epoch().count());
  const std::string_view word = source_words.word(source);
  std::string text;
  text.reserve(number.size() + word.size() + 2 + more);
  text.append(number.data(), end).append(1, ' ').append(word).append(1, ' ');
  return text;
}

std::string log_head(Time time, const session::LogPosition& position) {
  return head(time, Source::log, 0) +
         fmt::format("{} {} {}", position.number, position.text.size(), position.text);
}

Result<LoggedResults> decode_log(Time time, std::string_view rest) {
  LoggedResults results{.read = time, .position = {}, .datagrams = {}};
  const auto number = parse_number<std::uint64_t>(take_word(rest));
  const auto size = parse_number<std::size_t>(take_word(rest));
  if (!number || !size || *size > max_position_size || *size > rest.size())
    return fail(Fault::data, "a journal record has no valid position");
  results.position = {.number = *number, .text = std::string(rest.substr(0, *size))};
  rest.remove_prefix(*size);
  if (!is_utf8(results.position.text)) return fail(Fault::data, "a journal record has no valid position");
  while (!rest.empty()) {
    if (!rest.starts_with('\n')) return fail(Fault::data, "a journal record has more than a position");
    rest.remove_prefix(1);
    const std::string_view datagram = rest.substr(0, rest.find('\n'));
    if (datagram.empty()) return fail(Fault::data, "a journal record has an empty result");
    results.datagrams.emplace_back(datagram);
    rest.remove_prefix(datagram.size());
  }
  return results;
}

}  // namespace

std::string encode(const ReceivedResult& result) {
  return head(result.received, Source::datagram, result.datagram.size()).append(result.datagram);
}

std::string encode(const LoggedResults& results) {
  std::string payload = log_head(results.read, results.position);
  for (const std::string& datagram : results.datagrams) payload += "\n" + datagram;
  return payload;
}

std::vector<std::string> encode_in_parts(const LoggedResults& results) {
  std::vector<std::string> payloads;
  LoggedResults part{.read = results.read, .position = {}, .datagrams = {}};
  const std::size_t empty_size = log_head(results.read, results.position).size();
  std::size_t size = empty_size;
  for (const std::string& datagram : results.datagrams) {
    if (empty_size + 1 + datagram.size() > journal::max_payload_size) continue;
    if (size + 1 + datagram.size() > journal::max_payload_size) {
      payloads.push_back(encode(part));
      part.datagrams.clear();
      size = empty_size;
    }
    part.datagrams.push_back(datagram);
    size += 1 + datagram.size();
  }
  part.position = results.position;
  payloads.push_back(encode(part));
  return payloads;
}

Result<Record> decode(std::string_view payload) {
  const auto milliseconds = parse_number<std::int64_t>(take_word(payload));
  if (!milliseconds || *milliseconds < 0 ||
      Time{std::chrono::milliseconds{*milliseconds}} > session::max_record_time)
    return fail(Fault::data, "a journal record has no valid time");
  const Time time{std::chrono::milliseconds{*milliseconds}};
  if (TRY(source_words.parse(take_word(payload), "source")) == Source::log) {
    auto results = TRY(decode_log(time, payload));
    return Record(std::move(results));
  }
  if (payload.empty()) return fail(Fault::data, "a journal record has no result");
  return Record(ReceivedResult{.received = time, .datagram = payload});
}

std::optional<session::LogPosition> position_of(const Record& record) {
  const auto* logged = std::get_if<LoggedResults>(&record);
  return logged != nullptr && !logged->position.text.empty() ? std::optional(logged->position) : std::nullopt;
}

}  // namespace starttls::outbound
