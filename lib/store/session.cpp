#include "store/session.h"

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <array>
#include <limits>
#include <utility>

#include "base/text.h"

namespace starttls::store {
namespace {

constexpr std::array<std::pair<std::string_view, Outcome>, 4> outcomes{{
    {"tls", Outcome::tls},
    {"plaintext", Outcome::plaintext},
    {"no-mail", Outcome::no_mail},
    {"no-helo", Outcome::no_helo},
}};

constexpr std::array<std::pair<std::string_view, ClientCertificate>, 3> certificates{{
    {"none", ClientCertificate::none},
    {"untrusted", ClientCertificate::untrusted},
    {"trusted", ClientCertificate::trusted},
}};

template <class Table, class Value>
std::string_view word_for(const Table& table, Value value) {
  for (const auto& [word, known] : table) {
    if (known == value) return word;
  }
  std::unreachable();
}

template <class Value, class Table>
Result<Value> value_of(const Table& table, std::string_view text, std::string_view what) {
  for (const auto& [word, known] : table) {
    if (word == text) return known;
  }
  return fail(Fault::data, "'{}' is no {}", printable(text), what);
}

using Json = rapidjson::Writer<rapidjson::StringBuffer>;

void put(Json& json, const char* key, std::string_view text) {
  if (text.empty()) return;
  json.Key(key);
  json.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

void put(Json& json, const char* key, std::uint32_t number) {
  if (number == 0) return;
  json.Key(key);
  json.Uint(number);
}

void put(Json& json, const char* key, Time time) {
  json.Key(key);
  json.Int64(time.time_since_epoch().count());
}

// Takes members of the journal's object; remembers the first one that is not as it should be.
class Members {
 public:
  explicit Members(const rapidjson::Value& object) : object_(object) {}

  void take(const char* key, std::string& text) {
    if (const auto* value = find(key, &rapidjson::Value::IsString)) {
      text.assign(value->GetString(), value->GetStringLength());
    }
  }

  void take(const char* key, std::uint32_t& number) {
    if (const auto* value = find(key, &rapidjson::Value::IsUint)) number = value->GetUint();
  }

  void take(const char* key, Time& time) {
    if (const auto* value = find(key, &rapidjson::Value::IsInt64)) {
      time = Time{std::chrono::milliseconds{value->GetInt64()}};
    }
  }

  void take(const char* key, std::map<std::string, std::uint32_t>& counts) {
    const auto* value = find(key, &rapidjson::Value::IsObject);
    if (value == nullptr) return;
    for (const auto& member : value->GetObject()) {
      if (!member.value.IsUint()) {
        wrong_ = key;
        return;
      }
      counts[{member.name.GetString(), member.name.GetStringLength()}] = member.value.GetUint();
    }
  }

  void require(const char* key) {
    if (!object_.HasMember(key)) wrong_ = key;
  }

  const char* wrong() const { return wrong_; }

 private:
  const rapidjson::Value* find(const char* key, bool (rapidjson::Value::*is_right)() const) {
    const auto found = object_.FindMember(key);
    if (found == object_.MemberEnd()) return nullptr;
    if ((found->value.*is_right)()) return &found->value;
    wrong_ = key;
    return nullptr;
  }

  const rapidjson::Value& object_;
  const char* wrong_ = nullptr;
};

}  // namespace

Outcome outcome_of(const Session& session) {
  if (!session.tls_version.empty()) return Outcome::tls;
  if (session.transactions > 0) return Outcome::plaintext;
  return session.helo.empty() ? Outcome::no_helo : Outcome::no_mail;
}

std::string_view to_text(Outcome outcome) {
  return word_for(outcomes, outcome);
}

Result<Outcome> parse_outcome(std::string_view text) {
  return value_of<Outcome>(outcomes, text, "session outcome");
}

std::string_view to_text(ClientCertificate certificate) {
  return word_for(certificates, certificate);
}

Result<ClientCertificate> parse_client_certificate(std::string_view text) {
  return value_of<ClientCertificate>(certificates, text, "state of a client certificate");
}

std::string encode(const Session& session) {
  rapidjson::StringBuffer buffer;
  Json json(buffer);
  json.StartObject();
  put(json, "begin", session.begin);
  put(json, "end", session.end);
  put(json, "mx", session.receiving_mx);
  put(json, "address", session.client_address);
  put(json, "name", session.client_name);
  put(json, "helo", session.helo);
  put(json, "tls", session.tls_version);
  put(json, "cipher", session.cipher);
  put(json, "bits", session.cipher_bits);
  if (session.client_certificate != ClientCertificate::none) {
    put(json, "certificate", to_text(session.client_certificate));
  }
  put(json, "transactions", session.transactions);
  put(json, "messages", session.messages);
  if (!session.recipient_domains.empty()) {
    json.Key("domains");
    json.StartObject();
    for (const auto& [domain, messages] : session.recipient_domains) {
      json.Key(domain.c_str(), static_cast<rapidjson::SizeType>(domain.size()));
      json.Uint(messages);
    }
    json.EndObject();
  }
  json.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

Result<Session> decode(std::string_view text) {
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag>(text.data(),
                                                                                         text.size());
  if (document.HasParseError() || !document.IsObject()) {
    return fail(Fault::data, "a journal record is not a JSON object");
  }
  Session session;
  std::string certificate = "none";
  Members members(document);
  members.require("begin");
  members.take("begin", session.begin);
  members.take("end", session.end);
  members.take("mx", session.receiving_mx);
  members.take("address", session.client_address);
  members.take("name", session.client_name);
  members.take("helo", session.helo);
  members.take("tls", session.tls_version);
  members.take("cipher", session.cipher);
  members.take("bits", session.cipher_bits);
  members.take("certificate", certificate);
  members.take("transactions", session.transactions);
  members.take("messages", session.messages);
  members.take("domains", session.recipient_domains);
  if (members.wrong() != nullptr) {
    return fail(Fault::data, "a journal record has no good '{}'", members.wrong());
  }
  const auto state = parse_client_certificate(certificate);
  if (!state) return std::unexpected(state.error());
  session.client_certificate = *state;
  return session;
}

}  // namespace starttls::store
