#include "dns/authenticated.h"

#include <netdb.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/file.h"
#include "base/try.h"
#include "dns/servers.h"

namespace starttls::dns {
namespace {

using std::chrono::steady_clock;
using namespace std::string_view_literals;

constexpr std::size_t max_answer = 4096;  // bytes over UDP
constexpr std::size_t header_size = 12;   // RFC 1035 section 4.1.1
constexpr std::uint8_t is_response = 0x80;
constexpr std::uint8_t authenticated_data = 0x20;  // RFC 4035 section 3.2.3, in the fourth byte
constexpr std::uint8_t rcode_mask = 0x0F;
constexpr int servfail = 2;  // RFC 1035 section 4.1.1
constexpr int refused = 5;
// After the id: RD and AD, which asks for the AD bit (RFC 6840 section 5.7), one question, one additional
// record; the root, SOA, IN; an OPT record for 1232 bytes (RFC 6891 section 6.1.2).
constexpr auto question =
    "\x01\x20\0\x01\0\0\0\0\0\x01"
    "\0\0\x06\0\x01"
    "\0\0\x29\x04\xD0\0\0\0\0\0\0"sv;

std::unexpected<Error> failed(const std::string& server, int error) {
  return fail(Fault::unavailable, "resolver {}: {}", server, errno_text(error));
}

Result<UniqueFd> connect_to(const std::string& server) {
  TRY(check_server(server));
  const std::size_t at = server.find('@');
  const std::string port = at == std::string::npos ? "53" : server.substr(at + 1);
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* list = nullptr;
  if (::getaddrinfo(server.substr(0, at).c_str(), port.c_str(), &hints, &list) != 0)
    return failed(server, EADDRNOTAVAIL);
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(list, ::freeaddrinfo);
  UniqueFd socket(::socket(list->ai_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket || ::connect(socket.get(), list->ai_addr, list->ai_addrlen) != 0) return failed(server, errno);
  return socket;
}

// The next packet; nothing if none comes until then.
Result<std::string> receive(const UniqueFd& socket, const std::string& server,
                            steady_clock::time_point until) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - steady_clock::now());
  pollfd entry{.fd = socket.get(), .events = POLLIN, .revents = 0};
  if (left.count() <= 0 || ::poll(&entry, 1, static_cast<int>(left.count())) == 0)
    return fail(Fault::temporary, "resolver {}: no answer in time", server);
  std::string packet(max_answer, '\0');
  const ssize_t size = ::recv(socket.get(), packet.data(), packet.size(), 0);
  if (size < 0) return failed(server, errno);
  packet.resize(static_cast<std::size_t>(size));
  return packet;
}

}  // namespace

Result<bool> is_authenticated(const std::string& server, std::chrono::milliseconds time_limit) {
  const UniqueFd socket = TRY(connect_to(server));
  const auto until = steady_clock::now() + time_limit;
  std::string query(2, '\0');
  if (::getrandom(query.data(), query.size(), 0) < 0) return failed(server, errno);
  query += question;
  if (::send(socket.get(), query.data(), query.size(), MSG_NOSIGNAL) < 0) return failed(server, errno);
  for (;;) {
    const std::string packet = TRY(receive(socket, server, until));
    if (packet.size() < header_size || !packet.starts_with(query.substr(0, 2))) continue;
    const auto flags = static_cast<std::uint8_t>(packet[2]);
    const auto more_flags = static_cast<std::uint8_t>(packet[3]);
    if ((flags & is_response) == 0) continue;
    const int rcode = more_flags & rcode_mask;
    if (rcode == servfail) return fail(Fault::unavailable, "resolver {}: answered SERVFAIL", server);
    if (rcode == refused) return fail(Fault::unavailable, "resolver {}: answered REFUSED", server);
    return (more_flags & authenticated_data) != 0;
  }
}

}  // namespace starttls::dns
