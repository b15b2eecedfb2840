// Sends reports of ours: puts them into the queue, and sends them from there to their destinations.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "report/context.h"
#include "report/parallel_work.h"
#include "report/published.h"
#include "report/self_report.h"
#include "tlsrpt/report.h"
#include "tlsrptdb/delivery_queue.h"

namespace starttls::report {

// Limits of sending, so that a destination that accepts a connection but does not answer does not delay other
// reports for long. Deliveries run in parallel: at most one to the servers of one registrable domain, and one
// to our mail server. New deliveries are tried first, with a shorter timeout.
inline constexpr std::size_t max_deliveries = 16;            // at the same time
inline constexpr std::chrono::minutes max_sending_time{10};  // of one run; the rest waits for the next one
inline constexpr std::chrono::seconds first_delivery_timeout{15};
inline constexpr std::chrono::seconds delivery_timeout{60};
inline constexpr std::chrono::minutes mail_timeout{2};  // with our own mail server

// How long a report is known to the queue after it was sent, or has failed permanently.
inline constexpr std::chrono::days known_for{30};

// Fault::usage where reports about the day must not be sent: it is not over, or over for so long that it is not known any
// more which were sent.
Result<void> check_day_to_send(Day day, Time now);

// The deliveries that were due.
struct SendingOutcome {
  std::uint64_t sent = 0;
  std::uint64_t waiting = 0;  // to be tried again
  std::uint64_t given_up = 0;
};

// 0 if everything that was due was sent, Fault::temporary if some deliveries are tried again, 1 if some have
// failed permanently.
int exit_status(const SendingOutcome& outcome);

// About which domain a report is, and where it goes.
struct Addressing {
  std::string domain;
  std::span<const tlsrpt::Destination> destinations;  // none: the rua of the domain when it is due
  std::string_view unique_id;                         // as of tlsrpt::file_name()
  bool at_once = false;                               // not within report.send_window
  std::optional<Day> held_for;                        // it is sent after release() of the day
};

// Sends from the queue of a state directory. Only one process may do so at a time: Fault::temporary if
// another one does.
class ReportSender {
 public:
  // The context and the lookup must outlive this object.
  static Result<ReportSender> open(const Context& context, Lookup& lookup);

  // Queues a self report for the owner of each policy domain in it. Its destination is the configured rua, or
  // otherwise the rua of the domain when the report is due, but none from which mail came back. Each report is queued once, even if this is
  // called several times.
  Result<void> enqueue(const tlsrpt::Report& all, const Reporter& reporter);

  // Queues a report. It is in the queue after flush().
  Result<void> enqueue(const tlsrpt::Report& report, const Addressing& to, const Reporter& reporter);
  Result<void> flush();
  // Deliveries that were not in the queue before.
  std::uint64_t queued() const { return queued_; }

  // What is held for a day: which days there are; send it; send it never.
  Result<std::vector<Day>> held_days() { return queue_.held_days(); }
  Result<void> release(Day day) { return queue_.release(day, context_->clock()); }
  Result<void> remove_held(Day day) { return queue_.remove_held(day); }

  // How many mails with reports were sent on the day to addresses of each domain.
  Result<std::map<std::string, std::uint64_t>> mails_sent(Day day) { return queue_.mails_sent(day); }

  // Sends the reports that are due.
  Result<SendingOutcome> deliver();

 private:
  ReportSender(const Context& context, Lookup& lookup, UniqueFd lock, tlsrptdb::DeliveryQueue queue)
      : context_(&context), lookup_(&lookup), lock_(std::move(lock)), queue_(std::move(queue)) {}

  static constexpr std::size_t max_packed = 500;  // deliveries that are queued in one transaction

  Result<void> find_destinations(Time now, SendingOutcome& outcome);
  Result<void> record_failure(const tlsrptdb::Delivery& delivery, const Error& error,
                              SendingOutcome& outcome);
  void warn(const std::string& message) const;
  // Those from which no mail came back.
  Result<std::vector<tlsrpt::Destination>> without_suppressed(
      std::span<const tlsrpt::Destination> destinations);

  Result<Work> prepare(const tlsrptdb::Delivery& delivery);
  Result<Work> prepare_mail(const tlsrptdb::Delivery& delivery, const std::string& json_gzip);

  const Context* context_;
  Lookup* lookup_;
  UniqueFd lock_;
  tlsrptdb::DeliveryQueue queue_;
  std::vector<tlsrptdb::PackedDelivery> packed_;  // not yet in the queue
  std::uint64_t queued_ = 0;
};

}  // namespace starttls::report
