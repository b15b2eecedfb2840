#include "service/metrics_server.h"

#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "base/try.h"
#include "service/metrics_text.h"

namespace starttls::service {

MetricsServer::MetricsServer(config::Address address, SocketAccess access)
    : address_(std::move(address)), access_(access) {
  if (auto opened = open(Threads::none); !opened) log_failure(opened.error());
}

void MetricsServer::start(event::Loop& loop, std::function<std::string()> text) {
  loop_ = &loop;
  text_ = std::move(text);
  retrying_.emplace(loop, [this] { retry(); });
  if (!listener_) return retrying_->start(retry_interval);
  if (auto answering = answer(); !answering) {
    log_failure(answering.error());
    retrying_->start(retry_interval);
  }
}

Result<void> MetricsServer::open(Threads threads) {
  auto listener = TRY(Listener::open(address_, access_, threads));
  listener_.emplace(std::move(listener));
  return {};
}

Result<void> MetricsServer::answer() {
  auto page = PageServer::create(*loop_, listener_->take_socket(),
                                 {.path = metrics_path, .content_type = metrics_type, .text = text_});
  if (page) {
    page_ = std::move(*page);
    return {};
  }
  listener_.reset();
  return std::unexpected(page.error());
}

// Logs only the first failure. A metric counts all.
void MetricsServer::log_failure(const Error& error) {
  if (failures_++ > 0) return;
  log_error("metrics: {}; all else works, and it is tried again every {} seconds", error.message,
            retry_interval.count());
}

void MetricsServer::retry() {
  auto done = open(Threads::running);
  if (done) done = answer();
  if (done) return log_info("metrics: {} answers now", printable(to_string(address_)));
  log_failure(done.error());
  retrying_->start(retry_interval);
}

}  // namespace starttls::service
