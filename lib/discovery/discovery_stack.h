// Everything that looks up domains, built from the configuration, for one thread.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "base/result.h"
#include "discovery/dane_store.h"
#include "discovery/discovery_settings.h"
#include "discovery/policy_resolver.h"
#include "dns/resolver.h"
#include "event/loop.h"
#include "http/fetcher.h"
#include "mtastsdb/cache.h"

namespace starttls::discovery {

// "mta-sts/cache.sqlite" -> "mta-sts/dane.sqlite"
std::filesystem::path dane_store_file(const std::filesystem::path& cache);

struct DiscoveryStack {
  // `cache` is the file of MTA-STS policies; DANE results are stored in dane_store_file() beside it. The
  // warnings describe what cannot be used: see mtastsdb::Cache::open_or_fall_back() and
  // DaneStore::open_or_fall_back(). Errors as of dns::Resolver and http::Fetcher.
  static Result<std::unique_ptr<DiscoveryStack>> begin(const DiscoverySettings& settings,
                                                       const std::filesystem::path& cache, Clock clock,
                                                       PolicyResolverSettings policy_resolver);

  event::Loop loop;
  std::optional<Error> warning;             // of the MTA-STS policies
  std::optional<Error> dane_store_warning;  // of the DANE results
  std::unique_ptr<mtastsdb::Cache> cache;
  std::optional<DaneStore> dane_store;
  std::unique_ptr<dns::Resolver> resolver;
  std::unique_ptr<http::Fetcher> fetcher;
  std::unique_ptr<PolicyResolver> policy_resolver;
};

}  // namespace starttls::discovery
