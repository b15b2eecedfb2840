// What the server counts, to be shown (see metrics.h). Each counter is written by one thread and read by any.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "listtool/serve/reply.h"

namespace starttls::listtool::serve {

class Counter {
 public:
  // Cheaper than an addition that other threads could make, too.
  void add(std::uint64_t more = 1) { set(value() + more); }
  void set(std::uint64_t value) { value_.store(value, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_ = 0;
};

inline constexpr std::size_t sources = 5;  // of policy::Source

struct Counters {
  // Written by the answering thread.
  std::array<std::array<Counter, outcomes>, dialects> requests;
  std::array<Counter, sources> policies;  // replies with a policy, by where it is from
  Counter hits;                           // answered from the table
  Counter misses;                         // had to wait
  Counter not_domains;                    // keys that are no domain, ".parent" above all
  Counter malformed;                      // connections closed for what they sent
  Counter too_late;                       // answered "try again" after the time limit
  Counter overloaded;                     // answered "try again" at once
  Counter waiting;                        // now
  Counter domains;                        // in the table, now
  Counter table_bytes;                    // about, now
  Counter evicted;
  Counter connections;  // now
  Counter connections_accepted;
  Counter connections_dropped;  // idle ones that made room, or were idle for too long
  Counter connections_clogged;  // closed because they held too much
  Counter connections_bytes;    // what all of them hold, now

  // Written by the finding thread.
  Counter examined;           // domains
  Counter refreshed;          // of these, in the background before they expire
  Counter dns_failures;       // examinations in which the DNS could not tell
  Counter fetched;            // policy hosts asked
  Counter fetch_failures;     // of these, without a policy
  Counter under_way;          // examinations, now
  Counter waiting_for_hosts;  // of these, for nothing but the policy host
  Counter owner_refused;      // answered "try again" at once, as too many of the same owner are examined
  Counter put_off;            // examinations that did not end, as others were in the way
  Counter questions_refused;  // of the DNS, by the bounds of policy/asking.h
  Counter fetches_waiting;    // for their turn, now
  Counter generation;
  Counter reloads_failed;
};

}  // namespace starttls::listtool::serve
