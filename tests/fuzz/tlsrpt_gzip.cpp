#include <string>

#include "fuzz.h"
#include "tlsrpt/gzip.h"

using namespace starttls;

namespace {

constexpr std::uint64_t limit = std::uint64_t{4} << 20U;

Result<std::string> unpacked(std::string_view packed) {
  static tlsrpt::Gunzip gunzip;
  const ReadBytes read = byte_reader(packed);
  gunzip.begin(read, limit);
  std::string content;
  std::string buffer(10'000, '\0');
  while (true) {
    const auto size = gunzip.read(buffer);
    if (!size) return std::unexpected(size.error());
    if (*size == 0) return content;
    content.append(buffer, 0, *size);
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static tlsrpt::SmallGunzip small_gunzip;
  const std::string_view packed = fuzz::text_of(bytes, size);
  const auto content = unpacked(packed);
  const auto at_once = small_gunzip.unpack(packed);
  fuzz::require(!at_once || (content && *content == std::string_view(at_once->data(), at_once->size())));
  if (!content) return 0;
  fuzz::require(content->size() <= limit);
  const auto again = unpacked(tlsrpt::gzip(*content).value());
  // Content that was compressed weakly may be a bomb when it is compressed well.
  fuzz::require(again ? *again == *content : again.error().message.contains("bombs"));
  return 0;
}
