// What the installed lists, the overrides and the cache of MTA-STS policies say about a domain that `check` examines.
#pragma once

#include <optional>
#include <vector>

#include "base/domain.h"
#include "base/result.h"
#include "examination/facts.h"
#include "listtool/context.h"
#include "listtool/lookup_lists.h"
#include "mtastsdb/cache.h"

namespace starttls::listtool {

class CheckLists {
 public:
  // Errors as of open_installed_lists() and mtastsdb::Cache.
  static Result<CheckLists> open(const Context& context);

  // In overlay order, the override last. Without lists that are not used for another reason than their expiry. An entry
  // that cannot be read is a warning, and is left out.
  std::vector<examination::ListFacts> find(const DomainName& domain, const Context& context) const;
  // The policy of an earlier fetch, valid or not.
  std::optional<mtasts::FetchedPolicy> policy_before(const DomainName& domain, const Context& context);

 private:
  CheckLists(LookupLists lists, std::optional<mtastsdb::Cache> cache);

  LookupLists lists_;
  std::optional<mtastsdb::Cache> cache_;  // none where there is no file
};

}  // namespace starttls::listtool
