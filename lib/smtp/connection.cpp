#include "smtp/connection.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <tuple>
#include <utility>

#include "base/try.h"

namespace starttls::smtp {
namespace {

using event::DescriptorWatcher;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::string_view closed_by_server = "the server closed the connection";
// A warning, in the clear (RFC 5246 section 7.2.1).
constexpr std::string_view close_notify("\x15\x03\x01\x00\x02\x01\x00", 7);
constexpr std::size_t piece_size = std::size_t{16} << 10U;

std::unexpected<Ended> ended(Stop stop, std::string reason) {
  return std::unexpected(Ended{stop, std::move(reason)});
}

std::unexpected<Ended> ended_by(int error) {
  switch (error) {
    case ECONNREFUSED:
      return ended(Stop::refused, errno_text(error));
    case ETIMEDOUT:
      return ended(Stop::timeout, errno_text(error));
    case ECONNRESET:
    case EPIPE:
      return ended(Stop::closed, std::string(closed_by_server));
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case EADDRNOTAVAIL:
      return ended(Stop::local_error, errno_text(error));
    default:
      return ended(Stop::unreachable, errno_text(error));
  }
}

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

SocketAddress socket_address(const IpAddress& address, std::uint16_t port) {
  SocketAddress made;
  if (address.is_ipv4()) {
    sockaddr_in ipv4{.sin_family = AF_INET, .sin_port = htons(port)};
    std::memcpy(&ipv4.sin_addr, address.bytes().data(), sizeof ipv4.sin_addr);
    std::memcpy(&made.storage, &ipv4, sizeof ipv4);
    made.size = sizeof ipv4;
  } else {
    sockaddr_in6 ipv6{.sin6_family = AF_INET6, .sin6_port = htons(port)};
    std::memcpy(&ipv6.sin6_addr, address.bytes().data(), sizeof ipv6.sin6_addr);
    std::memcpy(&made.storage, &ipv6, sizeof ipv6);
    made.size = sizeof ipv6;
  }
  return made;
}

// Without whole lines that begin with a digit: replies in the clear, which no record of TLS begins like (RFC
// 8446 section 5.1).
std::string_view without_replies(std::string_view bytes) {
  while (!bytes.empty() && bytes.front() >= '0' && bytes.front() <= '9') {
    const auto end = bytes.find('\n');
    bytes.remove_prefix(end == bytes.npos ? bytes.size() : end + 1);
  }
  return bytes;
}

}  // namespace

Connection::Connection(event::Loop& loop, const ProbeLimits& limits)
    : loop_(loop), limits_(limits), deadline_(steady_clock::now() + limits.whole) {}

void Connection::set_last_limit(milliseconds time) {
  deadline_ = steady_clock::now() + time;
}

event::Task<Outcome<>> Connection::wait_until_ready(DescriptorWatcher::For what, Moment until) {
  const Moment end = std::min(until, deadline_);
  event::Completion<bool> ready;
  const DescriptorWatcher watcher(loop_, socket_.get(), what, [&ready] { ready.complete(true); });
  event::Timer timer(loop_, [&ready] { ready.complete(false); });
  timer.start(std::chrono::ceil<milliseconds>(end - steady_clock::now()));
  if (co_await ready) co_return Outcome<>();
  if (end == until) co_return ended(Stop::timeout, "");
  co_return ended(Stop::too_slow, "");
}

event::Task<Outcome<>> Connection::connect(IpAddress address, std::uint16_t port) {
  const SocketAddress to = socket_address(address, port);
  socket_ = UniqueFd(::socket(to.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket_) co_return ended_by(errno);
  const int on = 1;
  ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&to.storage), to.size) == 0)
    co_return Outcome<>();
  if (errno != EINPROGRESS) co_return ended_by(errno);
  const Moment until = steady_clock::now() + limits_.connect;
  CO_TRY(, co_await wait_until_ready(DescriptorWatcher::For::writing, until));
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  // A server that has accepted and closed already: what it has sent can still be read.
  if (error != 0 && error != ECONNRESET) co_return ended_by(error);
  co_return Outcome<>();
}

event::Task<Outcome<>> Connection::send(std::string bytes) {
  std::size_t sent = 0;
  const Moment until = steady_clock::now() + limits_.silence;
  while (sent < bytes.size()) {
    const ssize_t count =
        ::send(socket_.get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count >= 0) {
      sent += static_cast<std::size_t>(count);
    } else if (errno == EAGAIN) {
      CO_TRY(, co_await wait_until_ready(DescriptorWatcher::For::writing, until));
    } else if (errno != EINTR) {
      co_return ended_by(errno);
    }
  }
  co_return Outcome<>();
}

