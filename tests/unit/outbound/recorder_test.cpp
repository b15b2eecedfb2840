#include "outbound/recorder.h"

#include <thread>

#include "examples.h"
#include "journal/segment.h"
#include "outbound/open_store.h"

using namespace starttls;
using namespace starttls::outbound;
using namespace starttls::test;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

Clock fixed_clock() {
  return [] { return noon; };
}

struct State {
  TemporaryFolder folder;

  StoreLocation location() const { return {.state_dir = folder.path(), .store_url = {}}; }

  RecorderOptions options() const {
    return {.journal = {.directory = outbound::journal_directory(folder.path()),
                        .sync_interval = 1s,
                        .fold_interval = 1h},
            .open_store = [this] { return outbound::open_store(location(), Access::owner); },
            .repair_store = {}};
  }

  std::size_t segments() const {
    return good(journal::list_segments(outbound::journal_directory(folder.path()))).size();
  }

  DailyCounts counts(const std::string& domain = "") const {
    DailyCounts all;
    good(read_counts(location(), {.since = Day{}, .until = to_day(noon) + std::chrono::days{400}}, domain,
                     [&](const PolicyOfDay& of, const PolicyCount& count) -> Result<void> {
                       all[of] += count;
                       return {};
                     }));
    return all;
  }
};

std::uint64_t sessions_in(const DailyCounts& counts) {
  std::uint64_t sessions = 0;
  for (const auto& [of, count] : counts) sessions += count.successful + count.failed;
  return sessions;
}

}  // namespace

TEST_CASE("a stopped recorder has folded everything and has no segment") {
  const State state;
  const std::string text = datagram();
  {
    Recorder recorder(state.options(), fixed_clock());
    good(recorder.start());
    const std::array results{received(text), received(text)};
    recorder.record(results);
    recorder.stop();
    CHECK(recorder.counters().folded.results == 2);
    CHECK(recorder.counters().journal.written == 2);
  }
  CHECK(state.segments() == 0);
  CHECK(sessions_in(state.counts()) == 2);
}

TEST_CASE("results in the journal are read as well, once, in the order of the domains") {
  const State state;
  const std::string first = datagram("b.example");
  {
    Recorder recorder(state.options(), fixed_clock());
    good(recorder.start());
    recorder.record(std::array{received(first)});
    recorder.stop();
  }
  const fs::path directory = outbound::journal_directory(state.folder.path());
  std::string content(journal::segment_magic);
  for (const char* domain : {"c.example", "a.example", "b.example"})
    content += journal::frame(encode(received(datagram(domain))));
  write(directory / "000000000000002-0000000000000001.segment", content);
  std::vector<std::string> domains;
  const DayTotals days = good(read_counts(state.location(), {.since = Day{}, .until = to_day(noon)}, "",
                                          [&](const PolicyOfDay& of, const PolicyCount&) -> Result<void> {
                                            domains.push_back(of.policy.domain);
                                            return {};
                                          }));
  CHECK(domains == std::vector<std::string>{"a.example", "b.example", "b.example", "c.example"});
  CHECK(days.at(to_day(noon)).results == 4);
  CHECK(sessions_in(state.counts("b.example")) == 2);
}

TEST_CASE("the journal is read where there is no store yet") {
  const State state;
  const fs::path directory = outbound::journal_directory(state.folder.path());
  fs::create_directories(directory);
  write(directory / "1.segment",
        std::string(journal::segment_magic) + journal::frame(encode(received(datagram()))));
  CHECK(sessions_in(state.counts()) == 1);
}

TEST_CASE("where nothing was ever received, that is said") {
  const State state;
  const Error error = bad(read_counts(state.location(), {.since = Day{}, .until = Day{}}, "",
                                      [](const PolicyOfDay&, const PolicyCount&) { return Result<void>(); }));
  CHECK(error.fault == Fault::unavailable);
  CHECK(error.message.ends_with("does tlsrpt-collector run with this state directory?"));
}

TEST_CASE("while the store is away, results wait in the journal, and are folded when it is back") {
  const State state;
  const std::string text = datagram();
  RecorderOptions options = state.options();
  options.open_store = []() -> Result<std::unique_ptr<Store>> { return fail(Fault::unavailable, "away"); };
  {
    Recorder recorder(options, fixed_clock());
    good(recorder.start());
    recorder.record(std::array{received(text)});
    recorder.stop();
    CHECK(recorder.counters().failures > 0);
  }
  CHECK(state.segments() > 0);
  CHECK(sessions_in(state.counts()) == 1);
  Recorder next(state.options(), fixed_clock());
  good(next.start());
  next.stop();
  CHECK(state.segments() == 0);
  CHECK(sessions_in(state.counts()) == 1);
}

