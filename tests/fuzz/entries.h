// Checks that apply to every list, in whatever format it was read.
#pragma once

#include "base/domain.h"
#include "fuzz.h"
#include "preload/list.h"
#include "preload/mx_pattern.h"

namespace starttls::fuzz {

// Only validated names in ascending order, as a map needs them.
inline void check_entries(const preload::List& list) {
  for (std::size_t i = 0; i < list.size(); ++i) {
    const preload::Entry entry = list[i];
    const auto domain = DomainName::parse(entry.domain);
    require(domain && domain->str() == entry.domain);
    require(i == 0 || list[i - 1].domain < entry.domain);
    require(list.find(entry.domain).has_value());
    require(entry.joined_mxs.empty() == (entry.mode == preload::Mode::none));
    if (entry.joined_mxs.empty()) continue;
    for (const auto mx : preload::split_mxs(entry.joined_mxs)) {
      const auto pattern = preload::MxPattern::parse(mx);
      require(pattern && pattern->str() == mx);
    }
  }
}

}  // namespace starttls::fuzz
