#include "keyring/edition_mark.h"

#include "fuzz.h"

using namespace starttls;

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto read = keyring::parse_edition_mark(fuzz::text_of(bytes, size));
  if (!read) {
    fuzz::require(!read.error().message.empty());
    return 0;
  }
  if (!*read) return 0;
  const keyring::EditionMark& mark = **read;
  fuzz::require(mark.edition >= 1 && mark.edition <= keyring::max_edition);
  fuzz::require(mark.previous.has_value() == (mark.edition > 1));
  const auto again = keyring::parse_edition_mark(keyring::to_trusted_comment(mark));
  fuzz::require(again && *again == mark);
  return 0;
}
