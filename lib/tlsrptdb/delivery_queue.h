// The queue of our own reports: each is sent to each destination once, and retried at growing intervals for
// 24 hours (RFC 8460 section 5.5).
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "store/store.h"

namespace starttls::tlsrptdb {

inline constexpr std::chrono::hours max_delivery_time{24};

enum class DeliveryState {
  held,  // until it is certain that this host sends the reports about the day
  waiting,
  sent,
  given_up
};
// "held", "waiting", "sent", "given-up"
std::string_view to_string(DeliveryState state);

struct Delivery {
  std::int64_t id = 0;
  std::string report_id;
  std::string destination;  // a URI: "mailto:...", "https://..."; empty: not looked up yet
  std::string policy_domain;
  std::string submitter;  // our domain in it
  std::string sender;     // the From address of mails
  std::string file_name;
  DeliveryState state = DeliveryState::waiting;
  Time created;
  Time next_try;  // while it waits
  std::uint64_t tries = 0;
  std::string reason;           // why the last try failed
  std::optional<Day> held_for;  // of one to add: it is held until release() of the day
};

struct PackedDelivery {
  Delivery delivery;
  std::string json_gzip;
};

// How long after the first failed try, the second, ... to try again: 5 minutes at first, growing to 6 hours.
std::chrono::milliseconds retry_delay(std::uint64_t tries);

class DeliveryQueue {
 public:
  // As ReportStore::open(), of the same file.
  static Result<DeliveryQueue> open(const std::filesystem::path& file, store::Access access);
  DeliveryQueue(DeliveryQueue&&) noexcept;
  DeliveryQueue& operator=(DeliveryQueue&&) noexcept;
  ~DeliveryQueue();

  // False where the report is queued for that destination or was sent there already. `id`, `state`, `tries`
  // and `reason` are ignored.
  Result<bool> add(const Delivery& delivery, std::string_view json_gzip);
  // The same for many, all or none. Returns how many are new.
  Result<std::uint64_t> add(const std::vector<PackedDelivery>& deliveries);

  // The days for which deliveries are held.
  Result<std::vector<Day>> held_days();
  // Lets those that are held for the day wait to be sent, as of now.
  Result<void> release(Day day, Time now);
  // Removes those that are held for the day.
  Result<void> remove_held(Day day);

  // Deliveries that are due, the oldest first.
  Result<std::vector<Delivery>> due(Time now);
  Result<std::string> json_gzip(std::int64_t id);

  Result<void> set_sent(std::int64_t id, Time now);
  // Schedules the next try. Gives up where the failure is permanent (not `may_pass`) or the time is over.
  Result<DeliveryState> set_failed(const Delivery& delivery, const std::string& reason, bool may_pass,
                                   Time now);

  Result<std::vector<Delivery>> all();
  // How many mails were sent on the day to addresses of each domain.
  Result<std::map<std::string, std::uint64_t>> mails_sent(Day day);
  // Whether this report was sent to this destination at that time or later. Upper and lower case are the same in the
  // destination.
  Result<bool> was_sent(const std::string& report_id, const std::string& destination, Time since);
  // Removes one that was replaced by others or has no destination.
  Result<void> remove(std::int64_t id);
  // Removes deliveries that have ended and were created before.
  Result<void> forget(Time before);

 private:
  struct Open;
  explicit DeliveryQueue(std::unique_ptr<Open> open);
  std::unique_ptr<Open> open_;
};

}  // namespace starttls::tlsrptdb
