// The publisher's directory.
//
//     publish.sqlite    what is known of each domain, and of each edition
//     reports.sqlite    what others report about deliveries to these domains
//     keys/             keys.N.json, and beside it a signature of each root key: keys.N.json.KEYID.minisig
//     editions/N/       what is published: the list, its signatures, the keys, pages
//     public            a symbolic link to the newest of them: the directory that a web server serves
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>

#include "base/clock.h"
#include "listtool/configuration.h"

namespace starttls::listtool::publish {

struct Layout {
  std::filesystem::path directory;

  std::filesystem::path state() const { return directory / "publish.sqlite"; }
  std::filesystem::path copy_of_state() const { return directory / ".rehearsal.sqlite"; }
  std::filesystem::path reports() const { return directory / "reports.sqlite"; }
  std::filesystem::path lock() const { return directory / "publish.lock"; }
  std::filesystem::path keys() const { return directory / "keys"; }
  std::filesystem::path editions() const { return directory / "editions"; }
  std::filesystem::path edition(std::uint64_t number) const { return editions() / std::to_string(number); }
  std::filesystem::path visible() const { return directory / "public"; }
};

// When an edition of this time expires.
inline Time expiry_of(const PublishSettings& settings, Time edition) {
  return edition + std::chrono::days(settings.expires_days);
}

// Names in the public directory.
inline std::string list_file(const PublishSettings& settings) {
  return settings.name + ".json";
}

}  // namespace starttls::listtool::publish
