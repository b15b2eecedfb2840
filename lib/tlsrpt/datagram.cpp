#include "tlsrpt/datagram.h"

#include <fmt/format.h>
#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "base/text.h"
#include "tlsrpt/policy_domain.h"

namespace starttls::tlsrpt {
namespace {

// Iterative: nested values use the heap, not the stack, and the handler refuses too deep nesting.
constexpr unsigned parse_flags = rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag;

struct Code {
  unsigned number;
  std::string_view word;
};
// RFC 8460 section 4.2: policy-type.
constexpr std::array<Code, 3> policy_types{{{1, "tlsa"}, {2, "sts"}, {9, "no-policy-found"}}};
// RFC 8460 section 4.3: result-type.
constexpr std::array<Code, 11> result_types{{{201, "starttls-not-supported"},
                                             {202, "certificate-host-mismatch"},
                                             {203, "certificate-not-trusted"},
                                             {204, "certificate-expired"},
                                             {205, "validation-failure"},
                                             {301, "sts-policy-fetch-error"},
                                             {302, "sts-policy-invalid"},
                                             {303, "sts-webpki-invalid"},
                                             {304, "tlsa-invalid"},
                                             {305, "dnssec-invalid"},
                                             {306, "dane-required"}}};

std::optional<unsigned> number_in(std::string_view text) {
  unsigned number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// A text that is not valid UTF-8 is escaped, and so is one that would be cut within a character.
std::string text_of(std::string_view text) {
  const std::string_view head = text.substr(0, datagram_text_limit);
  if (is_utf8(head) && !head.contains('\0')) return std::string(head);
  return printable(head, datagram_text_limit);
}

// The word of a code; a code that is not known is kept as "code-250", and so is any other text.
std::string word_of(std::string_view text, std::span<const Code> codes) {
  const std::optional<unsigned> number = number_in(text);
  if (!number) return text_of(text);
  const auto known = std::ranges::find(codes, *number, &Code::number);
  return known == codes.end() ? fmt::format("code-{}", *number) : std::string(known->word);
}

// Of a reply to EHLO, whose lines are joined by CRLF, with the code before the first one, as Postfix 3.10 sends it, or
// without.
std::string host_of_helo(std::string_view reply) {
  if (reply.starts_with("250-") || reply.starts_with("250 ")) reply.remove_prefix(4);
  return text_of(reply.substr(0, reply.find_first_of(" \r\n\t")));
}

class Handler : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, Handler> {
 public:
  // RapidJSON's callbacks: false ends the parsing, with refusal() saying why.
  bool Default() { return value({}); }
  bool String(const char* text, rapidjson::SizeType size, bool) { return value({text, size}); }
  bool RawNumber(const char* text, rapidjson::SizeType size, bool) { return value({text, size}); }
  bool Key(const char* text, rapidjson::SizeType size, bool) {
    key_ = std::string_view(text, size);
    return true;
  }
  bool StartObject() { return open(true); }
  bool EndObject(rapidjson::SizeType) { return close(); }
  bool StartArray() { return open(false); }
  bool EndArray(rapidjson::SizeType) { return close(); }

  const std::string& refusal() const { return refusal_; }

  Result<HandshakeResult> finish() && {
    if (result_.domain.empty()) return fail(Fault::data, "names no domain (\"d\")");
    if (result_.policies.empty()) return fail(Fault::data, "has no policy (\"policies\")");
    return std::move(result_);
  }

 private:
  enum class Part { unknown, result, policies, policy, policy_string, mx_host, details, detail };

  static Part part_of(Part within, std::string_view key, bool is_object) {
    switch (within) {
      case Part::result:
        if (key == "policies") return is_object ? Part::policy : Part::policies;
        break;
      case Part::policies:
        if (is_object) return Part::policy;
        break;
      case Part::policy:
        if (key == "policy-string" && !is_object) return Part::policy_string;
        if (key == "mx-host" && !is_object) return Part::mx_host;
        if (key == "failure-details") return is_object ? Part::detail : Part::details;
        break;
      case Part::details:
        if (is_object) return Part::detail;
        break;
      default:
        break;
    }
    return Part::unknown;
  }

  bool open(bool is_object) {
    if (parts_.size() == datagram_depth_limit)
      return refuse(fmt::format("nested deeper than {} levels", datagram_depth_limit));
    if (parts_.empty() && !is_object) return refuse("is no object");
    const Part part = parts_.empty() ? Part::result : part_of(parts_.back(), key_, is_object);
    if (part == Part::policy) {
      policy_ = {.policy_type = {}};
      has_failed_ = false;
    }
    if (part == Part::detail) detail_ = {};
    parts_.push_back(part);
    return true;
  }

  bool close() {
    const Part part = parts_.back();
    parts_.pop_back();
    if (part == Part::policy) end_policy();
    if (part == Part::detail && policy_.failure_details.size() < max_datagram_details) {
      detail_.failed_session_count = 1;
      policy_.failure_details.push_back(std::move(detail_));
    }
    return true;
  }

  bool refuse(std::string reason) {
    refusal_ = std::move(reason);
    return false;
  }

  // A policy whose failures are given has failed, whatever it says itself.
  void end_policy() {
    if (result_.policies.size() == max_datagram_policies) return;
    const bool has_failed = has_failed_ || !policy_.failure_details.empty();
    (has_failed ? policy_.failed_sessions : policy_.successful_sessions) = 1;
    result_.policies.push_back(std::move(policy_));
  }

  bool value(std::string_view text) {
    if (parts_.empty()) return refuse("is no object");
    switch (parts_.back()) {
      case Part::result:
        if (key_ == "d") result_.domain = normalise_policy_domain(text_of(trim(text)));
        if (key_ == "pr") result_.record = text_of(text);
        break;
      case Part::policy:
        take_policy_text(text);
        break;
      case Part::policy_string:
        add_text(policy_.policy_strings, text);
        break;
      case Part::mx_host:
        add_text(policy_.mx_hosts, text);
        break;
      case Part::detail:
        take_detail_text(text);
        break;
      default:
        break;
    }
    return true;
  }

  void take_policy_text(std::string_view text) {
    if (key_ == "policy-type") policy_.policy_type = word_of(trim(text), policy_types);
    if (key_ == "policy-domain") policy_.policy_domain = normalise_policy_domain(text_of(trim(text)));
    if (key_ == "policy-string") add_text(policy_.policy_strings, text);
    if (key_ == "mx-host") add_text(policy_.mx_hosts, text);
    if (key_ == "f") has_failed_ = number_in(trim(text)).value_or(0) != 0;
  }

  void take_detail_text(std::string_view text) {
    if (key_ == "c") detail_.result_type = word_of(trim(text), result_types);
    if (key_ == "s") detail_.sending_mta_ip = text_of(text);
    if (key_ == "n") detail_.receiving_mx_hostname = text_of(text);
    if (key_ == "h") detail_.receiving_mx_helo = host_of_helo(text);
    if (key_ == "r") detail_.receiving_ip = text_of(text);
    if (key_ == "a") detail_.additional_information = text_of(text);
    if (key_ == "f") detail_.failure_reason_code = text_of(text);
  }

  static void add_text(std::vector<std::string>& texts, std::string_view text) {
    if (!text.empty() && texts.size() < max_datagram_texts) texts.push_back(text_of(text));
  }

  std::vector<Part> parts_;  // from the outermost in
  std::string key_;
  std::string refusal_;
  HandshakeResult result_;
  PolicyResult policy_;
  FailureDetail detail_;
  bool has_failed_ = false;
};

using Json = rapidjson::Writer<rapidjson::StringBuffer>;

void put(Json& json, std::string_view text) {
  json.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

void put(Json& json, const char* key, std::string_view text) {
  if (text.empty()) return;
  json.Key(key);
  put(json, text);
}

void put(Json& json, const char* key, const std::vector<std::string>& texts) {
  if (texts.empty()) return;
  json.Key(key);
  json.StartArray();
  for (const std::string& text : texts) put(json, text);
  json.EndArray();
}

// As its number, if it has one.
void put_word(Json& json, const char* key, std::string_view word, std::span<const Code> codes) {
  const auto known = std::ranges::find(codes, word, &Code::word);
  if (known == codes.end()) return put(json, key, word);
  json.Key(key);
  json.Uint(known->number);
}

void put(Json& json, const FailureDetail& detail) {
  json.StartObject();
  put_word(json, "c", detail.result_type, result_types);
  put(json, "s", detail.sending_mta_ip);
  put(json, "n", detail.receiving_mx_hostname);
  put(json, "h", detail.receiving_mx_helo);
  put(json, "r", detail.receiving_ip);
  put(json, "a", detail.additional_information);
  put(json, "f", detail.failure_reason_code);
  json.EndObject();
}

void put(Json& json, const PolicyResult& policy) {
  json.StartObject();
  put_word(json, "policy-type", policy.policy_type, policy_types);
  put(json, "policy-domain", policy.policy_domain);
  put(json, "policy-string", policy.policy_strings);
  put(json, "mx-host", policy.mx_hosts);
  if (!policy.failure_details.empty()) {
    json.Key("failure-details");
    json.StartArray();
    for (const FailureDetail& detail : policy.failure_details) put(json, detail);
    json.EndArray();
  }
  json.Key("f");
  json.Uint(policy.failed_sessions > 0 ? 1 : 0);
  json.EndObject();
}

}  // namespace

bool HandshakeResult::has_failed() const {
  return std::ranges::any_of(policies, [](const PolicyResult& policy) { return policy.failed_sessions > 0; });
}

Result<HandshakeResult> read_datagram(std::string_view datagram) {
  if (datagram.size() > datagram_size_limit)
    return fail(Fault::data, "larger than {} bytes", datagram_size_limit);
  Handler handler;
  rapidjson::MemoryStream stream(datagram.data(), datagram.size());
  rapidjson::Reader reader;
  const auto done = reader.Parse<parse_flags>(stream, handler);
  if (!handler.refusal().empty()) return fail(Fault::data, "{}", handler.refusal());
  if (done.IsError()) {
    return fail(Fault::data, "no JSON: at byte {}: {}", done.Offset(),
                rapidjson::GetParseError_En(done.Code()));
  }
  return std::move(handler).finish();
}

std::string to_datagram(const HandshakeResult& result) {
  rapidjson::StringBuffer buffer;
  Json json(buffer);
  json.StartObject();
  put(json, "d", result.domain);
  put(json, "pr", result.record);
  json.Key("policies");
  json.StartArray();
  for (const PolicyResult& policy : result.policies) put(json, policy);
  json.EndArray();
  json.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace starttls::tlsrpt
