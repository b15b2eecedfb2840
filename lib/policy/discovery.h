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
#include "policy/verdict_store.h"

namespace starttls::policy {

// "mta-sts/cache.sqlite" -> "mta-sts/dane.sqlite"
std::filesystem::path verdicts_beside(const std::filesystem::path& cache);

struct Discovery {
  // `cache` is the file of MTA-STS policies; DANE verdicts, where they are kept, are in verdicts_beside() it.
  // What cannot be used of them is said in the warnings: see mtasts::Cache::open_whatever() and
  // VerdictStore::open_whatever(). Errors as of dns::Resolver and http::Fetcher.
  static Result<std::unique_ptr<Discovery>> begin(const DiscoverySettings& settings,
                                                  const std::filesystem::path& cache, Clock clock,
                                                  ExaminerSettings examiner);

  event::Loop loop;
  std::optional<Error> warning;           // of the MTA-STS policies
  std::optional<Error> verdicts_warning;  // of the DANE verdicts
  std::unique_ptr<mtasts::Cache> cache;
  std::optional<VerdictStore> verdicts;
  std::unique_ptr<dns::Resolver> resolver;
  std::unique_ptr<http::Fetcher> fetcher;
  std::unique_ptr<Examiner> examiner;
};

}  // namespace starttls::policy
