#include "service/notice.h"

#include <fmt/format.h>
#include <systemd/sd-daemon.h>

#include <ctime>

namespace starttls::service {

void tell_ready() {
  ::sd_notify(0, "READY=1");
}

// Type=notify-reload wants to know when it began.
void tell_reloading() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const auto microseconds = now.tv_sec * 1'000'000 + now.tv_nsec / 1'000;
  ::sd_notify(0, fmt::format("RELOADING=1\nMONOTONIC_USEC={}", microseconds).c_str());
}

void tell_stopping() {
  ::sd_notify(0, "STOPPING=1");
}

}  // namespace starttls::service
