#include "findings.h"
#include "fuzz.h"
#include "mtasts/record.h"

using namespace starttls;

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto reading = mtasts::read_records(fuzz::answer_of(fuzz::text_of(bytes, size)));
  fuzz::require_sound(reading.findings, reading.record.has_value());
  if (!reading.record) return 0;
  const std::string& id = reading.record->id;
  fuzz::require(mtasts::is_record_id(id));
  const auto again = mtasts::read_records(std::vector{"v=STSv1; id=" + id + ";"});
  fuzz::require(again.record && again.record->id == id && again.findings.empty());
  return 0;
}
