#include "base/wrap.h"

#include <algorithm>

namespace starttls {

void append_wrapped(std::string& text, std::string_view first_indent, std::size_t indent,
                    std::string_view words) {
  std::string line(first_indent);
  line.resize(std::max(line.size(), indent), ' ');
  bool begins = true;
  while (!words.empty()) {
    const std::size_t end = std::min(words.find(' '), words.size());
    const std::string_view word = words.substr(0, end);
    words.remove_prefix(std::min(end + 1, words.size()));
    if (!begins && line.size() + 1 + word.size() > wrap_columns) {
      text += line + '\n';
      line.assign(indent, ' ');
      begins = true;
    }
    if (!begins) line += ' ';
    line += word;
    begins = false;
  }
  text += line + '\n';
}

}  // namespace starttls
