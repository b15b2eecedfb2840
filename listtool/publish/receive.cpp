// starttls-listtool publish receive: takes reports that are POSTed, behind a web server.

#include <fmt/format.h>

#include <string>
#include <utility>

#include "base/counted.h"
#include "base/file.h"
#include "base/log.h"
#include "base/try.h"
#include "base/version.h"
#include "listtool/commands.h"
#include "listtool/publish/reports.h"
#include "service/upload_service.h"
#include "tlsrpt/container.h"

namespace starttls::listtool::publish {
namespace {

constexpr std::size_t max_report_size = std::size_t{1} << 20U;  // bytes, as it is sent

enum Status : int { created = 201, bad_request = 400, try_later = 503 };

struct Values {};

void declare(Options&, Values&) {}

service::UploadAnswer take(ReportTaker& taker, const service::Upload& upload) {
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
  ReportTaker taker = TRY(ReportTaker::open(context));
  return service::serve_uploads(
      {.address = address,
       .started = fmt::format("{} receives reports on {}", version(), to_string(address)),
       .uploads = {.max_size = max_report_size,
                   .content_types = {tlsrpt::media_types.begin(), tlsrpt::media_types.end()},
                   .take = [&taker](const service::Upload& upload) { return take(taker, upload); }}});
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
