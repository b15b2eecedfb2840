#include "fuzz.h"
#include "journal/segment.h"
#include "store/record.h"

using namespace starttls;

// The input is read as a whole segment, and as the payload of one valid record.
int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text = fuzz::text_of(bytes, size);
  const auto whole = journal::read_segment(
      text, [](std::string_view payload) { return store::decode_record(payload).has_value(); });
  fuzz::require(!whole || whole->tail <= size);

  if (size == 0 || size > journal::max_payload_size) return 0;
  const std::string segment = std::string(journal::segment_magic) + journal::frame(text);
  std::size_t records = 0;
  const auto framed = journal::read_segment(segment, [&](std::string_view payload) {
    const auto record = store::decode_record(payload);
    if (!record) return false;
    ++records;
    const std::string encoded = std::visit([](const auto& what) { return encode(what); }, *record);
    const auto again = store::decode_record(encoded);
    fuzz::require(again && *again == *record);
    const auto* session = std::get_if<session::Session>(&*record);
    fuzz::require(store::is_counted_session(encoded) == (session != nullptr && !session->excluded));
    return true;
  });
  fuzz::require(framed && framed->tail == 0 && records + framed->records == 1);
  return 0;
}
