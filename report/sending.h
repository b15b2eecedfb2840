// Sending self reports: into the queue, and from there to their destinations.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/result.h"
#include "report/parallel_work.h"
#include "report/published.h"
#include "report/self_report.h"
#include "report/surroundings.h"
#include "tlsrpt/report.h"
#include "tlsrptdb/delivery_queue.h"

namespace starttls::report {

// Sending is bounded, so that destinations which take a connection and do not answer delay nobody else's
// report for long: so many deliveries go side by side, one to the servers of one registrable domain and one
// to our mail server. One that was not tried yet is tried first, and with less patience.
inline constexpr std::size_t max_deliveries = 16;            // at once
inline constexpr std::chrono::minutes max_sending_time{10};  // of one run; the rest is left to the next
inline constexpr std::chrono::seconds first_delivery_timeout{15};
inline constexpr std::chrono::seconds delivery_timeout{60};
inline constexpr std::chrono::minutes mail_timeout{2};  // with our own mail server

// What became of the deliveries that were due.
struct SendingOutcome {
  std::uint64_t sent = 0;
  std::uint64_t waiting = 0;  // for another try
  std::uint64_t given_up = 0;
};

// The queue of a state directory, with the right to send from it, which one process has at a time:
// Fault::temporary where another has it.
class Sending {
 public:
  // The surroundings and the lookup must outlive it.
  static Result<Sending> begin(const Surroundings& surroundings, Lookup& lookup);

  // A report for the owner of each policy domain in it: to where the configuration says, else to each place
  // that the domain names when the report is due. Once, however often it is enqueued.
  Result<void> enqueue(const tlsrpt::Report& all, const Reporter& reporter);

  // Sends what is due.
  Result<SendingOutcome> deliver();

 private:
  Sending(const Surroundings& surroundings, Lookup& lookup, UniqueFd lock, tlsrptdb::DeliveryQueue queue)
      : surroundings_(&surroundings), lookup_(&lookup), lock_(std::move(lock)), queue_(std::move(queue)) {}

  Result<void> find_destinations(Time now, SendingOutcome& outcome);
  Result<void> record_failure(const tlsrptdb::Delivery& delivery, const Error& error,
                              SendingOutcome& outcome);
  void warn(const std::string& message) const;

  Result<Work> prepare(const tlsrptdb::Delivery& delivery);
  Result<Work> prepare_mail(const tlsrptdb::Delivery& delivery, const std::string& json_gzip);

  const Surroundings* surroundings_;
  Lookup* lookup_;
  UniqueFd lock_;
  tlsrptdb::DeliveryQueue queue_;
};

}  // namespace starttls::report
