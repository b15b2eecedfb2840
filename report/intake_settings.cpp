#include "report/intake_settings.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "base/try.h"
#include "report/evidence.h"
#include "report/our_domains.h"
#include "store/sending_domain.h"

namespace starttls::report {
namespace {

constexpr std::size_t pruned_at_once = 10'000;  // reports
constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20U;

Day oldest_kept(const config::TlsrptConfig& configuration, Time now) {
  return to_day(now) - std::chrono::days(configuration.milter.retention_days);
}

}  // namespace

Result<IntakeSettings> intake_settings(const config::TlsrptConfig& configuration, Time now,
                                       bool are_authenticated) {
  store::SendingDomainFinder registrable;
  if (are_authenticated || requires_authentication(configuration)) registrable = TRY(store::sending_domain());
  return IntakeSettings{.rejected_directory = configuration.state_dir / "rejected",
                        .max_rejected_size = configuration.report.max_rejected_size * mebibyte,
                        .parser = {.our_domains = configured_domains(configuration),
                                   .now = now,
                                   .oldest = oldest_kept(configuration, now),
                                   .trusted_authserv_ids = configuration.report.trusted_authserv_ids,
                                   .are_authenticated = are_authenticated,
                                   .registrable = std::move(registrable)}};
}

Result<tlsrptdb::ReportStore> open_intake_store(const config::TlsrptConfig& configuration) {
  // If the directory cannot be created, opening the store returns the reason.
  std::error_code ignored;
  std::filesystem::create_directories(configuration.state_dir, ignored);
  auto store =
      TRY(tlsrptdb::ReportStore::open(tlsrptdb::report_file(configuration.state_dir), store::Access::owner));
  store.set_quota(configuration.report.max_store_size * mebibyte);
  return store;
}

Result<void> prune_old(tlsrptdb::ReportStore& store, const config::TlsrptConfig& configuration, Time now) {
  return store.prune(oldest_kept(configuration, now), pruned_at_once);
}

}  // namespace starttls::report
