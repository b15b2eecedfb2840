// A coroutine that runs in one thread's event loop.
//
//     event::Task<Answer> first_mx(dns::Resolver& resolver, std::string domain) {
//       const dns::Answer answer = co_await resolver.ask(domain, dns::Type::mx);
//       co_return ...;
//     }
//
// A task starts when it is awaited, or passed to spawn() or Loop::run_until_complete(). Its owner keeps it
// until then. It takes its arguments by value, or by reference to what outlives it. Once started, it must end
// before it is destroyed: else a callback would resume a coroutine that is gone. An exception that escapes a
// task ends the program: errors are values.
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>
#include <vector>

namespace starttls::event {

template <class T>
class Task;

namespace detail {

struct PromiseBase {
  struct Final {
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> ended) const noexcept {
      return ended.promise().waiting;
    }
    void await_resume() const noexcept {}
  };

  std::suspend_always initial_suspend() const noexcept { return {}; }
  Final final_suspend() const noexcept { return {}; }
  [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }

  std::coroutine_handle<> waiting = std::noop_coroutine();  // resumed when this has ended
};

template <class T>
struct Promise : PromiseBase {
  Task<T> get_return_object();
  template <class U>
  void return_value(U&& result) {
    value.emplace(std::forward<U>(result));
  }
  T take() { return std::move(*value); }

  std::optional<T> value;
};

template <>
struct Promise<void> : PromiseBase {
  Task<void> get_return_object();
  void return_void() const noexcept {}
  void take() const noexcept {}
};

}  // namespace detail

template <class T = void>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::Promise<T>;

  explicit Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  ~Task() {
    if (handle_) handle_.destroy();
  }

  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> waiting) const noexcept {
    handle_.promise().waiting = waiting;
    return handle_;
  }
  T await_resume() const { return handle_.promise().take(); }

 private:
  std::coroutine_handle<promise_type> handle_;
};

namespace detail {

template <class T>
Task<T> Promise<T>::get_return_object() {
  return Task<T>(std::coroutine_handle<Promise<T>>::from_promise(*this));
}

inline Task<void> Promise<void>::get_return_object() {
  return Task<void>(std::coroutine_handle<Promise<void>>::from_promise(*this));
}

// A coroutine that nobody awaits and that frees itself.
struct Detached {
  struct promise_type {
    Detached get_return_object() const noexcept { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
  };
};

}  // namespace detail

// Starts a task that nobody awaits. Everything that it uses must outlive it.
inline detail::Detached spawn(Task<> task) {
  co_await task;
}

// A value that one coroutine awaits and another part of the program delivers, such as a library's callback.
//
//     Completion<Answer> completion;
//     library_ask(..., [&](Answer answer) { completion.complete(std::move(answer)); });
//     Answer answer = co_await completion;
//
// Awaited once, by one coroutine, which resumes inside complete(). It may complete before it is awaited.
template <class T>
class Completion {
 public:
  Completion() = default;
  Completion(const Completion&) = delete;
  Completion& operator=(const Completion&) = delete;

  void complete(T value) {
    value_.emplace(std::move(value));
    if (waiting_) std::exchange(waiting_, nullptr).resume();
  }

  bool await_ready() const noexcept { return value_.has_value(); }
  void await_suspend(std::coroutine_handle<> waiting) noexcept { waiting_ = waiting; }
  T await_resume() { return std::move(*value_); }

 private:
  std::optional<T> value_;
  std::coroutine_handle<> waiting_;
};

namespace detail {

// Counts down; the coroutine that awaits it resumes at zero.
class Latch {
 public:
  explicit Latch(std::size_t count) : count_(count) {}

  void count_down() {
    if (--count_ == 0 && waiting_) waiting_.resume();
  }
  bool await_ready() const noexcept { return count_ == 0; }
  void await_suspend(std::coroutine_handle<> waiting) noexcept { waiting_ = waiting; }
  void await_resume() const noexcept {}

 private:
  std::size_t count_;
  std::coroutine_handle<> waiting_;
};

template <class T>
Task<> store_result(Task<T> task, std::optional<T>& result, Latch& latch) {
  result.emplace(co_await task);
  latch.count_down();
}

}  // namespace detail

// Runs all tasks at the same time. The results are in the order of the tasks.
template <class T>
Task<std::vector<T>> when_all(std::vector<Task<T>> tasks) {
  std::vector<std::optional<T>> results(tasks.size());
  detail::Latch latch(tasks.size());
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    spawn(detail::store_result(std::move(tasks[i]), results[i], latch));
  }
  co_await latch;
  std::vector<T> values;
  values.reserve(results.size());
  for (auto& result : results) values.push_back(std::move(*result));
  co_return values;
}

}  // namespace starttls::event
