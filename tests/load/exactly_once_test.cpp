// The milter records each session exactly once, even if it is killed at any time, or is busy when it is
// ended.
//
// STARTTLS_LOAD_SEED repeats a run's choices (not its timing). With STARTTLS_LOAD_KILLS = "any" all kills
// happen at any time, with "fold" all happen during a fold.

#include <chrono>
#include <cstdlib>
#include <random>
#include <sstream>
#include <thread>
#include <vector>

#include "base/atomic_file.h"
#include "catch.h"
#include "journal/segment.h"
#include "load/attempts.h"
#include "load/daemon.h"
#include "load/fold_watch.h"
#include "load/identity.h"
#include "load/load.h"
#include "load/mta_log.h"
#include "store/open_store.h"
#include "store/store.h"
#include "support.h"

namespace {

using namespace starttls;
using namespace std::chrono_literals;
using load::Attempts;
using load::Audit;
using load::Fate;
using load::Reached;
using test::good;
using Steady = std::chrono::steady_clock;

constexpr auto patience = 30s;  // for a session to end
constexpr auto term_limit = 10s;
constexpr std::chrono::microseconds longest_lag = 500ms;  // of the MTA's log
const store::Period always{.since = Day{}, .until = Day{} + std::chrono::days{100000}};

std::uint64_t seed() {
  static const std::uint64_t chosen = [] {
    const char* given = std::getenv("STARTTLS_LOAD_SEED");
    return given != nullptr ? std::strtoull(given, nullptr, 10) : std::uint64_t{std::random_device{}()};
  }();
  return chosen;
}

class Dice {
 public:
  std::size_t below(std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit - 1)(engine_);
  }
  std::chrono::microseconds up_to(std::chrono::microseconds longest) {
    return std::chrono::microseconds{below(static_cast<std::size_t>(longest.count()) + 1)};
  }

 private:
  std::mt19937_64 engine_{seed()};
};

void expect(const Audit& audit) {
  for (std::size_t i = 0; i < audit.faults.size() && i < 20; ++i) UNSCOPED_INFO(audit.faults[i]);
  INFO(audit.faults.size() << " faults");
  REQUIRE(audit.faults.empty());
}

// What was in progress at a kill.
struct Interrupted {
  bool waiting = false;    // sessions in segments that are not in the store
  bool folding = false;    // a segment besides the current one
  bool committed = false;  // in the store, and the segment still exists
};

enum class Socket { unix_domain, inet };

// The daemon, and an MTA with many connections to it that always starts new ones.
class Inbound {
 public:
  explicit Inbound(Socket kind, bool with_log = false)
      : socket_(kind == Socket::unix_domain ? "unix:" + (folder_ / "socket").string()
                                            : load::private_inet_socket()),
        address_(good(load::Address::parse(socket_))),
        daemon_({TLSRPT_MILTER, "-f", "-s", socket_, "--state-dir", state_dir(), "-c", folder_ / "conf"},
                folder_ / "log"),
        load_(good(load::Load::start(
            address_, {.connections = 500}, [this] { return next(); },
            [this](const load::SessionEnd& end) { on_end(end); }))) {
    if (with_log) log_.emplace(log_file());
    configure("");
  }

  // Replaces the configuration; `more` is added to its [milter].
  void configure(std::string_view more) const {
    // All clients are of one sending domain, so that none may be reported as a downgrade.
    good(
        replace_file(folder_ / "conf",
                     fmt::format("[milter]\nfold_interval = 0.05\nsync_interval = 0.05\nlocal_networks = []\n"
                                 "downgrade_after = 1000000\n{}{}",
                                 log_ ? fmt::format("mta_log = \"{}\"\n", log_file().string()) : "", more)));
  }

  // The MTA's log, if the daemon follows it.
  load::MtaLog& log() { return *log_; }

  void reload() const { daemon_.send_hup(); }

  void start() { good(daemon_.start(address_)); }

  // The number of finished sessions after which no more are started.
  void set_limit(std::size_t sessions) { limit_ = sessions; }

  void run_until_done(std::size_t sessions) {
    while (done_ < sessions) turn();
  }

  void run_for(std::chrono::microseconds time) {
    for (const auto end = Steady::now() + time; Steady::now() < end;) turn();
  }

