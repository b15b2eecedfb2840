// Data and the mutex that protects it: the data can be used only with the lock.
//
//     Guarded<Counters> counters;
//     counters.lock()->sessions += 1;                      // for one expression
//     auto locked = counters.lock();                       // for a scope
//     locked.wait(changed, [&] { return locked->stop; });  // with a condition variable
#pragma once

#include <condition_variable>
#include <mutex>
#include <utility>

namespace starttls {

template <class T>
class Guarded {
 public:
  // Holds the lock for as long as it lives.
  class Lock {
   public:
    T& operator*() const { return *value_; }
    T* operator->() const { return value_; }

    // As std::condition_variable: the lock is given up meanwhile.
    template <class Predicate>
    void wait(std::condition_variable& condition, Predicate predicate) {
      condition.wait(lock_, std::move(predicate));
    }
    template <class Duration, class Predicate>
    bool wait_for(std::condition_variable& condition, const Duration& duration, Predicate predicate) {
      return condition.wait_for(lock_, duration, std::move(predicate));
    }

    void unlock() { lock_.unlock(); }
    void lock() { lock_.lock(); }

   private:
    friend class Guarded;
    Lock(std::mutex& mutex, T& value) : lock_(mutex), value_(&value) {}

    std::unique_lock<std::mutex> lock_;
    T* value_;
  };

  Guarded() = default;
  explicit Guarded(T value) : value_(std::move(value)) {}

  [[nodiscard]] Lock lock() const { return Lock(mutex_, value_); }
  // A copy.
  T get() const { return *lock(); }
  void set(T value) { *lock() = std::move(value); }

 private:
  mutable std::mutex mutex_;
  mutable T value_{};
};

}  // namespace starttls
