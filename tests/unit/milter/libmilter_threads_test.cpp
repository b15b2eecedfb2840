#include "milter/libmilter_threads.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <future>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "catch.h"

namespace {

using namespace std::chrono_literals;
using starttls::milter::keep_threads;

constexpr auto long_time = 1h;

// A task of libmilter, which runs until this is destroyed.
class Task {
 public:
  Task() {
    auto seen = state_->seen.get_future();
    REQUIRE(::pthread_create(&created_, nullptr, run, new std::shared_ptr<State>(state_)) == 0);
    seen_ = seen.get();
  }
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  ~Task() {
    auto ended = state_->ended.get_future();
    state_->may_end.set_value();
    ended.wait();
  }

  // Of the kernel: pthread_self(3) is often the same in the next thread.
  pid_t thread_id() const { return seen_.thread_id; }
  bool has_created_id() const { return ::pthread_equal(created_, seen_.self) != 0; }
  int detached() const { return seen_.detached; }

 private:
  struct Seen {
    pid_t thread_id = 0;
    pthread_t self{};
    int detached = -1;
  };
  // Of both threads, as each may be the last that uses it.
  struct State {
    std::promise<Seen> seen;
    std::promise<void> may_end;
    std::promise<void> ended;
  };

  static void* run(void* argument) {
    const std::unique_ptr<std::shared_ptr<State>> state(static_cast<std::shared_ptr<State>*>(argument));
    auto may_end = (*state)->may_end.get_future();
    (*state)->seen.set_value(
        {.thread_id = ::gettid(), .self = ::pthread_self(), .detached = ::pthread_detach(::pthread_self())});
    may_end.wait();
    (*state)->ended.set_value();
    return nullptr;
  }

  const std::shared_ptr<State> state_ = std::make_shared<State>();
  pthread_t created_{};
  Seen seen_;
};

bool exists(pid_t thread_id) {
  return std::filesystem::exists("/proc/self/task/" + std::to_string(thread_id));
}

void wait_for_end_of(pid_t thread_id) {
  while (exists(thread_id)) std::this_thread::yield();
}

// The ids of the threads of so many tasks, one after another.
std::set<pid_t> one_after_another(int tasks) {
  std::set<pid_t> ids;
  for (int i = 0; i < tasks; ++i) ids.insert(Task().thread_id());
  return ids;
}

}  // namespace

TEST_CASE("tasks one after another run in threads that are kept") {
  keep_threads(10, long_time);
  // A thread may still be on its way to the idle ones when the next task starts.
  CHECK(one_after_another(200).size() <= 11);
}

TEST_CASE("a task knows its thread, and may detach it, in a kept thread, too") {
  keep_threads(10, long_time);
  for (int i = 0; i < 200; ++i) {
    const Task task;
    REQUIRE(task.has_created_id());
    REQUIRE(task.detached() == 0);
  }
}

TEST_CASE("tasks at the same time have threads of their own") {
  keep_threads(10, long_time);
  std::vector<std::unique_ptr<Task>> tasks;
  std::set<pid_t> ids;
  for (int i = 0; i < 30; ++i) ids.insert(tasks.emplace_back(std::make_unique<Task>())->thread_id());
  CHECK(ids.size() == 30);
}

TEST_CASE("no more threads are kept than may be idle") {
  keep_threads(3, long_time);
  std::vector<std::unique_ptr<Task>> tasks;
  std::set<pid_t> ids;
  for (int i = 0; i < 30; ++i) ids.insert(tasks.emplace_back(std::make_unique<Task>())->thread_id());
  tasks.clear();
  while (std::ranges::count_if(ids, exists) > 3) std::this_thread::yield();
}

TEST_CASE("a thread that is idle for too long ends") {
  keep_threads(10, 1ms);
  for (const pid_t id : one_after_another(3)) wait_for_end_of(id);
}

TEST_CASE("no thread is kept where none may be idle") {
  keep_threads(0, long_time);
  for (const pid_t id : one_after_another(3)) wait_for_end_of(id);
}
