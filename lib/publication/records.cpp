#include "publication/records.h"

#include <fmt/format.h>

#include <algorithm>

namespace starttls::publication {
namespace {

constexpr std::size_t max_string_size = 255;  // RFC 1035 section 3.3

std::string quoted(std::string_view text) {
  std::string escaped = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      escaped += '\\';
      escaped += c;
    } else if (byte < ' ' || byte >= 0x7F) {
      escaped += fmt::format("\\{:03}", byte);
    } else {
      escaped += c;
    }
  }
  return escaped + '"';
}

}  // namespace

std::string txt_data(std::string_view text) {
  std::string data;
  do {
    if (!data.empty()) data += ' ';
    data += quoted(text.substr(0, max_string_size));
    text.remove_prefix(std::min(max_string_size, text.size()));
  } while (!text.empty());
  return data;
}

std::string tlsa_data(const dns::Tlsa& record) {
  std::string data = fmt::format("{} {} {} ", record.usage, record.selector, record.matching_type);
  for (const char c : record.data) data += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return data;
}

std::string zone_text(std::span<const RecordSet> sets, std::chrono::seconds ttl) {
  std::string text;
  for (const RecordSet& set : sets) {
    for (const std::string& data : set.data)
      text += fmt::format("{}. {} IN {} {}\n", set.owner, ttl.count(), set.type, data);
  }
  return text;
}

std::string nsupdate_text(std::span<const RecordSet> sets, std::chrono::seconds ttl) {
  std::string text;
  for (const RecordSet& set : sets) {
    if (!set.changed) continue;
    text += fmt::format("update delete {}. {}\n", set.owner, set.type);
    for (const std::string& data : set.data)
      text += fmt::format("update add {}. {} {} {}\n", set.owner, ttl.count(), set.type, data);
    text += "send\n";
  }
  return text;
}

}  // namespace starttls::publication
