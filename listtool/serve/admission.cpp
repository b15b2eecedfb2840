#include "listtool/serve/admission.h"

#include <algorithm>
#include <utility>

namespace starttls::listtool::socketmap {
namespace {

using Clock = std::chrono::steady_clock;

// Nobody gives way: what an examination asks is bounded, and so is the time that it takes.
constexpr std::chrono::hours never{24};

http::TurnLimits turn_limits(const AdmissionLimits& limits) {
  return {
      .most_at_once = limits.places,
      .most_per_address = limits.places,
      .queue = http::QueueBounds{
          .longest_wait = limits.longest_wait, .give_way_after = never, .most_waiting = limits.most_waiting}};
}

}  // namespace

Admission::Admission(event::Loop& loop, AdmissionLimits limits)
    : limits_(limits), turns_(turn_limits(limits)), look_again_(loop, [this] { admit_next(); }) {
  limits_.of_one_owner = std::max<std::size_t>(limits.of_one_owner, 1);
}

event::Task<std::optional<Admission::Refusal>> Admission::enter(NextHop next_hop, bool is_known,
                                                                std::function<void()> waits) {
  const std::string owner = owners_.of(next_hop.domain().str());
  std::size_t& of_owner = of_owner_[owner];
  const bool is_one_of_many = !is_known && next_hop.domain().str() != owner;
  if (is_one_of_many && of_owner >= limits_.of_one_owner) co_return Refusal::owner;
  ++of_owner;
  event::Arrival<std::optional<Refusal>> admitted;
  auto refused =
      turns_.join({.address = owner, .network = owner, .met = is_known},
                  {.next_hop = std::move(next_hop), .owner = owner, .admitted = &admitted}, Clock::now());
  if (refused) {
    leave_owner(refused->owner);
    refused->admitted->arrive(Refusal::full);
  }
  admit_next();
  if (!admitted.await_ready()) waits();
  const auto refusal = co_await admitted;
  co_return refusal;
}

void Admission::admit_next() {
  while (auto turn = turns_.next(Clock::now())) {
    auto& [ticket, next] = *turn;
    admitted_.emplace(std::move(next.next_hop), Place{.owner = std::move(next.owner), .ticket = ticket});
    next.admitted->arrive(std::nullopt);
  }
  while (const auto late = turns_.who_waited_too_long(Clock::now())) {
    leave_owner(late->owner);
    late->admitted->arrive(Refusal::full);
  }
  const auto moment = turns_.next_moment();
  if (!moment) return look_again_.stop();
  const auto until = std::chrono::ceil<std::chrono::milliseconds>(*moment - Clock::now());
  look_again_.start(std::max(until, std::chrono::milliseconds{1}));
}

void Admission::wait_for_host(const NextHop& next_hop) {
  const auto found = admitted_.find(next_hop);
  if (found == admitted_.end() || !found->second.ticket) return;
  turns_.leave(*std::exchange(found->second.ticket, std::nullopt));
  admit_next();
}

void Admission::leave(const NextHop& next_hop) {
  const auto found = admitted_.find(next_hop);
  leave_owner(found->second.owner);
  const auto ticket = found->second.ticket;
  admitted_.erase(found);
  if (ticket) turns_.leave(*ticket);
  admit_next();
}

void Admission::leave_owner(const std::string& owner) {
  const auto found = of_owner_.find(owner);
  if (--found->second == 0) of_owner_.erase(found);
}

}  // namespace starttls::listtool::socketmap
