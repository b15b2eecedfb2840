// The output of gpgv on its status descriptor (doc/DETAILS of GnuPG, "Format of the --status-fd output").
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace starttls::openpgp {

struct Verified {
  std::string fingerprint;  // of the primary key, 40 or 64 upper-case hexadecimal digits
  std::string signer;       // of the key that signed: the primary key or a subkey
  int algorithm = 0;        // of that key (RFC 9580 section 9.1)
  Time created;             // the signature's time, as the signer set it
};

// Accepts exactly one good signature over the bytes, with a digest that is strong enough: GOODSIG and
// VALIDSIG once each, and no other result. gpgv's exit status does not suffice: it is 0 for an expired key,
// and for one good signature beside others.
//
// `known` has the fingerprints of the keys that gpgv was given. gpgv 2.4 reports a key that it refuses as a
// missing one.
//
// Fault::data: the signature is not good. Fault::unavailable: gpgv gave no result, because it could not
// read the keys or the file, or stopped early.
Result<Verified> parse_status(std::string_view status, std::span<const std::string> known = {});

}  // namespace starttls::openpgp
