#include "findings.h"
#include "fuzz.h"
#include "tlsrpt/record.h"

using namespace starttls;

namespace {

// Safe in a header, on a command line and in an SMTP command.
void check_destination(const tlsrpt::Destination& destination) {
  const std::string uri = destination.uri();
  fuzz::require(std::ranges::all_of(uri, [](char c) { return c > ' ' && c < '\x7F'; }));
  fuzz::require(uri.find_first_of("\"<>\\`|;,!") == std::string::npos);
  fuzz::require(destination.target.front() != '-');
  fuzz::require(destination.host.str().find('.') != std::string::npos);
  const auto again = tlsrpt::parse_destination(uri);
  fuzz::require(again && again->target == destination.target && again->host == destination.host);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto reading = tlsrpt::read_records(fuzz::answer_of(fuzz::text_of(bytes, size)));
  fuzz::require_sound(reading.findings, reading.record.has_value());
  if (!reading.record) return 0;
  const auto& destinations = reading.record->destinations;
  fuzz::require(!destinations.empty() && destinations.size() <= tlsrpt::max_destinations);
  for (const auto& destination : destinations) check_destination(destination);
  return 0;
}
