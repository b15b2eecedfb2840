#include "mtalog/line_buffer.h"

#include <vector>

#include "support.h"

using namespace starttls::mtalog;

namespace {

using Lines = std::vector<std::pair<std::string, std::uint64_t>>;

Lines lines_of(std::string_view text, std::size_t piece) {
  LineBuffer buffer;
  Lines lines;
  for (; !text.empty(); text.remove_prefix(std::min(text.size(), piece)))
    buffer.feed(text.substr(0, piece),
                [&](std::string_view line, std::uint64_t at) { lines.emplace_back(line, at); });
  return lines;
}

}  // namespace

TEST_CASE("lines are complete and have their place, whatever pieces they arrive in") {
  const std::string_view text = "one\n\nthree\nunfinished";
  const Lines expected{{"one", 0}, {"", 4}, {"three", 5}};
  for (std::size_t piece = 1; piece <= text.size(); ++piece) CHECK(lines_of(text, piece) == expected);
}

TEST_CASE("a line that is too long is skipped, and the next ones are not") {
  const std::string text = "a\n" + std::string(LineBuffer::max_line_size + 1, 'x') + "\nb\n";
  const Lines expected{{"a", 0}, {"b", text.size() - 2}};
  for (const std::size_t piece : {std::size_t{1000}, text.size()}) CHECK(lines_of(text, piece) == expected);
  const std::string whole = std::string(LineBuffer::max_line_size, 'x');
  CHECK(lines_of(whole + "\n", 1000) == Lines{{whole, 0}});
}

TEST_CASE("after a restart nothing of the old stream remains") {
  LineBuffer buffer;
  Lines lines;
  const auto take = [&](std::string_view line, std::uint64_t at) { lines.emplace_back(line, at); };
  buffer.feed("begun", take);
  buffer.restart(100);
  buffer.feed("new\n", take);
  CHECK(lines == Lines{{"new", 100}});
  CHECK(buffer.line_end() == 104);
}
