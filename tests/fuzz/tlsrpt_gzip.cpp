#include "fuzz.h"
#include "tlsrpt/gzip.h"

using namespace starttls;

namespace {

constexpr std::size_t limit = std::size_t{4} << 20U;

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto content = tlsrpt::gunzip(fuzz::text_of(bytes, size), limit);
  if (!content) return 0;
  fuzz::require(content->size() <= limit);
  const auto again = tlsrpt::gunzip(tlsrpt::gzip(*content).value(), limit);
  // What another packed loosely may be a bomb when packed well.
  fuzz::require(again ? *again == *content : again.error().message.contains("bombs"));
  return 0;
}
