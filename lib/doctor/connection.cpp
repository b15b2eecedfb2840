#include "doctor/connection.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "base/file.h"
#include "base/text.h"
#include "base/try.h"

namespace starttls::doctor {
namespace {

using std::chrono::steady_clock;
using namespace std::string_view_literals;

constexpr std::size_t max_answer = 100'100;  // bytes: a reply of socketmap_table(5) as a netstring
constexpr std::size_t max_shown = 100;

class Connection {
 public:
  static Result<Connection> open(const config::Address& address, std::chrono::milliseconds time_limit);

  Result<void> send(std::string_view bytes);
  // Reads until the text is at least so long.
  Result<void> read(std::string& text, std::size_t size);

 private:
  Connection(const config::Address& address, std::chrono::milliseconds time_limit)
      : name_(config::to_string(address)), until_(steady_clock::now() + time_limit) {}

  Result<void> connect(const config::Address& address);
  Result<void> wait(short events) const;
  std::unexpected<Error> failed(int error) const;

  std::string name_;
  steady_clock::time_point until_;
  UniqueFd socket_;
};

std::unexpected<Error> Connection::failed(int error) const {
  const bool is_denied = error == EACCES || error == EPERM;
  return fail(is_denied ? Fault::permission : Fault::unavailable, "{}: {}", name_, errno_text(error));
}

Result<void> Connection::wait(short events) const {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until_ - steady_clock::now());
  pollfd entry{.fd = socket_.get(), .events = events, .revents = 0};
  const int ready = ::poll(&entry, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
  if (ready < 0) return failed(errno);
  if (ready == 0) return fail(Fault::temporary, "{}: no answer in time", name_);
  return {};
}

Result<void> Connection::connect(const config::Address& address) {
  config::SocketAddress place;
  if (address.is_unix()) {
    sockaddr_un unix_address{.sun_family = AF_UNIX, .sun_path = {}};
    if (address.path.size() >= sizeof unix_address.sun_path) return failed(ENAMETOOLONG);
    address.path.copy(unix_address.sun_path, address.path.size());
    std::memcpy(&place.storage, &unix_address, sizeof unix_address);
    place.size = sizeof unix_address;
  } else {
    place = TRY(config::resolve(address));
  }
  const int flags = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
  socket_ = UniqueFd(::socket(place.get()->sa_family, flags, 0));
  if (!socket_) return failed(errno);
  if (::connect(socket_.get(), place.get(), place.size) == 0) return {};
  if (errno != EINPROGRESS) return failed(errno);
  TRY(wait(POLLOUT));
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  if (error != 0) return failed(error);
  return {};
}

Result<Connection> Connection::open(const config::Address& address, std::chrono::milliseconds time_limit) {
  Connection connection(address, time_limit);
  TRY(connection.connect(address));
  return connection;
}

Result<void> Connection::send(std::string_view bytes) {
  while (!bytes.empty()) {
    TRY(wait(POLLOUT));
    const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) return failed(errno);
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

Result<void> Connection::read(std::string& text, std::size_t size) {
  char buffer[4096];  // NOLINT(*-avoid-c-arrays)
  while (text.size() < size) {
    TRY(wait(POLLIN));
    const ssize_t got = ::recv(socket_.get(), buffer, sizeof buffer, 0);
    if (got < 0) return failed(errno);
    if (got == 0) return fail(Fault::data, "{}: closed the connection without an answer", name_);
    text.append(buffer, static_cast<std::size_t>(got));
    if (text.size() > max_answer) return fail(Fault::data, "{}: answered too much", name_);
  }
  return {};
}

}  // namespace

Result<void> find_receiver(const std::string& path) {
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  const auto failed = [&](int error) {
    const bool is_denied = error == EACCES || error == EPERM;
    return fail(is_denied ? Fault::permission : Fault::unavailable, "{}: {}", path, errno_text(error));
  };
  if (path.size() >= sizeof address.sun_path) return failed(ENAMETOOLONG);
  path.copy(address.sun_path, path.size());
  const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return failed(errno);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return {};
  return failed(errno);
}

Result<void> ask_milter(const config::Address& address, std::chrono::milliseconds time_limit) {
  // SMFIC_OPTNEG: length 13, 'O', version 6, all actions and protocol flags of Postfix; SMFIC_QUIT.
  constexpr auto negotiation = "\0\0\0\x0DO\0\0\0\x06\0\0\x01\xFF\0\x1F\xFF\xFF"sv;
  constexpr auto quit = "\0\0\0\x01Q"sv;
  constexpr std::size_t head = 5;  // a length and the command
  Connection connection = TRY(Connection::open(address, time_limit));
  TRY(connection.send(negotiation));
  std::string answer;
  TRY(connection.read(answer, head));
  if (answer[head - 1] != 'O') return fail(Fault::data, "{}: is no milter", config::to_string(address));
  return connection.send(quit);
}

Result<std::string> ask_socketmap(const config::Address& address, std::string_view request,
                                  std::chrono::milliseconds time_limit) {
  Connection connection = TRY(Connection::open(address, time_limit));
  TRY(connection.send(fmt::format("{}:{},", request.size(), request)));
  std::string answer;
  while (!answer.contains(':')) {
    TRY(connection.read(answer, answer.size() + 1));
    const std::size_t colon = answer.find(':');
    const std::string_view digits = std::string_view(answer).substr(0, colon);
    if (digits.empty() || digits.find_first_not_of("0123456789") != std::string_view::npos ||
        digits.size() > 6) {
      return fail(Fault::data, "{}: answered '{}', which is no socketmap reply", config::to_string(address),
                  printable(answer, max_shown));
    }
  }
  const std::size_t colon = answer.find(':');
  std::size_t length = 0;
  std::from_chars(answer.data(), answer.data() + colon, length);
  TRY(connection.read(answer, colon + 1 + length + 1));
  return answer.substr(colon + 1, length);
}

}  // namespace starttls::doctor
