#include "mtalog/message.h"

#include <algorithm>

#include "base/ip_address.h"

namespace starttls::mtalog {
namespace {

constexpr std::string_view separator = ": ";
constexpr std::size_t max_queue_id = 20;

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

}  // namespace

std::string process_key(const Line& line) {
  return std::string(line.program) + "[" + std::string(line.process);
}

std::string address_in(std::string_view text) {
  const auto open = text.find('[');
  const auto close = text.find(']', open == std::string_view::npos ? 0 : open);
  if (open == std::string_view::npos || close == std::string_view::npos) return {};
  std::string_view inside = text.substr(open + 1, close - open - 1);
  if (constexpr std::string_view tag = "IPv6:"; inside.starts_with(tag)) inside.remove_prefix(tag.size());
  const auto address = IpAddress::parse(inside);
  return address ? address->text() : std::string();
}

std::string_view queue_id_of(std::string_view message) {
  const auto colon = message.find(separator);
  if (colon > max_queue_id) return {};  // the colon is not that of a queue id, or there is none
  const std::string_view id = message.substr(0, colon);
  return std::ranges::all_of(id, is_alphanumeric) ? id : std::string_view();
}

std::string_view without_queue_id(std::string_view message) {
  const std::string_view id = queue_id_of(message);
  return id.empty() ? message : message.substr(id.size() + separator.size());
}

std::string_view between(std::string_view text, std::string_view begin, std::string_view end) {
  const auto at = text.find(begin);
  if (at == std::string_view::npos) return {};
  text.remove_prefix(at + begin.size());
  return text.substr(0, text.find(end));
}

}  // namespace starttls::mtalog