  // Runs until the daemon is at the point of a fold, for at most a second. Until then the clients are busy,
  // or are paused, which finds the point more precisely.
  void run_until(load::FoldPoint point, bool busy) {
    auto watch = good(load::FoldWatch::start(state_dir()));
    drain();
    if (!busy) {
      (void)watch.wait(point, 1s);
      return;
    }
    for (const auto end = Steady::now() + 1s; Steady::now() < end && !watch.seen(point);) turn();
  }

  void drain() { good(load_.turn_open_ones(0ms)); }

  // The clients' current state is what they saw before the kill.
  Interrupted kill() {
    daemon_.kill();
    killed_ = true;
    load_.abandon_all();
    killed_ = false;
    return interrupted();
  }

  // Sends TERM while the clients continue. Returns how long the daemon needed.
  std::chrono::milliseconds term_under_load() {
    drain();
    ending_ = true;
    load_.visit_open([this](const load::Script& script, Reached reached) {
      attempts_.set(script, reached == Reached::nothing ? Fate::late : Fate::ended);
    });
    daemon_.send_term();
    const auto begin = Steady::now();
    bool listens = true;
    std::optional<int> status;
    while (!(status = daemon_.wait_exit(0ms)) && Steady::now() < begin + term_limit) {
      if (listens) {
        listens = load_.turn(5ms).has_value();
      } else {
        good(load_.turn_open_ones(5ms));
      }
    }
    const auto took = std::chrono::ceil<std::chrono::milliseconds>(Steady::now() - begin);
    good(load_.turn_open_ones(0ms));
    load_.abandon_all();
    ending_ = false;
    REQUIRE(status == 0);
    return took;
  }

  void term_idle() {
    REQUIRE(load_.open_connections() == 0);
    daemon_.send_term();
    REQUIRE(daemon_.wait_exit(term_limit) == 0);
  }

  Audit audit(load::Log log = load::Log::none) {
    if (log_ && log == load::Log::none) log = load::Log::behind;
    return attempts_.audit(good(store::read_counts({.state_dir = state_dir()}, always)), log);
  }

  // Waits until the daemon has read the whole log; returns the last audit.
  Audit audit_when_log_is_read() {
    log_->write_all();
    const auto deadline = Steady::now() + patience;
    for (;;) {
      Audit found = audit(load::Log::read);
      if (found.faults.empty() || Steady::now() > deadline) return found;
      std::this_thread::sleep_for(20ms);
    }
  }

  // The lines of the daemon's log that contain the words.
  std::size_t logged(std::string_view words) const {
    std::istringstream lines(test::read(folder_ / "log"));
    std::size_t count = 0;
    for (std::string line; std::getline(lines, line);)
      count += line.find(words) != std::string::npos ? 1U : 0U;
    return count;
  }

  std::vector<std::filesystem::path> segments() const {
    return good(journal::list_segments(store::journal_directory(state_dir())));
  }

 private:
  std::filesystem::path state_dir() const { return folder_ / "state"; }
  std::filesystem::path log_file() const { return folder_ / "mail.log"; }

  std::optional<load::Script> next() {
    if (done_ + load_.open_connections() >= limit_) return std::nullopt;
    load::Script script = attempts_.begin();
    if (ending_) attempts_.set(script, Fate::late);
    return script;
  }

  void on_end(const load::SessionEnd& end) {
    last_end_ = Steady::now();
    const bool whole = end.reached == Reached::closed;
    const bool cut = killed_ && end.reached == Reached::quit_written;
    if (ending_) {
      // If the daemon has received the session, it counts, with its state at some moment.
      if (end.reached != Reached::nothing)
        attempts_.set(end.script, end.declined ? Fate::declined : Fate::ended);
    } else if (whole || cut) {
      ++done_;
      attempts_.set(end.script, whole ? Fate::closed : Fate::cut);
      tell_log(end);
    } else {
      // It is tried again, as another session.
      attempts_.set(end.script, Fate::broken);
      if (!killed_ && !end.trouble.starts_with("connect:")) FAIL("a session failed: " << end.trouble);
    }
  }

