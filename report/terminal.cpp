#include "report/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>

namespace starttls::report {
namespace {

bool is_width(std::size_t width) {
  return width >= min_width && width <= max_width;
}

}  // namespace

OutputWidth choose_width(bool is_terminal, const std::string& columns, std::size_t terminal_width) {
  if (!is_terminal) return std::nullopt;
  std::size_t width = 0;
  const char* const end = columns.data() + columns.size();
  const auto [stopped, error] = std::from_chars(columns.data(), end, width);
  if (error == std::errc() && stopped == end && is_width(width)) return width;
  return is_width(terminal_width) ? terminal_width : default_width;
}

OutputWidth output_width() {
  const bool is_terminal = isatty(STDOUT_FILENO) == 1;
  winsize size{};
  const bool says_width = is_terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;
  const char* const columns = std::getenv("COLUMNS");
  return choose_width(is_terminal, columns == nullptr ? "" : columns, says_width ? size.ws_col : 0);
}

}  // namespace starttls::report
