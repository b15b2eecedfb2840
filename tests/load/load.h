// Load on a filter: many connections at the same time, in one thread. Each is the MTA's side of one session.
//
// The caller provides the sessions, and gets the last step that each one reached.
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

// The last step of a session, as far as the MTA's side can know it.
enum class Reached {
  nothing,
  connect_answered,  // the filter has accepted the connection
  quit_written,      // the filter may have read the end of the session
  closed,            // the filter then closed the connection: the session is finished
};

struct SessionEnd {
  Script script;
  Reached reached = Reached::nothing;
  bool declined = false;                // the filter ended the connection at the first step
  std::string trouble;                  // why it did not reach the end; empty after abandon_all()
  std::chrono::nanoseconds duration{};  // from connect(2) on
};

// Steps without a reply are sent in one write with the next step that has one, or each packet in its own
// write.
enum class Writes { batched /* Postfix */, single /* Sendmail */ };

struct LoadOptions {
  std::size_t connections = 1;  // at the same time
  Writes writes = Writes::batched;
  // Called with the time that each answered step waited for its reply, since it was written.
  std::function<void(std::chrono::nanoseconds)> on_reply;
};

class Load {
 public:
  using NextScript = std::function<std::optional<Script>()>;
  using OnEnd = std::function<void(SessionEnd)>;

  // Fault::internal without epoll. `next` is called when a connection is free, even after it returned
  // nothing.
  static Result<Load> start(Address address, LoadOptions options, NextScript next, OnEnd on_end);

  // Opens connections for sessions, waits for events for at most `wait`, and handles the available ones.
  // Fault::unavailable if no process listens: then the new session has ended at Reached::nothing.
  Result<void> turn(std::chrono::milliseconds wait);

  // The same without opening connections.
  Result<void> turn_open_ones(std::chrono::milliseconds wait);

  // Ends every session at its current step, and does not read what the filter may have sent.
  void abandon_all();

  std::size_t open_connections() const { return open_; }

  // Calls back with the last step of each open session.
  void visit_open(const std::function<void(const Script&, Reached)>& visitor) const;

 private:
  struct Connection {
    UniqueFd fd;
    Script script;
    Dialogue dialogue;  // empty until the negotiation is finished
    PacketReader reader;
    std::chrono::steady_clock::time_point begin;
    std::chrono::steady_clock::time_point asked;  // when the current step was written
    std::size_t step = 0;                         // waited for; after the last one only the end is expected
    std::size_t written = 0;                      // bytes of the dialogue, or of the offer before it
    std::size_t packet_rest = 0;                  // bytes left of the current packet
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
