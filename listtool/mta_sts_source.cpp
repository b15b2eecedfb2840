#include "listtool/mta_sts_source.h"

#include <zlib.h>

#include "base/try.h"
#include "mtastsdb/cache.h"
#include "policy/decision.h"
#include "policy/overrides.h"

namespace starttls::listtool {

Result<std::optional<Source>> read_mta_sts_source(const Configuration& configuration, Time now) {
  const auto file = mta_sts_cache(configuration);
  auto cache = TRY(mtastsdb::Cache::open_to_read(file));
  if (!cache) return std::nullopt;
  preload::ListBuilder builder;
  std::map<std::string, mtasts::Policy, std::less<>> policies;
  TRY(cache->each([&](const mtastsdb::CacheEntry& entry) {
    const auto* const valid = entry.policy_state.valid(now);
    if (valid == nullptr) return;
    const bool enforced = valid->policy.mode == mtasts::Mode::enforce && !valid->policy.mx.empty();
    if (enforced) policies.emplace(entry.domain.str(), valid->policy);
    builder.add({.domain = entry.domain.str(),
                 .mode = enforced ? preload::Mode::enforce : preload::Mode::none,
                 .joined_mxs = enforced ? policy::join_mxs(valid->policy) : std::string()},
                {});
  }));
  builder.put_in_order();
  return Source{.facts = {.kind = SourceFacts::Kind::mta_sts,
                          .name = "mta-sts",
                          .path = file.string(),
                          .expires = policy::never},
                .list = std::move(builder.list()),
                .mta_sts = std::move(policies)};
}

std::string fingerprint(const std::optional<Source>& mta_sts) {
  // serve creates the cache. A map has the same policies before and after that.
  if (!mta_sts || mta_sts->list.size() == 0) return "none";
  uLong sum = ::crc32_z(0, nullptr, 0);
  const auto add = [&sum](std::string_view text) {
    sum = ::crc32_z(sum, reinterpret_cast<const Bytef*>(text.data()), text.size());
  };
  for (std::size_t i = 0; i < mta_sts->list.size(); ++i) {
    const preload::Entry entry = mta_sts->list[i];
    add(entry.domain);
    add(" ");
    add(entry.joined_mxs);  // adds nothing if nothing is demanded
    const auto policy = mta_sts->mta_sts.find(entry.domain);
    if (policy != mta_sts->mta_sts.end()) add(fmt::format(" {}", policy->second.max_age.count()));
    add("\n");
  }
  return fmt::format("{} policies {:08x}", mta_sts->list.size(), sum);
}

}  // namespace starttls::listtool
