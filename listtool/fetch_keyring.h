// Fetches the versions of keys.json that follow the one that is trusted: who may sign the list now.
//
//   keys.1.json, keys.2.json, ...     in the directory of the list, each version once
//   keys.N.json.KEYID.minisig         the signature of one root key
//
// One version after the other is fetched until there is no next one, as The Update Framework does with its root role
// (section 5.3 of its specification).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>

#include "base/result.h"
#include "http/client.h"
#include "listtool/configuration.h"
#include "listtool/state.h"
#include "listtool/update_history.h"

namespace starttls::listtool {

struct Context;

// New versions in one update. A publisher that changes keys each month needs twenty years for so many.
inline constexpr std::uint64_t max_new_versions = 256;
// No file is fetched after so much time for all of them: a server that sends each one slowly would otherwise hold an update
// for days.
inline constexpr std::chrono::minutes max_keyring_time{5};

using SteadyClock = std::function<std::chrono::steady_clock::time_point()>;

struct FetchedKeyring {
  // The newest version that was accepted, in this update or before, even if there is an error. None: the list has no
  // root_keys, or nothing was accepted with those that are configured.
  std::optional<TrustedKeyring> newest;
  // Why the list must not be updated. Fault::data if a version is not what must follow, or the newest one has
  // expired or is older than one that was accepted before; Fault::temporary after max_keyring_time; other faults as
  // of http::Client::fetch() and of files.
  std::optional<Error> error;
};

// `installed` and `history` may be nullptr.
FetchedKeyring fetch_keyring(const Context& context, http::Client& client, const ListSettings& settings,
                             const Edition* installed, const ListHistory* history,
                             const SteadyClock& clock = std::chrono::steady_clock::now);

}  // namespace starttls::listtool
