#include "base/guarded.h"

#include <thread>

#include "support.h"

using namespace starttls;

TEST_CASE("guarded data is changed by one thread at a time") {
  Guarded<int> count(0);
  const auto add = [&] {
    for (int i = 0; i < 10'000; ++i) *count.lock() += 1;
  };
  std::thread other(add);
  add();
  other.join();
  CHECK(count.get() == 20'000);
}

TEST_CASE("a thread waits for a change of guarded data") {
  Guarded<bool> ready(false);
  std::condition_variable changed;
  std::thread other([&] {
    ready.set(true);
    changed.notify_one();
  });
  auto locked = ready.lock();
  locked.wait(changed, [&] { return *locked; });
  CHECK(*locked);
  locked.unlock();
  other.join();
}
