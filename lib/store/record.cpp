#include "store/record.h"

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "base/text.h"

namespace starttls::store {
namespace {

using mtalog::LoggedFailure;
using Json = rapidjson::Writer<rapidjson::StringBuffer>;

constexpr std::string_view head = R"({"log":)";

void put(Json& json, const char* key, std::string_view text) {
  if (text.empty()) return;
  json.Key(key);
  json.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

// The text of a member; "" where there is none, nothing where it is something else.
std::optional<std::string> text_in(const rapidjson::Document& object, const char* key) {
  const auto member = object.FindMember(key);
  if (member == object.MemberEnd()) return std::string();
  if (!member->value.IsString()) return std::nullopt;
  return std::string(member->value.GetString(), member->value.GetStringLength());
}

std::unexpected<Error> no_note() {
  return fail(Fault::data, "a journal record is no note of the log");
}

Result<LogNote> decode_note(std::string_view text) {
  rapidjson::Document object;
  constexpr unsigned flags = rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;
  object.Parse<flags>(text.data(), text.size());
  if (object.HasParseError() || !object.IsObject()) return no_note();
  const auto number = object.FindMember("log");
  const auto position = text_in(object, "position");
  const auto address = text_in(object, "address");
  const auto key = text_in(object, "key");
  const auto mx = text_in(object, "mx");
  const auto failure = text_in(object, "failure");
  if (number == object.MemberEnd() || !number->value.IsUint64() || !position || !address || !key || !mx ||
      !failure)
    return no_note();
  LogNote note{.position = {.number = number->value.GetUint64(), .text = *position},
               .join_key = *key,
               .receiving_mx = *mx};
  if (failure->empty()) return note;
  const auto time = object.FindMember("time");
  const auto kind = mtalog::parse_handshake_failure(*failure);
  const bool is_sound = kind && *kind != mtalog::HandshakeFailure::none;
  if (time == object.MemberEnd() || !time->value.IsInt64() || !is_sound) return no_note();
  note.failure = LoggedFailure{.time = Time{std::chrono::milliseconds{time->value.GetInt64()}},
                               .client_address = *address,
                               .failure = *kind};
  return note;
}

}  // namespace

std::string encode(const LogNote& note) {
  rapidjson::StringBuffer buffer;
  Json json(buffer);
  json.StartObject();
  json.Key("log");
  json.Uint64(note.position.number);
  put(json, "position", note.position.text);
  if (note.failure) {
    json.Key("time");
    json.Int64(note.failure->time.time_since_epoch().count());
    put(json, "address", note.failure->client_address);
    put(json, "failure", to_text(note.failure->failure));
  }
  put(json, "key", note.join_key);
  put(json, "mx", note.receiving_mx);
  json.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

Result<Record> decode_record(std::string_view json) {
  if (json.starts_with(head)) {
    auto note = decode_note(json);
    if (!note) return std::unexpected(note.error());
    return Record(std::move(*note));
  }
  auto session = decode(json);
  if (!session) return std::unexpected(session.error());
  return Record(std::move(*session));
}

}  // namespace starttls::store
