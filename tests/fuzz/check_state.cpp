#include "checkdb/known_domain.h"
#include "fuzz.h"

using namespace starttls;

// A line that is accepted is read again as it is written.
int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto read = checkdb::read_line(fuzz::text_of(bytes, size));
  if (!read) return 0;
  const auto& [domain, known] = *read;
  // With an offset the year may be outside of those that can be written.
  const auto again = checkdb::read_line(checkdb::to_line(domain, known));
  fuzz::require(!again || (again->first == domain && again->second == known));
  // What is known has not changed.
  fuzz::require(checkdb::compare(known, known).worse.empty());
  fuzz::require(checkdb::keep_gone(known, known) == known);
  // Where all is gone, all of it is remembered as such, and the domain is no worse.
  const checkdb::KnownDomain nothing{.examined = known.examined};
  const auto gone = checkdb::keep_gone(known, nothing);
  fuzz::require(gone.findings.size() <= known.findings.size());
  fuzz::require(checkdb::worst(gone) == examination::Level::ok);
  fuzz::require(checkdb::worst(known) != examination::Level::note);
  return 0;
}
