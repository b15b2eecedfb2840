// Sends TLSRPT datagrams like those of Postfix, from many senders at once, at a rate.
//
//     datagram-load SOCKET SENDERS RATE SECONDS DOMAINS
//
// RATE is that of all senders together; each sends its share every millisecond. As Postfix, no sender waits: where the
// queue of the socket is full, its datagram is lost. Prints how many were sent, and lost, as JSON.

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/file.h"

namespace {

using Clock = std::chrono::steady_clock;
using starttls::UniqueFd;

std::vector<std::string> make_datagrams(std::size_t domains) {
  std::vector<std::string> datagrams;
  datagrams.reserve(domains);
  for (std::size_t i = 0; i < domains; ++i) {
    datagrams.push_back(fmt::format(
        R"({{"dpv":"1","d":"d{0}.example","pr":"v=TLSRPTv1; rua=mailto:tls@d{0}.example","policies":[)"
        R"({{"policy-type":2,"policy-domain":"d{0}.example","policy-string":["version: STSv1","mode: enforce",)"
        R"("mx: mx1.d{0}.example","mx: mx2.d{0}.example","max_age: 604800"],)"
        R"("mx-host":["mx1.d{0}.example","mx2.d{0}.example"],"t":0,"f":0}}]}})",
        i));
  }
  return datagrams;
}

UniqueFd connect_to(const char* path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::string_view(path).copy(address.sun_path, sizeof address.sun_path - 1);
  UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket || ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    std::perror(path);
    std::exit(1);
  }
  return socket;
}

struct Totals {
  std::atomic<std::uint64_t> sent = 0;
  std::atomic<std::uint64_t> lost = 0;
};

// One sender: `each` datagrams a millisecond, on average.
void send_all(const char* path, const std::vector<std::string>& datagrams, std::size_t first, double each,
              std::chrono::seconds time, Totals& totals) {
  const UniqueFd socket = connect_to(path);
  const auto begin = Clock::now();
  std::size_t next = first;
  std::uint64_t done = 0;
  for (auto now = begin; now < begin + time; now = Clock::now()) {
    const double milliseconds = std::chrono::duration<double, std::milli>(now - begin).count();
    for (const auto due = static_cast<std::uint64_t>(milliseconds * each); done < due; ++done) {
      const std::string& datagram = datagrams[next++ % datagrams.size()];
      if (::send(socket.get(), datagram.data(), datagram.size(), MSG_NOSIGNAL) >= 0) {
        ++totals.sent;
      } else if (errno == EAGAIN) {
        ++totals.lost;
      } else {
        std::perror("send");
        std::exit(1);
      }
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) return 64;
  const auto senders = std::strtoul(argv[2], nullptr, 10);
  const double rate = std::strtod(argv[3], nullptr);
  const std::chrono::seconds time{std::strtol(argv[4], nullptr, 10)};
  const auto datagrams = make_datagrams(std::strtoul(argv[5], nullptr, 10));
  Totals totals;
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < senders; ++i) {
    threads.emplace_back([&, i] {
      send_all(argv[1], datagrams, i * datagrams.size() / senders, rate / 1000 / static_cast<double>(senders),
               time, totals);
    });
  }
  for (std::thread& thread : threads) thread.join();
  fmt::print("{{\"sent\": {}, \"lost\": {}, \"bytes\": {}}}\n", totals.sent.load(), totals.lost.load(),
             datagrams.front().size());
  return 0;
}
