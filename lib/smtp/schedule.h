// When to connect to which address, so that no server sees an attack: few connections to an address at the
// same time, and some time between them. Pure: the time is an argument.
//
//     const auto ticket = schedule.enqueue(address, now);
//     while (const auto next = schedule.try_start(now)) ...;   connect for that ticket
//     schedule.release(ticket, now);                           when its connection is closed
//     schedule.next_start();                                   when to try again
//
// Addresses wait for nothing but their own turn and the limit of all: one that does not answer delays only
// itself. (For pages, http/concurrency_limiter.h is the like, without times.) Each call takes time that grows
// with the logarithm of the number of addresses.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

namespace starttls::smtp {

struct ScheduleLimits {
  // A limit of 0 counts as 1: else nothing could start. One that is lower than the number of servers that are
  // silent makes the others wait for these. A connection without TLS takes some 10 KiB.
  std::size_t max_concurrent = 2'000;
  std::size_t max_per_address = 1;
  std::chrono::milliseconds address_interval{1'000};  // from one connection to an address to the next
  std::chrono::milliseconds interval{0};              // from any connection to the next; 0: none
};

class Schedule {
 public:
  using Moment = std::chrono::steady_clock::time_point;
  using Ticket = std::uint64_t;

  explicit Schedule(ScheduleLimits limits);

  // `address` in one form: IpAddress::text().
  Ticket enqueue(const std::string& address, Moment now);

  // The next that may connect now, of those that came first. It must be released.
  std::optional<Ticket> try_start(Moment now);

  // When the next may connect, as things are; nothing while none waits, or must wait until another is
  // released.
  std::optional<Moment> next_start() const;

  void release(Ticket ticket, Moment now);

  std::size_t waiting() const { return waiting_; }
  std::size_t running() const { return running_.size(); }
  // Addresses that it remembers: those in use, and those used a moment ago.
  std::size_t addresses() const { return places_.size(); }

 private:
  struct Place {
    std::deque<Ticket> waiting;
    std::size_t running = 0;
    Moment next;  // the earliest moment for a connection
  };
  using Places = std::unordered_map<std::string, Place>;
  // The moment, and the first ticket that waits, for the order among those of one moment.
  using Turn = std::pair<std::pair<Moment, Ticket>, const std::string*>;

  std::optional<Turn> turn_of(const Places::value_type& place) const;
  void forget_unused(Moment now);

  ScheduleLimits limits_;
  Places places_;
  std::set<Turn> ready_;  // of each address that may start one more, once its moment has come
  std::unordered_map<Ticket, const std::string*> running_;  // with the address
  std::set<std::pair<Moment, const std::string*>> unused_;  // addresses to forget at that moment
  std::size_t waiting_ = 0;
  Ticket last_ticket_ = 0;
  Moment next_of_all_ = Moment::min();
};

}  // namespace starttls::smtp
