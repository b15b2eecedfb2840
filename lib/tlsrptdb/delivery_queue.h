// Reports of our own that are on their way: each to each destination once, tried again at growing intervals
// for 24 hours (RFC 8460 section 5.5).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "store/store.h"

namespace starttls::tlsrptdb {

inline constexpr std::chrono::hours max_delivery_time{24};

enum class DeliveryState { waiting, sent, given_up };
// "waiting", "sent", "given-up"
std::string_view to_string(DeliveryState state);

struct Delivery {
  std::int64_t id = 0;
  std::string report_id;
  std::string destination;  // a URI: "mailto:...", "https://..."; empty: it is to be found
  std::string policy_domain;
  std::string submitter;  // our domain in it
  std::string sender;     // the address that mails come from
  std::string file_name;
  DeliveryState state = DeliveryState::waiting;
  Time created;
  Time next_try;  // while it waits
  std::uint64_t tries = 0;
  std::string reason;  // why the last try failed
};

// How long after the first try, the second, ... failed the next one is due: some minutes at first, some hours
// in the end.
std::chrono::milliseconds retry_delay(std::uint64_t tries);

class DeliveryQueue {
 public:
  // As ReportStore::open(), of the same file.
  static Result<DeliveryQueue> open(const std::filesystem::path& file, store::Access access);
  DeliveryQueue(DeliveryQueue&&) noexcept;
  DeliveryQueue& operator=(DeliveryQueue&&) noexcept;
  ~DeliveryQueue();

  // false where the report is on its way to that destination already, or has come there. `id`, `state`,
  // `tries` and `reason` do not count.
  Result<bool> add(const Delivery& delivery, std::string_view json_gzip);

  // Those that are due, the oldest first.
  Result<std::vector<Delivery>> due(Time now);
  Result<std::string> json_gzip(std::int64_t id);

  Result<void> set_sent(std::int64_t id);
  // Is tried again, or given up where it may not help or its time is over.
  Result<DeliveryState> set_failed(const Delivery& delivery, const std::string& reason, bool may_pass,
                                   Time now);

  Result<std::vector<Delivery>> all();
  // One that has become others, or that nobody wants.
  Result<void> remove(std::int64_t id);
  // Forgets those that ended and were begun before.
  Result<void> forget(Time before);

 private:
  struct Open;
  explicit DeliveryQueue(std::unique_ptr<Open> open);
  std::unique_ptr<Open> open_;
};

}  // namespace starttls::tlsrptdb
