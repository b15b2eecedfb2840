#include "listtool/update_history.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/atomic_file.h"
#include "base/text.h"
#include "base/try.h"
#include "config/settings.h"
#include "keyring/edition_mark.h"
#include "keyring/keyring.h"
#include "listtool/state.h"
#include "minisign/blake2b.h"

namespace starttls::listtool {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t max_edition = std::uint64_t{1} << 62U;
constexpr mode_t private_mode = 0600;

Result<std::pair<std::string, ListHistory>> read_one(config::Settings& settings, const std::string& at) {
  std::string name;
  std::string timestamp;
  ListHistory list_history;
  settings.string(at + "name", name);
  settings.string(at + "timestamp", timestamp);
  settings.string(at + "digest", list_history.digest);
  settings.number(at + "edition", list_history.edition, 0, max_edition);
  settings.string(at + "origin", list_history.origin);
  settings.string(at + "etag", list_history.validators.etag);
  settings.string(at + "last_modified", list_history.validators.last_modified);
  settings.number(at + "mark", list_history.mark, 0, keyring::max_edition);
  settings.number(at + "keys_version", list_history.keys_version, 0, keyring::max_version);
  settings.string(at + "root_keys", list_history.roots);
  const auto time = TRY(parse_rfc3339(timestamp));
  if (name.empty()) return fail(Fault::data, "an entry has no name");
  list_history.timestamp = time;
  return std::pair(std::move(name), std::move(list_history));
}

std::string to_toml(const std::map<std::string, ListHistory, std::less<>>& lists) {
  std::string text =
      "# Made by starttls-listtool update: the newest edition of each list, which no older one may replace.\n"
      "# How to reset a list deliberately is in starttls-listtool(1), HOW DO I.\n";
  for (const auto& [name, list] : lists) {
    text += fmt::format("\n[[list]]\nname = {}\ntimestamp = {}\ndigest = {}\nedition = {}\n",
                        config::toml_string(name), config::toml_string(to_rfc3339(list.timestamp)),
                        config::toml_string(list.digest), list.edition);
    text += fmt::format("origin = {}\netag = {}\nlast_modified = {}\n", config::toml_string(list.origin),
                        config::toml_string(list.validators.etag),
                        config::toml_string(list.validators.last_modified));
    if (list.mark != 0) text += fmt::format("mark = {}\n", list.mark);
    if (list.keys_version != 0) {
      text += fmt::format("keys_version = {}\nroot_keys = {}\n", list.keys_version,
                          config::toml_string(list.roots));
    }
  }
  return text;
}

}  // namespace

bool ListHistory::operator==(const ListHistory& other) const {
  return timestamp == other.timestamp && digest == other.digest && edition == other.edition &&
         origin == other.origin && validators.etag == other.validators.etag &&
         validators.last_modified == other.validators.last_modified && mark == other.mark &&
         keys_version == other.keys_version && roots == other.roots;
}

Result<std::string> place_digest(std::string_view place) {
  const auto hash = TRY(minisign::blake2b(place));
  return minisign::to_hex(hash);
}

Result<UpdateHistory> UpdateHistory::load(const fs::path& state_dir) {
  UpdateHistory history(state_dir / "remembered.toml");
  std::error_code error;
  const auto status = fs::symlink_status(history.file_, error);
  if (status.type() == fs::file_type::not_found) return history;
  const auto damaged = [&](const Error& why) {
    return fail(Fault::data,
                "{}: is damaged: {}; without it an older edition of a list that is not installed could come "
                "back; to go on without it, remove it and run update",
                printable(history.file_.string()), why.message);
  };
  auto settings = config::Settings::load(history.file_);
  if (!settings) return damaged(settings.error());
  TRY(check_format(*settings, history.file_, "the history of updates"));
  const std::size_t count = settings->tables("list");
  for (std::size_t i = 0; i < count; ++i) {
    auto one = read_one(*settings, fmt::format("list[{}].", i));
    if (!one) return damaged(one.error());
    history.lists_.insert_or_assign(std::move(one->first), std::move(one->second));
  }
  if (const auto finished = settings->finish(); !finished) return damaged(finished.error());
  return history;
}

const ListHistory* UpdateHistory::find(std::string_view name) const {
  const auto found = lists_.find(name);
  return found == lists_.end() ? nullptr : &found->second;
}

void UpdateHistory::remember(const std::string& name, ListHistory list_history) {
  const auto [place, is_new] = lists_.try_emplace(name);
  if (!is_new && place->second == list_history) return;
  place->second = std::move(list_history);
  changed_ = true;
}

void UpdateHistory::forget_some(std::span<const ListSettings> configured) {
  std::vector<std::pair<Time, std::string>> others;
  for (const auto& [name, list] : lists_) {
    if (std::ranges::find(configured, name, &ListSettings::name) == configured.end()) {
      others.emplace_back(list.timestamp, name);
    }
  }
  if (others.size() <= max_unconfigured) return;
  std::ranges::sort(others);
  others.resize(others.size() - max_unconfigured);
  for (const auto& [timestamp, name] : others) lists_.erase(name);
}

Result<void> UpdateHistory::save(std::span<const ListSettings> configured) {
  if (!changed_) return {};
  forget_some(configured);
  auto saved = replace_file(file_, to_toml(lists_), private_mode);
  changed_ = !saved;
  return saved;
}

}  // namespace starttls::listtool
