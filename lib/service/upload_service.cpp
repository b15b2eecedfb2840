#include "service/upload_service.h"

#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <utility>

#include "base/file.h"
#include "base/log.h"
#include "base/try.h"
#include "service/listener.h"
#include "service/sd_notify.h"
#include "service/signals.h"

namespace starttls::service {
namespace {

constexpr mode_t socket_mode = 0660;

Result<void> limit_descriptors(rlim_t max) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = std::min(limit.rlim_cur, max);
    if (::setrlimit(RLIMIT_NOFILE, &limit) == 0) return {};
  }
  return fail(Fault::unavailable, "the number of open files cannot be limited: {}", errno_text(errno));
}

}  // namespace

Result<void> serve_uploads(UploadService service) {
  auto signals = TRY(Signals::block({SIGTERM, SIGINT, SIGHUP}));
  TRY(limit_descriptors(service.max_descriptors));
  auto listener = TRY(Listener::open(service.address, {.mode = socket_mode}));
  event::Loop loop;
  const auto server = TRY(UploadServer::create(loop, listener.take_socket(), std::move(service.uploads)));
  const Signals arrived(loop, std::move(signals), [&loop](int number) {
    if (number == SIGHUP) return;  // nothing is read again
    notify_stopping();
    loop.stop();
  });
  log_info("{}", service.started);
  notify_ready();
  loop.run();
  log_info("ended");
  return {};
}

}  // namespace starttls::service
