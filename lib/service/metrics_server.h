// The page with metrics, on a socket of its own. A service works without it: where the socket is taken, or
// cannot be created, that is logged once and counted, and tried again every few seconds until it succeeds.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "event/loop.h"
#include "service/listener.h"
#include "service/page_server.h"

namespace starttls::service {

class MetricsServer {
 public:
  static constexpr std::chrono::seconds retry_interval{5};

  // Tries to create the socket: before any thread is started, and before root switches to another user.
  MetricsServer(config::Address address, SocketAccess access);
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;
  ~MetricsServer() = default;

  // Answers from now on, in the loop's thread; `text` returns the page. The loop must outlive this.
  void start(event::Loop& loop, std::function<std::string()> text);

  // How often the socket could not be created. In the loop's thread.
  std::uint64_t failures() const { return failures_; }

 private:
  Result<void> open(Threads threads);
  Result<void> answer();
  void log_failure(const Error& error);
  void retry();

  config::Address address_;
  SocketAccess access_;
  std::uint64_t failures_ = 0;
  std::function<std::string()> text_;
  event::Loop* loop_ = nullptr;
  std::optional<Listener> listener_;
  std::unique_ptr<PageServer> page_;
  std::optional<event::Timer> retrying_;
};

}  // namespace starttls::service
