// The input is a ClientHello of ours, or what a server sends.
#include "fuzz.h"
#include "smtp/compression.h"

using namespace starttls;
using smtp::ServerHello;

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text = fuzz::text_of(bytes, size);
  if (const auto changed = smtp::with_compression(text)) {
    fuzz::require(changed->size() == text.size() + 1);
    fuzz::require(!smtp::with_compression(*changed));
  }
  const ServerHello whole = smtp::read_server_hello(text);
  if (whole.state == ServerHello::State::incomplete) return 0;
  // What follows changes nothing.
  const ServerHello more = smtp::read_server_hello(std::string(text) + "more");
  fuzz::require(more.state == whole.state && more.compression == whole.compression);
  return 0;
}
