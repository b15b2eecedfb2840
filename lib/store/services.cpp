#include "store/services.h"

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>

#include "store/session.h"

namespace starttls::store {
namespace {

constexpr std::string_view head = R"({"service":)";
constexpr std::size_t max_line = 1000;  // bytes; ours are shorter

std::optional<std::uint32_t> number_in(const rapidjson::Document& json, const char* key) {
  const auto member = json.FindMember(key);
  if (member == json.MemberEnd() || !member->value.IsUint()) return std::nullopt;
  return std::min(member->value.GetUint(), Services::max_failures);
}

}  // namespace

void Services::add(const std::string& service, Failures more) {
  if (service.empty() || (failures_.size() >= max_services && !failures_.contains(service))) return;
  Failures& failures = failures_[service];
  failures.recorded += more.recorded;
  failures.other += more.other;
  while (failures.recorded + failures.other > max_failures) {
    failures.recorded /= 2;
    failures.other /= 2;
  }
}

bool Services::is_recorded(const std::string& service) const {
  const auto found = failures_.find(service);
  return found != failures_.end() && found->second.recorded > found->second.other;
}

std::string Services::to_lines() const {
  std::string lines;
  for (const auto& [service, failures] : failures_) {
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> json(buffer);
    json.StartObject();
    json.Key("service");
    json.String(service.data(), static_cast<rapidjson::SizeType>(service.size()));
    json.Key("recorded");
    json.Uint(failures.recorded);
    json.Key("other");
    json.Uint(failures.other);
    json.EndObject();
    lines.append(buffer.GetString(), buffer.GetSize()).append("\n");
  }
  return lines;
}

bool Services::add_line(std::string_view line) {
  if (!line.starts_with(head) || line.size() > max_line) return false;
  rapidjson::Document json;
  json.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag>(line.data(),
                                                                                     line.size());
  if (json.HasParseError() || !json.IsObject()) return false;
  const auto service = json.FindMember("service");
  const auto recorded = number_in(json, "recorded");
  const auto other = number_in(json, "other");
  if (!service->value.IsString() || !recorded || !other) return false;
  const std::string name(service->value.GetString(), service->value.GetStringLength());
  if (!is_text(name)) return false;
  add(name, {.recorded = *recorded, .other = *other});
  return true;
}

}  // namespace starttls::store
