// The connections of all mail servers: accepts them, limits their number, and closes idle ones.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "event/loop.h"
#include "listtool/serve/answerer.h"
#include "listtool/serve/connection.h"
#include "listtool/serve/counters.h"

namespace starttls::listtool::serve {

struct ServerLimits {
  // Beyond this number the longest idle connection is closed. If none is idle, new connections wait to be
  // accepted.
  std::size_t max_connections = 10'000;
  std::chrono::milliseconds idle_timeout = std::chrono::minutes(10);
  // The limit for requests and replies of all connections in memory, in bytes. Beyond it, connections that
  // store more than an equal share are closed, those first whose peers have not read or written for the
  // longest time.
  std::size_t max_held_bytes = std::size_t{64} << 20U;
};

class Server {
 public:
  // `listeners` are non-blocking. All references must outlive this object.
  Server(event::Loop& loop, std::vector<UniqueFd> listeners, Answerer& answerer, Counters& counters,
         Clock clock, ServerLimits limits);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  // Stops accepting connections, answers the pending requests, and then calls `drained`, but not later than
  // after `longest`.
  void drain(std::chrono::milliseconds longest, std::function<void()> drained);

  std::size_t connections() const { return connections_.size(); }

 private:
  struct Held;
  using Connections = std::list<Held>;  // the longest idle first
  struct Listener;

  void accept(Listener& listener);
  bool accept_one(Listener& listener);
  Connections::iterator longest_idle();
  bool make_room();
  void stop_listening_for_now();
  void listen_again();
  void tick();
  void close_largest(const Held& spared);
  void drop(Connections::iterator connection);
  void remove(Connections::iterator connection);
  void expire();
  void set_deadline();

  event::Loop& loop_;
  Answerer& answerer_;
  Counters& counters_;
  Clock clock_;
  ServerLimits limits_;
  Scratch scratch_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  Connections connections_;
  std::function<void()> drained_;
  bool is_draining_all_ = false;
  std::chrono::steady_clock::time_point moment_;
  event::Timer ticking_;
  event::Timer deadline_;
  event::Timer pause_;
  event::Timer end_of_draining_;
};

}  // namespace starttls::listtool::serve
