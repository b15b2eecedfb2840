// socketmap-load: sends requests to a socketmap server as MTAs do, one at a time on each connection, and
// prints as JSON how fast it answered, and the answers.
//
// It has one thread, and does as little for each request as possible: one write, one read, one call of the
// clock. With a single connection it waits in read(), not for events. It prints its own processor time, to be
// compared with that of the server.

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/console.h"
#include "base/file.h"
#include "command/command.h"
#include "load/address.h"

namespace {

using namespace starttls;
using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

constexpr const char* program = "socketmap-load";
constexpr std::size_t domains_limit = 64U << 20U;
constexpr std::size_t answer_limit = 100'000 + 8;  // the limit of Postfix, with the rest of a netstring
constexpr auto patience = 60s;                     // for an answer

struct CommandLine {
  std::string socket;
  std::string domains;
  std::string map = "postfix";
  std::size_t connections = 1;
  double seconds = 0;  // 0: one request for each domain
};

struct Replies {
  std::uint64_t ok = 0;
  std::uint64_t not_found = 0;
  std::uint64_t temporary = 0;  // TEMP and TIMEOUT
  std::uint64_t permanent = 0;
};

// The requests, in turns, until the time has passed or each domain was requested once.
class Questions {
 public:
  Questions(std::vector<std::string> netstrings, std::optional<Steady::time_point> end)
      : netstrings_(std::move(netstrings)), end_(end) {}

  const std::string* next(Steady::time_point now) {
    if (end_ ? now >= *end_ : next_ == netstrings_.size()) return nullptr;
    if (next_ == netstrings_.size()) next_ = 0;
    return &netstrings_[next_++];
  }

 private:
  std::vector<std::string> netstrings_;
  std::optional<Steady::time_point> end_;
  std::size_t next_ = 0;
};

struct Connection {
  UniqueFd fd;
  Steady::time_point asked;
  std::string begun;  // an incomplete answer
};

// The text of a netstring, nothing if it is incomplete, Fault::data if it is invalid or more follows.
Result<std::optional<std::string_view>> text_of(std::string_view bytes) {
  std::size_t size = 0;
  const auto [colon, error] = std::from_chars(bytes.data(), bytes.data() + bytes.size(), size);
  const auto digits = static_cast<std::size_t>(colon - bytes.data());
  if (error != std::errc() || size > answer_limit) return fail(Fault::data, "the answer is no netstring");
  if (bytes.size() < digits + size + 2) return std::nullopt;
  if (bytes.size() > digits + size + 2) return fail(Fault::data, "more than the answer came");
  if (*colon != ':' || bytes.back() != ',') return fail(Fault::data, "the answer is no netstring");
  return bytes.substr(digits + 1, size);
}

class Load {
 public:
  Load(Questions questions, std::size_t expected) : questions_(std::move(questions)) {
    latencies.reserve(expected);
  }

  Result<void> open(const load::Address& address, std::size_t connections);

  // Runs until all requests are sent and answered.
  Result<void> run();

  std::vector<std::chrono::nanoseconds> latencies;
  Replies replies;

 private:
  Result<void> watch_all();
  Result<void> ask(Connection& connection, Steady::time_point now);
  Result<void> read(Connection& connection);
  Result<void> count(std::string_view answer);

  Questions questions_;
  std::vector<Connection> connections_;
  UniqueFd epoll_;
  std::size_t unanswered_ = 0;
  std::array<char, 16384> buffer_{};
};

Result<void> Load::open(const load::Address& address, std::size_t connections) {
  const timeval limit{.tv_sec = std::chrono::seconds(patience).count(), .tv_usec = 0};
  connections_.resize(connections);
  for (Connection& connection : connections_) {
    auto fd = address.connect_waiting();
    if (!fd) return std::unexpected(fd.error());
    connection.fd = std::move(*fd);
    ::setsockopt(connection.fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  }
  return connections > 1 ? watch_all() : Result<void>();
}

Result<void> Load::watch_all() {
  epoll_ = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
  for (Connection& connection : connections_) {
    epoll_event wanted{.events = EPOLLIN, .data = {.ptr = &connection}};
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, connection.fd.get(), &wanted) != 0) {
      return fail(Fault::internal, "epoll_ctl: {}", errno_text(errno));
    }
  }
  return {};
}

Result<void> Load::run() {
  for (Connection& connection : connections_) {
    if (auto asked = ask(connection, Steady::now()); !asked) return asked;
  }
  std::array<epoll_event, 64> events{{{.events = EPOLLIN, .data = {.ptr = connections_.data()}}}};
  while (unanswered_ > 0) {
    const int ready = epoll_ ? ::epoll_wait(epoll_.get(), events.data(), events.size(),
                                            std::chrono::milliseconds(patience).count())
                             : 1;
    if (ready == 0) return fail(Fault::temporary, "{} questions have no answer yet", unanswered_);
    for (int i = 0; i < ready; ++i) {
      auto* connection = static_cast<Connection*>(events.at(static_cast<std::size_t>(i)).data.ptr);
      if (auto done = read(*connection); !done) return done;
    }
  }
  return {};
}

