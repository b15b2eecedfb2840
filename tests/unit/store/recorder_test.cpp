#include "store/recorder.h"

#include "examples.h"
#include "journal/segment.h"
#include "store/open_store.h"

using namespace starttls;
using namespace starttls::session;
using namespace starttls::store;
using namespace starttls::test;
using journal::frame;
using journal::Journal;
using journal::list_segments;
using journal::segment_id;
using journal::segment_magic;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

const Period the_day{good(parse_day("2026-11-22")), good(parse_day("2026-11-22"))};

Clock fixed_clock() {
  return [] { return at("2026-11-22T12:00:00Z"); };
}

// A state directory with the objects that a recorder and a report need.
struct State {
  TemporaryFolder folder;
  mutable std::atomic<int> rounds = 0;  // of a repairing recorder, after which all was folded

  // Waits until the recorder's folding thread has finished with the store.
  void wait_for_rest() const {
    for (const int begin = rounds; rounds < begin + 2;) std::this_thread::yield();
  }

  StoreOpener opener() const {
    return [file = store_file(folder.path())] { return open_sqlite_store(file, Access::owner); };
  }

  std::unique_ptr<Recorder> recorder(StoreOpener open) const {
    RecorderOptions options{.journal = {.directory = journal_directory(folder.path()),
                                        .sync_interval = 5ms,
                                        .fold_interval = 5ms},
                            .open_store = std::move(open)};
    return std::make_unique<Recorder>(options, fixed_clock());
  }

  // One that renames a damaged store.
  std::unique_ptr<Recorder> repairing_recorder() const {
    RecorderOptions options{.journal = {.directory = journal_directory(folder.path()),
                                        .sync_interval = 5ms,
                                        .fold_interval = 5ms},
                            .open_store = opener()};
    options.repair_store = [file = store_file(folder.path())]() -> Result<bool> {
      const auto aside = quarantine_if_corrupt(file, fixed_clock()());
      if (!aside) return std::unexpected(aside.error());
      return !aside->empty();
    };
    options.folded = [this](Store&) { ++rounds; };
    return std::make_unique<Recorder>(options, fixed_clock());
  }

  std::uint64_t sessions() const {
    std::uint64_t sum = 0;
    const DailyCounts counts = good(read_counts({.state_dir = folder.path()}, the_day));
    for (const auto& [of, count] : counts) sum += count.total.sessions;
    return sum;
  }

  std::size_t segments() const { return good(list_segments(journal_directory(folder.path()))).size(); }
};

// A store that another process has locked.
class LockedStore final : public Store {
 public:
  explicit LockedStore(std::atomic<int>& attempts) : attempts_(attempts) {}

  Result<std::unique_ptr<FoldTransaction>> begin_fold() override {
    ++attempts_;
    attempts_.notify_all();
    return locked();
  }
  Result<Snapshot> read(const Period&, const std::vector<std::string>&, const CountSink&) override {
    return locked();
  }
  Result<void> forget_segments(Time) override { return locked(); }
  Result<std::size_t> prune(Day, std::size_t) override { return locked(); }
  Result<std::vector<Downgrade>> downgrades(const Period&) override { return locked(); }
  Result<Senders> senders(std::uint64_t) override { return locked(); }
  Result<bool> forget_sender(const std::string&, Time) override { return locked(); }
  Result<std::int64_t> forget_generation() override { return locked(); }

 private:
  static std::unexpected<Error> locked() { return fail(Fault::temporary, "the store is locked"); }

  std::atomic<int>& attempts_;
};

// A store in which nothing can be removed.
class BusyStore final : public Store {
 public:
  BusyStore(std::unique_ptr<Store> store, std::atomic<int>& attempts)
      : store_(std::move(store)), attempts_(attempts) {}

  Result<std::unique_ptr<FoldTransaction>> begin_fold() override { return store_->begin_fold(); }
  Result<Snapshot> read(const Period& period, const std::vector<std::string>& segments,
                        const CountSink& take) override {
    return store_->read(period, segments, take);
  }
  Result<void> forget_segments(Time before) override { return store_->forget_segments(before); }
  Result<std::size_t> prune(Day, std::size_t) override {
    ++attempts_;
    return 0;
  }
  Result<std::vector<Downgrade>> downgrades(const Period& period) override {
    return store_->downgrades(period);
  }
  Result<Senders> senders(std::uint64_t min_tls_sessions) override {
    return store_->senders(min_tls_sessions);
  }
  Result<bool> forget_sender(const std::string& domain, Time now) override {
    return store_->forget_sender(domain, now);
  }
  Result<std::int64_t> forget_generation() override { return store_->forget_generation(); }

