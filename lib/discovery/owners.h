// The owner of a name, for limits on what the names of one owner can cause.
#pragma once

#include <optional>
#include <string>

#include "publicsuffix/public_suffixes.h"

namespace starttls::discovery {

class Owners {
 public:
  // Uses the Public Suffix List; where there is none, the last two labels.
  static Owners load();

  // The registrable domain of a name in lower case ("mx1.example.co.uk" -> "example.co.uk"); the name itself
  // where it is a public suffix.
  std::string of(const std::string& name) const;

 private:
  std::optional<publicsuffix::PublicSuffixes> suffixes_;
};

}  // namespace starttls::discovery