TEST_CASE("days before the retention are removed") {
  const State state;
  const std::string text = datagram();
  const Time today = fixed_clock()();
  {
    Recorder recorder(state.options(), fixed_clock());
    good(recorder.start());
    recorder.record(std::array{received(text, today - 24h * 11), received(text, today - 24h * 10),
                               received(text, today)});
    recorder.stop();
  }
  CHECK(state.counts().size() == 3);
  // Its first round removes; a later one of the same day does not.
  Recorder next(state.options(), fixed_clock());
  next.configure({.limits = {}, .retention = std::chrono::days{10}});
  good(next.start());
  next.stop();
  CHECK(state.counts().size() == 2);
  CHECK(next.counters().pruned_days == 1);
}

TEST_CASE("a datagram of any size is lost alone") {
  const State state;
  const std::string text = datagram();
  const std::string large(journal::max_payload_size, 'x');
  Recorder recorder(state.options(), fixed_clock());
  good(recorder.start());
  recorder.record(std::array{received(text), received(large), received(text)});
  recorder.stop();
  CHECK(recorder.counters().journal.lost == 1);
  CHECK(sessions_in(state.counts()) == 2);
}

TEST_CASE("as much as is folded in one transaction is folded at once, and less is not") {
  const State state;
  const std::string text = datagram();
  RecorderOptions options = state.options();
  options.journal.max_segment_bytes = text.size();
  options.journal.max_batch_bytes = 2 * text.size();
  Recorder recorder(options, fixed_clock());
  good(recorder.start());
  while (recorder.counters().last_fold == Time{}) std::this_thread::yield();  // that of the start
  recorder.record(std::array{received(text)});
  CHECK(recorder.counters().folded.results == 0);
  recorder.record(std::array{received(text)});
  while (recorder.counters().folded.results == 0) std::this_thread::yield();
  CHECK(recorder.counters().folded.results == 2);
  recorder.stop();
}

namespace {

LoggedResults logged(std::uint64_t number, const std::vector<std::string>& datagrams) {
  return {
      .read = noon, .position = {.number = number, .text = std::to_string(number)}, .datagrams = datagrams};
}

std::optional<session::LogPosition> position_in(const State& state) {
  return good(log_position(outbound::journal_directory(state.folder.path())));
}

}  // namespace

TEST_CASE("results of the log count with the position up to which it was read, folded or not") {
  const State state;
  CHECK_FALSE(position_in(state));
  RecorderOptions away = state.options();
  away.open_store = []() -> Result<std::unique_ptr<Store>> { return fail(Fault::unavailable, "away"); };
  {
    Recorder recorder(away, fixed_clock());
    good(recorder.start());
    recorder.record(logged(5, {datagram(), failed_datagram()}));
    CHECK(position_in(state)->text == "5");
    recorder.record(logged(6, {}));
    recorder.stop();
  }
  CHECK(state.segments() > 0);
  CHECK(position_in(state)->text == "6");
  CHECK(sessions_in(state.counts()) == 2);
  Recorder next(state.options(), fixed_clock());
  good(next.start());
  next.stop();
  CHECK(state.segments() == 0);
  CHECK(position_in(state)->text == "6");
  CHECK(sessions_in(state.counts()) == 2);
}

TEST_CASE("the position in the log never decreases, in whatever order segments are folded") {
  const State state;
  const fs::path folder = outbound::journal_directory(state.folder.path());
  fs::create_directories(folder);
  const auto write_segment = [&](const char* id, const LoggedResults& results) {
    write(folder / (std::string(id) + ".segment"),
          std::string(journal::segment_magic) + journal::frame(encode(results)));
  };
  write_segment("1", logged(9, {datagram()}));
  write_segment("2", logged(5, {datagram()}));  // begun later, by a clock that was set back
  {
    Recorder recorder(state.options(), fixed_clock());
    good(recorder.start());
    recorder.stop();
  }
  CHECK(state.segments() == 0);
  CHECK(position_in(state)->number == 9);
  CHECK(sessions_in(state.counts()) == 2);

  // As after a crash between the transaction and the removal of its segments.
  fs::remove(folder / "log-position");
  write_segment("1", logged(9, {datagram()}));
  write_segment("3", logged(7, {datagram()}));
  Recorder again(state.options(), fixed_clock());
  good(again.start());
  again.stop();
  CHECK(state.segments() == 0);
  CHECK(position_in(state)->number == 9);
  CHECK(sessions_in(state.counts()) == 3);
}

TEST_CASE("many results of one line of the log take several records, and count all") {
  const State state;
  std::vector<std::string> many;
  for (int number = 0; number < 1000; ++number)
    many.push_back(failed_datagram(fmt::format("d{}.example", number)));
  Recorder recorder(state.options(), fixed_clock());
  good(recorder.start());
  recorder.record(logged(1, many));
  recorder.stop();
  CHECK(recorder.counters().journal.lost == 0);
  CHECK(sessions_in(state.counts()) == 1000);
  CHECK(position_in(state)->number == 1);
}
