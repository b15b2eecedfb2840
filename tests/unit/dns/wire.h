// DNS messages, made by hand for the tests (RFC 1035 section 4).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dns/message.h"

namespace starttls::test {

inline std::string u16(std::size_t number) {
  return {static_cast<char>(number >> 8U), static_cast<char>(number)};
}

inline std::string u32(std::size_t number) {
  return u16(number >> 16U & 0xffffU) + u16(number & 0xffffU);
}

// "mx.example.test" without compression; a label may hold any byte but a dot.
inline std::string wire_name(std::string_view name) {
  std::string wire;
  while (!name.empty()) {
    const auto label = name.substr(0, name.find('.'));
    wire += static_cast<char>(label.size());
    wire += label;
    name.remove_prefix(std::min(label.size() + 1, name.size()));
  }
  return wire + '\0';
}

inline std::string record(std::string_view owner, unsigned type, std::string_view rdata,
                          std::size_t ttl = 300) {
  return wire_name(owner) + u16(type) + u16(1) + u32(ttl) + u16(rdata.size()) + std::string(rdata);
}

struct Message {
  std::string name = "example.test";
  unsigned type = 16;
  unsigned flags = 0x8180;  // an answer, of a resolver
  std::vector<std::string> answers;
  std::vector<std::string> authority;

  std::string wire() const {
    std::string wire = u16(4711) + u16(flags) + u16(1) + u16(answers.size()) + u16(authority.size()) + u16(0);
    wire += wire_name(name) + u16(type) + u16(1);
    for (const auto* section : {&answers, &authority}) {
      for (const std::string& added : *section) wire += added;
    }
    return wire;
  }
};

inline dns::Octets octets(std::string_view wire) {
  return {reinterpret_cast<const std::uint8_t*>(wire.data()), wire.size()};
}

}  // namespace starttls::test
