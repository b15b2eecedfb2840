// journal-sessions: for measuring the cost of the fold.
//
//   journal-sessions write DIRECTORY SESSIONS SENDERS     a journal that waits for the store
//   journal-sessions fold DIRECTORY [URL]                 folds it, as tlsrpt-milter does; into a shared store
//
// All sessions are of one day and of some hundred networks; a third has a message, a tenth is in plaintext.

#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <string>
#include <string_view>

#include "base/console.h"
#include "journal/journal.h"
#include "store/open_store.h"
#include "store/recorder.h"
#include "store/sending_domain.h"

namespace {

using namespace starttls;
using namespace std::chrono_literals;

constexpr const char* program = "journal-sessions";
constexpr std::size_t segment_bytes = 8UL << 20U;  // as in the recorder

session::Session session(std::uint64_t number, std::uint64_t senders) {
  const std::uint64_t sender = number * 2'654'435'761 % senders;  // in no order
  const Time begin{
      std::chrono::milliseconds{1'795'305'600'000 + static_cast<std::int64_t>(number % 80'000'000)}};
  session::Session made{.begin = begin,
                        .end = begin + 1s,
                        .receiving_mx = "mx.example.test",
                        .client_address = fmt::format("192.0.{}.{}", sender / 250 % 250, sender % 250),
                        .client_name = fmt::format("out.sender{}.example", sender),
                        .helo = fmt::format("out.sender{}.example", sender),
                        .transactions = 1};
  if (sender % 10 != 0) {
    made.tls_version = "TLSv1.3";
    made.cipher = "TLS_AES_256_GCM_SHA384";
    made.cipher_bits = 256;
  }
  made.messages = number % 3 == 0 ? 1 : 0;
  made.recipient_domains.emplace(fmt::format("d{}.example", sender % 50), made.messages);
  return made;
}

Result<void> write(const std::filesystem::path& state_dir, std::uint64_t sessions, std::uint64_t senders) {
  journal::Journal journal(store::journal_directory(state_dir), 1 << 20U);
  const Clock clock = system_clock();
  if (auto opened = journal.open(clock()); !opened) return opened;
  for (std::uint64_t i = 0; i < sessions; ++i) {
    journal.append(encode(session(i, senders)));
    if (journal.current_bytes() < segment_bytes) continue;
    if (auto rotated = journal.rotate(clock()); !rotated) return rotated;
  }
  return journal.close();
}

Result<void> fold(const std::filesystem::path& state_dir, const std::string& store_url) {
  const auto sending = store::sending_domain();
  if (!sending) return std::unexpected(sending.error());
  store::RecorderOptions options;
  options.journal.directory = store::journal_directory(state_dir);
  options.journal.sync_interval = std::chrono::seconds(1);
  options.journal.fold_interval = std::chrono::seconds(5);
  options.open_store = [&] {
    return store::open_store({.state_dir = state_dir, .store_url = store_url}, store::Access::owner);
  };
  options.sending_domain = *sending;
  store::Recorder recorder(options, system_clock());
  if (auto started = recorder.start(); !started) return started;
  recorder.stop();
  const auto counters = recorder.counters();
  if (counters.failures > 0 || counters.waiting_bytes > 0)
    return fail(Fault::unavailable, "not all was folded");
  return print(fmt::format("{}\n", counters.folded_sessions));
}

std::uint64_t number(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

Result<int> run(int argc, const char* const* argv) {
  const std::string_view what = argc > 2 ? argv[1] : "";
  auto done = what == "write" && argc == 5 ? write(argv[2], number(argv[3]), number(argv[4]))
              : what == "fold"
                  ? fold(argv[2], argc > 3 ? argv[3] : "")
                  : fail(Fault::usage, "write DIRECTORY SESSIONS SENDERS, or fold DIRECTORY [URL]");
  if (!done) return std::unexpected(done.error());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return run_main(program, [&] { return run(argc, argv); });
}
