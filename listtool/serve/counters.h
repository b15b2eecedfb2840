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

// What each counts is in the table of metrics.cpp.
struct Counters {
  // Written by the answering thread.
  std::array<std::array<Counter, outcomes>, dialects> requests;
  std::array<Counter, sources> policies;  // replies with a policy, by its source
  Counter hits;
  Counter misses;
  Counter not_domains;
  Counter malformed;
  Counter too_late;
  Counter overloaded;
  Counter waiting;
  Counter domains;
  Counter table_bytes;
  Counter evicted;
  Counter connections;
  Counter connections_accepted;
  Counter connections_dropped;
  Counter connections_clogged;
  Counter connections_bytes;

  // Written by the lookup thread.
  Counter examined;
  Counter refreshed;
  Counter dns_failures;
  Counter fetched;
  Counter fetch_failures;
  Counter under_way;
  Counter waiting_for_hosts;
  Counter owner_refused;
  Counter put_off;
  Counter questions_refused;
  Counter fetches_waiting;
  Counter generation;
  Counter reloads_failed;
};

}  // namespace starttls::listtool::serve
