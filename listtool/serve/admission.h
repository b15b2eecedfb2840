// Limits which domains are examined at the same time, so that no domain delays all others.
//
// An examination has a slot while it sends DNS queries. An examination that waits only for the policy host
// has none: http::Fetcher limits how long it may wait and how many may wait. Of the slots
//   - a quarter is reserved for domains that were known before, and a quarter for the others;
//   - the domains of one owner (discovery::Owners) have at most `max_per_owner`, including those that wait
//     for the policy host. This limit does not apply to a registered domain itself, nor to known domains.
//
// If no slot is free, a domain waits. The next slot goes to the owner that has the fewest. Time and number of
// waiting domains are limited (http::QueueLimits); beyond these limits a domain is refused.
//
// The limits of one examination are in discovery/questions.h and http/concurrency_limiter.h.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/next_hop.h"
#include "discovery/owners.h"
#include "event/loop.h"
#include "event/task.h"
#include "http/concurrency_limiter.h"

namespace starttls::listtool::serve {

struct AdmissionLimits {
  std::size_t max_concurrent = 1'000;
  std::size_t max_per_owner = 100;
  std::size_t max_waiting = 2'000;
  std::chrono::milliseconds max_wait{10'000};
};

class Admission {
 public:
  enum class Refusal { full, owner };

  Admission(event::Loop& loop, AdmissionLimits limits);

  // Waits for a slot, which the domain has until release(). If the domain is refused, it has no slot. Must
  // not be called for a domain that waits or has a slot. `waits` is called if the domain has to wait.
  event::Task<std::optional<Refusal>> admit(NextHop next_hop, bool is_known, std::function<void()> waits);
  // The domain waits only for the policy host. A domain without a slot is ignored.
  void wait_for_host(const NextHop& next_hop);
  void release(const NextHop& next_hop);

  std::size_t asking() const { return limiter_.running(); }
  std::size_t waiting_for_hosts() const { return admitted_.size() - asking(); }
  const discovery::Owners& owners() const { return owners_; }

 private:
  struct Waiting {
    NextHop next_hop;
    std::string owner;
    event::Completion<std::optional<Refusal>>* admitted;
  };
  using Limiter = http::ConcurrencyLimiter<Waiting>;
  struct Slot {
    std::string owner;
    std::optional<Limiter::Ticket> ticket;  // while it sends DNS queries
  };

  void admit_next();
  void release_owner(const std::string& owner);

  AdmissionLimits limits_;
  discovery::Owners owners_ = discovery::Owners::load();
  Limiter limiter_;
  event::Timer look_again_;
  std::unordered_map<NextHop, Slot> admitted_;
  std::unordered_map<std::string, std::size_t> of_owner_;  // including those that wait for a slot
};

}  // namespace starttls::listtool::serve
