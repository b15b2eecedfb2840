#include "listtool/txt_file.h"

#include <algorithm>

#include "fuzz.h"

using namespace starttls;

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto text = fuzz::text_of(bytes, size);
  const auto file = listtool::read_txt_file(text);
  fuzz::require(file.answer.size() == file.origins.size());
  const auto lines = static_cast<std::size_t>(std::ranges::count(text, '\n')) + 1;
  fuzz::require(file.answer.size() + file.findings.size() <= lines);
  for (std::size_t i = 0; i < file.answer.size(); ++i) {
    fuzz::require(file.answer[i].size() <= size);
    // Every byte and the end has a position, in ascending order.
    Position last{.line = file.origins[i].line, .column = 0};
    for (std::size_t column = 1; column <= file.answer[i].size() + 1; ++column) {
      const Position position = file.to_file_position({.line = i + 1, .column = column});
      fuzz::require(last < position && position.line <= lines && position.column <= size + 1);
      last = position;
    }
  }
  return 0;
}
