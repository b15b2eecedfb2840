#include "fuzz.h"
#include "minisign/key.h"

using namespace starttls;

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto text = fuzz::text_of(bytes, size);
  const auto key = minisign::parse_key(text);
  const auto from_file = minisign::parse_key_file(text);
  // A key alone is a key file, too.
  if (key) fuzz::require(from_file && from_file->id == key->id && from_file->key == key->key);
  if (!from_file) return 0;
  fuzz::require(minisign::to_string(from_file->id).size() == 16);
  const auto again = minisign::parse_key(minisign::to_base64(*from_file));
  fuzz::require(again && *again == *from_file);
  return 0;
}
