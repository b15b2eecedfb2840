#include "preload/reader.h"

#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "preload/list_handler.h"

namespace starttls::preload {
namespace {

constexpr unsigned parse_flags = rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag |
                                 rapidjson::kParseNumbersAsStringsFlag;

void parse(std::string_view json, ListHandler& handler, rapidjson::MemoryStream& stream) {
  rapidjson::Reader reader;
  const auto result = reader.Parse<parse_flags>(stream, handler);
  if (result.IsError()) {
    if (handler.refused() && result.Code() == rapidjson::kParseErrorTermination) return;
    const bool at_end = result.Offset() >= json.size();
    handler.refuse(result.Offset(),
                   at_end ? "no JSON: the text ends too early"
                          : fmt::format("no JSON: {}", rapidjson::GetParseError_En(result.Code())));
    return;
  }
  // RapidJSON takes a NUL for the end of the text.
  if (stream.Tell() != json.size()) {
    handler.refuse(stream.Tell(), "something follows the end of the JSON object");
    return;
  }
  handler.finish();
}

Place place_of(std::string_view json, std::size_t offset) {
  Findings one;
  one.add(Severity::note, offset, {}, {});
  return std::move(one).placed_in(json).front().place;
}

}  // namespace

std::size_t Reading::dropped() const {
  return static_cast<std::size_t>(std::ranges::count(findings, Severity::dropped, &Finding::severity));
}

Reading read_list(std::string_view name, std::string_view json) {
  Reading reading;
  if (json.size() > list_size_limit) {
    reading.list =
        fail(Fault::data, "{}: larger than the limit of {} bytes", printable(name), list_size_limit);
    return reading;
  }
  rapidjson::MemoryStream stream(json.data(), json.size());
  ListHandler handler(json, stream);
  parse(json, handler, stream);
  Findings findings = handler.take_findings();
  reading.list = handler.take_list();
  reading.untold = findings.untold();
  reading.timestamp = place_of(json, handler.offset_of("timestamp"));
  reading.expires = place_of(json, handler.offset_of("expires"));
  reading.findings = std::move(findings).placed_in(json);
  const auto refusal = std::ranges::find(reading.findings, Severity::refused, &Finding::severity);
  if (refusal != reading.findings.end()) {
    reading.list = fail(Fault::data, "{}:{}", printable(name), to_text(*refusal));
  }
  return reading;
}

}  // namespace starttls::preload
