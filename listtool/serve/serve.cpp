// starttls-listtool serve: answers Postfix, Sendmail and Exim over a socketmap.
//
// There are two threads. The answering thread has the sockets and a table of replies that are ready to be
// sent. The lookup thread has the lists, the DNS, the policy hosts and the cache: so a TLS handshake or a
// slow disk never delays a reply from the table. The threads post work to each other (event::Loop::post()),
// and share only counters.

#include <unistd.h>

#include <csignal>
#include <utility>

#include "base/console.h"
#include "base/counted.h"
#include "base/directory.h"
#include "base/log.h"
#include "base/try.h"
#include "base/version.h"
#include "listtool/commands.h"
#include "listtool/serve/lookup_thread.h"
#include "listtool/serve/server.h"
#include "listtool/serve/sockets.h"
#include "service/descriptor_limit.h"
#include "service/ownership.h"
#include "service/sd_notify.h"
#include "service/signals.h"
#include "service/switch_user.h"

namespace starttls::listtool::serve {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

// Time for requests from before the shutdown: the time limit of an answer, and a little for the peer to read
// it.
constexpr auto time_to_read = 2s;
// Descriptors in addition to those for mail servers: for the DNS, policy hosts and files.
constexpr std::uint64_t other_descriptors = 1'000;

struct Values {
  bool check_config = false;
};

void declare(Options& options, Values& values) {
  options.flag("--check-config", values.check_config, "Check the configuration and exit");
}

AnswererLimits answerer_limits(const ServeSettings& settings) {
  AnswererLimits limits;
  limits.table.max_domains = settings.max_domains;
  limits.max_waiting = settings.max_lookups * 10;
  limits.answer_timeout = settings.answer_timeout;
  limits.dane = settings.dane;
  limits.wait_for_dane = settings.wait_for_dane;
  return limits;
}

void raise_descriptor_limit(const ServeSettings& settings) {
  const auto limit = service::raise_descriptor_limit();
  if (!limit) return log_warning("{}", limit.error().message);
  if (*limit < settings.max_connections + other_descriptors) {
    log_warning("the limit of {} is too low for {}; when it is reached, idle ones are closed",
                counted(*limit, "open file"), counted(settings.max_connections, "connection"));
  }
}

// The server's user writes the caches. If their directory and files belong to root, in a place that only root
// could have changed, they are given to this user.
void change_owner_of_database(const fs::path& cache, const User& user) {
  std::error_code error;
  const bool is_new = !fs::exists(cache.parent_path(), error) && !error;
  const auto directory = Directory::make(cache.parent_path());
  if (!directory) return;
  const auto warn_on_failure = [](const Result<void>& given) {
    if (!given) log_warning("{}", given.error().message);
  };
  for (const char* const end : {"", "-wal", "-shm", "-journal"})
    warn_on_failure(service::change_owner(*directory, cache.filename().string() + end, user));
  if (is_new) warn_on_failure(service::change_owner_of_all(*directory, user));
}

Result<void> drop_privileges(const Configuration& configuration, const std::optional<User>& user) {
  if (!user) return {};
  if (::geteuid() == 0) {
    const fs::path cache = mta_sts_cache(configuration);
    change_owner_of_database(cache, *user);
    change_owner_of_database(discovery::dane_store_file(cache), *user);
  }
  return service::switch_user(*user);
}

// Answers until TERM or INT. Returns whether no examination is running any more.
bool run_until_terminated(const ServeSettings& settings, Sockets& sockets, UniqueFd signals_descriptor,
                          const Clock& clock, Counters& counters, LookupThread& lookup_thread) {
  event::Loop loop;
  Answerer answerer(answerer_limits(settings), counters,
                    [&](LookupRequest request) { lookup_thread.look_up(std::move(request)); });
  Server server(loop, std::move(sockets.listening), answerer, counters, clock,
                {.max_connections = settings.max_connections, .idle_timeout = settings.idle_timeout});
  bool is_stopping = false;
  const service::Signals signals(loop, std::move(signals_descriptor), [&](int number) {
    if (number == SIGHUP) return lookup_thread.reload();
    if (std::exchange(is_stopping, true)) return;
    service::notify_stopping();
    sockets.created.clear();
    server.drain(settings.answer_timeout + time_to_read, [&] { loop.stop(); });
  });
  lookup_thread.start(loop, answerer);
  service::notify_ready();
  loop.run();
  return lookup_thread.stop();
}

Result<void> run_server(const Context& context) {
  const Configuration& configuration = context.configuration;
  const ServeSettings& settings = configuration.serve;
  const Clock& clock = context.clock;
  auto signals = TRY(service::Signals::block({SIGTERM, SIGINT, SIGHUP}));
  raise_descriptor_limit(settings);
  const auto user = TRY(find_configured_user(configuration));
  auto sockets = TRY(open_sockets(configuration, user));
  TRY(drop_privileges(configuration, user));
  Counters counters;
  auto lookup_thread = TRY(LookupThread::create(context, clock, counters));
  if (sockets.metrics) lookup_thread->serve_metrics(std::move(sockets.metrics));
  log_info("{} answers on{}", version(), sockets.shown);
  const bool is_idle =
      run_until_terminated(settings, sockets, std::move(signals), clock, counters, *lookup_thread);
  log_info("ended");
  // Running examinations refer to all these objects, and nothing waits for them. They end with the process.
  if (!is_idle) (void)lookup_thread.release();
  return {};
}

// Checks what SIGHUP reads, and the names in it. Creates nothing and opens no socket, so that it can run
// while the server runs.
Result<int> check(const Context& context) {
  const auto user = TRY(find_configured_user(context.configuration));
  TRY(socket_access(context.configuration, user));
  TRY(Lists::open(context.configuration, context.now));
  const std::string name = context.config.empty() ? "the configuration is" : context.config.string() + ":";
  TRY(print(name + " OK\n"));
  return 0;
}

// Runs until TERM or INT.
Result<int> run(const Values& values, const Context& context) {
  const ServeSettings& settings = context.configuration.serve;
  if (values.check_config) return check(context);
  set_log_level(context.quiet ? LogLevel::error : context.verbose ? LogLevel::debug : settings.log_level);
  start_log(program, settings.log);
  const auto done = run_server(context);
  if (done) return 0;
  if (settings.log == LogTarget::syslog) log_error("{}", done.error().message);
  return std::unexpected(done.error());
}

}  // namespace

Command serve_command() {
  return make_command({.name = "serve",
                       .summary = "Answer Postfix, Sendmail and Exim over a socketmap",
                       .example = "starttls-listtool serve\n"
                                  "  and in Postfix' main.cf:\n"
                                  "  smtp_tls_policy_maps = socketmap:inet:127.0.0.1:8461:postfix"},
                      declare, run);
}

}  // namespace starttls::listtool::serve
