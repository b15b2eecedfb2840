#include "milter/libmilter_threads.h"

#include <pthread.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <new>
#include <optional>
#include <vector>

#include "base/guarded.h"

namespace {

using starttls::Guarded;

using Function = void* (*)(void*);

struct Task {
  Function function = nullptr;
  void* argument = nullptr;
};

// A thread that has finished its task. On the stack of that thread.
struct Idle {
  const pthread_t id = ::pthread_self();
  std::optional<Task> next;
  std::condition_variable has_next;
};

struct Kept {
  std::size_t max_idle = 0;
  std::chrono::milliseconds max_idle_time{0};
  // The last one has finished last: its memory is most likely in the processor's caches, and the first ones end, if
  // there is less to do. Never more than max_idle, for which it has room: to add one cannot fail.
  std::vector<Idle*> idle;
};

Guarded<Kept> kept_threads;
// Whether this thread runs tasks of libmilter. It is detached already.
thread_local bool is_libmilters = false;

}  // namespace

extern "C" {

// NOLINTBEGIN(bugprone-reserved-identifier)
int __real_pthread_create(pthread_t* thread, const pthread_attr_t* attributes, Function function,
                          void* argument);
int __real_pthread_detach(pthread_t thread);
int __wrap_pthread_create(pthread_t* thread, const pthread_attr_t* attributes, Function function,
                          void* argument);
int __wrap_pthread_detach(pthread_t thread);
// NOLINTEND(bugprone-reserved-identifier)

}  // extern "C"

namespace {

std::optional<Task> next_task() {
  Idle self;
  auto kept = kept_threads.lock();
  if (kept->idle.size() >= kept->max_idle) return std::nullopt;
  kept->idle.push_back(&self);
  if (!kept.wait_for(self.has_next, kept->max_idle_time, [&] { return self.next.has_value(); }))
    std::erase(kept->idle, &self);
  return self.next;
}

void* run_tasks(void* first) {
  is_libmilters = true;
  (void)__real_pthread_detach(::pthread_self());
  const std::unique_ptr<Task> owned(static_cast<Task*>(first));
  for (std::optional<Task> task = *owned; task; task = next_task()) (void)task->function(task->argument);
  return nullptr;
}

// Whether an idle thread has taken the task.
bool give_to_idle(const Task& task, pthread_t* thread) {
  const auto kept = kept_threads.lock();
  if (kept->idle.empty()) return false;
  Idle& taken = *kept->idle.back();
  kept->idle.pop_back();
  taken.next = task;
  *thread = taken.id;
  // With the lock, as the thread may end its wait, and `taken` with it, at any moment after.
  taken.has_next.notify_one();
  return true;
}

}  // namespace

extern "C" {

int __wrap_pthread_create(pthread_t* thread, const pthread_attr_t* attributes, Function function,
                          void* argument) {
  const Task task{.function = function, .argument = argument};
  if (give_to_idle(task, thread)) return 0;
  std::unique_ptr<Task> owned(new (std::nothrow) Task(task));
  if (!owned) return EAGAIN;
  const int failed = __real_pthread_create(thread, attributes, run_tasks, owned.get());
  if (failed == 0) (void)owned.release();
  return failed;
}

// libmilter's threads detach themselves.
int __wrap_pthread_detach(pthread_t thread) {
  return is_libmilters ? 0 : __real_pthread_detach(thread);
}

}  // extern "C"

namespace starttls::milter {

void keep_threads(std::size_t max_idle, std::chrono::milliseconds max_idle_time) {
  const auto kept = kept_threads.lock();
  kept->idle.reserve(max_idle);
  kept->max_idle = max_idle;
  kept->max_idle_time = max_idle_time;
}

}  // namespace starttls::milter
