// All that finds out about domains, put together as the configuration says, for one thread.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "base/result.h"
#include "dns/resolver.h"
#include "event/loop.h"
#include "http/fetcher.h"
#include "mtasts/cache.h"
#include "policy/discovery_settings.h"
#include "policy/examiner.h"

namespace starttls::policy {

struct Discovery {
  // `cache` is the file of MTA-STS policies. What cannot be used of it is told in `warning`: see
  // mtasts::Cache::open_whatever(). Errors as of dns::Resolver and http::Fetcher.
  static Result<std::unique_ptr<Discovery>> begin(const DiscoverySettings& settings,
                                                  const std::filesystem::path& cache, Clock clock,
                                                  ExaminerSettings examiner);

  event::Loop loop;
  std::optional<Error> warning;
  std::unique_ptr<mtasts::Cache> cache;
  std::unique_ptr<dns::Resolver> resolver;
  std::unique_ptr<http::Fetcher> fetcher;
  std::unique_ptr<Examiner> examiner;
};

}  // namespace starttls::policy
