#include "json/json_text.h"

#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include "base/text.h"

namespace starttls::json {

struct JsonText::Writer {
  rapidjson::StringBuffer buffer;
  rapidjson::PrettyWriter<rapidjson::StringBuffer, rapidjson::UTF8<>, rapidjson::ASCII<>> json{buffer};
};

JsonText::JsonText() : writer_(std::make_unique<Writer>()) {
  writer_->json.SetIndent(' ', 2);
}
JsonText::~JsonText() = default;

void JsonText::begin_object() {
  writer_->json.StartObject();
}
void JsonText::end_object() {
  writer_->json.EndObject();
}
void JsonText::begin_array() {
  writer_->json.StartArray();
}
void JsonText::end_array() {
  writer_->json.EndArray();
}
void JsonText::key(std::string_view name) {
  writer_->json.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
}
void JsonText::text(std::string_view value) {
  const std::string sound = is_utf8(value) ? std::string(value) : printable(value);
  writer_->json.String(sound.data(), static_cast<rapidjson::SizeType>(sound.size()));
}
void JsonText::number(std::uint64_t value) {
  writer_->json.Uint64(value);
}
void JsonText::boolean(bool value) {
  writer_->json.Bool(value);
}
void JsonText::null() {
  writer_->json.Null();
}

std::string JsonText::take_part() {
  std::string part(writer_->buffer.GetString(), writer_->buffer.GetSize());
  writer_->buffer.Clear();
  return part;
}

std::string JsonText::take() {
  return take_part() + "\n";
}

}  // namespace starttls::json
