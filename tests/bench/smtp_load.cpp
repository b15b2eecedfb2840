// smtp-load ADDRESS PORT SESSIONS MESSAGES: sends MESSAGES messages to an MX host over TLS, each in a
// connection of its own, with SESSIONS connections at the same time; prints the time in seconds.
//
// Each connection has a thread and is blocking: the mail server needs far more time than this program.

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <atomic>
#include <charconv>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/console.h"
#include "base/file.h"

namespace {

using namespace starttls;

constexpr const char* program = "smtp-load";

struct Target {
  sockaddr_in address{};
  SSL_CTX* context = nullptr;
};

using Ssl = std::unique_ptr<SSL, decltype(&SSL_free)>;

// One connection, command by command; encrypted after TLS has started.
class Dialogue {
 public:
  explicit Dialogue(const Target& target)
      : target_(target), socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}

  bool connect() {
    return ::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&target_.address),
                     sizeof target_.address) == 0 &&
           expect('2');
  }
  bool command(std::string_view line, char reply) { return put(line) && expect(reply); }
  bool starttls() {
    if (!command("STARTTLS\r\n", '2')) return false;
    ssl_.reset(SSL_new(target_.context));
    return ssl_ && SSL_set_fd(ssl_.get(), socket_.get()) == 1 && SSL_connect(ssl_.get()) == 1;
  }

 private:
  bool put(std::string_view text) {
    if (!ssl_) return write_all(socket_.get(), text) == 0;
    return SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size())) == static_cast<int>(text.size());
  }
  // Reads to the last line of the next reply.
  bool expect(char first) {
    for (;;) {
      const auto end = received_.find("\r\n");
      if (end == std::string::npos) {
        char buffer[4096];
        const auto got = ssl_ ? SSL_read(ssl_.get(), buffer, sizeof buffer)
                              : static_cast<int>(::recv(socket_.get(), buffer, sizeof buffer, 0));
        if (got <= 0) return false;
        received_.append(buffer, static_cast<std::size_t>(got));
        continue;
      }
      const std::string line = received_.substr(0, end);
      received_.erase(0, end + 2);
      if (line.size() < 4 || line[3] != '-') return !line.empty() && line[0] == first;
    }
  }

  const Target& target_;
  UniqueFd socket_;
  Ssl ssl_{nullptr, &SSL_free};
  std::string received_;
};

bool send_message(const Target& target) {
  Dialogue dialogue(target);
  return dialogue.connect() && dialogue.command("EHLO client.sender.test\r\n", '2') && dialogue.starttls() &&
         dialogue.command("EHLO client.sender.test\r\n", '2') &&
         dialogue.command("MAIL FROM:<alice@sender.test>\r\n", '2') &&
         dialogue.command("RCPT TO:<bob@example.test>\r\n", '2') && dialogue.command("DATA\r\n", '3') &&
         dialogue.command("Subject: test\r\n\r\nHello.\r\n.\r\n", '2') && dialogue.command("QUIT\r\n", '2');
}

int number(const char* text) {
  int value = 0;
  const std::string_view digits(text);
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

Result<int> run(int argc, const char* const* argv) {
  if (argc != 5) return fail(Fault::usage, "ADDRESS PORT SESSIONS MESSAGES");
  Target target;
  target.address.sin_family = AF_INET;
  target.address.sin_port = htons(static_cast<std::uint16_t>(number(argv[2])));
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()),
                                                                  &SSL_CTX_free);
  target.context = context.get();
  if (::inet_pton(AF_INET, argv[1], &target.address.sin_addr) != 1 || !context)
    return fail(Fault::usage, "{}: no IPv4 address", argv[1]);
  std::atomic<int> left = number(argv[4]);
  std::atomic<int> failed = 0;
  const auto begin = std::chrono::steady_clock::now();
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < number(argv[3]); ++i) {
      threads.emplace_back([&] {
        while (left-- > 0) failed += send_message(target) ? 0 : 1;
      });
    }
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  if (failed > 0) return fail(Fault::unavailable, "{} messages were not accepted", failed.load());
  if (auto told = print(fmt::format("{:.4f}\n", took.count())); !told) return std::unexpected(told.error());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return run_main(program, [&] { return run(argc, argv); });
}
