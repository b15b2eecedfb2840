#include "listtool/discovery.h"

namespace starttls::listtool {

Result<std::unique_ptr<Discovery>> Discovery::begin(const Configuration& configuration, Clock clock,
                                                    policy::ExaminerSettings settings) {
  auto discovery = std::make_unique<Discovery>();
  auto resolver = dns::Resolver::create(discovery->loop, configuration.discovery.dns);
  if (!resolver) return std::unexpected(resolver.error());
  discovery->resolver = std::move(*resolver);
  // Without validation DANE has nothing to stand on.
  settings.dane = settings.dane && configuration.discovery.dns.dnssec;
  auto fetcher = http::Fetcher::create(discovery->loop, configuration.discovery.policy_hosts);
  if (!fetcher) return std::unexpected(fetcher.error());
  discovery->fetcher = std::move(*fetcher);
  const auto file = mta_sts_cache(configuration);
  // Where it cannot be made, opening the file says why.
  std::error_code ignored;
  std::filesystem::create_directories(file.parent_path(), ignored);
  auto opened = mtasts::Cache::open_whatever(file, clock());
  discovery->warning = std::move(opened.warning);
  discovery->cache = std::make_unique<mtasts::Cache>(std::move(opened.cache));
  discovery->examiner = std::make_unique<policy::Examiner>(*discovery->resolver, *discovery->fetcher,
                                                           *discovery->cache, std::move(clock), settings);
  return discovery;
}

}  // namespace starttls::listtool
