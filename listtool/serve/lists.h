// The installed lists and the operator's overrides, looked up where they lie on disk.
//
// Not thread-safe: for one thread.
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
  // None at all.
  Lists() = default;

  // What is installed now. Fault::data where it is damaged, Fault::config where the overrides are faulty,
  // Fault::io, Fault::permission. That nothing is installed is no error.
  static Result<Lists> open(const Configuration& configuration, Time now);

  // Another text whenever open() may bring something else: an update turned `current`, somebody wrote the
  // overrides. Two system calls.
  static std::string fingerprint(const Configuration& configuration);

  // An entry may say mode none. Of the lists counts the last that can be used now. A list that cannot be read
  // is ignored, and an error is logged.
  std::optional<policy::ListEntry> override_entry(const DomainName& domain) const;
  std::optional<policy::ListEntry> list_entry(const DomainName& domain, Time now) const;

  // A sentence for each list that has become unusable since the last call; those that never were usable
  // included.
  std::vector<std::string> newly_unusable(Time now);

  struct Installed {
    SourceFacts facts;
    std::optional<ListIndex> index;  // none where it is not installed
    std::uint64_t domains = 0;
    bool warned = false;  // that it cannot be used
  };
  const std::vector<Installed>& installed() const { return installed_; }

 private:
  std::vector<Installed> installed_;  // in overlay order
  std::optional<Source> overrides_;
};

}  // namespace starttls::listtool::serve
