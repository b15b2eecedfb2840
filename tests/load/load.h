// Load on a filter: many connections at once, each an MTA's side of one session, in one thread.
//
// The caller brings the sessions, and is told how far each one came.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "load/address.h"
#include "load/protocol.h"
#include "load/script.h"

namespace starttls::load {

// How far a session came, as the MTA's side can know.
enum class Reached {
  nothing,
  connect_answered,  // the filter knows of the connection
  quit_written,      // the filter may have read the end of the session
  closed,            // the filter closed the connection after that: it is done with the session
};

struct SessionEnd {
  Script script;
  Reached reached = Reached::nothing;
  bool declined = false;                // the filter let the connection go at the first step, unseen
  std::string trouble;                  // why it did not reach the end; empty after abandon_all()
  std::chrono::nanoseconds duration{};  // from connect(2) on
};

// Unanswered steps before an answered one go out with it in one write, or each packet in its own.
enum class Writes { batched /* Postfix */, single /* Sendmail */ };

struct LoadOptions {
  std::size_t connections = 1;  // at once
  Writes writes = Writes::batched;
  // Told how long each answered step waited for its reply, from when it was written.
  std::function<void(std::chrono::nanoseconds)> on_reply;
};

class Load {
 public:
  using NextScript = std::function<std::optional<Script>()>;
  using OnEnd = std::function<void(SessionEnd)>;

  // Fault::internal where there is no epoll. `next` is asked when a connection is free, also after it gave
  // nothing.
  static Result<Load> start(Address address, LoadOptions options, NextScript next, OnEnd on_end);

  // Opens connections where there are sessions for them, waits for events no longer than `wait`, and
  // answers those that are there. Fault::unavailable where nobody listens: the session that was to be opened
  // has ended, reached nothing.
  Result<void> turn(std::chrono::milliseconds wait);

  // Without opening connections.
  Result<void> turn_open_ones(std::chrono::milliseconds wait);

  // Ends every session where it is, without a look at what the filter may have sent meanwhile.
  void abandon_all();

  std::size_t open_connections() const { return open_; }

  // How far each open session has come.
  void visit_open(const std::function<void(const Script&, Reached)>& visitor) const;

 private:
  struct Connection {
    UniqueFd fd;
    Script script;
    Dialogue dialogue;  // empty until the negotiation is done
    PacketReader reader;
    std::chrono::steady_clock::time_point begin;
    std::chrono::steady_clock::time_point asked;  // when the step that is waited for was written
    std::size_t step = 0;                         // waited for; behind the last: nothing but the end is
    std::size_t written = 0;                      // bytes of the dialogue, or of the offer before
    std::size_t packet_rest = 0;                  // bytes that are left of a write that was begun
    Reached reached = Reached::nothing;
    bool negotiated = false;
    bool declined = false;
    bool watches_writable = false;
  };

  Load(Address address, LoadOptions options, NextScript next, OnEnd on_end);

  Result<void> open_free();
  void on_event(Connection& connection);
  void read(Connection& connection);
  bool on_packet(Connection& connection, const Packet& packet);
  void on_end_of_stream(Connection& connection);
  void write(Connection& connection);
  bool write_until(Connection& connection, const std::string& bytes, std::size_t end);
  void watch(Connection& connection, bool writable);
  void end(Connection& connection, std::string trouble);

  Address address_;
  LoadOptions options_;
  NextScript next_;
  OnEnd on_end_;
  std::string offer_ = offer();
  UniqueFd epoll_;
  std::vector<Connection> connections_;
  std::size_t open_ = 0;
};

}  // namespace starttls::load
