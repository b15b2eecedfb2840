#include "load/protocol.h"

#include <sstream>

namespace starttls::load {
namespace {

constexpr std::uint32_t version = 6;
constexpr std::uint32_t all_actions = 0x1FF;
constexpr std::uint32_t all_steps = 0x1FFFFF;
constexpr std::size_t head_size = 4;
constexpr std::size_t packet_limit = 1U << 20U;

void append_u32(std::string& out, std::uint32_t value) {
  for (unsigned shift = 32; shift > 0; shift -= 8) out += static_cast<char>((value >> (shift - 8)) & 0xFFU);
}

std::uint32_t u32(std::string_view bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = (value << 8U) | static_cast<unsigned char>(bytes[i]);
  return value;
}

}  // namespace

void append_packet(std::string& out, char command, std::string_view data) {
  append_u32(out, static_cast<std::uint32_t>(data.size() + 1));
  out += command;
  out += data;
}

std::size_t packet_size(std::string_view bytes) {
  return head_size + u32(bytes);
}

std::optional<Packet> PacketReader::next() {
  if (buffer_.size() < head_size) return std::nullopt;
  const std::size_t size = packet_size(buffer_);
  if (size == head_size || size > packet_limit) return Packet{};
  if (buffer_.size() < size) return std::nullopt;
  Packet packet{.command = buffer_[head_size], .data = buffer_.substr(head_size + 1, size - head_size - 1)};
  buffer_.erase(0, size);
  return packet;
}

bool Negotiation::wants_macro(Stage stage, const std::string& name) const {
  const auto list = macro_lists.find(stage);
  return list == macro_lists.end() || list->second.contains(name);
}

std::string offer() {
  std::string data;
  append_u32(data, version);
  append_u32(data, all_actions);
  append_u32(data, all_steps);
  std::string packet;
  append_packet(packet, command::negotiate, data);
  return packet;
}

std::optional<Negotiation> parse_negotiation(std::string_view data) {
  if (data.size() < 12 || u32(data) != version) return std::nullopt;
  Negotiation agreed{.steps = u32(data.substr(8)), .macro_lists = {}};
  data.remove_prefix(12);
  while (!data.empty()) {
    const auto end = data.size() > 4 ? data.find('\0', 4) : std::string_view::npos;
    if (end == std::string_view::npos) return std::nullopt;
    auto& list = agreed.macro_lists[static_cast<Stage>(u32(data))];
    std::istringstream names(std::string(data.substr(4, end - 4)));
    for (std::string name; names >> name;) list.insert(name);
    data.remove_prefix(end + 1);
  }
  return agreed;
}

}  // namespace starttls::load
