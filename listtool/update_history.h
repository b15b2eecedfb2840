// What update stores about each list by its name, even if the list is no longer configured:
//
//   STATE/remembered.toml         mode 0600: only update reads it
//
// It contains the newest edition that was ever installed, so that no older edition replaces it, even if the
// list was removed from the configuration and added again. It also contains the validators to ask the server
// for a newer edition, and the newest version of the list's keys.json.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "http/validators.h"
#include "listtool/configuration.h"

namespace starttls::listtool {

struct ListHistory {
  Time timestamp;  // of the newest edition that was installed; Time{} if none was
  // BLAKE2b-512 of its bytes in hexadecimal; "" if it was installed before this file existed.
  std::string digest;
  std::uint64_t edition = 0;  // Edition::number of the one that the next two describe
  std::string origin;         // place_digest() of its URL or path
  http::Validators validators;
  std::uint64_t mark = 0;          // keyring::EditionMark::edition of the newest edition; 0: it has no mark
  std::uint64_t keys_version = 0;  // the newest version of keys.json that was accepted; 0: none
  std::string roots;               // roots_text() of the configuration that it was accepted with

  bool operator==(const ListHistory&) const;
};

// A digest that identifies a URL or path, and contains no secret of it.
Result<std::string> place_digest(std::string_view place);

class UpdateHistory {
 public:
  // Of lists that are not configured, at most this many are kept, those with the newest editions.
  static constexpr std::size_t max_unconfigured = 1000;

  // Empty if there is no file. Fault::data if the file is damaged, or of a newer version: if it were ignored, an old
  // list could be installed again.
  static Result<UpdateHistory> load(const std::filesystem::path& state_dir);

  const ListHistory* find(std::string_view name) const;
  void remember(const std::string& name, ListHistory list_history);
  // Writes nothing if nothing changed.
  Result<void> save(std::span<const ListSettings> configured);

 private:
  explicit UpdateHistory(std::filesystem::path file) : file_(std::move(file)) {}
  void forget_some(std::span<const ListSettings> configured);

  std::filesystem::path file_;
  std::map<std::string, ListHistory, std::less<>> lists_;
  bool changed_ = false;
};

}  // namespace starttls::listtool
