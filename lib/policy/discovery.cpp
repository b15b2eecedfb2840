#include "policy/discovery.h"

namespace starttls::policy {

Result<std::unique_ptr<Discovery>> Discovery::begin(const DiscoverySettings& settings,
                                                    const std::filesystem::path& cache, Clock clock,
                                                    ExaminerSettings examiner) {
  auto discovery = std::make_unique<Discovery>();
  auto resolver = dns::Resolver::create(discovery->loop, settings.dns);
  if (!resolver) return std::unexpected(resolver.error());
  discovery->resolver = std::move(*resolver);
  // Without validation DANE has nothing to stand on.
  examiner.dane = examiner.dane && settings.dns.dnssec;
  auto fetcher = http::Fetcher::create(discovery->loop, settings.policy_hosts);
  if (!fetcher) return std::unexpected(fetcher.error());
  discovery->fetcher = std::move(*fetcher);
  examiner.pause = [&loop = discovery->loop](std::chrono::milliseconds time) {
    return event::pause_for(loop, time);
  };
  // Where it cannot be made, opening the file says why.
  std::error_code ignored;
  std::filesystem::create_directories(cache.parent_path(), ignored);
  auto opened = mtasts::Cache::open_whatever(cache, clock());
  discovery->warning = std::move(opened.warning);
  discovery->cache = std::make_unique<mtasts::Cache>(std::move(opened.cache));
  if (examiner.dane && examiner.dane_kept > std::chrono::seconds{0}) {
    auto verdicts = VerdictStore::open_whatever(verdicts_beside(cache));
    discovery->verdicts_warning = std::move(verdicts.warning);
    discovery->verdicts = std::move(verdicts.store);
  }
  discovery->examiner = std::make_unique<Examiner>(
      *discovery->resolver, *discovery->fetcher, *discovery->cache,
      discovery->verdicts ? &*discovery->verdicts : nullptr, std::move(clock), examiner);
  return discovery;
}

std::filesystem::path verdicts_beside(const std::filesystem::path& cache) {
  return cache.parent_path() / "dane.sqlite";
}

}  // namespace starttls::policy