 private:
  std::unique_ptr<Store> store_;
  std::atomic<int>& attempts_;
};

// The log lines while it exists.
class LoggedText {
 public:
  std::string text() const { return text_; }

 private:
  std::string text_;
  const LogCapture capture_{[this](LogLevel, std::string_view line) { text_.append(line) += '\n'; }};
};

}  // namespace

TEST_CASE("a stopped recorder has folded everything and has no segment") {
  const State state;
  auto recorder = state.recorder(state.opener());
  good(recorder->start());
  for (int i = 0; i < 100; ++i) recorder->record(tls_session());
  recorder->stop();
  CHECK(fs::file_size(store_file(state.folder.path()).string() + "-wal") == 0);
  CHECK(state.sessions() == 100);
  CHECK(state.segments() == 0);
  CHECK(recorder->counters().folded_sessions == 100);
  CHECK(recorder->counters().failures == 0);
}

TEST_CASE("a session can be read as soon as it is recorded, and stays counted once while it is folded") {
  const State state;
  auto recorder = state.recorder(state.opener());
  good(recorder->start());
  for (std::uint64_t i = 1; i <= 200; ++i) {
    recorder->record(tls_session());
    CHECK(state.sessions() == i);
  }
}

TEST_CASE("many threads record at once and nothing is lost") {
  const State state;
  auto recorder = state.recorder(state.opener());
  good(recorder->start());
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 8; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 500; ++i) recorder->record(tls_session());
      });
    }
  }
  recorder->stop();
  CHECK(state.sessions() == 4000);
}

TEST_CASE("a crash between fold and unlink counts nothing twice") {
  const State state;
  const fs::path left = journal_directory(state.folder.path()) / "000000000000001-0000000000000001.segment";
  fs::create_directories(left.parent_path());
  write(left, std::string(segment_magic) + frame(encode(tls_session())));
  const auto store = good(state.opener()());
  good(fold(*store, segment_id(left), content_of({tls_session()}), fixed_clock()(), fixed_clock()(), {}));
  CHECK(state.sessions() == 1);
  auto recorder = state.recorder(state.opener());
  good(recorder->start());
  recorder->stop();
  CHECK(state.sessions() == 1);
  CHECK(state.segments() == 0);
}

TEST_CASE("while the store is missing segments wait, and are folded when it is back") {
  const State state;
  std::atomic<bool> down = true;
  auto recorder = state.recorder([&]() -> Result<std::unique_ptr<Store>> {
    if (down) return fail(Fault::unavailable, "the store is down");
    return state.opener()();
  });
  good(recorder->start());
  recorder->record(tls_session());
  recorder->stop();
  CHECK(state.sessions() == 1);
  CHECK(state.segments() > 0);
  CHECK(recorder->counters().failures > 0);
  down = false;
  auto next = state.recorder(state.opener());
  good(next->start());
  next->stop();
  CHECK(state.segments() == 0);
  CHECK(state.sessions() == 1);
}

TEST_CASE("a store that is removed under a running recorder is created again") {
  const State state;
  auto recorder = state.recorder(state.opener());
  good(recorder->start());
  recorder->stop();
  auto again = state.recorder(state.opener());
  fs::remove(store_file(state.folder.path()));
  good(again->start());
  again->record(tls_session());
  again->stop();
  CHECK(state.sessions() == 1);
}

TEST_CASE("a file in the journal that is no segment is renamed") {
  const State state;
  const fs::path strange = journal_directory(state.folder.path()) / "strange.segment";
  fs::create_directories(strange.parent_path());
  write(strange, "not a segment at all");
  auto recorder = state.recorder(state.opener());
  good(recorder->start());
  recorder->record(tls_session());
  recorder->stop();
  CHECK(fs::exists(fs::path(strange).replace_extension(".damaged")));
  CHECK(recorder->counters().failures == 1);
}

