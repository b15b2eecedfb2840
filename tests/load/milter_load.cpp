// milter-load: puts load on any milter and prints how fast it answers.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

#include "base/console.h"
#include "command/command.h"
#include "load/address.h"
#include "load/identity.h"
#include "load/load.h"

namespace {

using namespace starttls;
using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

constexpr const char* program = "milter-load";

struct CommandLine {
  std::string socket;
  std::uint32_t sessions = 20000;
  std::uint32_t first = 0;
  std::string receiving_mx;
  std::size_t connections = 100;
  bool single_writes = false;
  std::uint32_t senders = 0;  // 0: each session has its own sender and another kind
  bool json = false;
};

struct Outcome {
  std::vector<std::chrono::nanoseconds> durations;  // of the sessions that reached their end
  std::vector<std::chrono::nanoseconds> replies;    // how long each step waited
  std::uint64_t failed = 0;
  std::string first_trouble;
};

Result<Outcome> put_load(const CommandLine& line) {
  const auto address = load::Address::parse(line.socket);
  if (!address) return std::unexpected(address.error());
  Outcome outcome;
  std::uint32_t begun = 0;
  auto next = [&]() -> std::optional<load::Script> {
    if (begun == line.sessions) return std::nullopt;
    const std::uint32_t number = line.first + begun++;
    load::Script script =
        line.senders > 0 ? load::given_up_script(number % line.senders) : load::numbered_script(number);
    if (!line.receiving_mx.empty()) script.receiving_mx = line.receiving_mx;
    return script;
  };
  auto on_end = [&](const load::SessionEnd& end) {
    if (end.reached == load::Reached::closed) {
      outcome.durations.push_back(end.duration);
    } else if (++outcome.failed == 1) {
      outcome.first_trouble = end.trouble;
    }
  };
  auto load =
      load::Load::start(*address,
                        {.connections = line.connections,
                         .writes = line.single_writes ? load::Writes::single : load::Writes::batched,
                         .on_reply = [&](std::chrono::nanoseconds time) { outcome.replies.push_back(time); }},
                        next, on_end);
  if (!load) return std::unexpected(load.error());
  while (begun < line.sessions || load->open_connections() > 0) {
    if (auto turned = load->turn(1s); !turned) return std::unexpected(turned.error());
  }
  return outcome;
}

double milliseconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

Result<void> run(const CommandLine& line) {
  const auto begin = Steady::now();
  auto outcome = put_load(line);
  if (!outcome) return std::unexpected(outcome.error());
  const double seconds = std::chrono::duration<double>(Steady::now() - begin).count();
  auto& durations = outcome->durations;
  if (durations.empty()) return fail(Fault::unavailable, "no session ended well: {}", outcome->first_trouble);
  std::ranges::sort(durations);
  std::ranges::sort(outcome->replies);
  const auto at = [](const std::vector<std::chrono::nanoseconds>& sorted, std::size_t percent) {
    return sorted.empty() ? 0 : milliseconds(sorted[(sorted.size() - 1) * percent / 100]);
  };
  const double rate = static_cast<double>(durations.size()) / seconds;
  auto said = print(
      line.json ? fmt::format(R"({{"sessions": {}, "seconds": {:.4f}, "reply_p99_ms": {:.4f}, "failed": {}}})"
                              "\n",
                              durations.size(), seconds, at(outcome->replies, 99), outcome->failed)
                : fmt::format("{} sessions in {:.2f} s: {:.0f}/s; a session takes {:.2f} ms (median), {:.2f} "
                              "ms (99 %); a reply "
                              "{:.3f} ms (99 %); failed: {}\n",
                              durations.size(), seconds, rate, at(durations, 50), at(durations, 99),
                              at(outcome->replies, 99), outcome->failed));
  if (!said) return said;
  if (outcome->failed > 0) return fail(Fault::unavailable, "{}", outcome->first_trouble);
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  CommandLine line;
  const auto declare = [&line](command::Options& options) {
    options.option("-s", line.socket, "SOCKET", "Where the milter listens: unix:/path or inet:port@127.0.0.1")
        .required();
    options.option("-n", line.sessions, "NUMBER", "Sessions in all (default: 20000)");
    options.option("--first", line.first, "NUMBER", "Number of the first session (default: 0)");
    options.option("--mx", line.receiving_mx, "NAME", "Name of the MX host (default: mx.example.test)");
    options.option("-c", line.connections, "NUMBER", "Connections at once (default: 100)");
    options.option("--senders", line.senders, "NUMBER",
                   "All sessions are alike (TLS, MAIL, RCPT, given up), of so many senders");
    command::json_option(options, line.json);
    options.flag("--single-writes", line.single_writes,
                 "Write each packet by itself, as Sendmail does, instead of in batches, as Postfix does");
  };
  const command::ProgramText text{
      .name = program,
      .description = "Plays an MTA's side of many SMTP sessions to a milter.",
      .example = "milter-load -s unix:/var/spool/postfix/tlsrpt/milter.sock -n 20000 -c 500"};
  if (const auto status = command::parse(text, declare, argc, argv)) return *status;
  if (auto done = run(line); !done) return report_error(program, done.error());
  return 0;
}
