#include "listtool/lookup_lists.h"

#include <memory>
#include <ranges>

#include "base/try.h"
#include "listtool/context.h"
#include "listtool/installed_lists.h"

namespace starttls::listtool {
namespace {

LookupList in_memory(Source source) {
  const auto shared = std::make_shared<Source>(std::move(source));
  const auto find = [shared](std::string_view domain) -> Result<std::optional<IndexedEntry>> {
    const auto entry = shared->list.find(domain);
    if (!entry) return std::nullopt;
    return IndexedEntry{.mode = entry->mode, .joined_mxs = entry->joined_mxs};
  };
  return {.facts = shared->facts, .find = find};
}

Result<LookupList> open_installed(const ListSet& set, InstalledList list) {
  const auto nowhere = [](std::string_view) -> Result<std::optional<IndexedEntry>> { return std::nullopt; };
  if (!list.edition) return LookupList{.facts = std::move(list.facts), .find = nowhere};
  auto opened = TRY(ListIndex::open(set.index_file(*list.edition)));
  const auto index = std::make_shared<ListIndex>(std::move(opened));
  return LookupList{.facts = std::move(list.facts),
                    .find = [index](std::string_view domain) { return index->find(domain); }};
}

}  // namespace

Result<LookupLists> lists_in_files(const Context& context, std::span<const std::filesystem::path> files,
                                   const SignatureOptions& options) {
  auto sources = TRY(read_sources(context, files, options));
  LookupLists lists;
  for (Source& source : sources) lists.lists.push_back(in_memory(std::move(source)));
  return lists;
}

Result<LookupLists> open_installed_lists(const Context& context) {
  const auto set = TRY(current_set(context.configuration.state_dir));
  LookupLists lists;
  for (InstalledList& installed : installed_lists(context.configuration, set, context.now)) {
    auto one = TRY(open_installed(set, std::move(installed)));
    lists.lists.push_back(std::move(one));
  }
  auto overrides = TRY(read_overrides(context.configuration));
  if (overrides) lists.overrides = in_memory(std::move(*overrides));
  return lists;
}

Result<ListMatch> find_in_lists(std::string_view domain, std::span<const LookupList> lists) {
  ListMatch found;
  for (const LookupList& list : lists | std::views::reverse) {
    auto entry = TRY(list.find(domain));
    if (!entry) continue;
    if (list.facts.unusable) {
      found.ignored +=
          fmt::format("; list {} has it but is not used: {}", list.facts.name, list.facts.unusable->message);
      continue;
    }
    found.entry = {.list = list.facts.name,
                   .mode = entry->mode,
                   .joined_mxs = std::move(entry->joined_mxs),
                   .expires = list.facts.expires};
    found.verified = list.facts.signed_by.has_value();
    break;
  }
  return found;
}

Result<std::optional<policy::ListEntry>> find_override(std::string_view domain, const LookupLists& lists) {
  if (!lists.overrides) return std::nullopt;
  auto entry = TRY(lists.overrides->find(domain));
  if (!entry) return std::nullopt;
  return policy::ListEntry{.mode = entry->mode, .joined_mxs = std::move(entry->joined_mxs)};
}

}  // namespace starttls::listtool
