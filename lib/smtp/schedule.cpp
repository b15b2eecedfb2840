#include "smtp/schedule.h"

#include <algorithm>

namespace starttls::smtp {

Schedule::Schedule(ScheduleLimits limits) : limits_(limits) {
  limits_.max_concurrent = std::max<std::size_t>(limits.max_concurrent, 1);
  limits_.max_per_address = std::max<std::size_t>(limits.max_per_address, 1);
}

// The pointers to names stay valid: rehashing moves no element.
std::optional<Schedule::Turn> Schedule::turn_of(const Places::value_type& place) const {
  const auto& [name, state] = place;
  if (state.waiting.empty() || state.running >= limits_.max_per_address) return std::nullopt;
  return Turn{{state.next, state.waiting.front()}, &name};
}

Schedule::Ticket Schedule::enqueue(const std::string& address, Moment now) {
  forget_unused(now);
  const Ticket ticket = ++last_ticket_;
  const auto [found, is_new] = places_.try_emplace(address);
  Place& place = found->second;
  if (is_new) place.next = now;
  unused_.erase({place.next, &found->first});
  place.waiting.push_back(ticket);
  ++waiting_;
  if (const auto turn = turn_of(*found)) ready_.insert(*turn);
  return ticket;
}

std::optional<Schedule::Ticket> Schedule::try_start(Moment now) {
  const auto moment = next_start();
  if (!moment || *moment > now) return std::nullopt;
  const std::string* const name = ready_.begin()->second;
  ready_.erase(ready_.begin());
  const auto found = places_.find(*name);
  Place& place = found->second;
  const Ticket ticket = place.waiting.front();
  place.waiting.pop_front();
  --waiting_;
  ++place.running;
  running_.emplace(ticket, name);
  place.next = now + limits_.address_interval;
  next_of_all_ = now + limits_.interval;
  if (const auto turn = turn_of(*found)) ready_.insert(*turn);
  return ticket;
}

std::optional<Schedule::Moment> Schedule::next_start() const {
  if (ready_.empty() || running_.size() >= limits_.max_concurrent) return std::nullopt;
  return std::max(ready_.begin()->first.first, next_of_all_);
}

void Schedule::release(Ticket ticket, Moment now) {
  const auto ended = running_.extract(ticket);
  if (ended.empty()) return;
  const auto found = places_.find(*ended.mapped());
  Place& place = found->second;
  --place.running;
  if (const auto turn = turn_of(*found)) ready_.insert(*turn);
  if (place.running == 0 && place.waiting.empty()) unused_.insert({place.next, &found->first});
  forget_unused(now);
}

void Schedule::forget_unused(Moment now) {
  while (!unused_.empty() && unused_.begin()->first <= now) {
    const auto found = places_.find(*unused_.begin()->second);
    unused_.erase(unused_.begin());
    places_.erase(found);
  }
}

}  // namespace starttls::smtp
