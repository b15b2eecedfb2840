#include "preload/writer.h"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <utility>

#include "base/try.h"

namespace starttls::preload {

// Each value by itself; what is between them is written here, to have a line an entry.
class ListWriter::Text {
 public:
  void raw(std::string_view piece) { piece.copy(buffer_.Push(piece.size()), piece.size()); }

  void string(std::string_view value) {
    writer_.Reset(buffer_);
    writer_.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
  }

  void member(std::string_view name, std::string_view value, std::string_view end) {
    string(name);
    raw(": ");
    string(value);
    raw(end);
  }

  std::string_view text() const { return {buffer_.GetString(), buffer_.GetSize()}; }
  void clear() { buffer_.Clear(); }

 private:
  rapidjson::StringBuffer buffer_;
  rapidjson::Writer<rapidjson::StringBuffer, rapidjson::UTF8<>, rapidjson::ASCII<>> writer_;
};

ListWriter::ListWriter(const ListHead& head, Sink sink)
    : sink_(std::move(sink)), text_(std::make_unique<Text>()) {
  text_->raw("{\n  ");
  text_->member("timestamp", to_rfc3339(head.timestamp), ",\n  ");
  text_->member("expires", to_rfc3339(head.expires), ",\n  ");
  text_->member("version", "0.1", ",\n  ");
  text_->member("author", head.author, ",\n  ");
  text_->raw("\"policies\": {");
}

ListWriter::~ListWriter() = default;

Result<void> ListWriter::add(std::string_view domain, mtasts::Mode mode, std::span<const std::string> mxs) {
  text_->raw(std::exchange(is_first_, false) ? "\n    " : ",\n    ");
  text_->string(domain);
  text_->raw(": { ");
  text_->member("mode", to_string(mode), ", ");
  text_->raw("\"mxs\": [");
  for (std::string_view before; const std::string& mx : mxs) {
    text_->raw(std::exchange(before, ", "));
    text_->string(mx);
  }
  text_->raw("] }");
  return text_->text().size() < piece_size / 2 ? Result<void>() : pass_on();
}

Result<void> ListWriter::finish() {
  text_->raw("\n  }\n}\n");
  return pass_on();
}

Result<void> ListWriter::pass_on() {
  for (std::string_view rest = text_->text(); !rest.empty();
       rest.remove_prefix(std::min(piece_size, rest.size())))
    TRY(sink_(rest.substr(0, piece_size)));
  text_->clear();
  return {};
}

}  // namespace starttls::preload
