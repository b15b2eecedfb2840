// What update remembers of each list by its name, also while the list is not configured:
//
//   STATE/remembered.toml         mode 0600: only update reads it
//
// The newest edition that was ever installed, so that no older one comes in its place, even after the list
// was taken out of the configuration and put back; and how to ask the server whether there is a newer one.
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
  Time timestamp;  // of the newest edition that was installed
  // Of its bytes: BLAKE2b-512 in hexadecimal; "" of one that was installed before this file existed.
  std::string digest;
  std::uint64_t edition = 0;  // Edition::number of the one that the two below are about
  std::string origin;         // place_digest() of where it is from
  http::Validators validators;

  bool operator==(const ListHistory&) const;
};

// A digest that identifies a URL or path without showing a secret in it.
Result<std::string> place_digest(std::string_view place);

class UpdateHistory {
 public:
  // Of lists that are not configured at most so many are kept, those with the newest editions.
  static constexpr std::size_t max_unconfigured = 1000;

  // Nothing is remembered where there is no file. Fault::data where it is damaged: as if nothing were
  // remembered, an old list could come back.
  static Result<UpdateHistory> load(const std::filesystem::path& state_dir);

  const ListHistory* find(std::string_view name) const;
  void remember(const std::string& name, ListHistory list_history);
  // Nothing is written where nothing changed.
  Result<void> save(std::span<const ListSettings> configured);

 private:
  explicit UpdateHistory(std::filesystem::path file) : file_(std::move(file)) {}
  void forget_some(std::span<const ListSettings> configured);

  std::filesystem::path file_;
  std::map<std::string, ListHistory, std::less<>> lists_;
  bool changed_ = false;
};

}  // namespace starttls::listtool
