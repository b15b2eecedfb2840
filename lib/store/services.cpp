#include "store/services.h"

#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>

#include "store/session.h"

namespace starttls::store {
namespace {

constexpr std::string_view head = R"({"service":)";
constexpr std::size_t max_line = 1000;  // bytes; ours are shorter

// Takes a service out of the events of RapidJSON's reader; a handler that returns false ends the reading.
// Members that are not known are passed over.
class ServiceDecoder : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, ServiceDecoder> {
 public:
  bool StartObject() { return depth_++ == 0 || is_unknown(); }
  bool EndObject(rapidjson::SizeType) { return depth_-- > 0; }
  bool StartArray() { return depth_++ > 0 && is_unknown(); }
  bool EndArray(rapidjson::SizeType) { return depth_-- > 0; }
  bool Key(const char* text, rapidjson::SizeType length, bool) {
    if (depth_ == 1) member_.assign(text, length);
    return true;
  }
  bool String(const char* text, rapidjson::SizeType length, bool) {
    if (depth_ != 1 || member_ != "service") return Default();
    service.emplace(text, length);
    return is_text(*service);
  }
  bool Uint(unsigned value) {
    std::optional<std::uint32_t>* const into = depth_ == 1 ? number_of(member_) : nullptr;
    if (into == nullptr) return Default();
    *into = std::min(value, Services::max_failures);
    return true;
  }
  bool Default() { return depth_ > 0 && is_unknown(); }

  bool is_complete() const { return service && recorded && other; }

  std::optional<std::string> service;
  std::optional<std::uint32_t> recorded;
  std::optional<std::uint32_t> other;

 private:
  std::optional<std::uint32_t>* number_of(std::string_view member) {
    if (member == "recorded") return &recorded;
    return member == "other" ? &other : nullptr;
  }
  // A member that is known has values of another kind than the one that came.
  bool is_unknown() { return depth_ > 1 || (member_ != "service" && number_of(member_) == nullptr); }

  std::string member_;  // of the outermost object
  int depth_ = 0;
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