  // The MTA knows the result of the handshake, whatever the milter's state is.
  void tell_log(const load::SessionEnd& end) {
    const std::uint32_t number = load::number_of(end.script.client_name).value();
    const std::string_view failure = load::failure_of(number);
    if (!log_ || failure.empty()) return;
    const auto middle = system_clock()() - std::chrono::floor<std::chrono::milliseconds>(end.duration / 2);
    log_->tell(end.script, failure, middle, lag_dice_.below(3) == 0 ? 0us : lag_dice_.up_to(longest_lag));
  }

  void turn() {
    if (log_) log_->write_due();
    good(load_.turn(1ms));
    if (Steady::now() > last_end_ + patience) FAIL("no session ends any more");
  }

  Interrupted interrupted() const {
    Interrupted found;
    std::vector<std::string> ids;
    for (const auto& segment : segments()) {
      if (std::filesystem::file_size(segment) > journal::segment_magic.size())
        ids.push_back(journal::segment_id(segment));
    }
    std::size_t folded = 0;
    if (std::filesystem::exists(store::store_file(state_dir()))) {
      if (auto opened = store::open_sqlite_store(store::store_file(state_dir()), store::Access::read)) {
        folded = good((*opened)->read(always, ids, [](const auto&, const auto&) {})).folded.size();
      }
    }
    found.waiting = ids.size() > folded;
    found.folding = segments().size() > 1;
    found.committed = folded > 0;
    return found;
  }

  test::TemporaryFolder folder_;
  std::optional<load::MtaLog> log_;
  Dice lag_dice_;
  const std::string socket_;
  const load::Address address_;
  Attempts attempts_;
  load::Daemon daemon_;
  load::Load load_;
  std::size_t limit_ = SIZE_MAX;
  std::size_t done_ = 0;
  bool killed_ = false;
  bool ending_ = false;
  Steady::time_point last_end_ = Steady::now();
};

// Chooses the moment of the next kill.
void wait_for_moment(Inbound& inbound, Dice& dice) {
  const char* given = std::getenv("STARTTLS_LOAD_KILLS");
  const std::string when = given != nullptr ? given : "";
  const bool during_fold = when == "fold" || (when != "any" && dice.below(2) == 0);
  if (during_fold) {
    inbound.run_until(static_cast<load::FoldPoint>(dice.below(3)), dice.below(3) == 0);
    std::this_thread::sleep_for(dice.up_to(400us));
  } else {
    inbound.run_for(dice.up_to(60ms));
    inbound.drain();
  }
}

void kill_at_random_moments(Socket socket, std::size_t sessions, std::size_t kills) {
  fmt::print("seed {}\n", seed());
  const auto begin = Steady::now();
  Dice dice;
  Inbound inbound(socket);
  inbound.set_limit(sessions);
  std::size_t waiting = 0;
  std::size_t folding = 0;
  std::size_t committed = 0;
  inbound.start();
  for (std::size_t kill = 0; kill < kills; ++kill) {
    // One kill in each equal part of the run.
    inbound.run_until_done(sessions * kill / kills + dice.below(sessions / kills));
    // Journal and store are read as of one moment, even while the daemon works.
    if (kill % 4 == 1) expect(inbound.audit());
    wait_for_moment(inbound, dice);
    const Interrupted found = inbound.kill();
    waiting += found.waiting ? 1U : 0U;
    folding += found.folding ? 1U : 0U;
    committed += found.committed ? 1U : 0U;
    expect(inbound.audit());
    inbound.start();
  }
  inbound.run_until_done(sessions);
  inbound.term_idle();

  CHECK(inbound.segments().empty());
  const Audit audit = inbound.audit();
  fmt::print(
      "{} sessions: {} closed, {} cut ({} of them recorded), {} broken and tried again; {} messages; {} "
      "kills: "
      "{} left segments to fold, {} came during a fold, {} of these after its commit; {:.1f} s\n",
      audit.closed + audit.cut, audit.closed, audit.cut, audit.cut_recorded, audit.broken, audit.messages,
      kills, waiting, folding, committed, std::chrono::duration<double>(Steady::now() - begin).count());
  expect(audit);
  CHECK(audit.closed + audit.cut == sessions);
}

}  // namespace

TEST_CASE("each session is recorded exactly once, although the milter is killed again and again") {
  kill_at_random_moments(Socket::unix_domain, 20000, 20);
}

