// Mail with our reports that came back: the addresses get no more reports for a while.
//
// Anybody can send a bounce to the address that reads them. So an address is suppressed only if the bounce has the
// Message-ID of a report that we sent to it within the last days.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/result.h"
#include "report/parsing.h"
#include "tlsrptdb/delivery_queue.h"
#include "tlsrptdb/suppressions.h"

namespace starttls::report {

// Mail servers return mail that they cannot deliver after five days (RFC 5321 section 4.5.4.1: "at least 4-5 days").
inline constexpr std::chrono::days bounce_time{14};

class Bounces {
 public:
  // Those of the reports in the queue of a state directory.
  Bounces(std::filesystem::path state_dir, Time now) : state_dir_(std::move(state_dir)), now_(now) {}

  // Suppresses the addresses at which a report failed permanently, and sets Input::suppressed and Input::reason. Without
  // `stores` it suppresses none.
  Result<void> take(Input& input, bool stores);

 private:
  // The address that we sent the report to, in lower case; nothing where we did not.
  Result<std::optional<std::string>> address_of(const std::string& report_id,
                                                const mail::RecipientStatus& recipient);
  Result<void> suppress(const tlsrptdb::Suppression& suppression);

  std::filesystem::path state_dir_;
  Time now_;
  std::optional<tlsrptdb::DeliveryQueue> queue_;  // once there was a bounce
};

}  // namespace starttls::report
