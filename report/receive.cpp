// tlsrpt-report receive: takes reports that are POSTed, behind a web server (RFC 8460 section 5.4).

#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "base/counted.h"
#include "base/log.h"
#include "base/try.h"
#include "base/version.h"
#include "report/commands.h"
#include "report/intake.h"
#include "report/intake_settings.h"
#include "report/read_output.h"
#include "service/upload_rate.h"
#include "service/upload_service.h"
#include "store/store_config.h"
#include "tlsrpt/container.h"

namespace starttls::report {
namespace {

using service::Upload;
using service::UploadAnswer;

constexpr std::size_t max_post_size = std::size_t{4} << 20U;  // bytes, as it is sent
constexpr std::uint64_t max_descriptors = 64;   // so many reports at most are in memory at a time
constexpr std::chrono::seconds busy_pause{60};  // for a client, when the store cannot be written

enum Status : int { created = 201, bad_request = 400, too_many_requests = 429, try_later = 503 };

struct Values {};

void declare(Options&, Values&) {}

class Receiver {
 public:
  explicit Receiver(const Context& context)
      : context_(context),
        rate_({.per_minute = context.configuration.report.max_posts,
               .per_client = context.configuration.report.max_posts_per_client}) {}

  // Creates the store where there is none, so that the daemon does not start where it cannot keep anything.
  Result<void> check_store();
  UploadAnswer take(const Upload& upload);

 private:
  UploadAnswer refuse_for_now(const std::string& client, std::chrono::seconds pause);
  Result<UploadAnswer> keep(const std::string& name, std::string_view report);
  Result<void> prune_daily(tlsrptdb::ReportStore& store, Time now);

  const Context& context_;
  service::UploadRate rate_;
  Time warned_;                // when a refused client was logged last
  std::optional<Day> pruned_;  // the day of the last prune_old()
};

Result<void> Receiver::check_store() {
  auto store = TRY(open_intake_store(context_.configuration));
  return prune_daily(store, context_.clock());
}

Result<void> Receiver::prune_daily(tlsrptdb::ReportStore& store, Time now) {
  if (pruned_ == to_day(now)) return {};
  TRY(prune_old(store, context_.configuration, now));
  pruned_ = to_day(now);
  return {};
}

UploadAnswer Receiver::refuse_for_now(const std::string& client, std::chrono::seconds pause) {
  const Time now = context_.clock();
  // A flood must not fill the log.
  if (now < warned_ || now >= warned_ + std::chrono::minutes(1)) {
    warned_ = now;
    log_warning("{} posts too often (report.max_posts, report.max_posts_per_client)", client);
  }
  return {.status = too_many_requests, .text = "too many reports; try again later", .retry_after = pause};
}

UploadAnswer Receiver::take(const Upload& upload) {
  const std::string client(upload.client);
  const std::string name = client.empty() ? "a client" : client;
  if (const auto pause = rate_.refuse(client, context_.clock())) return refuse_for_now(name, *pause);
  auto kept = keep(name, upload.body);
  if (kept) return *kept;
  log_error("{}: {}; its sender has to try again", name, kept.error().message);
  return {.status = try_later, .text = "it cannot be kept at the moment", .retry_after = busy_pause};
}

// The store is opened for each report: it may have been moved or restored from a backup, and after an error nothing is
// left of the transaction.
Result<UploadAnswer> Receiver::keep(const std::string& name, std::string_view report) {
  const Time now = context_.clock();
  auto store = TRY(open_intake_store(context_.configuration));
  TRY(prune_daily(store, now));
  const IntakeSettings settings = TRY(intake_settings(context_.configuration, now, false));
  std::optional<Input> taken;
  const InputListener listener{.on_input = [&](Input& input) { taken = std::move(input); },
                               .on_commit = [] { return Result<void>(); }};
  Intake intake(&store, settings, listener);
  TRY(intake.read_report(name, report));
  TRY(intake.finish());
  if (!taken) return fail(Fault::internal, "the report was not read");
  for (const std::string& warning : taken->warnings) log_warning("{}: {}", name, warning);
  if (store.evicted() > 0) {
    log_warning("the store is full (report.max_store_size): {} of other reporters were removed",
                counted(store.evicted(), "report"));
  }
  if (taken->status == InputStatus::rejected) {
    log_warning("{}: rejected: {}{}", name, taken->reason,
                taken->saved_as.empty() ? "" : "; saved as " + taken->saved_as);
    return UploadAnswer{.status = bad_request, .text = taken->reason};
  }
  log_info("{}", describe(*taken, context_.configuration.milter.retention_days));
  return UploadAnswer{.status = created, .text = "received"};
}

Result<int> run(const Values&, const Context& context) {
  set_log_level(context.quiet ? LogLevel::error : context.verbose ? LogLevel::debug : LogLevel::info);
  start_log(program, LogTarget::standard_error);
  const config::Address& address = context.configuration.report.receive;
  Receiver receiver(context);
  TRY(receiver.check_store());
  TRY(service::serve_uploads(
      {.address = address,
       .max_descriptors = max_descriptors,
       .started = fmt::format("{} receives reports on {}", version(), to_string(address)),
       .uploads = {.max_size = max_post_size,
                   .content_types = {tlsrpt::media_types.begin(), tlsrpt::media_types.end()},
                   .take = [&receiver](const Upload& upload) { return receiver.take(upload); }}}));
  return 0;
}

}  // namespace

Command receive_command() {
  return make_command({.name = "receive",
                       .summary = "Receive reports over HTTP, behind a web server",
                       .example = "tlsrpt-report receive"},
                      declare, run);
}

}  // namespace starttls::report
