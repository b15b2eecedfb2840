#include "preload/reader.h"

#include <rapidjson/error/en.h>
#include <rapidjson/reader.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/text.h"
#include "preload/list_handler.h"
#include "preload/text_stream.h"

template <>
inline void rapidjson::SkipWhitespace(starttls::preload::TextStream& from) {
  from.skip_blanks();
}

// Most of a list is names. Here the reader copies the unescaped parts of a string from its stream as a whole.
// RapidJSON does so only with its own streams.
template <>
template <>
inline void rapidjson::GenericReader<rapidjson::UTF8<>, rapidjson::UTF8<>>::ScanCopyUnescapedString(
    starttls::preload::TextStream& from, StackStream<char>& to) {
  for (auto plain = from.plain(); !plain.empty(); plain = from.plain()) {
    std::memcpy(to.Push(static_cast<SizeType>(plain.size())), plain.data(), plain.size());
    from.skip(plain.size());
  }
}

namespace starttls::preload {
namespace {

// Recursive, which is faster than iterative: the handler refuses too deep nesting. The handler also checks
// the encoding of the strings that it uses.
constexpr unsigned parse_flags = rapidjson::kParseNumbersAsStringsFlag;

void parse(ListHandler& handler, TextStream& stream) {
  rapidjson::Reader reader;
  const auto result = reader.Parse<parse_flags>(stream, handler);
  if (result.IsError()) {
    if (handler.refused() && result.Code() == rapidjson::kParseErrorTermination) return;
    handler.refuse(stream.position_of(result.Offset()),
                   stream.at_end() ? "no JSON: the text ends too early"
                                   : fmt::format("no JSON: {}", rapidjson::GetParseError_En(result.Code())));
    return;
  }
  // RapidJSON takes a NUL for the end of the text.
  if (!stream.at_end()) {
    handler.refuse(stream.position_of(stream.Tell()), "something follows the end of the JSON object");
    return;
  }
  handler.finish();
}

}  // namespace

std::size_t Reading::faults() const {
  return static_cast<std::size_t>(std::ranges::count(findings, Severity::fault, &Finding::severity));
}

Reading read_list(std::string_view name, const ReadBytes& read, const Checks& checks) {
  TextStream stream(name, read);
  ListHandler handler(stream, checks);
  parse(handler, stream);
  Findings findings = handler.take_findings();
  Reading reading{.list = handler.take_list(),
                  .findings = {},
                  .suppressed = findings.suppressed(),
                  .timestamp = handler.position_of("timestamp"),
                  .expires = handler.position_of("expires")};
  reading.findings = std::move(findings).take();
  const auto refusal = std::ranges::find(reading.findings, Severity::refused, &Finding::severity);
  if (refusal != reading.findings.end()) {
    reading.list = fail(Fault::data, "{}:{}", printable(name), to_string(*refusal));
  }
  // After a read error the text is incomplete, so its findings mean nothing.
  if (stream.error()) reading = {.list = std::unexpected(*stream.error()), .findings = {}};
  return reading;
}

Reading read_list(std::string_view name, std::string_view json, const Checks& checks) {
  const auto read = [rest = json](std::span<char> into) mutable -> Result<std::size_t> {
    const std::size_t size = rest.copy(into.data(), into.size());
    rest.remove_prefix(size);
    return size;
  };
  return read_list(name, read, checks);
}

}  // namespace starttls::preload
