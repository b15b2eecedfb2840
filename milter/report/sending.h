// Sending self reports: into the queue, and from there to their destinations.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "milter/configuration.h"
#include "milter/report/report_configuration.h"
#include "milter/report/self_report.h"
#include "reports/delivery_queue.h"
#include "tlsrpt/report.h"

namespace starttls::milter {

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
  static Result<Sending> begin(const Configuration& configuration, const ReportConfiguration& report,
                               Clock clock);

  // A report for the owner of each policy domain in it, to each place that wants it. What has none is told.
  Result<void> enqueue(const tlsrpt::Report& all, const Reporter& reporter);

  // Sends what is due.
  Result<SendingOutcome> deliver();

 private:
  Sending(const Configuration& configuration, const ReportConfiguration& report, Clock clock, UniqueFd lock,
          reports::DeliveryQueue queue)
      : configuration_(&configuration),
        report_(&report),
        clock_(std::move(clock)),
        lock_(std::move(lock)),
        queue_(std::move(queue)) {}

  Result<void> send(const reports::Delivery& delivery);
  Result<void> send_mail(const reports::Delivery& delivery, const std::string& json_gzip);

  const Configuration* configuration_;
  const ReportConfiguration* report_;
  Clock clock_;
  UniqueFd lock_;
  reports::DeliveryQueue queue_;
};

}  // namespace starttls::milter
