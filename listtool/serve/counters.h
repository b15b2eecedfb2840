// The counters of the server, for the metrics page (see metrics.h). One thread writes each counter; any
// thread may read it.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "listtool/serve/reply.h"

namespace starttls::listtool::serve {

class Counter {
 public:
  // Faster than an atomic addition, and correct because only one thread writes.
  void add(std::uint64_t more = 1) { set(value() + more); }
  void set(std::uint64_t value) { value_.store(value, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_ = 0;
};

inline constexpr std::size_t sources = 5;  // of policy::Source

// The table in metrics.cpp describes each counter.
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
  Counter reloads;
  Counter reloads_failed;
};

}  // namespace starttls::listtool::serve
