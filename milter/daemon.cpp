#include "milter/daemon.h"

#include <fcntl.h>
#include <libmilter/mfapi.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <initializer_list>
#include <memory>
#include <thread>

#include "base/file_draft.h"
#include "base/log.h"
#include "base/text.h"
#include "milter/callbacks.h"
#include "milter/listener.h"
#include "milter/open_connections.h"
#include "store/ledger.h"
#include "store/recorder.h"

namespace starttls::milter {
namespace {

namespace fs = std::filesystem;

// Sent to ourselves when smfi_main() returns without having been asked to.
constexpr int libmilter_ended = SIGUSR1;

sigset_t awaited_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, libmilter_ended}) sigaddset(&set, signal);
  return set;
}

// libmilter waits for HUP, TERM and INT on a thread of its own and takes each as an order to stop at once,
// open sessions or not. None may reach it:
// - HUP is ignored and never blocked on the main thread, so that the kernel drops it;
// - TERM and INT the kernel gives to the main thread first, if that waits for them, as it does here;
// - once the end has begun, they are ignored as HUP is.
void ignore(std::initializer_list<int> ignored) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : ignored) {
    (void)::signal(signal, SIG_IGN);
    sigaddset(&set, signal);
  }
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

int wait_for_end(const sigset_t& signals) {
  int signal = 0;
  while (::sigwait(&signals, &signal) != 0) {
  }
  ignore({SIGTERM, SIGINT});
  return signal;
}

// Every connection takes a descriptor, and the journal must never be the one that gets none.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) {
    spdlog::warn("the limit of open files stays as it is: {}", errno_text(errno));
  }
}

// Runs smfi_main() on a thread of its own. It is never told to stop: with connections open, smfi_stop() makes
// libmilter destroy locks and free connections that its other threads are using, and hang or crash (its
// mi_pool_controller()). Its threads end with the process.
void start_libmilter() {
  std::thread([] {
    (void)smfi_main();
    ::kill(::getpid(), libmilter_ended);
  }).detach();
}

store::RecorderOptions recorder_options(const Configuration& configuration) {
  store::RecorderOptions options;
  options.journal = store::journal_folder(configuration.state_dir);
  options.sync_interval = configuration.sync_interval;
  options.fold_interval = configuration.fold_interval;
  options.open_store = [place = place_of(configuration)] {
    return store::open_store(place, store::Access::write);
  };
  return options;
}

void log_end(const store::RecorderCounters& counters) {
  spdlog::info("ended: {} sessions journalled, {} folded, {} lost, {} bytes wait in the journal, {} failures",
               counters.journal.written, counters.folded_sessions,
               counters.journal.lost + counters.journal.held_back, counters.waiting_bytes, counters.failures);
}

class PidFile {
 public:
  explicit PidFile(fs::path path) : path_(std::move(path)) {}
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;
  ~PidFile() {
    if (written_) ::unlink(path_.c_str());
  }
  Result<void> write() {
    if (path_.empty()) return {};
    auto done = replace_file(path_, fmt::format("{}\n", ::getpid()));
    written_ = done.has_value();
    return done;
  }

 private:
  fs::path path_;
  bool written_ = false;
};

// What the callbacks use. Once libmilter's threads run it is never freed: they go on until the process ends.
struct Working {
  Working(const Configuration& configuration, const Clock& clock)
      : recorder(recorder_options(configuration), clock), connections(recorder, clock) {}

  store::Recorder recorder;
  OpenConnections connections;
};

}  // namespace

Result<void> run_daemon(const Configuration& configuration, const Clock& clock,
                        const std::function<void()>& ready) {
  const sigset_t signals = awaited_signals();
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ignore({SIGHUP});
  raise_descriptor_limit();

  auto working = std::make_unique<Working>(configuration, clock);
  if (auto registered = register_callbacks(working->connections); !registered) return registered;
  // Before the recorder's thread makes files: the umask is the whole process's.
  if (auto listening = open_listener(configuration); !listening) return listening;
  PidFile pid_file(configuration.pid_file);
  auto started = pid_file.write();
  if (started) started = working->recorder.start();
  if (!started) {
    close_listener(configuration);
    return started;
  }

  Working& until_exit = *working.release();
  start_libmilter();
  spdlog::info("{} listens on {}, records in {}", STARTTLS_VERSION, printable(configuration.socket),
               printable(configuration.state_dir.string()));
  ready();

  const int signal = wait_for_end(signals);
  close_listener(configuration);
  until_exit.connections.finish();
  until_exit.recorder.stop();
  log_end(until_exit.recorder.counters());
  if (signal == libmilter_ended) return fail(Fault::unavailable, "libmilter ended unasked");
  return {};
}

Result<std::function<void()>> detach(bool keep_standard_error) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(Fault::temporary, "pipe: {}", errno_text(errno));
  const pid_t child = ::fork();
  if (child < 0) return fail(Fault::temporary, "fork: {}", errno_text(errno));
  if (child > 0) {
    ::close(ends[1]);
    char byte = 0;
    if (::read(ends[0], &byte, 1) == 1) ::_exit(0);
    int status = 0;
    const bool ended = ::waitpid(child, &status, 0) == child && WIFEXITED(status);
    ::_exit(ended ? WEXITSTATUS(status) : static_cast<int>(Fault::internal));
  }
  ::close(ends[0]);
  ::setsid();
  if (::chdir("/") != 0) return fail(Fault::internal, "chdir: {}", errno_text(errno));
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) return fail(Fault::internal, "/dev/null: {}", errno_text(errno));
  return [null, write_end = ends[1], last = keep_standard_error ? STDOUT_FILENO : STDERR_FILENO] {
    // From here on nobody reads what we would print.
    for (int fd = STDIN_FILENO; fd <= last; ++fd) ::dup2(null, fd);
    ::close(null);
    (void)write_all(write_end, "r");
    ::close(write_end);
  };
}

}  // namespace starttls::milter
