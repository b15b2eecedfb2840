// What gpgv says on its status descriptor (doc/DETAILS of GnuPG, "Format of the --status-fd output").
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace starttls::openpgp {

struct Verified {
  std::string fingerprint;  // of the primary key, 40 or 64 upper-case hexadecimal digits
  Time created;             // when the signer says the signature was made
};

// Exactly one signature, and a good one, over the bytes as they are: GOODSIG and VALIDSIG once each, and no
// other verdict. gpgv's exit status does not suffice: it is 0 for a key that has expired, and for one good
// signature beside others. Fault::data else, in words.
Result<Verified> verdict(std::string_view status);

}  // namespace starttls::openpgp
