#include "listtool/check_progress.h"

#include <fmt/format.h>

#include <cstdio>
#include <string>

#include "base/counted.h"

namespace starttls::listtool {
namespace {

constexpr std::chrono::milliseconds interval{500};
constexpr const char* clear_line = "\r\x1b[K";

// Ignores errors: if the terminal is gone, the examination goes on.
void write(const std::string& text) {
  (void)std::fputs(text.c_str(), stderr);
}

}  // namespace

CheckProgress::CheckProgress(event::Loop& loop, bool wanted, std::size_t domains)
    : wanted_(wanted), domains_(domains), timer_(loop, [this] { show(); }) {
  if (wanted_) timer_.start(interval);
}

void CheckProgress::show() {
  if (examined_ == domains_) return;
  const std::string of_all =
      domains_ == 1 ? std::string() : fmt::format("{} of {}, ", examined_, counted(domains_, "domain"));
  write(fmt::format("{}{}{}", clear_line, of_all, counted(connections_, "connection")));
  is_shown_ = true;
  timer_.start(interval);
}

void CheckProgress::clear() {
  if (is_shown_) write(clear_line);
  is_shown_ = false;
}

}  // namespace starttls::listtool