TEST_CASE("no other process may record there until the last fold is done: it would fold their open segment") {
  const State state;
  std::atomic<int> opened = 0;
  std::optional<Fault> refused;
  auto other = state.recorder(state.opener());
  RecorderOptions options{.journal = {.directory = journal_directory(state.folder.path()),
                                      .sync_interval = 1s,
                                      .fold_interval = 1h}};
  options.open_store = [&]() -> Result<std::unique_ptr<Store>> {
    // The first fold is that of the start, the second that of the end.
    ++opened;
    opened.notify_one();
    if (opened == 1) return fail(Fault::unavailable, "the store is down");
    if (auto started = other->start(); !started) refused = started.error().fault;
    return state.opener()();
  };
  Recorder recorder(options, fixed_clock());
  good(recorder.start());
  opened.wait(0);
  recorder.record(tls_session());
  recorder.stop();
  CHECK(opened == 2);
  CHECK(refused == Fault::temporary);
}

TEST_CASE("one bad segment does not delay the others") {
  const State state;
  const fs::path folder = journal_directory(state.folder.path());
  fs::create_directories(folder / "0.segment");
  write(folder / "1.segment", "not a segment at all");
  write(folder / "2.segment", std::string(segment_magic) + frame(encode(tls_session())));
  CHECK_FALSE(read_counts({.state_dir = state.folder.path()}, the_day).has_value());
  auto recorder = state.recorder(state.opener());
  good(recorder->start());
  recorder->stop();
  CHECK(state.sessions() == 1);
  CHECK_FALSE(fs::exists(folder / "2.segment"));
}

TEST_CASE("a segment of a newer version waits, and the others are folded") {
  const State state;
  const fs::path newer = journal_directory(state.folder.path()) / "1.segment";
  fs::create_directories(newer.parent_path());
  const std::string content = std::string(segment_magic.substr(0, 7)) + "2 what a newer version knows";
  write(newer, content);
  write(newer.parent_path() / "2.segment", std::string(segment_magic) + frame(encode(tls_session())));
  auto recorder = state.recorder(state.opener());
  good(recorder->start());
  recorder->stop();
  CHECK(recorder->counters().failures > 0);
  CHECK(read(newer) == content);
  CHECK_FALSE(fs::exists(newer.parent_path() / "2.segment"));
  CHECK(
      bad(read_counts({.state_dir = state.folder.path()}, the_day)).message.find("made by a newer version") !=
      std::string::npos);
  fs::remove(newer);
  CHECK(state.sessions() == 1);
}

TEST_CASE("a damaged segment's good sessions are counted once, and the file is renamed and kept") {
  const State state;
  const fs::path damaged = journal_directory(state.folder.path()) / "1.segment";
  fs::create_directories(damaged.parent_path());
  write(damaged, std::string(segment_magic) + frame(encode(tls_session())) + "torn");
  auto recorder = state.recorder(state.opener());
  good(recorder->start());
  recorder->stop();
  CHECK(state.sessions() == 1);
  CHECK(fs::exists(fs::path(damaged).replace_extension(".damaged")));
}

TEST_CASE("a recorder without the lock does not touch the other's segments") {
  const State state;
  const fs::path folder = journal_directory(state.folder.path());
  write(folder, "in the way");
  auto late = state.recorder(state.opener());
  good(late->start());
  fs::remove(folder);
  auto owner = std::make_unique<Journal>(folder, 1 << 20);
  // Either may be first; the one that is not must do nothing.
  const bool first = owner->open(fixed_clock()()).has_value();
  if (first) {
    owner->append(encode(tls_session()));
    late->stop();
    CHECK(state.segments() == 1);
    CHECK(fs::exists(folder / (owner->current_id() + ".segment")));
  }
  CHECK(late->counters().folded_sessions == 0);
}

TEST_CASE("a second recorder on the same journal reports that and does not start") {
  const State state;
  auto first = state.recorder(state.opener());
  good(first->start());
  CHECK(bad(state.recorder(state.opener())->start()).fault == Fault::temporary);
}

TEST_CASE("nothing recorded is distinguished from no sessions on the day") {
  const TemporaryFolder empty;
  CHECK(bad(read_counts({.state_dir = empty.path()}, the_day)).fault == Fault::unavailable);
}

TEST_CASE("a store that is slow or hangs does not prevent the sync of the journal") {
  const State state;
  std::atomic<bool> hangs = true;
  auto recorder = state.recorder([&]() -> Result<std::unique_ptr<Store>> {
    hangs.wait(true);
    return state.opener()();
  });
  // The sync thread writes what is held back, and no other thread.
  write(journal_directory(state.folder.path()), "in the way");
  good(recorder->start());
  recorder->record(tls_session());
  fs::remove(journal_directory(state.folder.path()));
  while (recorder->counters().journal.written == 0) std::this_thread::yield();
  recorder->record(tls_session());
  CHECK(state.sessions() == 2);
  hangs = false;
  hangs.notify_all();
  recorder->stop();
  CHECK(state.sessions() == 2);
}

