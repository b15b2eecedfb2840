// A connection to a mail server on the event loop, in the clear or inside TLS, with a limit on each wait and
// on the whole.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>

#include "base/file.h"
#include "base/ip_address.h"
#include "event/loop.h"
#include "event/task.h"
#include "smtp/compression.h"
#include "smtp/probe.h"
#include "smtp/prober.h"
#include "smtp/tls.h"

namespace starttls::smtp {

// Why a connection cannot go on: the stop, and a sentence without what was waited for ("within 60 s").
struct Ended {
  Stop stop = Stop::none;
  std::string reason;
};

template <class T = void>
using Outcome = std::expected<T, Ended>;

class Connection {
 public:
  using Moment = std::chrono::steady_clock::time_point;

  // The limit on the whole counts from now on. The limits must outlive it.
  Connection(event::Loop& loop, const ProbeLimits& limits);

  event::Task<Outcome<>> connect(IpAddress address, std::uint16_t port);

  event::Task<Outcome<>> write(std::string text);

  // The next bytes of the server, after at most that time.
  event::Task<Outcome<std::string>> read(std::chrono::milliseconds patience);

  // Begins TLS, and keeps the client. `ignored_text`: lines in the clear that come before are dropped.
  event::Task<Outcome<>> start_tls(std::unique_ptr<TlsClient> client, bool ignored_text);
  // Sends a ClientHello, returns what the server answers, and ends TLS. Nothing can follow but close().
  event::Task<Outcome<ServerHello>> exchange_hellos(std::string client_hello);
  const TlsClient* tls() const { return tls_.get(); }

  // From now on, the whole may take that time more, and no longer.
  void set_last_limit(std::chrono::milliseconds time);
  bool is_too_late() const { return std::chrono::steady_clock::now() >= deadline_; }

  // Sends what ends TLS, without waiting, and closes.
  void close();

 private:
  event::Task<Outcome<>> wait_until_ready(event::DescriptorWatcher::For what, Moment until);
  event::Task<Outcome<>> send(std::string bytes);
  event::Task<Outcome<std::string>> receive(Moment until);
  event::Task<Outcome<>> receive_for_tls(Moment until, bool& ignored_text);
  void acknowledge_at_once() const;
  static bool is_end(TlsClient::Progress progress);
  Ended end_of_tls(TlsClient::Progress progress) const;

  event::Loop& loop_;
  const ProbeLimits& limits_;
  Moment deadline_;  // of the whole
  UniqueFd socket_;
  std::unique_ptr<TlsClient> tls_;
  std::size_t tls_bytes_ = 0;
};

}  // namespace starttls::smtp
