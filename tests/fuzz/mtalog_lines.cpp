#include "base/ip_address.h"
#include "fuzz.h"
#include "mtalog/failure_parser.h"
#include "mtalog/line_buffer.h"
#include "mtalog/local_times.h"
#include "mtalog/positions.h"

using namespace starttls;

// The input is a log, which is read in pieces of the size of its first byte, and a position.
int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  std::string_view text = fuzz::text_of(bytes, size);
  const std::size_t piece = text.empty() ? 1 : static_cast<unsigned char>(text[0]) + std::size_t{1};
  mtalog::LineBuffer lines;
  mtalog::FailureParser assembler;
  mtalog::LocalTimes times;
  for (std::string_view rest = text; !rest.empty(); rest.remove_prefix(std::min(rest.size(), piece))) {
    lines.feed(rest.substr(0, piece), [&](std::string_view line, std::uint64_t place) {
      fuzz::require(place + line.size() < size && text.substr(place, line.size()) == line);
      const auto parts = mtalog::split(line);
      if (!parts) return;
      const auto time = times.resolve(parts->stamp, Time{}, text.size() % 2 == 0);
      if (!time) return;
      const auto failure = assembler.add(*parts, *time, place);
      fuzz::require(!failure || IpAddress::parse(failure->client_address).has_value());
      fuzz::require(assembler.first_needed().value_or(0) <= place);
      fuzz::require(assembler.first_needed().has_value() == assembler.first_needed_time().has_value());
      fuzz::require(!assembler.first_needed() || assembler.is_needed(*assembler.first_needed()));
    });
  }
  if (const auto file = mtalog::parse_file_position(text))
    fuzz::require(mtalog::parse_file_position(to_string(*file)) == file);
  if (const auto journal = mtalog::parse_journal_position(text))
    fuzz::require(mtalog::parse_journal_position(to_string(*journal)) == journal);
  return 0;
}