TEST_CASE("the read position in the log is kept, whether or not its segment was folded") {
  const State state;
  CHECK_FALSE(good(log_position(journal_directory(state.folder.path()))).has_value());
  std::atomic<bool> down = true;
  auto recorder = state.recorder([&]() -> Result<std::unique_ptr<Store>> {
    if (down) return fail(Fault::unavailable, "the store is down");
    return state.opener()();
  });
  good(recorder->start());
  recorder->record(LogEvent{.position = {.number = 5, .text = "five"}});
  CHECK(good(log_position(journal_directory(state.folder.path())))->text == "five");
  recorder->stop();
  CHECK(state.segments() > 0);
  CHECK(good(log_position(journal_directory(state.folder.path())))->number == 5);
  down = false;
  auto next = state.recorder(state.opener());
  good(next->start());
  next->stop();
  CHECK(state.segments() == 0);
  CHECK(good(log_position(journal_directory(state.folder.path())))->text == "five");
}

TEST_CASE("the read position in the log never decreases, in whatever order segments are folded") {
  const State state;
  const fs::path folder = journal_directory(state.folder.path());
  fs::create_directories(folder);
  const auto segment_at = [](std::uint64_t number) {
    return std::string(segment_magic) +
           frame(encode(LogEvent{.position = {.number = number, .text = "there"}}));
  };
  write(folder / "1.segment", segment_at(9));
  write(folder / "2.segment", segment_at(5));  // begun later, by a clock that was set back
  auto recorder = state.recorder(state.opener());
  good(recorder->start());
  recorder->stop();
  CHECK(state.segments() == 0);
  CHECK(good(log_position(folder))->number == 9);
}

TEST_CASE("the recorder waits for a locked store once in a round, not once for each segment") {
  const State state;
  const fs::path folder = journal_directory(state.folder.path());
  fs::create_directories(folder);
  for (const char* name : {"1.segment", "2.segment", "3.segment"}) {
    write(folder / name, std::string(segment_magic) + frame(encode(tls_session())));
  }
  std::atomic<int> attempts = 0;
  RecorderOptions options{.journal = {.directory = folder, .sync_interval = 1s, .fold_interval = 1h}};
  options.open_store = [&]() -> Result<std::unique_ptr<Store>> {
    return std::make_unique<LockedStore>(attempts);
  };
  Recorder recorder(options, fixed_clock());
  good(recorder.start());
  attempts.wait(0);
  recorder.stop();
  CHECK(attempts == 2);  // at the start and at the end
  CHECK(state.segments() == 3);
  CHECK(state.sessions() == 3);
}

TEST_CASE("while records are held back it is not logged that recording works again") {
  const State state;
  const fs::path folder = journal_directory(state.folder.path());
  write(folder, "in the way");
  std::atomic<int> rounds = 0;
  RecorderOptions options{.journal = {.directory = folder, .sync_interval = 1h, .fold_interval = 1ms}};
  options.open_store = state.opener();
  const LoggedText log;
  Recorder recorder(options, [&] {
    ++rounds;  // the folding thread asks in each
    return fixed_clock()();
  });
  good(recorder.start());
  recorder.record(tls_session());
  for (const int begin = rounds; rounds < begin + 20;) std::this_thread::yield();
  CHECK(log.text().find("works again") == std::string::npos);
}

TEST_CASE("a failure in the log is in the counts at once, also while its session is not folded") {
  const State state;
  std::atomic<bool> down = true;
  auto recorder = state.recorder([&]() -> Result<std::unique_ptr<Store>> {
    if (down) return fail(Fault::unavailable, "the store is down");
    return state.opener()();
  });
  good(recorder->start());
  recorder->record(awaiting_probe());
  const auto outcomes = [&] {
    std::vector<session::Outcome> found;
    for (const auto& [of, count] : good(read_counts({.state_dir = state.folder.path()}, the_day))) {
      found.insert(found.end(), count.total.sessions, of.outcome);
    }
    return found;
  };
  CHECK(outcomes() == std::vector{session::Outcome::no_mail});
  recorder->record(failure_event());
  CHECK(outcomes() == std::vector{Outcome::failed});
  recorder->stop();
  CHECK(outcomes() == std::vector{Outcome::failed});
  down = false;
  auto next = state.recorder(state.opener());
  good(next->start());
  next->stop();
  CHECK(outcomes() == std::vector{Outcome::failed});
  CHECK(next->counters().failed_handshakes == 1);
}

