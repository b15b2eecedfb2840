#include "discovery/owners.h"

#include <utility>

namespace starttls::discovery {

Owners Owners::load() {
  Owners owners;
  if (auto suffixes = publicsuffix::PublicSuffixes::load()) owners.suffixes_ = std::move(*suffixes);
  return owners;
}

std::string Owners::of(const std::string& name) const {
  if (suffixes_) {
    std::string registrable = suffixes_->registrable(name);
    if (registrable.empty()) return name;
    return registrable;
  }
  const std::size_t last = name.rfind('.');
  if (last == std::string::npos || last == 0) return name;
  const std::size_t before = name.rfind('.', last - 1);
  return before == std::string::npos ? name : name.substr(before + 1);
}

}  // namespace starttls::discovery
