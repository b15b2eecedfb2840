// The installed lists and the operator's overrides, looked up in their files on disk.
//
// Not thread-safe: must be used by one thread only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/domain.h"
#include "base/result.h"
#include "listtool/configuration.h"
#include "listtool/list_index.h"
#include "listtool/sources.h"
#include "policy/decision.h"

namespace starttls::listtool::serve {

class Lists {
 public:
  // Without any list.
  Lists() = default;

  // Opens what is installed now. Fault::data if it is damaged, Fault::config if the overrides have errors,
  // Fault::io, Fault::permission. No error if nothing is installed.
  static Result<Lists> open(const Configuration& configuration, Time now);

  // A text that changes when open() may return something else: an update changed the link `current`, or the
  // overrides were written. Costs two system calls.
  static std::string fingerprint(const Configuration& configuration);

  // The entry may have mode none. If several lists have an entry, the last usable list counts. A list that
  // cannot be read is ignored, and an error is logged.
  std::optional<policy::ListEntry> override_entry(const DomainName& domain) const;
  std::optional<policy::ListEntry> list_entry(const DomainName& domain, Time now) const;

  // A sentence for each list that has become unusable since the last call, including lists that were never
  // usable.
  std::vector<std::string> newly_unusable(Time now);

  struct Installed {
    SourceFacts facts;
    std::optional<ListIndex> index;  // none if it is not installed
    std::uint64_t domains = 0;
    bool warned = false;  // that the list cannot be used
  };
  const std::vector<Installed>& installed() const { return installed_; }

 private:
  std::vector<Installed> installed_;  // in overlay order
  std::optional<Source> overrides_;
};

}  // namespace starttls::listtool::serve