// A server that sends without a pause must not keep the loop from other connections, so that each piece of
// bytes comes from the loop.
event::Task<Outcome<std::string>> Connection::receive(Moment until) {
  for (;;) {
    CO_TRY(, co_await wait_until_ready(DescriptorWatcher::For::reading, until));
    std::string bytes(piece_size, '\0');
    const ssize_t count = ::recv(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (count == 0) co_return ended(Stop::closed, std::string(closed_by_server));
    if (count < 0 && errno != EAGAIN && errno != EINTR) co_return ended_by(errno);
    if (count < 0) continue;
    bytes.resize(static_cast<std::size_t>(count));
    acknowledge_at_once();
    co_return bytes;
  }
}

// Else a server with Nagle's algorithm keeps its reply back until the kernel acknowledges the session tickets
// before it, 40 ms later. The kernel forgets this after a while (tcp(7)).
void Connection::acknowledge_at_once() const {
  const int on = 1;
  ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}

event::Task<Outcome<>> Connection::receive_for_tls(Moment until, bool& ignored_text) {
  CO_TRY(const std::string bytes =, co_await receive(until));
  tls_bytes_ += bytes.size();
  if (tls_bytes_ > limits_.max_tls_bytes)
    co_return ended(Stop::protocol, fmt::format("more than {} bytes inside TLS", limits_.max_tls_bytes));
  const std::string_view records = ignored_text ? without_replies(bytes) : std::string_view(bytes);
  if (!records.empty()) ignored_text = false;
  tls_->add_received(records);
  co_return Outcome<>();
}

Ended Connection::end_of_tls(TlsClient::Progress progress) const {
  if (progress == TlsClient::Progress::closed)
    return {.stop = Stop::closed, .reason = std::string(closed_by_server)};
  return {.stop = Stop::handshake, .reason = tls_->error()};
}

bool Connection::is_end(TlsClient::Progress progress) {
  return progress == TlsClient::Progress::failed || progress == TlsClient::Progress::closed;
}

event::Task<Outcome<>> Connection::start_tls(std::unique_ptr<TlsClient> client, bool ignored_text) {
  tls_ = std::move(client);
  const Moment until = steady_clock::now() + limits_.handshake;
  for (;;) {
    const TlsClient::Progress progress = tls_->handshake();
    const Outcome<> sent = co_await send(tls_->take_to_send());
    if (is_end(progress)) co_return std::unexpected(end_of_tls(progress));
    if (!sent) co_return sent;
    if (progress == TlsClient::Progress::finished) co_return Outcome<>();
    CO_TRY(, co_await receive_for_tls(until, ignored_text));
  }
}

event::Task<Outcome<ServerHello>> Connection::exchange_hellos(std::string client_hello) {
  CO_TRY(, co_await send(std::move(client_hello)));
  const Moment until = steady_clock::now() + limits_.handshake;
  std::string bytes;
  for (;;) {
    CO_TRY(bytes +=, co_await receive(until));
    const ServerHello hello = read_server_hello(bytes);
    if (hello.state == ServerHello::State::incomplete && bytes.size() <= limits_.max_tls_bytes) continue;
    std::ignore = co_await send(std::string(close_notify));
    co_return hello;
  }
}

event::Task<Outcome<>> Connection::write(std::string text) {
  if (!tls_) {
    CO_TRY(, co_await send(std::move(text)));
    co_return Outcome<>();
  }
  const TlsClient::Progress progress = tls_->write(text);
  if (progress != TlsClient::Progress::finished) co_return std::unexpected(end_of_tls(progress));
  CO_TRY(, co_await send(tls_->take_to_send()));
  co_return Outcome<>();
}

event::Task<Outcome<std::string>> Connection::read(milliseconds patience) {
  if (!tls_) {
    CO_TRY(std::string bytes =, co_await receive(steady_clock::now() + patience));
    co_return bytes;
  }
  std::string text;
  bool ignored_text = false;
  for (;;) {
    const TlsClient::Progress progress = tls_->read(text);
    if (!text.empty()) co_return text;
    if (is_end(progress)) co_return std::unexpected(end_of_tls(progress));
    CO_TRY(, co_await send(tls_->take_to_send()));
    CO_TRY(, co_await receive_for_tls(steady_clock::now() + patience, ignored_text));
  }
}

void Connection::close() {
  if (tls_ && socket_) {
    tls_->close();
    const std::string bytes = tls_->take_to_send();
    std::ignore = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  }
  socket_.reset();
}

}  // namespace starttls::smtp
