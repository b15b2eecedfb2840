#include "listtool/update_history.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/atomic_file.h"
#include "base/text.h"
#include "config/settings.h"
#include "minisign/blake2b.h"

namespace starttls::listtool {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t max_edition = std::uint64_t{1} << 62U;
constexpr mode_t private_mode = 0600;

Result<std::pair<std::string, Remembered>> read_one(config::Settings& settings, const std::string& at) {
  std::string name;
  std::string timestamp;
  Remembered remembered;
  settings.string(at + "name", name);
  settings.string(at + "timestamp", timestamp);
  settings.string(at + "digest", remembered.digest);
  settings.number(at + "edition", remembered.edition, 0, max_edition);
  settings.string(at + "origin", remembered.origin);
  settings.string(at + "etag", remembered.validators.etag);
  settings.string(at + "last_modified", remembered.validators.last_modified);
  const auto time = parse_rfc3339(timestamp);
  if (!time) return std::unexpected(time.error());
  if (name.empty()) return fail(Fault::data, "an entry has no name");
  remembered.timestamp = *time;
  return std::pair(std::move(name), std::move(remembered));
}

std::string to_toml(const std::map<std::string, Remembered, std::less<>>& lists) {
  std::string text =
      "# Made by starttls-listtool update: the newest edition of each list, which no older one may replace.\n"
      "# How to reset a list deliberately is in starttls-listtool(1), FILES.\n";
  for (const auto& [name, list] : lists) {
    text += fmt::format("\n[[list]]\nname = {}\ntimestamp = {}\ndigest = {}\nedition = {}\n",
                        config::toml_string(name), config::toml_string(to_rfc3339(list.timestamp)),
                        config::toml_string(list.digest), list.edition);
    text += fmt::format("origin = {}\netag = {}\nlast_modified = {}\n", config::toml_string(list.origin),
                        config::toml_string(list.validators.etag),
                        config::toml_string(list.validators.last_modified));
  }
  return text;
}

}  // namespace

bool Remembered::operator==(const Remembered& other) const {
  return timestamp == other.timestamp && digest == other.digest && edition == other.edition &&
         origin == other.origin && validators.etag == other.validators.etag &&
         validators.last_modified == other.validators.last_modified;
}

Result<std::string> place_digest(std::string_view place) {
  const auto hash = minisign::blake2b(place);
  if (!hash) return std::unexpected(hash.error());
  return minisign::to_hex(*hash);
}

Result<Memory> Memory::load(const fs::path& state_dir) {
  Memory memory(state_dir / "remembered.toml");
  std::error_code error;
  const auto status = fs::symlink_status(memory.file_, error);
  if (status.type() == fs::file_type::not_found) return memory;
  const auto damaged = [&](const Error& why) {
    return fail(Fault::data,
                "{}: is damaged: {}; without it an older edition of a list that is not installed could come "
                "back; to go on without it, remove it and run update",
                printable(memory.file_.string()), why.message);
  };
  auto settings = config::Settings::load(memory.file_);
  if (!settings) return damaged(settings.error());
  const std::size_t count = settings->tables("list");
  for (std::size_t i = 0; i < count; ++i) {
    auto one = read_one(*settings, fmt::format("list[{}].", i));
    if (!one) return damaged(one.error());
    memory.lists_.insert_or_assign(std::move(one->first), std::move(one->second));
  }
  if (const auto finished = settings->finish(); !finished) return damaged(finished.error());
  return memory;
}

const Remembered* Memory::find(std::string_view name) const {
  const auto found = lists_.find(name);
  return found == lists_.end() ? nullptr : &found->second;
}

void Memory::remember(const std::string& name, Remembered remembered) {
  const auto [place, is_new] = lists_.try_emplace(name);
  if (!is_new && place->second == remembered) return;
  place->second = std::move(remembered);
  changed_ = true;
}

void Memory::forget_some(std::span<const ListSettings> configured) {
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

Result<void> Memory::save(std::span<const ListSettings> configured) {
  if (!changed_) return {};
  forget_some(configured);
  auto saved = replace_file(file_, to_toml(lists_), private_mode);
  changed_ = !saved;
  return saved;
}

}  // namespace starttls::listtool
