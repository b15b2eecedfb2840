#include "fuzz.h"
#include "store/segment.h"

using namespace starttls;

// The input is read as a whole segment, and as the payload of one valid record.
int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text = fuzz::text_of(bytes, size);
  const auto whole = store::read_segment(text, [](const store::Record&) {});
  fuzz::require(!whole || whole->tail <= size);

  if (size == 0 || size > store::max_payload_size) return 0;
  const std::string segment = std::string(store::segment_magic) + store::frame(text);
  std::size_t records = 0;
  const auto framed = store::read_segment(segment, [&](const store::Record& record) {
    ++records;
    const auto again =
        store::decode_record(std::visit([](const auto& what) { return encode(what); }, record));
    fuzz::require(again && *again == record);
  });
  fuzz::require(framed && framed->tail == 0 && records + framed->records == 1);
  return 0;
}
