// Which domains may be examined at the same time, so that no domain holds up all others.
//
// An examination has a place for as long as it asks the DNS. One that waits for nothing but the policy host
// has none: how long that may take, and how many may, is the business of http::Fetcher. Of the places
//   - a quarter is kept for domains that were known before, and a quarter for the others;
//   - the domains of one owner (discovery::Owners) have `max_per_owner`, those included that wait for the
//   policy
//     host. That does not hold for a domain that is itself what its owner has registered, nor for known ones.
//
// Where all are taken, a domain waits; the next that goes is one whose owner has the fewest. What waits is
// bounded in time and number (http::QueueLimits), and refused beyond.
//
// Bounds on what one examination asks, and whom, are in policy/asking.h and http/turns.h.
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
  std::size_t places = 1'000;
  std::size_t max_per_owner = 100;
  std::size_t max_waiting = 2'000;
  std::chrono::milliseconds max_wait{10'000};
};

class Admission {
 public:
  enum class Refusal { full, owner };

  Admission(event::Loop& loop, AdmissionLimits limits);

  // Waits for a place, which the domain has until leave(); where it is refused, it has none. Not for one that
  // waits or has a place. `waits` is called where it is neither refused nor has a place at once.
  event::Task<std::optional<Refusal>> enter(NextHop next_hop, bool is_known, std::function<void()> waits);
  // It waits for nothing but the policy host. One without a place is ignored.
  void wait_for_host(const NextHop& next_hop);
  void leave(const NextHop& next_hop);

  std::size_t asking() const { return limiter_.running(); }
  std::size_t waiting_for_hosts() const { return admitted_.size() - asking(); }
  const discovery::Owners& owners() const { return owners_; }

 private:
  struct Waiting {
    NextHop next_hop;
    std::string owner;
    event::Completion<std::optional<Refusal>>* admitted;
  };
  using Turns = http::ConcurrencyLimiter<Waiting>;
  struct Place {
    std::string owner;
    std::optional<Turns::Ticket> ticket;  // while it asks the DNS
  };

  void admit_next();
  void leave_owner(const std::string& owner);

  AdmissionLimits limits_;
  discovery::Owners owners_ = discovery::Owners::load();
  Turns limiter_;
  event::Timer look_again_;
  std::unordered_map<NextHop, Place> admitted_;
  std::unordered_map<std::string, std::size_t> of_owner_;  // those that wait for a place, too
};

}  // namespace starttls::listtool::serve
