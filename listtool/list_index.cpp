#include "listtool/list_index.h"

#include <algorithm>
#include <array>

#include "base/atomic_file.h"
#include "base/text.h"
#include "base/try.h"

namespace starttls::listtool {
namespace {

constexpr std::array modes{preload::Mode::none, preload::Mode::testing, preload::Mode::enforce};

char mode_letter(preload::Mode mode) {
  return preload::to_string(mode).front();
}

}  // namespace

Result<void> ListIndex::write(const preload::List& list, const std::filesystem::path& path, mode_t mode) {
  auto draft = TRY(AtomicFile::create(path, mode));
  table::CdbWriter table(draft.fd());
  std::string value;
  for (std::size_t i = 0; i < list.size(); ++i) {
    list.prefetch(i);
    const preload::Entry entry = list[i];
    value.assign(1, mode_letter(entry.mode)).append(entry.joined_mxs);
    table.add(entry.domain, value);
  }
  if (const int error = table.finish(); error != 0) {
    return fail(write_fault(error), "{}: cannot write: {}", printable(path.string()), errno_text(error));
  }
  TRY(draft.finish());
  return draft.commit();
}

Result<ListIndex> ListIndex::open(const std::filesystem::path& path) {
  auto table = TRY(table::Cdb::open(path));
  return ListIndex(path, std::move(table));
}

Result<std::optional<IndexedEntry>> ListIndex::find(std::string_view domain) const {
  const auto value = TRY(table_.find(domain));
  if (!value) return std::nullopt;
  const auto mode = std::ranges::find_if(
      modes, [&](preload::Mode known) { return value->starts_with(mode_letter(known)); });
  if (mode == modes.end()) return fail(Fault::data, "{}: is damaged", printable(path_.string()));
  return IndexedEntry{.mode = *mode, .joined_mxs = value->substr(1)};
}

}  // namespace starttls::listtool
