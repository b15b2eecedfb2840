#include <algorithm>
#include <string>

#include "base/domain.h"
#include "base/ip_address.h"
#include "fuzz.h"
#include "mtalog/line_buffer.h"
#include "mtalog/local_times.h"
#include "mtalog/outbound_parser.h"

using namespace starttls;

namespace {

bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; });
}

void check(const mtalog::OutboundHandshake& handshake) {
  constexpr std::size_t max_text = 2000;
  fuzz::require(DomainName::is_plain(handshake.recipient_domain));
  fuzz::require(handshake.receiving_ip.empty() || IpAddress::parse(handshake.receiving_ip).has_value());
  fuzz::require(handshake.failed == !handshake.result_type.empty());
  fuzz::require(handshake.failed || handshake.reason.empty());
  fuzz::require(!to_string(handshake.protection).empty());
  for (const std::string& text :
       {handshake.receiving_mx, handshake.tls_version, handshake.result_type, handshake.reason})
    fuzz::require(is_printable(text) && text.size() <= max_text);
}

}  // namespace

// The input is a log.
int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  mtalog::LineBuffer lines;
  mtalog::OutboundParser parser;
  mtalog::LocalTimes times;
  lines.feed(fuzz::text_of(bytes, size), [&](std::string_view line, std::uint64_t place) {
    const auto parts = mtalog::split(line);
    if (!parts) return;
    const auto time = times.resolve(parts->stamp, Time{}, size % 2 == 0);
    if (!time) return;
    for (const auto& handshake : parser.add(*parts, *time, place)) {
      check(handshake);
    }
    fuzz::require(parser.first_needed().value_or(0) <= place);
    fuzz::require(parser.first_needed().has_value() == parser.first_needed_time().has_value());
    fuzz::require(!parser.first_needed() || parser.is_needed(*parser.first_needed()));
  });
  fuzz::require(parser.unclear_lines() <= parser.delivery_lines());
  return 0;
}
