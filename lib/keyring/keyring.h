// Who may sign a list: keys.json, which offline root keys sign and which names the online keys that sign the list.
//
//     {
//       "list": "sector",
//       "version": 4,
//       "created": "2026-11-29T03:00:00Z",
//       "expires": "2027-11-29T03:00:00Z",
//       "root": { "threshold": 2, "keys": ["RW...", "RW...", "RW..."] },
//       "signing": { "threshold": 1,
//                    "keys": [{ "key": "RW...", "from": "2026-11-01T00:00:00Z", "until": "2027-02-01T00:00:00Z" }] }
//     }
//
// Keys and signatures are minisign's, so each step can be done with minisign(1) on an offline machine. The rules are
// those of the root role of The Update Framework (sections 5.3 and 6.1 of its specification):
//
//   - as many different root keys as the threshold says sign each version;
//   - version N+1 is signed by the root keys of N and by its own, so one can go from any version to the newest one;
//   - versions only grow; the newest one must not have expired.
//
// An online key that the newest version does not name, or whose time is over, signs nothing. Pure: text and signatures
// in, values out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "minisign/key.h"
#include "minisign/signature.h"

namespace starttls::keyring {

inline constexpr std::size_t max_keyring_size = std::size_t{64} << 10U;  // bytes of keys.json
inline constexpr std::size_t max_keys = 32;                              // of each kind
inline constexpr std::uint64_t max_version = 1'000'000'000;

// A set of keys of which `threshold` must sign.
struct Roots {
  std::size_t threshold = 1;
  std::vector<minisign::PublicKey> keys;  // each once

  bool operator==(const Roots&) const = default;
};

struct SigningKey {
  minisign::PublicKey key;
  Time from;
  Time until;  // from then on it signs nothing

  bool operator==(const SigningKey&) const = default;
};

struct Keyring {
  std::string list;  // its name, as in a configuration: letters, digits, '-', '_', '.'
  std::uint64_t version = 1;
  Time created;
  Time expires;
  Roots root;
  std::size_t threshold = 1;        // signing keys that must sign the list
  std::vector<SigningKey> signing;  // each once

  bool operator==(const Keyring&) const = default;
};

// Reads keys.json, and verifies nothing. Members that are not known are ignored. Fault::data with the member and the
// reason, without the name of the file.
Result<Keyring> parse_keyring(std::string_view text);

// As parse_keyring() reads it, with a line feed at its end.
std::string to_json(const Keyring& keyring);

// Whether as many different keys as the threshold says have signed the text. Signatures by other keys do not matter, nor
// does one key that signed twice. Fault::data with the number of keys that signed.
Result<void> verify(std::string_view text, std::span<const minisign::Signature> signatures,
                    const Roots& roots);

// The first version that a consumer reads: signed by the root keys in its configuration and by its own. Fault::data.
Result<Keyring> accept_first(std::string_view text, std::span<const minisign::Signature> signatures,
                             std::string_view list, const Roots& configured);

// The version after `trusted`: signed by the root keys of both. Fault::data: it is another version, of another list, or
// the signatures are too few.
Result<Keyring> accept_next(const Keyring& trusted, std::string_view text,
                            std::span<const minisign::Signature> signatures);

// Whether it may be used now: after the last accept_next(). Fault::data: it has expired, or is from the future by more
// than max_ahead_of_clock.
Result<void> check_usable(const Keyring& newest, Time now);

// The online keys whose time has come and is not over.
std::vector<minisign::PublicKey> valid_keys(const Keyring& keyring, Time now);

}  // namespace starttls::keyring