Result<void> Load::ask(Connection& connection, Steady::time_point now) {
  const std::string* question = questions_.next(now);
  if (question == nullptr) return {};
  connection.asked = now;
  ++unanswered_;
  // A blocking socket accepts a whole request, which is smaller than any buffer of the kernel.
  if (::send(connection.fd.get(), question->data(), question->size(), MSG_NOSIGNAL) < 0) {
    return fail(Fault::unavailable, "cannot ask: {}", errno_text(errno));
  }
  return {};
}

Result<void> Load::read(Connection& connection) {
  const auto got = read_some(connection.fd.get(), buffer_, "the connection");
  if (!got) return std::unexpected(got.error());
  if (*got == 0) return fail(Fault::unavailable, "the server closed a connection");
  std::string_view bytes(buffer_.data(), *got);
  if (!connection.begun.empty()) bytes = connection.begun.append(bytes);

  const auto answer = text_of(bytes);
  if (!answer) return std::unexpected(answer.error());
  if (!*answer) {
    if (connection.begun.empty()) connection.begun = bytes;
    return {};
  }
  const auto now = Steady::now();
  latencies.push_back(now - connection.asked);
  --unanswered_;
  if (auto counted = count(**answer); !counted) return counted;
  connection.begun.clear();
  return ask(connection, now);
}

Result<void> Load::count(std::string_view answer) {
  if (answer.starts_with("OK ")) {
    ++replies.ok;
  } else if (answer.starts_with("NOTFOUND ")) {
    ++replies.not_found;
  } else if (answer.starts_with("TEMP ") || answer.starts_with("TIMEOUT ")) {
    ++replies.temporary;
  } else if (answer.starts_with("PERM ")) {
    ++replies.permanent;
  } else {
    return fail(Fault::data, "an answer of no known kind: {}", answer);
  }
  return {};
}

Result<std::vector<std::string>> read_questions(const CommandLine& line) {
  const auto text = read_file(line.domains, domains_limit);
  if (!text) return std::unexpected(text.error());
  std::vector<std::string> questions;
  std::size_t begin = 0;
  for (std::size_t end = 0; (end = text->find('\n', begin)) != std::string::npos; begin = end + 1) {
    const auto question = fmt::format("{} {}", line.map, std::string_view(*text).substr(begin, end - begin));
    questions.push_back(fmt::format("{}:{},", question.size(), question));
  }
  if (questions.empty()) return fail(Fault::usage, "{} holds no complete line", line.domains);
  return questions;
}

double processor_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::string as_json(Load& load, double seconds, double own_seconds) {
  auto& latencies = load.latencies;
  std::ranges::sort(latencies);
  const auto at = [&](std::size_t percent) {
    return std::chrono::duration<double, std::micro>(latencies[(latencies.size() - 1) * percent / 100])
        .count();
  };
  return fmt::format(
      "{{\"answers\": {}, \"seconds\": {:.6f}, \"own_processor_seconds\": {:.6f}, \"p50_us\": {:.3f}, "
      "\"p99_us\": {:.3f}, \"max_us\": {:.3f}, \"ok\": {}, \"notfound\": {}, \"temp\": {}, \"perm\": {}}}\n",
      latencies.size(), seconds, own_seconds, at(50), at(99), at(100), load.replies.ok,
      load.replies.not_found, load.replies.temporary, load.replies.permanent);
}

Result<void> run(const CommandLine& line) {
  const auto address = load::Address::parse(line.socket);
  if (!address) return std::unexpected(address.error());
  auto questions = read_questions(line);
  if (!questions) return std::unexpected(questions.error());
  const std::size_t expected = line.seconds > 0 ? 1U << 20U : questions->size();

  std::optional<Steady::time_point> end;
  const auto before = processor_seconds();
  const auto begin = Steady::now();
  if (line.seconds > 0) {
    end = begin + std::chrono::duration_cast<Steady::duration>(std::chrono::duration<double>(line.seconds));
  }
  Load load(Questions(std::move(*questions), end), expected);
  if (auto opened = load.open(*address, line.connections); !opened) return opened;
  if (auto done = load.run(); !done) return done;
  const std::chrono::duration<double> elapsed = Steady::now() - begin;
  return print(as_json(load, elapsed.count(), processor_seconds() - before));
}

}  // namespace

int main(int argc, char** argv) {
  return run_main(program, [&]() -> Result<int> {
    CommandLine line;
    const auto declare = [&line](command::Options& options) {
      options.argument("socket", line.socket, "Where it listens: unix:/path or inet:port@127.0.0.1")
          .required();
      options
          .argument("domains", line.domains, "File of the domains to ask for, one a line; asked for in turns")
          .required();
      options.option("-m,--map", line.map, "NAME", "Name of the map (default: postfix)");
      options.option("-c,--connections", line.connections, "NUMBER", "Connections at once (default: 1)")
          .range(std::size_t{1}, std::size_t{1'000'000});
      options
          .option("-t,--seconds", line.seconds, "SECONDS",
                  "How long to ask; without it, once for each domain")
          .range(0.0, 86'400.0);
    };
    const command::ProgramText text{
        .name = program,
        .description = "Puts load on a socketmap server.",
        .example = "socketmap-load -c 50 -t 5 unix:/run/starttls/socketmap domains"};
    if (const auto status = command::parse(text, declare, argc, argv)) return *status;
    if (auto done = run(line); !done) return std::unexpected(done.error());
    return 0;
  });
}
