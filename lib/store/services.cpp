#include "store/services.h"

#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>

#include "session/session.h"
#include "store/flat_object.h"

namespace starttls::store {
namespace {

constexpr std::string_view head = R"({"service":)";
constexpr std::size_t max_line = 1000;  // bytes; ours are shorter

class ServiceDecoder : public FlatObject<ServiceDecoder> {
 public:
  bool String(const char* text, rapidjson::SizeType length, bool) {
    if (member() != "service") return Default();
    service.emplace(text, length);
    return session::is_storable_text(*service);
  }
  bool Uint(unsigned value) {
    std::optional<std::uint32_t>* const into = to_number(member());
    if (into == nullptr) return Default();
    *into = std::min(value, Services::max_failures);
    return true;
  }

  bool is_known(std::string_view member) { return member == "service" || to_number(member) != nullptr; }
  bool is_complete() const { return service && recorded && other; }

  std::optional<std::string> service;
  std::optional<std::uint32_t> recorded;
  std::optional<std::uint32_t> other;

 private:
  std::optional<std::uint32_t>* to_number(std::string_view member) {
    if (member == "recorded") return &recorded;
    return member == "other" ? &other : nullptr;
  }
};

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
  rapidjson::MemoryStream bytes(line.data(), line.size());
  rapidjson::Reader reader;
  ServiceDecoder decoder;
  constexpr unsigned how = rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;
  if (reader.Parse<how>(bytes, decoder).IsError() || !decoder.is_complete()) return false;
  add(*decoder.service, {.recorded = *decoder.recorded, .other = *decoder.other});
  return true;
}

}  // namespace starttls::store
