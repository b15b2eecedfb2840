#include "listtool/check_lists.h"

#include "base/try.h"

namespace starttls::listtool {
namespace {

// ".example.org" is "*.example.org" in lists.
std::vector<mtasts::MxPattern> patterns_of(const IndexedEntry& entry) {
  std::vector<mtasts::MxPattern> patterns;
  for (const std::string_view text : preload::split_mxs(entry.joined_mxs)) {
    auto pattern =
        mtasts::MxPattern::parse(text.starts_with('.') ? fmt::format("*{}", text) : std::string(text));
    if (pattern) patterns.push_back(std::move(*pattern));
  }
  return patterns;
}

}  // namespace

CheckLists::CheckLists(LookupLists lists, std::optional<mtastsdb::Cache> cache)
    : lists_(std::move(lists)), cache_(std::move(cache)) {}

Result<CheckLists> CheckLists::open(const Context& context) {
  auto lists = TRY(open_installed_lists(context));
  auto cache = TRY(mtastsdb::Cache::open_to_read(mta_sts_cache(context.configuration)));
  return CheckLists(std::move(lists), std::move(cache));
}

std::vector<examination::ListFacts> CheckLists::find(const DomainName& domain, const Context& context) const {
  std::vector<examination::ListFacts> found;
  const auto add = [&](const LookupList& list, bool is_override) {
    auto entry = list.find(domain.str());
    if (!entry) warn(context, entry.error().message);
    if (!entry || !*entry) return;
    if (list.facts.unusable && list.facts.expires > context.now) return;
    examination::ListFacts facts{.list = is_override ? "" : list.facts.name,
                                 .mode = (*entry)->mode,
                                 .mx = patterns_of(**entry),
                                 .expires = {}};
    if (!is_override) facts.expires = list.facts.expires;
    found.push_back(std::move(facts));
  };
  for (const LookupList& list : lists_.lists) add(list, false);
  if (lists_.overrides) add(*lists_.overrides, true);
  return found;
}

std::optional<mtasts::FetchedPolicy> CheckLists::policy_before(const DomainName& domain,
                                                               const Context& context) {
  if (!cache_) return std::nullopt;
  auto state = cache_->find(domain);
  if (!state) {
    warn(context, state.error().message);
    return std::nullopt;
  }
  return *state ? (*state)->policy : std::nullopt;
}

}  // namespace starttls::listtool
