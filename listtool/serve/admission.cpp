#include "listtool/serve/admission.h"

#include <algorithm>
#include <utility>

namespace starttls::listtool::serve {
namespace {

using Clock = std::chrono::steady_clock;

// No examination is preempted: both its queries and its time are limited.
constexpr std::chrono::hours never{24};

http::ConcurrencyLimits turn_limits(const AdmissionLimits& limits) {
  return {.max_concurrent = limits.max_concurrent,
          .max_per_address = limits.max_concurrent,
          .queue = http::QueueLimits{
              .max_wait = limits.max_wait, .preempt_after = never, .max_waiting = limits.max_waiting}};
}

}  // namespace

Admission::Admission(event::Loop& loop, AdmissionLimits limits)
    : limits_(limits), limiter_(turn_limits(limits)), look_again_(loop, [this] { admit_next(); }) {
  limits_.max_per_owner = std::max<std::size_t>(limits.max_per_owner, 1);
}

event::Task<std::optional<Admission::Refusal>> Admission::admit(NextHop next_hop, bool is_known,
                                                                std::function<void()> waits) {
  const std::string owner = owners_.of(next_hop.domain().str());
  std::size_t& of_owner = of_owner_[owner];
  const bool is_one_of_many = !is_known && next_hop.domain().str() != owner;
  if (is_one_of_many && of_owner >= limits_.max_per_owner) co_return Refusal::owner;
  ++of_owner;
  event::Completion<std::optional<Refusal>> admitted;
  auto refused = limiter_.enqueue({.address = owner, .network = owner, .is_known = is_known},
                                  {.next_hop = std::move(next_hop), .owner = owner, .admitted = &admitted},
                                  Clock::now());
  if (refused) {
    release_owner(refused->owner);
    refused->admitted->complete(Refusal::full);
  }
  admit_next();
  if (!admitted.await_ready()) waits();
  const auto refusal = co_await admitted;
  co_return refusal;
}

void Admission::admit_next() {
  while (auto turn = limiter_.try_start(Clock::now())) {
    auto& [ticket, next] = *turn;
    admitted_.emplace(std::move(next.next_hop), Slot{.owner = std::move(next.owner), .ticket = ticket});
    next.admitted->complete(std::nullopt);
  }
  while (const auto late = limiter_.take_expired(Clock::now())) {
    release_owner(late->owner);
    late->admitted->complete(Refusal::full);
  }
  const auto moment = limiter_.next_deadline();
  if (!moment) return look_again_.stop();
  const auto until = std::chrono::ceil<std::chrono::milliseconds>(*moment - Clock::now());
  look_again_.start(std::max(until, std::chrono::milliseconds{1}));
}

void Admission::wait_for_host(const NextHop& next_hop) {
  const auto found = admitted_.find(next_hop);
  if (found == admitted_.end() || !found->second.ticket) return;
  limiter_.release(*std::exchange(found->second.ticket, std::nullopt));
  admit_next();
}

void Admission::release(const NextHop& next_hop) {
  const auto found = admitted_.find(next_hop);
  release_owner(found->second.owner);
  const auto ticket = found->second.ticket;
  admitted_.erase(found);
  if (ticket) limiter_.release(*ticket);
  admit_next();
}

void Admission::release_owner(const std::string& owner) {
  const auto found = of_owner_.find(owner);
  if (--found->second == 0) of_owner_.erase(found);
}

}  // namespace starttls::listtool::serve
