#include "session/session.h"

#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "base/enum_words.h"
#include "base/text.h"

namespace starttls::session {
namespace {

constexpr auto outcome_words = enum_words<Outcome>({
    {Outcome::tls, "tls"},
    {Outcome::plaintext, "plaintext"},
    {Outcome::no_mail, "no-mail"},
    {Outcome::no_helo, "no-helo"},
    {Outcome::failed, "failed"},
});

constexpr auto certificate_words = enum_words<ClientCertificate>({
    {ClientCertificate::none, "none"},
    {ClientCertificate::untrusted, "untrusted"},
    {ClientCertificate::trusted, "trusted"},
});

// The members of the journal's JSON object, by the kind of their values.
template <class Value>
struct Member {
  std::string_view key;
  Value Session::* value;
};

constexpr std::array<Member<Time>, 2> times{{{"begin", &Session::begin}, {"end", &Session::end}}};
constexpr std::array<Member<std::string>, 7> texts{{{"mx", &Session::receiving_mx},
                                                    {"address", &Session::client_address},
                                                    {"name", &Session::client_name},
                                                    {"helo", &Session::helo},
                                                    {"tls", &Session::tls_version},
                                                    {"cipher", &Session::cipher},
                                                    {"key", &Session::address_pseudonym}}};
constexpr std::array<Member<std::uint32_t>, 3> numbers{{{"bits", &Session::cipher_bits},
                                                        {"transactions", &Session::transactions},
                                                        {"messages", &Session::messages}}};
constexpr std::array<Member<bool>, 3> flags{
    {{"awaits", &Session::awaits_log}, {"excluded", &Session::excluded}, {"open", &Session::still_open}}};
constexpr std::string_view failure_key = "failure";
constexpr std::string_view certificate_key = "certificate";
constexpr std::string_view domains_key = "domains";

template <class Table>
auto member_in(const Table& table, std::string_view key) -> decltype(table.data()) {
  const auto found = std::ranges::find(table, key, [](const auto& member) { return member.key; });
  return found == table.end() ? nullptr : &*found;
}

using Json = rapidjson::Writer<rapidjson::StringBuffer>;

constexpr std::size_t usual_size = 1024;  // bytes; enough for nearly every record

void put_key(Json& json, std::string_view key) {
  json.Key(key.data(), static_cast<rapidjson::SizeType>(key.size()));
}

void put_text(Json& json, std::string_view key, std::string_view text) {
  put_key(json, key);
  json.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

// Builds a session from the events of RapidJSON's reader. A handler that returns false ends the reading.
class Decoder : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, Decoder> {
 public:
  bool StartObject() {
    ++depth_;
    in_domains_ = depth_ == 2 && member_ == domains_key;
    return depth_ == 1 || in_domains_ || is_unknown();
  }
  bool EndObject(rapidjson::SizeType) {
    --depth_;
    in_domains_ = false;
    return true;
  }
  bool StartArray() { return depth_++ > 0 && is_unknown(); }
  bool EndArray(rapidjson::SizeType) {
    --depth_;
    return true;
  }

  bool Key(const char* text, rapidjson::SizeType length, bool) {
    if (depth_ == 1) member_.assign(text, length);
    if (in_domains_) domain_.assign(text, length);
    return is_storable_text({text, length});
  }

  bool String(const char* text, rapidjson::SizeType length, bool) {
    const std::string_view value(text, length);
    if (depth_ != 1) return !in_domains_;
    if (!is_storable_text(value)) return false;
    if (const auto* member = member_in(texts, member_)) {
      session_.*(member->value) = value;
      return true;
    }
    if (member_ == certificate_key) return take(session_.client_certificate, parse_client_certificate(value));
    if (member_ == failure_key) return take(session_.failure, session::parse_handshake_failure(value));
    return is_unknown();
  }

  bool Bool(bool value) {
    const auto* member = depth_ == 1 ? member_in(flags, member_) : nullptr;
    if (member == nullptr) return Default();
    session_.*(member->value) = value;
    return true;
  }

  bool Int(int value) { return number(value); }
  bool Uint(unsigned value) { return number(value); }
  bool Int64(std::int64_t value) { return number(value); }
  bool Uint64(std::uint64_t value) {
    return std::in_range<std::int64_t>(value) ? number(static_cast<std::int64_t>(value)) : Default();
  }
  bool Default() { return !in_domains_ && (depth_ != 1 || is_unknown()); }

  bool is_complete() const { return has_begin_; }
  const std::string& member() const { return member_; }
  Session take() { return std::move(session_); }

 private:
  bool number(std::int64_t value) {
    const bool is_count = std::in_range<std::uint32_t>(value);
    if (in_domains_) {
      if (is_count) session_.recipient_domains[domain_] = static_cast<std::uint32_t>(value);
      return is_count;
    }
    if (depth_ != 1) return true;
    if (const auto* member = member_in(times, member_)) {
      const Time time{std::chrono::milliseconds{value}};
      if (time < Time{} || time > max_record_time) return false;
      session_.*(member->value) = time;
      has_begin_ = has_begin_ || member->value == &Session::begin;
      return true;
    }
    if (const auto* member = member_in(numbers, member_)) {
      session_.*(member->value) = static_cast<std::uint32_t>(value);
      return is_count;
    }
    return is_unknown();
  }

  template <class Value>
  static bool take(Value& into, const Result<Value>& value) {
    if (value) into = *value;
    return value.has_value();
  }

  // A member with a known name is here only if its value has the wrong kind.
  bool is_unknown() const {
    return member_in(times, member_) == nullptr && member_in(texts, member_) == nullptr &&
           member_in(numbers, member_) == nullptr && member_in(flags, member_) == nullptr &&
           member_ != certificate_key && member_ != failure_key && member_ != domains_key;
  }

  Session session_;
  std::string member_;  // of the outermost object
  std::string domain_;
  int depth_ = 0;
  bool in_domains_ = false;
  bool has_begin_ = false;
};

}  // namespace

bool is_storable_text(std::string_view text) {
  return is_utf8(text) && text.find('\0') == std::string_view::npos;
}

Outcome session_outcome(const Session& session) {
  if (session.failure != session::HandshakeFailure::none) return Outcome::failed;
  if (!session.tls_version.empty()) return Outcome::tls;
  if (session.transactions > 0) return Outcome::plaintext;
  return session.helo.empty() ? Outcome::no_helo : Outcome::no_mail;
}

std::string_view to_string(Outcome outcome) {
  return outcome_words.word(outcome);
}

Result<Outcome> parse_outcome(std::string_view text) {
  return outcome_words.parse(text, "session outcome");
}

std::string_view to_string(ClientCertificate certificate) {
  return certificate_words.word(certificate);
}

Result<ClientCertificate> parse_client_certificate(std::string_view text) {
  return certificate_words.parse(text, "state of a client certificate");
}

std::string encode(const Session& session) {
  rapidjson::StringBuffer buffer(nullptr, usual_size);
  Json json(buffer);
  json.StartObject();
  for (const auto& [key, value] : times) {
    put_key(json, key);
    json.Int64((session.*value).time_since_epoch().count());
  }
  for (const auto& [key, value] : texts) {
    if (!(session.*value).empty()) put_text(json, key, session.*value);
  }
  for (const auto& [key, value] : numbers) {
    if (session.*value == 0) continue;
    put_key(json, key);
    json.Uint(session.*value);
  }
  for (const auto& [key, value] : flags) {
    if (!(session.*value)) continue;
    put_key(json, key);
    json.Bool(true);
  }
  if (session.failure != session::HandshakeFailure::none)
    put_text(json, failure_key, to_string(session.failure));
  if (session.client_certificate != ClientCertificate::none) {
    put_text(json, certificate_key, to_string(session.client_certificate));
  }
  if (!session.recipient_domains.empty()) {
    put_key(json, domains_key);
    json.StartObject();
    for (const auto& [domain, messages] : session.recipient_domains) {
      put_key(json, domain);
      json.Uint(messages);
    }
    json.EndObject();
  }
  json.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

Result<Session> decode(std::string_view text) {
  rapidjson::MemoryStream bytes(text.data(), text.size());
  rapidjson::Reader reader;
  Decoder decoder;
  constexpr unsigned parse_flags = rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;
  const auto result = reader.Parse<parse_flags>(bytes, decoder);
  if (result.Code() == rapidjson::kParseErrorTermination) {
    return fail(Fault::data, "a journal record has an invalid '{}'", printable(decoder.member()));
  }
  if (result.IsError()) return fail(Fault::data, "a journal record is not a JSON object");
  if (!decoder.is_complete()) return fail(Fault::data, "a journal record has no 'begin'");
  return decoder.take();
}

}  // namespace starttls::session
