// starttls-listtool generate sendmail: a map out of lists, for FEATURE(`sts') or for the access map.

#include "base/cli.h"
#include "base/file.h"
#include "listtool/options.h"
#include "listtool/sendmail/access.h"
#include "listtool/sources.h"

namespace starttls::listtool {
namespace {

using sendmail::MapType;

std::vector<const preload::List*> unexpired(std::span<const Source> sources) {
  static const preload::List nothing;
  std::vector<const preload::List*> lists;
  lists.reserve(sources.size());
  for (const Source& source : sources) lists.push_back(source.expired ? &nothing : &source.list);
  return lists;
}

// The entry that counts: that of the last list that has one.
std::optional<preload::Entry> find(std::span<const preload::List* const> lists, std::string_view domain) {
  for (std::size_t index = lists.size(); index-- > 0;) {
    if (auto entry = lists[index]->find(domain)) return entry;
  }
  return std::nullopt;
}

struct Map {
  std::string text;
  sendmail::Tally tally;
};

Map map_of(std::span<const Source> sources, const GenerateSendmailOptions& options) {
  const auto lists = unexpired(sources);
  const auto find_entry = [&lists](std::string_view domain) { return find(lists, domain); };
  const bool access = options.type == MapType::access;
  Map map{.text = access ? sendmail::access_head(sources) : sendmail::head(sources, options.output)};
  for (const preload::Chosen& chosen : preload::overlay(lists)) {
    const preload::Entry entry = (*lists[chosen.list])[chosen.entry];
    map.tally.count(access ? sendmail::append_access_line(map.text, entry, options.rules, find_entry)
                           : sendmail::append_line(map.text, entry, options.rules));
  }
  map.text += sendmail::end(map.tally, options.rules);
  return map;
}

}  // namespace

Result<int> generate_sendmail(const Common& common, const GenerateSendmailOptions& options) {
  const auto sources = read_sources(common, options.lists, options.signature);
  if (!sources) return std::unexpected(sources.error());
  const Map map = map_of(*sources, options);
  if (options.output.empty()) {
    if (const auto printed = print(map.text); !printed) return std::unexpected(printed.error());
  } else if (!has_content(options.output, map.text)) {
    if (const auto written = replace_file(options.output, map.text); !written) {
      return std::unexpected(written.error());
    }
  }
  if (map.tally.left_out > 0) {
    warn(common,
         fmt::format("domains NOT ENFORCED, because Sendmail cannot be told their policies: {} (the map "
                     "names them in comments)",
                     map.tally.left_out));
  }
  return tell_expired(*sources);
}

}  // namespace starttls::listtool
