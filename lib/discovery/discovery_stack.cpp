#include "discovery/discovery_stack.h"

#include "base/try.h"

namespace starttls::discovery {

Result<std::unique_ptr<DiscoveryStack>> DiscoveryStack::begin(const DiscoverySettings& settings,
                                                              const std::filesystem::path& cache, Clock clock,
                                                              PolicyResolverSettings policy_resolver) {
  auto discovery = std::make_unique<DiscoveryStack>();
  auto resolver = TRY(dns::Resolver::create(discovery->loop, settings.dns));
  discovery->resolver = std::move(resolver);
  // DANE needs DNSSEC validation.
  policy_resolver.dane = policy_resolver.dane && settings.dns.dnssec;
  auto fetcher = TRY(http::Fetcher::create(discovery->loop, settings.policy_hosts));
  discovery->fetcher = std::move(fetcher);
  policy_resolver.pause = [&loop = discovery->loop](std::chrono::milliseconds time) {
    return event::sleep_for(loop, time);
  };
  // If this fails, opening the file reports why.
  std::error_code ignored;
  std::filesystem::create_directories(cache.parent_path(), ignored);
  auto opened = mtastsdb::Cache::open_or_fall_back(cache, clock());
  discovery->warning = std::move(opened.warning);
  discovery->cache = std::make_unique<mtastsdb::Cache>(std::move(opened.cache));
  if (policy_resolver.dane && policy_resolver.dane_max_stale > std::chrono::seconds{0}) {
    auto dane_store = DaneStore::open_or_fall_back(dane_store_file(cache));
    discovery->dane_store_warning = std::move(dane_store.warning);
    discovery->dane_store = std::move(dane_store.store);
  }
  discovery->policy_resolver = std::make_unique<PolicyResolver>(
      *discovery->resolver, *discovery->fetcher, *discovery->cache,
      discovery->dane_store ? &*discovery->dane_store : nullptr, std::move(clock), policy_resolver);
  return discovery;
}

std::filesystem::path dane_store_file(const std::filesystem::path& cache) {
  return cache.parent_path() / "dane.sqlite";
}

}  // namespace starttls::discovery
