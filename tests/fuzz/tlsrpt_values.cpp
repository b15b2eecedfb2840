// Numbers of sessions and arrays within texts: the values are the same after they are written in plain form.
#include <string>

#include "fuzz.h"
#include "tlsrpt/report_values.h"

using namespace starttls;

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text = fuzz::text_of(bytes, size);
  if (const auto count = tlsrpt::parse_session_count(text))
    fuzz::require(tlsrpt::parse_session_count(std::to_string(*count)) == count);
  if (const auto texts = tlsrpt::parse_text_array(text)) {
    for (const std::string& one : *texts) fuzz::require(one.size() <= size);
  }
  return 0;
}
