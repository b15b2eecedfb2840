#include <string>
#include <variant>
#include <vector>

#include "fuzz.h"
#include "journal/segment.h"
#include "outbound/counts.h"
#include "outbound/known_results.h"
#include "outbound/result.h"

using namespace starttls;

namespace {

std::string encoded(const outbound::Record& record) {
  return std::visit([](const auto& what) { return outbound::encode(what); }, record);
}

// All results are in the parts, in order, and the position is in the last one.
void check_parts(const outbound::LoggedResults& results) {
  std::vector<std::string> datagrams;
  const auto parts = outbound::encode_in_parts(results);
  fuzz::require(!parts.empty());
  for (const std::string& part : parts) {
    fuzz::require(part.size() <= journal::max_payload_size);
    const auto record = outbound::decode(part);
    const auto* logged = record ? std::get_if<outbound::LoggedResults>(&*record) : nullptr;
    fuzz::require(logged != nullptr && logged->read == results.read);
    if (logged == nullptr) return;
    datagrams.insert(datagrams.end(), logged->datagrams.begin(), logged->datagrams.end());
    fuzz::require(&part != &parts.back() || logged->position == results.position);
  }
  fuzz::require(datagrams == results.datagrams);
}

// What was counted once is known when it comes again, and counts the same.
void check_known(std::string_view payload) {
  outbound::KnownResults known;
  outbound::SegmentContent content(known);
  std::vector<outbound::SegmentContent::Counted> counted;
  for (int time = 0; time < 2; ++time) {
    fuzz::require(content.add(payload));
    counted.push_back(content.take());
    for (const auto& [hash, policy] : counted.back().successes)
      known.remember(hash, policy, counted.back().policies.at(policy).row);
  }
  fuzz::require(counted[0].days == counted[1].days);
}

}  // namespace

// The input is the payload of a record.
int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view payload = fuzz::text_of(bytes, size);
  if (size > journal::max_payload_size) return 0;
  const auto record = outbound::decode(payload);
  outbound::SegmentContent content;
  fuzz::require(content.add(payload) == record.has_value());
  const auto counted = content.take();
  if (!record) return 0;
  fuzz::require(counted.days.size() <= 1);
  fuzz::require(outbound::daily_counts(counted.policies).size() <= counted.policies.size());
  const std::string written = encoded(*record);
  const auto again = outbound::decode(written);
  fuzz::require(again && encoded(*again) == written);
  check_known(payload);
  if (const auto* logged = std::get_if<outbound::LoggedResults>(&*record)) {
    check_parts(*logged);
    outbound::LoggedResults twice = *logged;
    twice.datagrams.insert(twice.datagrams.end(), logged->datagrams.begin(), logged->datagrams.end());
    check_parts(twice);
  }
  return 0;
}
