#include "tlsrpt/received_report.h"

#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>

#include "base/text.h"
#include "tlsrpt/report_handler.h"

namespace starttls::tlsrpt {
namespace {

// Iterative: what is nested costs memory of the heap, and the handler refuses what is nested too deep.
constexpr unsigned parse_flags = rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag;

}  // namespace

Result<ReportHead> read_report(std::string_view json, const TakePolicy& take) {
  if (json.starts_with(byte_order_mark)) json.remove_prefix(byte_order_mark.size());
  rapidjson::MemoryStream stream(json.data(), json.size());
  ReportHandler handler(take);
  rapidjson::Reader reader;
  const auto result = reader.Parse<parse_flags>(stream, handler);
  if (!handler.refusal().empty()) return fail(Fault::data, "{}", handler.refusal());
  if (result.IsError()) {
    return fail(Fault::data, "no JSON, at byte {}: {}", result.Offset(),
                rapidjson::GetParseError_En(result.Code()));
  }
  // RapidJSON takes a NUL for the end of the text.
  if (stream.Tell() != json.size()) {
    return fail(Fault::data, "something follows the end of the JSON, at byte {}", stream.Tell());
  }
  return std::move(handler).finish();
}

}  // namespace starttls::tlsrpt
