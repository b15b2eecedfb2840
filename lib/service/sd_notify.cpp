#include "service/sd_notify.h"

#include <fmt/format.h>
#include <systemd/sd-daemon.h>

#include <chrono>

namespace starttls::service {
namespace {

constexpr std::chrono::seconds longest_wait{5};

}  // namespace

void notify_ready() {
  ::sd_notify(0, "READY=1");
}

// Type=notify-reload needs the time when the reload began.
void notify_reloading() {
  // The time of CLOCK_MONOTONIC.
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
  ::sd_notify(0, fmt::format("RELOADING=1\nMONOTONIC_USEC={}", microseconds).c_str());
}

void notify_stopping() {
  ::sd_notify(0, "STOPPING=1");
}

bool keep_descriptor(const std::string& name, int fd) {
  return ::sd_pid_notify_with_fds(0, 0, fmt::format("FDSTORE=1\nFDNAME={}", name).c_str(), &fd, 1) > 0;
}

void forget_descriptors(const std::string& name) {
  ::sd_notify(0, fmt::format("FDSTOREREMOVE=1\nFDNAME={}", name).c_str());
  ::sd_notify_barrier(0, std::chrono::microseconds(longest_wait).count());
}

}  // namespace starttls::service
