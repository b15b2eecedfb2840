// What gpgv says on its status descriptor (doc/DETAILS of GnuPG, "Format of the --status-fd output").
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace starttls::openpgp {

struct Verified {
  std::string fingerprint;  // of the primary key, 40 or 64 upper-case hexadecimal digits
  std::string signer;       // of the key that signed: the primary key or a subkey
  int algorithm = 0;        // of that key (RFC 9580 section 9.1)
  Time created;             // when the signer says the signature was made
};

// Exactly one signature, and a good one, over the bytes as they are, with a digest that is strong enough:
// GOODSIG and VALIDSIG once each, and no other verdict. gpgv's exit status does not suffice: it is 0 for a
// key that has expired, and for one good signature beside others.
//
// Fault::data is a verdict, too: the signature is not good. Fault::unavailable where gpgv gave none: it could
// not read the keys or the file, or stopped before it knew.
Result<Verified> parse_status(std::string_view status);

}  // namespace starttls::openpgp
