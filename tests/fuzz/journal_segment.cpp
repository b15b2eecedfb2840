#include "fuzz.h"
#include "store/segment.h"

using namespace starttls;

// The input is read as a whole segment, and as the payload of one sound record.
int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text = fuzz::text_of(bytes, size);
  const auto whole = store::read_segment(text, [](const store::Session&) {});
  fuzz::require(!whole || whole->tail <= size);

  if (size == 0 || size > store::payload_limit) return 0;
  const std::string segment = std::string(store::segment_magic) + store::frame(text);
  std::size_t sessions = 0;
  const auto framed = store::read_segment(segment, [&](const store::Session& session) {
    ++sessions;
    const auto again = store::decode(store::encode(session));
    fuzz::require(again && *again == session);
  });
  fuzz::require(framed && framed->tail == 0 && sessions + framed->records == 1);
  return 0;
}
