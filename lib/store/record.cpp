#include "store/record.h"

#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "base/try.h"
#include "store/flat_object.h"

namespace starttls::store {
namespace {

using session::LoggedFailure;
using Json = rapidjson::Writer<rapidjson::StringBuffer>;

constexpr std::string_view head = R"({"log":)";

constexpr std::array<std::pair<std::string_view, bool LogEvent::*>, 2> flags{
    {{"watched", &LogEvent::watched}, {"wanted", &LogEvent::wanted}}};

void put(Json& json, const char* key, std::string_view text) {
  if (text.empty()) return;
  json.Key(key);
  json.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

class LogEventDecoder : public FlatObject<LogEventDecoder> {
 public:
  bool String(const char* text, rapidjson::SizeType length, bool) {
    if (std::string* const into = find_text(member()); into != nullptr) {
      into->assign(text, length);
      return session::is_storable_text(*into);
    }
    return Default();
  }

  bool Bool(bool value) {
    for (const auto& [key, flag] : flags) {
      if (member() == key) {
        flags_.*flag = value;
        return true;
      }
    }
    return Default();
  }
  bool Int(int value) { return Int64(value); }
  bool Uint(unsigned value) { return Uint64(value); }
  bool Int64(std::int64_t value) {
    return value >= 0 ? Uint64(static_cast<std::uint64_t>(value)) : Default();
  }
  bool Uint64(std::uint64_t value) {
    if (member() == "log") {
      number_ = value;
      return true;
    }
    if (member() == "time") {
      if (value > static_cast<std::uint64_t>(session::max_record_time.time_since_epoch().count()))
        return false;
      time_ = Time{std::chrono::milliseconds{static_cast<std::int64_t>(value)}};
      return true;
    }
    return Default();
  }

  bool is_known(std::string_view member) {
    const bool is_flag = std::ranges::any_of(flags, [&](const auto& one) { return one.first == member; });
    return is_flag || member == "log" || member == "time" || find_text(member) != nullptr;
  }

  // Returns nothing if a member is missing, or if a failure is none.
  std::optional<LogEvent> take() {
    if (!number_) return std::nullopt;
    LogEvent event{.position = {.number = *number_, .text = std::move(position_)},
                   .watched = flags_.watched,
                   .wanted = flags_.wanted,
                   .address_pseudonym = std::move(key_),
                   .receiving_mx = std::move(mx_)};
    if (failure_.empty()) return event;
    const auto kind = session::parse_handshake_failure(failure_);
    if (!time_ || !kind || *kind == session::HandshakeFailure::none) return std::nullopt;
    event.failure = LoggedFailure{.time = *time_,
                                  .client_address = std::move(address_),
                                  .failure = *kind,
                                  .service = std::move(service_)};
    return event;
  }

 private:
  std::string* find_text(std::string_view member) {
    if (member == "position") return &position_;
    if (member == "address") return &address_;
    if (member == "failure") return &failure_;
    if (member == "service") return &service_;
    if (member == "key") return &key_;
    return member == "mx" ? &mx_ : nullptr;
  }

  std::optional<std::uint64_t> number_;
  std::optional<Time> time_;
  std::string position_;
  std::string address_;
  std::string failure_;
  std::string service_;
  LogEvent flags_;
  std::string key_;
  std::string mx_;
};

Result<LogEvent> decode_log_event(std::string_view text) {
  rapidjson::MemoryStream bytes(text.data(), text.size());
  rapidjson::Reader reader;
  LogEventDecoder decoder;
  constexpr unsigned how = rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;
  const bool is_json = !reader.Parse<how>(bytes, decoder).IsError();
  auto event = is_json ? decoder.take() : std::nullopt;
  if (!event) return fail(Fault::data, "a journal record is no event of the log");
  return std::move(*event);
}

}  // namespace

std::string encode(const LogEvent& event) {
  rapidjson::StringBuffer buffer;
  Json json(buffer);
  json.StartObject();
  json.Key("log");
  json.Uint64(event.position.number);
  put(json, "position", event.position.text);
  if (event.failure) {
    json.Key("time");
    json.Int64(event.failure->time.time_since_epoch().count());
    put(json, "address", event.failure->client_address);
    put(json, "failure", to_string(event.failure->failure));
    put(json, "service", event.failure->service);
  }
  for (const auto& [key, value] : flags) {
    if (!(event.*value)) continue;
    json.Key(key.data(), static_cast<rapidjson::SizeType>(key.size()));
    json.Bool(true);
  }
  put(json, "key", event.address_pseudonym);
  put(json, "mx", event.receiving_mx);
  json.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

bool is_counted_session(std::string_view encoded) {
  // In a text of the record, the quotes would be escaped.
  return !encoded.starts_with(head) && encoded.find(R"("excluded":true)") == std::string_view::npos;
}

Result<Record> decode_record(std::string_view json) {
  if (json.starts_with(head)) {
    auto event = TRY(decode_log_event(json));
    return Record(std::move(event));
  }
  auto session = TRY(session::decode(json));
  return Record(std::move(session));
}

}  // namespace starttls::store
