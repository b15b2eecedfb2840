// The first byte says in pieces of how many bytes the rest arrives.
#include "base/text.h"
#include "fuzz.h"
#include "imap/response.h"

using namespace starttls;
using imap::ResponseReader;

namespace {

constexpr imap::ResponseLimits limits{.max_text = 2'000, .max_literals = 3, .max_literal = 1'000};

struct Read {
  ResponseReader::State state = ResponseReader::State::incomplete;
  imap::Response response;
  std::string literals;
  std::size_t taken = 0;
};

Read read_in_pieces(std::string_view bytes, std::size_t size) {
  Read read;
  ResponseReader reader(
      [&](std::size_t index, std::string_view piece) -> Result<void> {
        fuzz::require(index < limits.max_literals && !piece.empty());
        read.literals += piece;
        return {};
      },
      limits);
  while (read.taken < bytes.size() && reader.state() == ResponseReader::State::incomplete) {
    const auto taken = reader.add(bytes.substr(read.taken, size));
    fuzz::require(taken.has_value());
    read.taken += *taken;
  }
  read.state = reader.state();
  read.response = reader.response();
  fuzz::require((read.state == ResponseReader::State::malformed) == !reader.error().empty());
  return read;
}

void check_complete(const imap::Response& response) {
  fuzz::require(response.text.size() <= limits.max_text && !response.text.contains('\n'));
  fuzz::require(response.literals.size() <= limits.max_literals);
  for (const std::uint64_t size : response.literals) fuzz::require(size <= limits.max_literal);
  if (const auto status = parse_status(response))
    fuzz::require(is_utf8(status->text) && is_utf8(status->code));
  (void)parse_capabilities(response);
  if (const auto found = parse_search(response); found && *found) {
    for (const std::uint32_t uid : **found) fuzz::require(uid > 0);
    const std::string set = imap::sequence_set(**found);
    fuzz::require(set.empty() == (*found)->empty());
    fuzz::require(set.find_first_not_of("0123456789:,") == std::string::npos);
  }
  if (const auto fetched = parse_fetch(response); fetched && *fetched) {
    fuzz::require((*fetched)->uid != 0);
    fuzz::require(!(*fetched)->body_literal || *(*fetched)->body_literal < response.literals.size());
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text = fuzz::text_of(bytes + 1, size - 1);
  const Read whole = read_in_pieces(text, text.size() + 1);
  const Read pieces = read_in_pieces(text, std::size_t{bytes[0]} + 1);
  fuzz::require(whole.state == pieces.state);
  if (whole.state == ResponseReader::State::malformed) return 0;
  fuzz::require(whole.taken == pieces.taken && whole.literals == pieces.literals);
  fuzz::require(whole.response.text == pieces.response.text &&
                whole.response.literals == pieces.response.literals);
  if (whole.state == ResponseReader::State::complete) check_complete(whole.response);
  return 0;
}
