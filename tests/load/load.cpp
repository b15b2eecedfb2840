#include "load/load.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

namespace starttls::load {

using Steady = std::chrono::steady_clock;

Load::Load(Address address, LoadOptions options, NextScript next, OnEnd on_end)
    : address_(address),
      options_(options),
      next_(std::move(next)),
      on_end_(std::move(on_end)),
      connections_(options.connections) {}

Result<Load> Load::start(Address address, LoadOptions options, NextScript next, OnEnd on_end) {
  Load load(address, options, std::move(next), std::move(on_end));
  load.epoll_ = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
  if (!load.epoll_) return fail(Fault::internal, "epoll: {}", errno_text(errno));
  return load;
}

Result<void> Load::turn(std::chrono::milliseconds wait) {
  auto opened = open_free();
  if (auto turned = turn_open_ones(wait); !turned) return turned;
  return opened;
}

Result<void> Load::open_free() {
  for (Connection& connection : connections_) {
    if (connection.fd) continue;
    auto script = next_();
    if (!script) return {};
    connection = Connection{};
    connection.script = std::move(*script);
    connection.begin = Steady::now();
    ++open_;
    auto fd = address_.connect();
    if (!fd) {
      end(connection, fd.error().message);
      if (fd.error().fault == Fault::temporary) return {};
      return std::unexpected(fd.error());
    }
    connection.fd = std::move(*fd);
    epoll_event event{.events = EPOLLIN | EPOLLOUT, .data = {.ptr = &connection}};
    connection.watches_writable = true;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, connection.fd.get(), &event) != 0) {
      return fail(Fault::internal, "epoll_ctl: {}", errno_text(errno));
    }
  }
  return {};
}

Result<void> Load::turn_open_ones(std::chrono::milliseconds wait) {
  std::array<epoll_event, 512> events{};
  const int ready = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()),
                                 static_cast<int>(wait.count()));
  if (ready < 0 && errno != EINTR) return fail(Fault::internal, "epoll_wait: {}", errno_text(errno));
  for (int i = 0; i < ready; ++i) {
    auto& connection = *static_cast<Connection*>(events.at(static_cast<std::size_t>(i)).data.ptr);
    on_event(connection);
  }
  return {};
}

void Load::on_event(Connection& connection) {
  read(connection);
  if (connection.fd) write(connection);
}

void Load::read(Connection& connection) {
  std::array<char, 4096> buffer{};
  for (;;) {
    const ssize_t got = ::recv(connection.fd.get(), buffer.data(), buffer.size(), 0);
    if (got == 0) return on_end_of_stream(connection);
    if (got < 0) {
      if (errno == EINTR) continue;
      // ENOTCONN: an inet connection that is not established yet.
      if (errno == EAGAIN || errno == ENOTCONN) return;
      return end(connection, "read: " + errno_text(errno));
    }
    connection.reader.feed({buffer.data(), static_cast<std::size_t>(got)});
    while (const auto packet = connection.reader.next()) {
      if (!on_packet(connection, *packet)) {
        return end(connection, fmt::format("unexpected reply {:#x}", packet->command));
      }
    }
    if (static_cast<std::size_t>(got) < buffer.size() && connection.reached != Reached::quit_written) return;
  }
}

// Returns whether the packet was expected.
bool Load::on_packet(Connection& connection, const Packet& packet) {
  if (!connection.negotiated) {
    const auto agreed = packet.command == reply::negotiate ? parse_negotiation(packet.data) : std::nullopt;
    if (!agreed) return false;
    connection.negotiated = true;
    connection.dialogue = dialogue_of(connection.script, *agreed);
    connection.written = 0;
    return true;
  }
  if (packet.command == 0) return false;
  if (reply::others.contains(packet.command)) return true;
  const auto& steps = connection.dialogue.steps;
  auto& step = connection.step;
  while (step < steps.size() && !steps[step].answered) ++step;
  const bool due = step < steps.size() && connection.written >= steps[step].end;
  if (!due || !reply::finals.contains(packet.command)) return false;
  if (connection.reached == Reached::nothing) {
    connection.reached = Reached::connect_answered;
    connection.declined = packet.command == reply::accept;
  }
  if (options_.on_reply) options_.on_reply(Steady::now() - connection.asked);
  const int message = steps[step].message;
  ++step;
  if (packet.command == reply::accept) {
    // The filter does not need the rest of this message, or of the connection.
    while (step + 1 < steps.size() && (message == 0 || steps[step].message == message)) ++step;
    connection.written = steps[step - 1].end;
  }
  return true;
}

void Load::on_end_of_stream(Connection& connection) {
  const bool at_end = connection.reached == Reached::quit_written;
  if (at_end) connection.reached = Reached::closed;
  end(connection, at_end ? "" : "the filter closed the connection");
}

void Load::write(Connection& connection) {
  if (!connection.negotiated) {
    watch(connection, !write_until(connection, offer_, offer_.size()));
    return;
  }
  const Dialogue& dialogue = connection.dialogue;
  // Up to the end of the next step that is answered, or of all steps.
  std::size_t last = connection.step;
  while (last + 1 < dialogue.steps.size() && !dialogue.steps[last].answered) ++last;
  if (last >= dialogue.steps.size()) return;
  const bool has_news = connection.written < dialogue.steps[last].end;
  const bool whole = write_until(connection, dialogue.bytes, dialogue.steps[last].end);
  if (!connection.fd) return;
  if (has_news && whole && options_.on_reply) connection.asked = Steady::now();
  if (connection.written > dialogue.quit_begin()) connection.reached = Reached::quit_written;
  watch(connection, !whole);
}

// Returns whether everything before `end` is written. The connection may have ended.
bool Load::write_until(Connection& connection, const std::string& bytes, std::size_t end) {
  while (connection.written < end) {
    const std::string_view rest =
        std::string_view(bytes).substr(connection.written, end - connection.written);
    if (connection.packet_rest == 0) {
      connection.packet_rest = options_.writes == Writes::single ? packet_size(rest) : rest.size();
    }
    const ssize_t put = ::send(connection.fd.get(), rest.data(), connection.packet_rest, MSG_NOSIGNAL);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && (errno == EAGAIN || errno == ENOTCONN)) return false;
    if (put < 0) {
      this->end(connection, "write: " + errno_text(errno));
      return false;
    }
    connection.written += static_cast<std::size_t>(put);
    connection.packet_rest -= static_cast<std::size_t>(put);
  }
  return true;
}

void Load::watch(Connection& connection, bool writable) {
  if (!connection.fd || connection.watches_writable == writable) return;
  connection.watches_writable = writable;
  epoll_event event{.events = EPOLLIN, .data = {.ptr = &connection}};
  if (writable) event.events |= EPOLLOUT;
  (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, connection.fd.get(), &event);
}

void Load::end(Connection& connection, std::string trouble) {
  connection.fd.reset();
  --open_;
  on_end_({.script = std::move(connection.script),
           .reached = connection.reached,
           .declined = connection.declined,
           .trouble = std::move(trouble),
           .duration = Steady::now() - connection.begin});
}

void Load::abandon_all() {
  for (Connection& connection : connections_) {
    if (connection.fd) end(connection, "");
  }
}

void Load::visit_open(const std::function<void(const Script&, Reached)>& visitor) const {
  for (const Connection& connection : connections_) {
    if (connection.fd) visitor(connection.script, connection.reached);
  }
}

}  // namespace starttls::load
