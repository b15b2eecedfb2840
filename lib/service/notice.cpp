#include "service/notice.h"

#include <fmt/format.h>
#include <systemd/sd-daemon.h>

#include <chrono>

namespace starttls::service {

void tell_ready() {
  ::sd_notify(0, "READY=1");
}

// Type=notify-reload wants to know when it began.
void tell_reloading() {
  // That of CLOCK_MONOTONIC.
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
  ::sd_notify(0, fmt::format("RELOADING=1\nMONOTONIC_USEC={}", microseconds).c_str());
}

void tell_stopping() {
  ::sd_notify(0, "STOPPING=1");
}

}  // namespace starttls::service
