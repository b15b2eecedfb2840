#include "mail/mbox.h"

#include <optional>

#include "mail/lines.h"

namespace starttls::mail {

bool is_mbox(std::string_view head) {
  return head.starts_with("From ");
}

Result<void> for_each_message(const Source& mbox,
                              const std::function<void(std::uint64_t begin, std::uint64_t end)>& take) {
  std::optional<std::uint64_t> message;  // where it begins
  bool after_blank = true;
  const auto done = for_each_line(mbox, 0, mbox.size(), [&](const Line& line) {
    if (after_blank && is_mbox(line.text)) {
      if (message) take(*message, line.begin);
      message = line.end;
    }
    after_blank = line.is_blank();
    return true;
  });
  if (done && message) take(*message, mbox.size());
  return done;
}

Result<bool> has_several_messages(const Source& mbox) {
  bool several = false;
  bool after_blank = false;
  const auto done = for_each_line(mbox, 0, mbox.size(), [&](const Line& line) {
    several = after_blank && is_mbox(line.text);
    after_blank = line.is_blank();
    return !several;
  });
  if (!done) return std::unexpected(done.error());
  return several;
}

}  // namespace starttls::mail