TEST_CASE("a damaged store is repaired as requested, and the sessions are kept for the next") {
  const State state;
  write(store_file(state.folder.path()), GENERATE(std::string(10'000, 'x'), std::string()));
  auto recorder = state.repairing_recorder();
  good(recorder->start());
  recorder->record(tls_session());
  while (recorder->counters().folded_sessions == 0) std::this_thread::yield();
  recorder->stop();
  CHECK(state.sessions() == 1);
}

TEST_CASE("a store that is damaged under the running recorder loses no later session") {
  const State state;
  const fs::path file = store_file(state.folder.path());
  auto recorder = state.repairing_recorder();
  good(recorder->start());
  recorder->record(tls_session());
  recorder->stop();  // everything is in the file itself
  recorder = state.repairing_recorder();
  good(recorder->start());
  recorder->record(tls_session());
  while (recorder->counters().folded_sessions == 0) std::this_thread::yield();
  state.wait_for_rest();
  SECTION("emptied") {
    write(file, "");
  }
  SECTION("cut") {
    fs::resize_file(file, fs::file_size(file) / 2);
  }
  SECTION("overwritten, from its beginning or its middle") {
    const auto from = GENERATE(0, 4096, 16384);
    std::fstream pages(file, std::ios::in | std::ios::out | std::ios::binary);
    pages.seekp(from);
    pages << std::string(fs::file_size(file) - static_cast<std::size_t>(from), 'x');
  }
  recorder->record(plaintext_session());
  while (recorder->counters().folded_sessions < 2) std::this_thread::yield();
  recorder->stop();
  auto next = state.repairing_recorder();
  good(next->start());
  next->stop();
  const DailyCounts counts = good(read_counts({.state_dir = state.folder.path()}, the_day));
  CHECK(counts.contains(session_class(plaintext_session())));
}

TEST_CASE("what could not be removed is removed an hour later") {
  const State state;
  std::atomic<int> attempts = 0;
  std::atomic<Time> now = fixed_clock()();
  RecorderOptions options{.journal = {.directory = journal_directory(state.folder.path()),
                                      .sync_interval = 5ms,
                                      .fold_interval = 5ms}};
  options.open_store = [&]() -> Result<std::unique_ptr<Store>> {
    return std::make_unique<BusyStore>(good(state.opener()()), attempts);
  };
  std::atomic<int> rounds = 0;
  options.folded = [&](Store&) { ++rounds; };
  Recorder recorder(options, [&now] { return now.load(); });
  recorder.configure({.retention = std::chrono::days{30}});
  good(recorder.start());
  const auto wait_for_rounds = [&] {
    for (const int begin = rounds; rounds < begin + 3;) std::this_thread::yield();
  };
  wait_for_rounds();
  CHECK(attempts == 1);
  now = now.load() + 59min;
  wait_for_rounds();
  CHECK(attempts == 1);
  now = now.load() + 1min;
  wait_for_rounds();
  recorder.stop();
  CHECK(attempts == 2);
}

TEST_CASE("days older than the retention are removed, and younger ones stay") {
  const State state;
  RecorderOptions options{.journal = {.directory = journal_directory(state.folder.path())},
                          .max_pruned_rows = 1};
  options.open_store = state.opener();
  session::Session old = tls_session();
  old.begin -= std::chrono::days{31};
  {
    const auto store = good(state.opener()());
    good(fold(*store, "x", content_of({old, tls_session()}), fixed_clock()(), fixed_clock()(), {}));
  }
  options.journal.fold_interval = 5ms;
  options.journal.sync_interval = 5ms;
  Recorder recorder(options, fixed_clock());
  recorder.configure({.retention = std::chrono::days{30}});
  good(recorder.start());
  while (recorder.counters().pruned_rows == 0) std::this_thread::yield();
  recorder.stop();
  const Period all{the_day.since - std::chrono::days{100}, the_day.until};
  const DailyCounts counts = good(read_counts({.state_dir = state.folder.path()}, all));
  REQUIRE(counts.size() == 1);
  CHECK(counts.begin()->first.day == the_day.since);
}
