// All that finds out about domains, put together as the configuration says, for one thread.
#pragma once

#include <memory>
#include <optional>

#include "base/clock.h"
#include "base/result.h"
#include "dns/resolver.h"
#include "event/loop.h"
#include "http/fetcher.h"
#include "listtool/configuration.h"
#include "mtasts/cache.h"
#include "policy/examiner.h"

namespace starttls::listtool {

struct Discovery {
  // What cannot be used of the cache is told in `warning`: see mtasts::Cache::open_whatever(). Errors as of
  // dns::Resolver and http::Fetcher.
  static Result<std::unique_ptr<Discovery>> begin(const Configuration& configuration, Clock clock,
                                                  policy::ExaminerSettings settings);

  event::Loop loop;
  std::optional<Error> warning;
  std::unique_ptr<mtasts::Cache> cache;
  std::unique_ptr<dns::Resolver> resolver;
  std::unique_ptr<http::Fetcher> fetcher;
  std::unique_ptr<policy::Examiner> examiner;
};

}  // namespace starttls::listtool
