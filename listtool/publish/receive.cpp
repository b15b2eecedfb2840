// starttls-listtool publish receive: takes reports that are POSTed, behind a web server.

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <string>
#include <string_view>

#include "base/counted.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "base/try.h"
#include "base/version.h"
#include "listtool/commands.h"
#include "listtool/publish/reports.h"
#include "service/listener.h"
#include "service/sd_notify.h"
#include "service/signals.h"
#include "service/upload_server.h"

namespace starttls::listtool::publish {
namespace {

constexpr std::size_t max_report_size = std::size_t{1} << 20U;  // bytes, as it is sent
constexpr rlim_t max_descriptors = 256;  // so many reports at most are in memory at a time
// RFC 8460 section 5.4.
constexpr std::array<std::string_view, 2> content_types{"application/tlsrpt+gzip", "application/tlsrpt+json"};

enum Status : int { created = 201, bad_request = 400, unsupported_type = 415, try_later = 503 };

struct Values {};

void declare(Options&, Values&) {}

Result<void> limit_descriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = std::min(limit.rlim_cur, max_descriptors);
    if (::setrlimit(RLIMIT_NOFILE, &limit) == 0) return {};
  }
  return fail(Fault::unavailable, "the number of open files cannot be limited: {}", errno_text(errno));
}

service::UploadAnswer take(ReportTaker& taker, const service::Upload& upload) {
  if (std::ranges::find(content_types, upload.content_type) == content_types.end()) {
    return {.status = unsupported_type,
            .text = "only application/tlsrpt+gzip and application/tlsrpt+json are taken"};
  }
  const auto read = taker.take(byte_reader(upload.body));
  if (!read) {
    log_error("{}; its sender has to try again", read.error().message);
    return {.status = try_later, .text = "it cannot be kept at the moment"};
  }
  if (!*read) {
    log_warning("rejected: {}", read->error().message);
    return {.status = bad_request, .text = read->error().message};
  }
  const ReadReport& report = **read;
  log_info("{}, {}: {} of the list, {}, {} failed{}{}", report.reporter, to_string(report.day),
           counted(report.domains, "domain"), counted(report.sessions, "session"), report.failed,
           report.is_new ? "" : "; received before",
           report.left_out > 0 ? fmt::format("; {} beyond the limits", report.left_out) : "");
  return {.status = created, .text = "received"};
}

Result<void> serve(const Context& context) {
  const config::Address& address = context.configuration.publish.receive;
  auto signals = TRY(service::Signals::block({SIGTERM, SIGINT, SIGHUP}));
  TRY(limit_descriptors());
  ReportTaker taker = TRY(ReportTaker::open(context));
  auto listener = TRY(service::Listener::open(address, {.mode = 0660}));
  event::Loop loop;
  const auto server = TRY(service::UploadServer::create(
      loop, listener.take_socket(),
      {.max_size = max_report_size,
       .take = [&taker](const service::Upload& upload) { return take(taker, upload); }}));
  const service::Signals arrived(loop, std::move(signals), [&loop](int number) {
    if (number == SIGHUP) return;  // nothing is read again
    service::notify_stopping();
    loop.stop();
  });
  log_info("{} receives reports on {}", version(), to_string(address));
  service::notify_ready();
  loop.run();
  log_info("ended");
  return {};
}

Result<int> run(const Values&, const Context& context) {
  set_log_level(context.quiet ? LogLevel::error : context.verbose ? LogLevel::debug : LogLevel::info);
  start_log(program, LogTarget::standard_error);
  TRY(serve(context));
  return 0;
}

}  // namespace

Command receive_command() {
  return make_command(
      {.name = "publish receive",
       .summary = "Receive reports about the domains of the list over HTTP, behind a web server",
       .example = "starttls-listtool publish receive"},
      declare, run);
}

}  // namespace starttls::listtool::publish
