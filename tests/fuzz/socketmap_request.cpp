// A stream of requests in two pieces: the first byte is the position of the split.
#include <string>
#include <vector>

#include "fuzz.h"
#include "listtool/serve/request.h"

using namespace starttls;
using namespace starttls::listtool::serve;

namespace {

struct Stream {
  std::vector<std::string> requests;
  bool malformed = false;
  std::string rest;

  void take(std::string_view bytes) {
    rest.append(bytes);
    while (!malformed) {
      const RequestReading reading = read_request(rest);
      malformed = reading.state == Reading::malformed;
      if (reading.state != Reading::complete) break;
      fuzz::require(reading.size <= rest.size() && reading.size <= max_request_size + request_overhead);
      const std::string text = std::string(reading.request.map) + " " + std::string(reading.request.key);
      // A complete request has only one form.
      fuzz::require(rest.starts_with(std::to_string(text.size()) + ":" + text + ","));
      fuzz::require(reading.request.map.find(' ') == std::string_view::npos);
      requests.push_back(text);
      rest.erase(0, reading.size);
    }
    if (!malformed) fuzz::require(rest.size() < max_request_size + request_overhead);
  }
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t step = std::size_t{bytes[0]} % 17 + 1;
  const auto text = fuzz::text_of(bytes + 1, size - 1);
  Stream at_once;
  at_once.take(text);
  Stream in_pieces;
  for (std::size_t at = 0; at < text.size() && !in_pieces.malformed; at += step)
    in_pieces.take(text.substr(at, step));
  fuzz::require(at_once.requests == in_pieces.requests);
  fuzz::require(at_once.malformed == in_pieces.malformed);
  return 0;
}
