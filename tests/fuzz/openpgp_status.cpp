#include <array>
#include <string>

#include "fuzz.h"
#include "openpgp/status.h"

using namespace starttls;

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto status = fuzz::text_of(bytes, size);
  const auto verified = openpgp::parse_status(status);
  // Which keys gpgv was given changes the reason only.
  const std::array<std::string, 2> known{"3BB1EBAA225DD89B9E3F6FBD21E6505569A8C861",
                                         "0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF"};
  fuzz::require(openpgp::parse_status(status, known).has_value() == verified.has_value());
  if (!verified) return 0;
  fuzz::require(status.find("[GNUPG:] GOODSIG") != std::string_view::npos);
  fuzz::require(status.find("[GNUPG:] VALIDSIG") != std::string_view::npos);
  // A bad signature after a good one is also reported.
  const std::string spoiled = std::string(status) + "\n[GNUPG:] BADSIG 21E6505569A8C861 A\n";
  fuzz::require(!openpgp::parse_status(spoiled).has_value());
  return 0;
}
