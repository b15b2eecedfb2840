// What examinations find out about this host instead of a domain (smtp-own-network: its port 25 is blocked, it has no
// IPv6). It is the same at each domain, so it is said once.
#pragma once

#include <cstddef>
#include <map>
#include <string>

#include "listtool/check_output.h"

namespace starttls::listtool {

class OwnNetwork {
 public:
  struct Item {
    examination::Finding finding;  // as at the first domain
    std::size_t domains = 0;       // for which it was found
  };

  // Of one domain.
  void add(const examination::Findings& findings);

  // By what was seen.
  const std::map<std::string, Item>& items() const { return items_; }

  // Each below the number of domains, after an empty line.
  std::string to_text(CheckStyle style) const;

 private:
  std::map<std::string, Item> items_;
};

}  // namespace starttls::listtool
