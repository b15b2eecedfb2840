// The first byte says in pieces of how many bytes the rest arrives.
#include "base/text.h"
#include "fuzz.h"
#include "smtp/reply.h"

using namespace starttls;
using smtp::ReplyReader;

namespace {

void check_complete(const smtp::Reply& reply, const smtp::ReplyLimits& limits) {
  fuzz::require(reply.code >= 200 && reply.code <= 599 && reply.severity() == reply.code / 100);
  fuzz::require(!reply.lines.empty() && reply.lines.size() <= limits.max_lines);
  for (const std::string& line : reply.lines) fuzz::require(!line.contains('\n') && is_utf8(line));
  fuzz::require(reply.first_line().starts_with(std::to_string(reply.code)));
  for (const std::string& keyword : extensions(reply))
    fuzz::require(!keyword.empty() && !keyword.contains(' '));
}

struct Read {
  ReplyReader reader;
  std::size_t taken = 0;
};

Read read_in_pieces(std::string_view bytes, std::size_t size) {
  Read read;
  while (read.taken < bytes.size()) {
    const std::string_view piece = bytes.substr(read.taken, size);
    const std::size_t taken = read.reader.add(piece);
    fuzz::require(taken <= piece.size());
    read.taken += taken;
    if (read.reader.state() != ReplyReader::State::incomplete) break;
    fuzz::require(taken == piece.size());
  }
  return read;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text = fuzz::text_of(bytes + 1, size - 1);
  const Read whole = read_in_pieces(text, text.size());
  const Read pieces = read_in_pieces(text, std::size_t{bytes[0]} + 1);
  fuzz::require(whole.reader.state() == pieces.reader.state());
  const bool is_malformed = whole.reader.state() == ReplyReader::State::malformed;
  fuzz::require(is_malformed == !whole.reader.error().empty());
  if (is_malformed) return 0;
  fuzz::require(whole.taken == pieces.taken);
  fuzz::require(whole.reader.reply().lines == pieces.reader.reply().lines);
  if (whole.reader.state() == ReplyReader::State::complete) check_complete(whole.reader.reply(), {});
  return 0;
}
