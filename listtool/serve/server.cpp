#include "listtool/serve/server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <optional>

#include "base/log.h"

namespace starttls::listtool::serve {
namespace {

using namespace std::chrono_literals;
using event::DescriptorWatcher;

// How late, at most, deadlines and idle connections are noticed.
constexpr auto tick_interval = 1s;
// How long accepting pauses when no connection or descriptor is free.
constexpr auto pause_of_accepting = 100ms;
// Open connections are served between new ones.
constexpr int max_accepted_at_once = 64;

bool is_resource_shortage(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

// The limit for replies in the kernel that a peer does not read, in bytes; the kernel uses twice as much. The
// default over TCP would be 4 MiB.
constexpr int send_buffer = 64 << 10;

void set_options(int socket) {
  (void)::setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer);
  // Replies are sent immediately: no later reply is waited for to share a packet. A unix socket has no such
  // option.
  const int on = 1;
  (void)::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

}  // namespace

struct Server::Held final : Connection::Owner {
  Held(Server& server_, UniqueFd socket)
      : server(server_),
        last_active(server.moment_),
        connection(server.loop_, std::move(socket), server.answerer_, server.counters_, server.scratch_,
                   *this) {}

  void was_active(Connection&) override {
    last_active = server.moment_;
    server.connections_.splice(server.connections_.end(), server.connections_, self);
  }
  void has_ended(Connection&) override { server.remove(self); }
  void holds_more(Connection&) override { server.close_largest(*this); }

  Server& server;
  Connections::iterator self;
  std::chrono::steady_clock::time_point last_active;
  Connection connection;
};

struct Server::Listener {
  UniqueFd socket;
  std::optional<DescriptorWatcher> watch;
};

Server::Server(event::Loop& loop, std::vector<UniqueFd> listeners, Answerer& answerer, Counters& counters,
               Clock clock, ServerLimits limits)
    : loop_(loop),
      answerer_(answerer),
      counters_(counters),
      clock_(std::move(clock)),
      limits_(limits),
      moment_(std::chrono::steady_clock::now()),
      ticking_(loop, [this] { tick(); }),
      deadline_(loop, [this] { expire(); }),
      pause_(loop, [this] { listen_again(); }),
      end_of_draining_(loop, [this] {
        while (!connections_.empty()) remove(connections_.begin());
      }) {
  for (UniqueFd& socket : listeners) {
    listeners_.push_back(std::make_unique<Listener>());
    listeners_.back()->socket = std::move(socket);
  }
  answerer_.deadline_is_nearer = [this] { set_deadline(); };
  listen_again();
  tick();
}

Server::~Server() {
  answerer_.deadline_is_nearer = [] {};
}

void Server::listen_again() {
  for (const auto& listener : listeners_) {
    if (listener->watch) continue;
    listener->watch.emplace(loop_, listener->socket.get(), DescriptorWatcher::For::reading,
                            [this, at = listener.get()] { accept(*at); });
  }
}

void Server::stop_listening_for_now() {
  for (const auto& listener : listeners_) listener->watch.reset();
  pause_.start(pause_of_accepting);
}

void Server::accept(Listener& listener) {
  for (int i = 0; i < max_accepted_at_once; ++i) {
    if (connections_.size() >= limits_.max_connections && longest_idle() == connections_.end()) {
      return stop_listening_for_now();
    }
    if (!accept_one(listener)) return;
  }
}

// Returns false if no other connection can be accepted now.
bool Server::accept_one(Listener& listener) {
  const auto next = [&] {
    return UniqueFd(::accept4(listener.socket.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  };
  UniqueFd socket = next();
  const bool is_short = !socket && is_resource_shortage(errno);
  // The kernel reports this even if no other peer waits. So a connection is closed, and one more attempt is
  // made.
  if (is_short && make_room()) socket = next();
  if (!socket) {
    const int error = errno;
    if (is_resource_shortage(error)) stop_listening_for_now();
    // If a peer has already closed its connection, the others are still accepted.
    return error == EINTR || error == ECONNABORTED;
  }
  set_options(socket.get());
  if (connections_.size() >= limits_.max_connections) make_room();
  const auto held = connections_.emplace(connections_.end(), *this, std::move(socket));
  held->self = held;
  counters_.connections_accepted.add();
  counters_.connections.set(connections_.size());
  return !is_short;
}

Server::Connections::iterator Server::longest_idle() {
  return std::ranges::find_if(connections_, [](const Held& held) { return !held.connection.waits(); });
}

// Returns false if all connections wait for replies.
bool Server::make_room() {
  const auto idle = longest_idle();
  if (idle == connections_.end()) return false;
  drop(idle);
  return true;
}

void Server::drop(Connections::iterator connection) {
  counters_.connections_dropped.add();
  remove(connection);
}

// If all connections together store too much, some store more than an equal share. A connection that only
// waits for a reply does not.
void Server::close_largest(const Held& spared) {
  if (scratch_.held <= limits_.max_held_bytes || is_draining_all_) return;
  const std::size_t share = limits_.max_held_bytes / connections_.size();
  for (auto held = connections_.begin();
       held != connections_.end() && scratch_.held > limits_.max_held_bytes;) {
    const auto next = std::next(held);
    if (&*held != &spared && held->connection.held() > share) {
      counters_.connections_clogged.add();
      remove(held);
    }
    held = next;
  }
}

void Server::remove(Connections::iterator connection) {
  connections_.erase(connection);
  counters_.connections.set(connections_.size());
  if (connections_.empty() && drained_) {
    const auto drained = std::exchange(drained_, nullptr);
    drained();
  }
}

void Server::tick() {
  moment_ = std::chrono::steady_clock::now();
  answerer_.set_time(clock_());
  for (auto held = connections_.begin(); held != connections_.end();) {
    const auto next = std::next(held);
    if (moment_ - held->last_active < limits_.idle_timeout) break;
    if (!held->connection.waits()) drop(held);
    held = next;
  }
  ticking_.start(tick_interval);
}

void Server::expire() {
  answerer_.expire(answerer_.moment());
  set_deadline();
}

void Server::set_deadline() {
  const auto next = answerer_.next_deadline();
  if (!next) return deadline_.stop();
  // Rounded up, so that the timer does not fire too early and need a second round.
  deadline_.start(std::chrono::duration_cast<std::chrono::milliseconds>(*next - answerer_.moment()) + 1ms);
}

void Server::drain(std::chrono::milliseconds longest, std::function<void()> drained) {
  pause_.stop();
  listeners_.clear();
  drained_ = std::move(drained);
  end_of_draining_.start(longest);
  if (connections_.empty()) return std::exchange(drained_, nullptr)();
  is_draining_all_ = true;
  for (auto held = connections_.begin(); held != connections_.end();) {
    const auto next = std::next(held);
    held->connection.drain();
    held = next;
  }
  is_draining_all_ = false;
}

}  // namespace starttls::listtool::serve
