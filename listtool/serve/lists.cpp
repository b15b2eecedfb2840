#include "listtool/serve/lists.h"

#include <ranges>

#include "base/log.h"
#include "base/text.h"
#include "base/try.h"
#include "listtool/installed_lists.h"
#include "listtool/outputs.h"
#include "listtool/state.h"

namespace starttls::listtool::serve {
namespace {

namespace fs = std::filesystem;

Result<Lists::Installed> opened(const ListSet& set, InstalledList list) {
  Lists::Installed installed{.facts = std::move(list.facts)};
  if (!list.edition) return installed;
  installed.domains = list.edition->domains;
  auto index = TRY(ListIndex::open(set.index_file(*list.edition)));
  installed.index = std::move(index);
  return installed;
}

std::optional<Error> unusable_now(const SourceFacts& facts, Time now) {
  if (facts.unusable) return facts.unusable;
  return preload::check_expired(facts.expires, now);
}

}  // namespace

Result<Lists> Lists::open(const Configuration& configuration, Time now) {
  const auto set = TRY(current_set(configuration.state_dir));
  Lists lists;
  for (InstalledList& list : installed_lists(configuration, set, now)) {
    auto installed = TRY(opened(set, std::move(list)));
    lists.installed_.push_back(std::move(installed));
  }
  auto overrides = TRY(read_overrides(configuration));
  lists.overrides_ = std::move(overrides);
  return lists;
}

std::string Lists::fingerprint(const Configuration& configuration) {
  std::error_code error;
  const fs::path current = fs::read_symlink(configuration.state_dir / "current", error);
  return fmt::format("{}\n{}", error ? "" : current.string(), file_stamp_text(configuration.overrides));
}

std::optional<policy::ListEntry> Lists::override_entry(const DomainName& domain) const {
  const auto entry = overrides_ ? overrides_->list.find(domain.str()) : std::nullopt;
  if (!entry) return std::nullopt;
  return policy::ListEntry{.mode = entry->mode, .joined_mxs = entry->joined_mxs};
}

std::optional<policy::ListEntry> Lists::list_entry(const DomainName& domain, Time now) const {
  for (const Installed& list : installed_ | std::views::reverse) {
    if (!list.index || unusable_now(list.facts, now)) continue;
    auto entry = list.index->find(domain.str());
    if (!entry) {
      static OncePerMinute often;
      if (often.permit(now)) log_error("{}", entry.error().message);
      continue;
    }
    if (!*entry) continue;
    return policy::ListEntry{.list = list.facts.name,
                             .mode = (*entry)->mode,
                             .joined_mxs = std::move((*entry)->joined_mxs),
                             .expires = list.facts.expires};
  }
  return std::nullopt;
}

std::vector<std::string> Lists::newly_unusable(Time now) {
  std::vector<std::string> sentences;
  for (Installed& list : installed_) {
    const auto why = unusable_now(list.facts, now);
    if (!why || list.warned) continue;
    list.warned = true;
    sentences.push_back(fmt::format("list {} is not used: {}", printable(list.facts.name), why->message));
  }
  return sentences;
}

}  // namespace starttls::listtool::serve
