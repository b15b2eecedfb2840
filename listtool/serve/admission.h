// Which domains may be examined at the same time, so that no domain holds up all others.
//
// An examination has a slot while it asks the DNS. One that waits only for the policy host has none: how long
// that may take, and how many may, is limited by http::Fetcher. Of the slots
//   - a quarter is kept for domains that were known before, and a quarter for the others;
//   - the domains of one owner (discovery::Owners) have `max_per_owner`, those included that wait for the
//     policy host. That does not hold for a domain that is itself what its owner has registered, nor for known
//     ones.
//
// If all are taken, a domain waits; the next one is of the owner that has the fewest. Waiting is bounded in
// time and number (http::QueueLimits), and refused beyond.
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

  // Waits for a slot, which the domain has until release(); if it is refused, it has none. Not for one that
  // waits or has a slot. `waits` is called if it is neither refused nor gets a slot at once.
  event::Task<std::optional<Refusal>> admit(NextHop next_hop, bool is_known, std::function<void()> waits);
  // It waits only for the policy host. One without a slot is ignored.
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
    std::optional<Limiter::Ticket> ticket;  // while it asks the DNS
  };

  void admit_next();
  void release_owner(const std::string& owner);

  AdmissionLimits limits_;
  discovery::Owners owners_ = discovery::Owners::load();
  Limiter limiter_;
  event::Timer look_again_;
  std::unordered_map<NextHop, Slot> admitted_;
  std::unordered_map<std::string, std::size_t> of_owner_;  // with those that wait for a slot
};

}  // namespace starttls::listtool::serve
