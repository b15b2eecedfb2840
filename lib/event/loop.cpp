#include "event/loop.h"

#include <event2/event.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "base/console.h"
#include "base/file.h"
#include "base/guarded.h"
#include "base/log.h"

namespace starttls::event {
namespace {

// Aborts the program: without a loop, a timer or a wake-up nothing else can work.
[[noreturn]] void give_up(const char* what) {
  print_error("starttls-toolkit", fmt::format("{}: {}", what, errno_text(errno)));
  std::abort();
}

// Logs libevent's messages, which libevent would write to standard error.
void log_of_libevent(int severity, const char* message) {
  const LogLevel level = severity == EVENT_LOG_ERR    ? LogLevel::error
                         : severity == EVENT_LOG_WARN ? LogLevel::warning
                                                      : LogLevel::debug;
  log_line(level, "libevent: {}", fmt::make_format_args(message));
}

// Calls a copy, since the callback may destroy the object that holds it.
void call(std::function<void()>* callback) {
  const std::function<void()> held = *callback;
  held();
}

}  // namespace

class Registration {
 public:
  // Calls back with the argument for `what` (EV_READ and so on) of the descriptor; -1: only for the time.
  Registration(const Loop& loop, int descriptor, short what, event_callback_fn callback, void* argument)
      : event_(event_new(loop.base(), descriptor, what, callback, argument), &event_free) {
    if (!event_) give_up("event_new");
  }

  // Without a time: until it is destroyed.
  void add(const timeval* time) {
    if (event_add(event_.get(), time) != 0) give_up("event_add");
  }
  void remove() { event_del(event_.get()); }

 private:
  std::unique_ptr<::event, void (*)(::event*)> event_;
};

// The callbacks that other threads post to this one.
class Loop::Mailbox {
 public:
  explicit Mailbox(Loop& loop)
      : wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        registration_(
            loop, wake_ >= 0 ? wake_ : (give_up("eventfd"), -1), EV_READ | EV_PERSIST,
            [](int, short, void* mailbox) { static_cast<Mailbox*>(mailbox)->empty(); }, this) {
    registration_.add(nullptr);
  }
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;
  ~Mailbox() {
    registration_.remove();
    ::close(wake_);
  }

  void put(Work work) {
    const auto waiting = waiting_.lock();
    waiting->push_back(std::move(work));
    // One wake-up empties the mailbox, even if more callbacks are added before it arrives.
    if (waiting->size() == 1) wake();
  }

 private:
  void wake() const {
    const std::uint64_t one = 1;
    while (::write(wake_, &one, sizeof one) < 0 && errno == EINTR) {
    }
  }

  void empty() {
    std::uint64_t count = 0;
    while (::read(wake_, &count, sizeof count) < 0 && errno == EINTR) {
    }
    std::vector<Work> work;
    waiting_.lock()->swap(work);
    for (Work& piece : work) piece();
  }

  Guarded<std::vector<Work>> waiting_;
  int wake_;
  Registration registration_;
};

Loop::Loop() : base_(event_base_new(), &event_base_free) {
  event_set_log_callback(&log_of_libevent);
  if (!base_) give_up("event_base_new");
  mailbox_ = std::make_unique<Mailbox>(*this);
}

Loop::~Loop() {
  mailbox_.reset();
}

void Loop::run() {
  if (event_base_loop(base_.get(), EVLOOP_NO_EXIT_ON_EMPTY) < 0) give_up("event_base_loop");
}

void Loop::stop() {
  post([this] { event_base_loopbreak(base_.get()); });
}

void Loop::post(Work work) {
  mailbox_->put(std::move(work));
}

Timer::Timer(Loop& loop, std::function<void()> expired)
    : expired_(std::move(expired)),
      registration_(std::make_unique<Registration>(
          loop, -1, 0, [](int, short, void* timer) { call(&static_cast<Timer*>(timer)->expired_); }, this)) {}

Timer::~Timer() = default;

void Timer::start(std::chrono::milliseconds after) {
  const auto count = std::max<std::chrono::milliseconds::rep>(after.count(), 0);
  const timeval time{.tv_sec = count / 1000, .tv_usec = static_cast<suseconds_t>(count % 1000 * 1000)};
  registration_->add(&time);
}

void Timer::stop() {
  registration_->remove();
}

DescriptorWatcher::DescriptorWatcher(Loop& loop, int descriptor, For what, std::function<void()> ready)
    : ready_(std::move(ready)),
      registration_(std::make_unique<Registration>(
          loop, descriptor, static_cast<short>((what == For::reading ? EV_READ : EV_WRITE) | EV_PERSIST),
          [](int, short, void* watch) { call(&static_cast<DescriptorWatcher*>(watch)->ready_); }, this)) {
  registration_->add(nullptr);
}

DescriptorWatcher::~DescriptorWatcher() = default;

Task<> sleep_for(Loop& loop, std::chrono::milliseconds time) {
  Completion<bool> over;
  Timer timer(loop, [&over] { over.complete(true); });
  timer.start(time);
  co_await over;
}

}  // namespace starttls::event