TEST_CASE("each session is recorded exactly once over an inet socket as well") {
  kill_at_random_moments(Socket::inet, 2000, 3);
}

TEST_CASE("TERM ends a busy milter quickly, and each session that it had received is recorded once") {
  fmt::print("seed {}\n", seed());
  const auto socket = GENERATE(Socket::unix_domain, Socket::inet);
  constexpr int rounds = 5;
  Dice dice;
  Inbound inbound(socket);
  std::chrono::milliseconds longest{0};
  for (int round = 0; round < rounds; ++round) {
    inbound.start();
    inbound.run_for(50ms + dice.up_to(400ms));
    longest = std::max(longest, inbound.term_under_load());
    CHECK(inbound.segments().empty());
    expect(inbound.audit());
  }
  const Audit audit = inbound.audit();
  fmt::print(
      "{} ends, the slowest after {} ms: {} sessions closed before, {} were open and are recorded, {} were "
      "never "
      "answered ({} of them recorded), {} were declined\n",
      rounds, longest.count(), audit.closed, audit.ended, audit.late, audit.late_recorded, audit.declined);
}

TEST_CASE("each session is recorded exactly once while the configuration is read again and again") {
  constexpr std::size_t sessions = 5000;
  constexpr std::size_t reloads = 250;
  fmt::print("seed {}\n", seed());
  Dice dice;
  Inbound inbound(Socket::unix_domain);
  inbound.set_limit(sessions);
  inbound.start();
  for (std::size_t reload = 0; reload < reloads; ++reload) {
    inbound.run_until_done(sessions * reload / reloads);
    switch (dice.below(3)) {
      case 0:
        inbound.configure("");
        break;
      case 1:
        inbound.configure("retention_days = 30\nlog_level = \"debug\"\n");
        break;
      default:
        inbound.configure("this is no setting\n");
    }
    // Also several at the same time, and while the last one is running.
    for (std::size_t times = dice.below(3) + 1; times > 0; --times) inbound.reload();
    inbound.run_for(dice.up_to(2ms));
  }
  inbound.run_until_done(sessions);
  inbound.term_idle();

  const std::size_t read_again = inbound.logged("the configuration was read again");
  const std::size_t refused = inbound.logged("nothing was changed");
  CHECK(read_again > reloads / 10);
  CHECK(refused > reloads / 20);
  CHECK(inbound.segments().empty());
  const Audit audit = inbound.audit();
  fmt::print("{} sessions while the configuration was read {} times and refused {} times\n", audit.closed,
             read_again, refused);
  expect(audit);
  CHECK(audit.closed == sessions);
}

TEST_CASE("each failed handshake is counted once, with its reason from the log, also after kills") {
  fmt::print("seed {}\n", seed());
  constexpr std::size_t sessions = 7000;
  constexpr std::size_t kills = 12;
  Dice dice;
  Inbound inbound(Socket::unix_domain, true);
  inbound.set_limit(sessions);
  inbound.start();
  for (std::size_t kill = 0; kill < kills; ++kill) {
    inbound.run_until_done(sessions * kill / kills + dice.below(sessions / kills));
    if (dice.below(2) == 0) inbound.log().rotate(dice.below(20));
    wait_for_moment(inbound, dice);
    (void)inbound.kill();
    expect(inbound.audit());
    // The log grows, and may be rotated, while no process reads it.
    if (dice.below(2) == 0) inbound.log().write_due();
    if (dice.below(3) == 0) inbound.log().rotate(dice.below(20));
    inbound.start();
  }
  inbound.run_until_done(sessions);
  expect(inbound.audit_when_log_is_read());
  inbound.term_idle();

  CHECK(inbound.segments().empty());
  const Audit audit = inbound.audit(load::Log::read);
  fmt::print(
      "{} sessions: {} closed, {} cut; {} handshakes failed, of which the log alone knew {}; {} rotations, "
      "{} kills\n",
      audit.closed + audit.cut, audit.closed, audit.cut, audit.failed, audit.known_by_log,
      inbound.log().rotations(), kills);
  expect(audit);
  CHECK(audit.closed + audit.cut == sessions);
  CHECK(audit.failed > sessions / 10);
}
